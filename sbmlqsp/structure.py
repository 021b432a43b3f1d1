"""The structure of a network: circles, conserved sums, what can never appear, and volumes inside volumes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from sbmlqsp.engine.plan import SEPARATOR
from sbmlqsp.issues import Issue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sbmlqsp.engine.network import Network, Reaction
    from sbmlqsp.units import Unit

__all__ = [
    "consequences", "conserved_sums", "extent_units", "find_cycle", "groups_of_parts", "is_mixed", "mixed_reactions",
    "part_of", "unreachable", "volume_issues",
]  # fmt: skip

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
    known = {s: row for s, row in network.stoichiometry.items() if all(map(math.isfinite, row.values()))}
    rows = [_whole(species, row) for species, row in known.items()]
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


# ---------------------------------------------------------------------------------------------------------- of a whole
def part_of(name: str) -> str:
    """Return the part of a composed model that a flat id belongs to, "" for what its top level owns."""
    return name.split(SEPARATOR, maxsplit=1)[0] if SEPARATOR in name else ""


def groups_of_parts(network: Network, *, also: Iterable[Iterable[str]] = ()) -> list[list[str]]:
    """Return the parts of a composed model, gathered by what joins them: a formula, a reaction, a place.

    ``also`` gives more ids that belong together.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; a__x = 1; b__y := 2*a__x; c__z = 3; d__w := c__z; e__k = 1; end")
    >>> groups_of_parts(model.network)
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    names = [*network.symbols, *network.reactions]
    merged: dict[str, dict[str, None]] = {}
    for tied in (*([name] for name in names), *_ties(network), *also):
        whole = dict.fromkeys(part_of(name) or name for name in tied)
        for group in [merged[node] for node in whole if node in merged]:
            whole |= group
        merged |= dict.fromkeys(whole, whole)
    parts = dict.fromkeys(part_of(name) for name in names if part_of(name))
    distinct = {id(merged[part]): merged[part] for part in parts}
    return [[p for p in parts if p in group] for group in distinct.values()]


def _ties(network: Network) -> Iterator[Iterable[str]]:
    """Yield ids that belong together, as one statement names them all."""
    for role, name, formula in network.formulas():
        owners = name.split(":") if role != "algebraic rule" else []  # an event and what it sets
        yield *owners, *formula.symbols()
    for r in network.reactions.values():
        yield r.id, *r.modifiers, *(p.species for p in (*r.reactants, *r.products))
    for s in network.species:
        yield s.id, s.compartment, *([s.conversion_factor] if s.conversion_factor else [])


# ---------------------------------------------------------------------------------------------------- units of extent
def extent_units(network: Network) -> dict[str, Unit | None]:
    """Return the unit of each reaction's extent: the model's, or that of what the reaction takes and makes.

    Parts that keep their own units leave a whole without a unit of extent. Without conversion factors an extent is
    an amount of every species that takes part, so it has their unit.
    """
    if network.extent_unit is not None or not is_mixed(network):
        return dict.fromkeys(network.reactions, network.extent_unit)
    found: dict[str, Unit | None] = {}
    for r in network.reactions.values():
        first, *others = _amounts(network, r).values() or (None,)
        agree = first is not None and all(u is not None and u.equivalent(first) for u in others)
        found[r.id] = first if agree else None
    return found


def is_mixed(network: Network) -> bool:
    """Say whether species are counted in several units of substance."""
    units = [s.substance_unit for s in network.species if s.substance_unit is not None]
    return any(not u.equivalent(units[0]) for u in units)


def _amounts(network: Network, reaction: Reaction) -> dict[str, Unit | None]:
    """Return the unit of extent that each species of a reaction asks for, those held constant only if all are."""
    names = dict.fromkeys(p.species for p in (*reaction.reactants, *reaction.products))
    units: dict[str, Unit | None] = {}
    for name in [n for n in names if n in network.stoichiometry] or names:
        species = network.symbols[name]
        factor = network.symbols[species.conversion_factor].unit if species.conversion_factor else None
        known = species.substance_unit is not None and (factor is not None or not species.conversion_factor)
        own = species.substance_unit if known else None
        units[name] = own / factor if own is not None and factor is not None else own
    return units


def mixed_reactions(network: Network) -> Iterator[Issue]:
    """A reaction of a whole without a unit of extent may not take one unit of substance and make another."""
    for r in network.reactions.values() if network.extent_unit is None and is_mixed(network) else ():
        units = {k: u for k, u in _amounts(network, r).items() if u is not None}
        first = next(iter(units), "")
        other = next((k for k, u in units.items() if not u.equivalent(units[first])), None)
        if other is not None:
            labels = f"{first} in {units[first].label} and {other} in {units[other].label}"
            remedy = "write both in one unit of substance, or give one a conversion factor"
            yield Issue("error", "units", r.id, f"the reaction {r.id} changes {labels}", remedy)


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
