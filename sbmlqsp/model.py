"""The ``Model`` noun: an SBML document with ports. A module and an integrated model are the same noun."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sbmlqsp.engine.network import Network, Symbol
from sbmlqsp.errors import ModelError, QSPError, did_you_mean
from sbmlqsp.provenance import digest

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.units import Unit

__all__ = ["Model", "Port", "dotted", "expose", "flat_id"]

DIRECTIONS = ("input", "output")


def flat_id(path: str) -> str:
    """Return the flat SBML id of a dotted path: ``"pk.central"`` gives ``"pk__central"``."""
    return path.replace(".", "__")


def dotted(flat: str) -> str:
    """Return the dotted path of a flat SBML id: ``"pk__central"`` gives ``"pk.central"``."""
    return flat.replace("__", ".")


@dataclass(frozen=True)
class Port:
    """A symbol through which a model may be joined to others.

    Parameters
    ----------
    id : str
        The symbol, as a dotted path.
    direction : {"input", "output"}
        An input is fed by another part; an output feeds.
    unit : str
        Its unit in formulas, ``""`` where the file declares none.
    meaning : str
        What it is, in words.
    """

    id: str
    direction: str
    unit: str = ""
    meaning: str = ""

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ModelError(
                f"the port '{self.id}' has no such direction", value=self.direction, expected="'input' or 'output'"
            )


@dataclass(frozen=True, repr=False)
class Model:
    """An SBML model, flat and ready to run, with its ports and, if composed, its hierarchical form.

    Make one with ``read_antimony``, ``read_sbml``, ``compose`` or ``load`` rather than directly.

    Parameters
    ----------
    id : str
        The SBML id of the model.
    sbml : str
        Canonical flat SBML: Level 3 Version 2, valid, no local parameters.
    sbml_comp : str, optional
        The hierarchical (comp) SBML of a composed model.
    directions : mapping of str to str, optional
        Flat id of every port and its direction.
    source : str, optional
        Where the model came from, for messages.
    untrusted : bool
        Whether a stranger wrote it or a part of it, so that the engine first compiles it in the guarded process.

    Raises
    ------
    ModelError
        The SBML is invalid, or a port names a symbol that the model lacks.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model decay; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> float(model.symbol("k").value)
    0.1
    """

    id: str
    sbml: str
    sbml_comp: str | None = None
    directions: Mapping[str, str] = field(default_factory=dict)
    source: str = field(default="", compare=False)
    untrusted: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        network = self.network
        for name in self.directions:
            if name not in network.symbols:
                raise ModelError(
                    f"the model '{self.id}' has no symbol '{dotted(name)}' to make a port of",
                    remedy=did_you_mean(name, network.symbols),
                )

    @cached_property
    def network(self) -> Network:
        """The reaction network, extracted once."""
        from sbmlqsp.engine.libsbml_extract import extract

        return extract(self.sbml)

    @cached_property
    def formula_units(self) -> Mapping[str, Unit | None]:
        """The unit of everything that a formula may name, worked out once."""
        from sbmlqsp.unit_checks import formula_units

        return formula_units(self.network)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical SBML: equal digests mean equal models."""
        return digest(self.sbml)

    @cached_property
    def ports(self) -> tuple[Port, ...]:
        """The ports, in file order."""
        return tuple(
            Port(dotted(i), d, _unit_label(self.network.symbols[i]), self.network.symbols[i].name)
            for i, d in self.directions.items()
        )

    @cached_property
    def symbols(self) -> pd.DataFrame:
        """Every symbol: index ``id`` (dotted), columns kind, unit, value, defined by, meaning.

        The value is the one at time 0, computed where a formula gives it.
        """
        import pandas as pd

        start = self._start()
        rows = [
            (dotted(s.id), s.kind, _unit_label(s), start.get(s.id, s.value), self._defined_by(s.id), s.name)
            for s in self.network.symbols.values()
        ]
        rows += [
            (dotted(r.id), "reaction", "", math.nan, "kinetic law", r.name) for r in self.network.reactions.values()
        ]
        columns = ["id", "kind", "unit", "value", "defined by", "meaning"]
        return pd.DataFrame(rows, columns=columns).set_index("id")

    @cached_property
    def annotations(self) -> pd.DataFrame:
        """What the file says of its elements beside their mathematics: one row per statement.

        Columns: element (dotted id, or what an element without one sets or belongs to), kind (the SBML element),
        qualifier (``"bqbiol:is"``, ``"dcterms:creator"``), resource (an identifiers.org URI where it is MIRIAM), sbo
        and notes (plain text, repeated on every row of the element).

        Examples
        --------
        >>> import sbmlqsp as qsp
        >>> text = 'model m; S = 1; S identity "urn:miriam:chebi:CHEBI%3A17234"; S.sboTerm = SBO:0000247; end'
        >>> row = qsp.read_antimony(text).annotations.iloc[0]
        >>> row.element, row.qualifier, row.resource, row.sbo
        ('S', 'bqbiol:is', 'https://identifiers.org/chebi/CHEBI:17234', 'SBO:0000247')
        """
        import pandas as pd

        from sbmlqsp.engine.libsbml_annotations import said

        columns = ["element", "kind", "qualifier", "resource", "sbo", "notes"]
        rows = [(dotted(s.element), s.kind, s.qualifier, s.resource, s.sbo, s.notes) for s in said(self.sbml)]
        return pd.DataFrame(rows, columns=columns)

    def _start(self) -> dict[str, float]:
        from sbmlqsp.engine.initial import initial_state

        try:
            return {k: float(v) for k, v in initial_state(self.network).items()}
        except (QSPError, KeyError):
            # What cannot be computed is shown as written; `check` says why.
            return {}

    def _defined_by(self, name: str) -> str:
        n = self.network
        for kind, table in (
            ("assignment rule", n.assignment_rules),
            ("initial assignment", n.initial_assignments),
            ("rate rule", n.rate_rules),
        ):
            if name in table:
                return kind
        return "reactions" if name in n.stoichiometry else "value"

    def symbol(self, path: str) -> Symbol:
        """Return one symbol by dotted path or flat id.

        Raises
        ------
        ModelError
            There is none of that name; the message names the nearest.
        """
        found = self.network.symbols.get(flat_id(path))
        if found is None:
            raise ModelError(
                f"the model '{self.id}' has no symbol '{path}'",
                remedy=did_you_mean(path, map(dotted, self.network.symbols)),
            )
        return found

    def port(self, path: str) -> Port:
        """Return one port, or refuse with the names of those that exist."""
        for port in self.ports:
            if flat_id(port.id) == flat_id(path):
                return port
        known = [p.id for p in self.ports]
        raise ModelError(
            f"the model '{self.id}' has no port '{path}'",
            remedy=f"{did_you_mean(path, known)}; or make it a port with expose(model, {path}='input')",
        )

    @property
    def time_unit(self) -> str | None:
        """The model's unit of time, or None where undeclared."""
        unit = self.network.time_unit
        return unit.label if unit is not None else None

    def rewritten(self, sbml: str) -> Model:
        """Return the model with other flat SBML in the place of its own, without a hierarchical form."""
        return replace(self, sbml=sbml, sbml_comp=None)

    def __repr__(self) -> str:
        n = self.network
        ports = f", {len(self.ports)} ports" if self.ports else ""
        form = "composed model" if self.sbml_comp else "model"
        return (
            f"<{form} '{self.id}': {len(n.species)} species, {len(n.reactions)} reactions, "
            f"{len(n.parameters)} parameters, {len(n.compartments)} compartments{ports}, "
            f"time in {self.time_unit or 'undeclared units'}>"
        )

    def _repr_html_(self) -> str:
        from html import escape

        table = self.symbols.to_html(max_rows=60, na_rep="")
        return f"<p><b>{escape(self.id)}</b> {escape(repr(self)[1:-1])}</p>{table}"


def _unit_label(symbol: Symbol) -> str:
    return symbol.unit.label if symbol.unit is not None else ""


def expose(model: Model, ports: Mapping[str, str] | None = None, /, **more: str) -> Model:
    """Return the model with more ports.

    Parameters
    ----------
    model : Model
    ports : mapping of str to {"input", "output"}
        Direction by symbol path.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model decay; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> [p.id for p in qsp.expose(model, S="output").ports]
    ['S']
    """
    added = {flat_id(k): v for k, v in {**(ports or {}), **more}.items()}
    for name in added:
        model.symbol(name)
    for name, direction in added.items():
        Port(dotted(name), direction)
    return replace(model, directions={**model.directions, **added})


def inferred_directions(network: Network, names: Iterable[str]) -> dict[str, str]:
    """Guess each port's direction: what nothing inside the model sets is an input, all else an output."""
    set_inside = network.dynamic | set(network.assignment_rules) | set(network.initial_assignments)
    return {
        n: "output" if n in set_inside and not network.symbols[n].constant else "input"
        for n in names
        if n in network.symbols
    }
