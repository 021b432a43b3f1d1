"""The structure of a network: circles, conserved sums, what can never appear, and volumes inside volumes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from sbmlqsp.issues import Issue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sbmlqsp.engine.network import Network, Reaction

__all__ = ["consequences", "conserved_sums", "find_cycle", "unreachable", "volume_issues"]

MAX_ROWS = 400


def find_cycle(dependencies: Mapping[str, Iterable[str]]) -> list[str] | None:
    """Return one circle of dependencies, closed (the first name repeated at the end), or None.

    Examples
    --------
    >>> find_cycle({"a": ["b"], "b": ["c"], "c": ["a"]})
    ['a', 'b', 'c', 'a']
    >>> find_cycle({"a": ["b"], "b": ["k"]}) is None
    True
    """
    done: set[str] = set()
    for root in dependencies:
        path: dict[str, Iterator[str]] = {} if root in done else {root: iter(dependencies[root])}
        while path:
            name = next(reversed(path))
            child = next((c for c in path[name] if c in dependencies and c not in done), None)
            if child is None:
                done.add(name)
                del path[name]
            elif child in path:
                names = list(path)
                return [*names[names.index(child) :], child]
            else:
                path[child] = iter(dependencies[child])
    return None


# ----------------------------------------------------------------------------------------------------- conserved sums
Row = dict[str, int]


def conserved_sums(network: Network) -> list[dict[str, int]]:
    """Return independent sums of species' amounts that no reaction changes, in whole numbers without common factor.

    Returns
    -------
    list of dict
        Coefficient by species. Sums without negative coefficients come first; together they span the left null
        space of the stoichiometry matrix, which is found in exact arithmetic. Species whose stoichiometry varies
        take no part.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; L=1; R=2; C=0; J: L + R -> C; k*L*R; k=1; end")
    >>> conserved_sums(model.network)
    [{'L': 1, 'C': 1}, {'R': 1, 'C': 1}]
    """
    rows = [
        _whole(species, row) for species, row in network.stoichiometry.items() if not any(map(math.isnan, row.values()))
    ]
    changes = _Echelon()
    basis = [v for v in (changes.add(*row) for row in rows) if v is not None]
    chosen = _Echelon()
    sums = [v for v in [*_without_negatives(rows, len(basis)), *basis] if chosen.add(v, {}) is None]
    order = {s: i for i, s in enumerate(network.symbols)}
    return [dict(sorted(v.items(), key=lambda kv: order[kv[0]])) for v in sums]


def _whole(species: str, row: Mapping[str, float]) -> tuple[Row, Row]:
    """Return a row in whole numbers and the multiple of the species that it describes."""
    fractions = {k: Fraction(v).limit_denominator(1_000_000) for k, v in row.items() if v}
    scale = math.lcm(*(f.denominator for f in fractions.values()))
    return {k: int(f * scale) for k, f in fractions.items()}, {species: scale}


class _Echelon:
    """Rows in echelon form, grown one at a time in whole numbers."""

    def __init__(self) -> None:
        self._pivots: dict[str, tuple[Row, Row]] = {}
        self._rank: dict[str, int] = {}

    def add(self, row: Row, made_of: Row) -> Row | None:
        """Take in an independent row; of a dependent one, return the combination that vanishes."""
        while row:
            for column in row:
                self._rank.setdefault(column, len(self._rank))
            lead = min(row, key=self._rank.__getitem__)
            if lead not in self._pivots:
                self._pivots[lead] = (row, made_of)
                return None
            pivot, pivot_made_of = self._pivots[lead]
            row, made_of = _combine((row, made_of), (pivot, pivot_made_of), row[lead], pivot[lead])
        return _positive(made_of)


Pair = tuple[Row, Row]


def _combine(a: Pair, b: Pair, a_lead: int, b_lead: int) -> Pair:
    """Return ``b_lead * a - a_lead * b`` without common factor; the column of the leads vanishes."""
    out: list[Row] = []
    for left, right in zip(a, b, strict=True):
        row = {k: b_lead * v for k, v in left.items()}
        for k, v in right.items():
            row[k] = row.get(k, 0) - a_lead * v
        out.append({k: v for k, v in row.items() if v})
    divisor = math.gcd(*(v for row in out for v in row.values())) or 1
    return {k: v // divisor for k, v in out[0].items()}, {k: v // divisor for k, v in out[1].items()}


def _positive(row: Row) -> Row:
    divisor = math.gcd(*row.values()) or 1
    sign = -1 if sum(v < 0 for v in row.values()) * 2 > len(row) else 1
    return {k: sign * v // divisor for k, v in row.items()}


def _without_negatives(rows: Sequence[Pair], wanted: int) -> list[Row]:
    """Return the sums of least support with positive coefficients only (Farkas), or none where they are too many."""
    if not wanted:
        return []
    rows = list(rows)
    while columns := {k for row, _ in rows for k in row}:
        sides = {c: ([r for r in rows if r[0].get(c, 0) > 0], [r for r in rows if r[0].get(c, 0) < 0]) for c in columns}
        column = min(sorted(sides), key=lambda c: len(sides[c][0]) * len(sides[c][1]))
        above, below = sides[column]
        # With a > 0 and b < 0, |b| a + a |b| keeps every coefficient positive.
        mixed = [_combine(b, a, b[0][column], a[0][column]) for a in above for b in below]
        rows = _least([r for r in rows if column not in r[0]] + mixed)
        if len(rows) > MAX_ROWS:
            return []
    return sorted((_positive(made_of) for _, made_of in rows), key=len)


def _least(rows: Sequence[Pair]) -> list[Pair]:
    """Keep the rows whose species include no other row's species."""
    kept: list[Pair] = []
    for row in sorted(rows, key=lambda r: len(r[1])):
        if not any(k[1].keys() <= row[1].keys() for k in kept):
            kept.append(row)
    return kept


# -------------------------------------------------------------------------------------------------------- reachability
def unreachable(network: Network, present: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the species that can never appear and the reactions that can never run.

    Parameters
    ----------
    network : Network
    present : iterable of str
        Species that are there from the start or are set from outside the reactions.

    Returns
    -------
    tuple of (list of str, list of str)
        In file order. A reaction runs once all its reactants are there, whatever its rate law says.
    """
    there = set(present)
    waiting = dict(network.reactions)
    while running := [r for r in waiting.values() if all(p.species in there for p in r.reactants)]:
        for reaction in running:
            del waiting[reaction.id]
            there.update(_made(reaction, network))
    return [s.id for s in network.species if s.id not in there], list(waiting)


def _made(reaction: Reaction, network: Network) -> list[str]:
    return [p.species for p in reaction.products if not network.symbols[p.species].boundary]


def consequences(network: Network, root: str, absent: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the reactions that the absence of one species stops, and the absent species these would have made."""
    missing, stopped, todo = set(absent), dict[str, None](), [root]
    lost: dict[str, None] = {}
    while todo:
        name = todo.pop()
        for reaction in network.reactions.values():
            if reaction.id not in stopped and any(p.species == name for p in reaction.reactants):
                stopped[reaction.id] = None
                new = [s for s in _made(reaction, network) if s in missing and s not in lost and s != root]
                lost.update(dict.fromkeys(new))
                todo.extend(new)
    return list(stopped), list(lost)


# ------------------------------------------------------------------------------------------------------------- volumes
def volume_issues(
    network: Network, organs: Mapping[str, Sequence[str]], *, sizes: Mapping[str, float] | None = None
) -> list[Issue]:
    """Return an issue for every organ whose parts are larger than the organ.

    Parameters
    ----------
    network : Network
    organs : mapping of str to sequence of str
        The organ's volume (a compartment or parameter) and the volumes inside it, as flat ids.
    sizes : mapping of str to float, optional
        Values at time 0, each in its symbol's own unit; by default the numbers in the file.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; compartment liver = 1.5, hep = 1.2, stel = 0.6; end")
    >>> [i.code for i in volume_issues(model.network, {"liver": ["hep", "stel"]})]
    ['sub-volumes']
    """
    return [issue for organ, parts in organs.items() for issue in _organ_issues(network, organ, parts, sizes or {})]


def _organ_issues(network: Network, organ: str, parts: Sequence[str], sizes: Mapping[str, float]) -> Iterator[Issue]:
    unknown = [n for n in (organ, *parts) if n not in network.symbols]
    if unknown:
        yield Issue(
            "error",
            "sub-volumes",
            organ,
            f"the volumes of {organ} name {', '.join(unknown)}, which the model lacks",
            "correct the names in `volumes`",
        )
        return
    whole = sizes.get(organ, network.symbols[organ].value)
    total = sum(sizes.get(p, network.symbols[p].value) * _factor(network, p, organ) for p in parts)
    if total > whole * (1 + 1e-9):
        unit = network.symbols[organ].unit
        label = f" {unit.label}" if unit else ""
        yield Issue(
            "error",
            "sub-volumes",
            organ,
            f"{' + '.join(parts)} = {total:.6g}{label} is more than {organ} = {whole:.6g}{label}",
            f"make the parts smaller, or rescale them by {whole / total:.6g}",
        )


def _factor(network: Network, part: str, organ: str) -> float:
    a, b = network.symbols[part].unit, network.symbols[organ].unit
    return a.factor_to(b) if a is not None and b is not None and a.same_dimension(b) else 1.0
