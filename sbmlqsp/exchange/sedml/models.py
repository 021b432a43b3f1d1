"""The models of a SED-ML document: files, models of other models, and their changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from xml.etree import ElementTree as ET

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean, located
from sbmlqsp.exchange.sedml.document import Calculation, Change, Content, SedModel, Variable
from sbmlqsp.exchange.sedml.kisao import AMOUNT, CONCENTRATION, TIME, term
from sbmlqsp.exchange.sedml.nodes import parse_xml
from sbmlqsp.exchange.sedml.xpath import Path, Place, locate, parse_path, symbol_of_target
from sbmlqsp.expressions import evaluate, substitute, sym
from sbmlqsp.model import Model
from sbmlqsp.reading import read_sbml

__all__ = ["TIMES", "Loaded", "Loader", "Models", "feeds_starts", "meaning_of", "refuse_start_dependents"]

Loader = Callable[[str], str]
"""From the source of a model to its text."""

TIMES = frozenset({"urn:sedml:symbol:time", TIME})


@dataclass(frozen=True)
class Loaded:
    """A model as its file, changed as the document says."""

    id: str
    root: ET.Element
    text: str
    untrusted: bool = True

    @cached_property
    def model(self) -> Model:
        """The model that is run."""
        with located(f"the model '{self.id}'"):
            text = self.text if self.text.endswith("\n") else self.text + "\n"
            return read_sbml(text, untrusted=self.untrusted)

    @cached_property
    def start(self) -> dict[str, float]:
        """Every symbol's value at time 0."""
        return {k: float(v) for k, v in initial_state(self.model.network).items()}

    def symbol(self, target: str, where: str) -> str:
        """Return the symbol that a path stands for."""
        network = self.model.network
        return symbol_of_target(self.root, target, {**network.symbols, **network.reactions}, where=where)


class Models:
    """Resolves models once each."""

    def __init__(self, content: Content, loader: Loader, given: Mapping[str, Model]) -> None:
        self._content, self._loader, self._given = content, loader, given
        self._done: dict[str, Loaded] = {}
        self._open: list[str] = []

    def __getitem__(self, name: str) -> Loaded:
        return self.get(name, where="the document")

    def get(self, name: str, *, where: str) -> Loaded:
        """Return a model with its changes made."""
        if name not in self._content.models:
            raise DataError(f"there is no model '{name}'", where=where,
                            remedy=did_you_mean(name, self._content.models))  # fmt: skip
        if name in self._done:
            return self._done[name]
        if name in self._open:
            raise DataError("models refer to each other in a circle", value=" → ".join([*self._open, name]))
        self._open.append(name)
        try:
            self._done[name] = self._resolve(self._content.models[name])
        finally:
            self._open.pop()
        return self._done[name]

    def _resolve(self, sed: SedModel) -> Loaded:
        _refuse_language(sed)
        source = sed.source.removeprefix("#")
        if sed.id in self._given:
            base = replace(_loaded(sed.id, self._given[sed.id].sbml), untrusted=self._given[sed.id].untrusted)
        elif source in self._content.models and (sed.source.startswith("#") or source != sed.id):
            base = self.get(source, where=sed.where)
        else:
            with located(sed.where):
                base = _loaded(sed.id, self._loader(sed.source))
        if not sed.changes:
            return replace(base, id=sed.id)
        now = replace(base, id=sed.id, root=copy.deepcopy(base.root), text="")
        for k, change in enumerate(sed.changes):
            now = self._changed(sed, now, change, sed.changes[k + 1 :])
        return now

    # --------------------------------------------------------------------------------------------------------- changes
    def _changed(self, sed: SedModel, now: Loaded, change: Change, later: tuple[Change, ...]) -> Loaded:
        path = parse_path(change.target, where=change.where)
        place = locate(now.root, path, where=change.where)
        if isinstance(change.value, str):
            _refuse_partial(path, change)
            _refuse_overruled(now.root, place, path, change)
            place.element.set(path.attribute, change.value)
        else:
            value = self._computed(sed, now, change.value, later)
            if path.attribute:
                place.element.set(path.attribute, repr(value))
            else:
                before = replace(now, text=_text(now.root))
                _set_state(before, place, change, value)
        return replace(now, text=_text(now.root))

    def _computed(self, sed: SedModel, now: Loaded, calculation: Calculation, later: tuple[Change, ...]) -> float:
        """Return the value of a formula in the model as changed so far."""
        here = replace(now, text=now.text or _text(now.root))
        env = {v.id: self._value(sed, here, v, later) for v in calculation.variables} | dict(calculation.parameters)
        expr = substitute(calculation.expr, {n: sym(n) for n in env})
        return _finite(float(evaluate(expr, env)), calculation.where)

    def _value(self, sed: SedModel, here: Loaded, variable: Variable, later: tuple[Change, ...]) -> float:
        if not variable.target:
            raise UnsupportedError("a change is computed from a symbol", value=variable.symbol, where=variable.where)
        source = here if variable.model in {"", sed.id} else self.get(variable.model, where=variable.where)
        name = source.symbol(variable.target, variable.where)
        key = meaning_of(source.model.network, name, variable.symbol, where=variable.where)
        if source is here and later:
            _refuse_order(here, key, variable, later)
        return source.start[key]


def _finite(value: float, where: str) -> float:
    if not abs(value) < float("inf"):
        raise DataError("a computed value is not finite", value=value, where=where)
    return value


def _loaded(name: str, text: str) -> Loaded:
    return Loaded(name, parse_xml(text, where=f"the model '{name}'", root="sbml").element, text)


def _text(root: ET.Element) -> str:
    return ET.tostring(root, encoding="unicode") + "\n"


def _refuse_language(sed: SedModel) -> None:
    language = sed.language.lower()
    if language and not language.startswith("urn:sedml:language:sbml"):
        raise UnsupportedError("the model is in a language that is not read", value=sed.language, where=sed.where,
                               expected="urn:sedml:language:sbml")  # fmt: skip


def _refuse_partial(path: Path, change: Change) -> None:
    if not path.attribute:
        raise DataError(
            "the change names an element, not the attribute to change", value=change.target, where=change.where,
            remedy="end the path with the attribute, such as /@value or /@initialConcentration",
        )  # fmt: skip


def _refuse_overruled(root: ET.Element, place: Place, path: Path, change: Change) -> None:
    """Refuse a new value that an initial assignment or a rule sets aside; tools differ in what they make of it."""
    if path.attribute in {"id", "name", "metaid"}:
        return
    for e in root.iter():
        tag = str(e.tag).rpartition("}")[2]
        owner = e.get("symbol") if tag == "initialAssignment" else e.get("variable") if tag.endswith("Rule") else None
        if owner and owner == place.id and tag != "rateRule":
            raise UnsupportedError(
                f"the change of '{place.id}' does nothing: an <{tag}> of the model sets it", value=change.target,
                where=change.where, remedy="change what that formula reads, or take the formula out of the model file",
            )  # fmt: skip


def _refuse_order(here: Loaded, key: str, variable: Variable, later: tuple[Change, ...]) -> None:
    """Refuse a computed change that reads what later changes of the list change: whether they count is left open."""
    after = replace(here, root=copy.deepcopy(here.root), text="")
    computed = any(not isinstance(c.value, str) for c in later)
    for change in later:
        path = parse_path(change.target, where=change.where)
        if isinstance(change.value, str):
            locate(after.root, path, where=change.where).element.set(path.attribute, change.value)
    if computed or replace(after, text=_text(after.root)).start[key] != here.start[key]:
        raise UnsupportedError(
            f"a change reads '{variable.id}' before other changes of the same model are made: tools differ in which "
            "value that is", where=variable.where, value=variable.target,
            remedy="put changes that are computed from the model last in the list",
        )  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- state
def meaning_of(network: Network, name: str, symbol: str, *, where: str) -> str:
    """Return the key of a symbol's value: itself, or ``amount(S)`` or ``concentration(S)`` where a KiSAO term says so.

    Raises
    ------
    UnsupportedError
        The term is another one.
    """
    if not symbol:
        return name
    word = {AMOUNT: "amount", CONCENTRATION: "concentration"}.get(f"KISAO:{term(symbol, where):07d}")
    found = network.symbols.get(name)
    if word is None or found is None or found.kind != "species":
        known = f"{AMOUNT} (amount) or {CONCENTRATION} (concentration) of a species"
        raise UnsupportedError("the symbol of a variable is not known here", value=symbol, where=where, expected=known)
    return f"{word}({name})"


def feeds_starts(network: Network, name: str) -> list[str]:
    """Return what is computed at the start from a symbol, by initial assignments."""
    reached, rules = {name}, network.assignment_rules
    growing = True
    while growing:
        new = {k for table in (rules, network.initial_assignments) for k, e in table.items()
               if k not in reached and e.symbols() & reached}  # fmt: skip
        growing = bool(new)
        reached |= new
    return sorted((reached & network.initial_assignments.keys()) - {name})


def refuse_start_dependents(network: Network, name: str, *, where: str) -> None:
    """Refuse to set a value in a state where tools differ in what follows from it.

    Raises
    ------
    UnsupportedError
        Initial assignments read it, it is a compartment with species in it, or a rule computes it.
    """
    if name in network.assignment_rules:
        raise UnsupportedError(f"'{name}' is set, but a rule of the model computes it", where=where)
    found = feeds_starts(network, name)
    inside = [s.id for s in network.species if s.compartment == name]
    if found or inside:
        why = f"the start of '{(found or inside)[0]}' is computed from it" if found else f"it holds '{inside[0]}'"
        raise UnsupportedError(
            f"'{name}' is set after the model is initialised, but {why}: tools differ in what follows", where=where,
            remedy="change the attribute in the model's list of changes, or in the model file",
        )  # fmt: skip


def _set_state(here: Loaded, place: Place, change: Change, value: float) -> None:
    """Set an element's value at the start, whatever initial assignment it has."""
    network = here.model.network
    name = here.symbol(change.target, change.where)
    refuse_start_dependents(network, name, where=change.where)
    key = meaning_of(network, name, change.symbol, where=change.where)
    element, symbol = place.element, network.symbols[name]
    if symbol.kind == "species":
        amount = key.startswith("amount(") or (symbol.amount_only and not key.startswith("concentration("))
        old, new = ("initialConcentration", "initialAmount") if amount else ("initialAmount", "initialConcentration")
        if element.attrib.pop(old, None) is None and place.around[0].get("level") == "1" and not amount:
            raise UnsupportedError("SBML Level 1 has no initial concentrations to set", where=change.where)
        element.set(new, repr(value))
    else:
        attribute = {"compartment": "size", "speciesReference": "stoichiometry"}.get(place.tag, "value")
        element.set(attribute, repr(value))
    for parent in here.root.iter():
        for child in [c for c in parent if str(c.tag).endswith("}initialAssignment") and c.get("symbol") == name]:
            parent.remove(child)
