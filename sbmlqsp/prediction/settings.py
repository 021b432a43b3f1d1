"""What a data set and a user's parameters set in the model, record by record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.course import DoseValues
from sbmlqsp.engine.initial import dependency_order
from sbmlqsp.errors import DataError, ExperimentError, ObservableError, UnitError, did_you_mean
from sbmlqsp.experiment import resolve_setting, symbol_of
from sbmlqsp.expressions import Expr, evaluate, parse_formula
from sbmlqsp.model import Model, dotted, flat_id
from sbmlqsp.prediction.links import nearest
from sbmlqsp.records import Records
from sbmlqsp.units import convert, parse_quantity

__all__ = ["DOSING", "Settings", "read_settings"]

DOSING = {"F": "fraction", "ALAG": "lag", "R": "rate", "D": "duration"}
_OF_TARGET = re.compile(r"(F|ALAG|R|D)\(\s*([\w.]+)\s*\)")
_OF_NUMBER = re.compile(r"(F|ALAG|R|D)(\d+)")
_NUMBER = r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_QUANTITY = re.compile(_NUMBER + r"(\s+(1\s*/\s*)?[A-Za-zµ%(].*|[A-Za-zµ]+/[A-Za-z]+\s*)")


@dataclass(frozen=True)
class Settings:
    """Rows of parameters.

    Parameters
    ----------
    row : ndarray of int
        For each record the row that holds its parameters; rows are numbered as they first appear.
    overrides : mapping of str to ndarray
        New values by flat key, one per row.
    dosing : mapping
        F, ALAG, R and D by target, one value per row.
    size : int
        How many rows there are.
    """

    row: Any
    overrides: Mapping[str, Any]
    dosing: Mapping[tuple[str, str], Any]
    size: int

    def dose_values(self, row: int, target: str) -> DoseValues:
        """Return what a row says of doses into a target."""
        found = {
            field: float(self.dosing[letter, target][row])
            for letter, field in DOSING.items()
            if (letter, target) in self.dosing
        }
        return DoseValues(**found)


def read_settings(
    parameters: Any, model: Model, data: Records, *, compartments: Mapping[Any, str] | str | None
) -> Settings:
    """Evaluate parameters for every record and gather the records that share them.

    Parameters
    ----------
    parameters : mapping or DataFrame
        By symbol path, by ``"F(target)"``, ``"ALAG(target)"``, ``"R(target)"``, ``"D(target)"``, by ``"F1"`` and the
        like where compartments are numbered, or by a name that only other formulas read. Values are numbers, formulas
        over covariates and names, quantities with a unit, one value per subject (a Series or mapping by ID), or one per
        record (an array). A DataFrame has one row per subject.
    model : Model
    data : Records
    compartments : mapping, str or None
        What the numbers in CMT stand for.

    Raises
    ------
    DataError, ExperimentError
        An unknown name, a missing value, a value that is not finite.
    """
    reader = _Reader(model, data, compartments)
    values = reader.evaluate(_as_mapping(parameters))
    overrides, dosing = reader.sorted_out(values)
    columns = [np.broadcast_to(v, (len(data.table),)) for v in (*overrides.values(), *dosing.values())]
    row, first = _numbered(columns, len(data.table))
    pick = iter(column[first] for column in columns)
    return Settings(row, {k: next(pick) for k in overrides}, {k: next(pick) for k in dosing}, len(first))


def _numbered(columns: list[Any], records: int) -> tuple[Any, Any]:
    """Return the row of every record, rows numbered by first appearance, and the first record of each row."""
    moving = [c for c in columns if len(c) and np.ptp(c) > 0]
    if not moving:
        return np.zeros(records, dtype=int), np.array([0])
    _, first, inverse = np.unique(np.stack(moving, axis=1), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    return rank[inverse.ravel()], first[order]


def _as_mapping(parameters: Any) -> dict[str, Any]:
    if parameters is None:
        return {}
    if hasattr(parameters, "columns"):
        frame = parameters
        for column in [c for c in frame.columns if str(c).upper() in {"ID", "SUBJECT"}][:1]:
            frame = frame.set_index(column)
        return {str(c): frame[c] for c in frame.columns}
    if not isinstance(parameters, Mapping):
        raise ExperimentError("parameters are no mapping and no table", value=type(parameters).__name__)
    return {str(k): v for k, v in parameters.items()}


def _parsed(key: str, text: str) -> Expr:
    try:
        return parse_formula(text)
    except ObservableError as err:
        raise ExperimentError(
            f"the parameter '{key}' is no formula that can be read", value=text,
            expected="a number, a formula such as '0.1*(WT/70)**0.75', or a number and a unit such as '5 L/h'",
        ) from err  # fmt: skip


class _Reader:
    """Evaluates parameters over the records of a data set."""

    def __init__(self, model: Model, data: Records, compartments: Mapping[Any, str] | str | None) -> None:
        self.model, self.data = model, data
        self.compartments = compartments if isinstance(compartments, Mapping) else {}
        table = data.table
        self.scope = {c: table[c].to_numpy(dtype=float) for c in table.columns if table[c].dtype.kind in "fiub"}

    # ------------------------------------------------------------------------------------------------------ evaluating
    def evaluate(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return all values, as numbers or one per record."""
        symbols = self.model.network.symbols
        given = {c: c for c in self.data.covariates if flat_id(c) in symbols and c not in parameters}
        given.update(parameters)
        formulas = {k: _parsed(k, v) for k, v in given.items() if isinstance(v, str) and not self._is_quantity(k, v)}
        own = {k for k, e in formulas.items() if e.op == "sym" and e.value == k}  # a covariate under its own name
        needs = {k: [] if k in own else [n for n in e.symbols() if n in given and n != k] for k, e in formulas.items()}
        values: dict[str, Any] = {k: self._value(k, v) for k, v in given.items() if k not in formulas}
        for name in dependency_order(needs):
            values[name] = self._formula(name, formulas[name], values)
        self._refuse_idle(given, formulas)
        return {k: self._finite(k, v) for k, v in values.items()}

    def _is_quantity(self, key: str, text: str) -> bool:
        return bool(_QUANTITY.fullmatch(text)) and (
            flat_id(symbol_of(key)) in self.model.network.symbols or self._dosing_key(key) is not None
        )

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._quantity(key, value)
        if isinstance(value, Mapping) or (hasattr(value, "items") and not self._is_column(value)):
            return self._by_subject(key, value)
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise ExperimentError(
                f"the parameter '{key}' is no number", value=type(value).__name__,
                remedy="give a number, a formula, one value per record, or one per subject as a Series indexed by ID",
            ) from None  # fmt: skip
        if array.ndim and array.shape != (len(self.data.table),):
            raise ExperimentError(
                f"the parameter '{key}' has {array.size} values, and the data {len(self.data.table)} records",
                remedy="give one number, one value per record, or one per subject as a Series indexed by ID",
            )
        return array

    def _is_column(self, series: Any) -> bool:
        """Return whether a Series goes with the table of the data: its labels are those of records, not subjects."""
        index = self.data.table.index
        return len(index) != len(self.data.subjects) and len(series) == len(index) and index.equals(series.index)

    def _quantity(self, key: str, text: str) -> Any:
        try:
            number, unit = parse_quantity(text)
        except UnitError as err:
            raise UnitError(f"the parameter '{key}' is read as a number and a unit: {err.what}", value=text) from err
        symbol = self.model.network.symbols.get(flat_id(symbol_of(key)))
        if symbol is None:
            own = {"ALAG": self.model.time_unit, "D": self.model.time_unit}.get(self._dosing_key(key)[0])  # type: ignore[index]
        else:
            of = symbol.substance_unit if key.startswith("amount(") else symbol.unit
            own = of.label if of is not None else None
        if own is None:
            raise ExperimentError(
                f"'{key}' has no declared unit, so '{text}' cannot be converted", remedy="give a number"
            )
        try:
            return np.asarray(convert(number, unit, own))
        except UnitError as err:
            raise UnitError(
                f"the parameter '{key}' is in '{own}' in the model, and '{unit}' does not convert to it", value=text,
                remedy=f"give it in '{own}' or a unit of the same kind",
            ) from err  # fmt: skip

    def _by_subject(self, key: str, value: Any) -> Any:
        items = dict(value.items())
        ids = self.data.table["ID"].to_numpy()
        missing = [i for i in self.data.subjects if i not in items]
        if missing:
            raise DataError(
                f"the parameter '{key}' has no value for a subject", value=missing[0], where="parameters",
                remedy=f"give one by ID for each of the {len(self.data.subjects)} subjects",
            )  # fmt: skip
        return np.array([float(items[i]) for i in ids])

    def _formula(self, name: str, expr: Expr, values: Mapping[str, Any]) -> Any:
        scope: dict[str, Any] = {}
        for n in sorted(expr.symbols(), key=lambda n: (n in self.data.covariates, n)):  # words before what holds them
            source = values.get(n) if n != name else None
            source = self.scope.get(n) if source is None else source
            if source is None:
                raise self._unknown(name, n, values)
            scope[n] = source
        return np.asarray(evaluate(expr, scope), dtype=float)

    def _unknown(self, name: str, read: str, values: Mapping[str, Any]) -> ExperimentError:
        """Return the refusal of a name that a formula reads, words of covariates among them."""
        levels = {c: set(self.data.table[c]) for c in self.data.covariates if c not in self.scope}
        covariate = read if read in levels else next((c for c, words in levels.items() if read in words), None)
        if covariate is None:
            what, remedy = "neither a covariate nor a parameter given here", did_you_mean(
                read, [*(c for c in self.data.covariates if c in self.scope), *values]
            )  # fmt: skip
        else:
            word = next(w for w in sorted(map(str, levels[covariate])) if read in (covariate, w))
            what = "a covariate in words" if read == covariate else f"a word of the covariate '{covariate}'"
            remedy = f"give parameters a name in numbers, such as 'flag': data.table['{covariate}'] == '{word}'"
        return ExperimentError(f"the parameter '{name}' reads '{read}', which is {what}", remedy=remedy)

    def _finite(self, key: str, value: Any) -> Any:
        array = np.asarray(value, dtype=float)
        bad = ~np.isfinite(np.broadcast_to(array, (len(self.data.table),)))
        if bad.any():
            i = int(np.argmax(bad))
            at = self.data.table.iloc[i]
            raise DataError(
                f"the parameter '{key}' is missing or not finite", value=float(np.broadcast_to(array, bad.shape)[i]),
                where=f"line {at['LINE']}, subject {at['ID']}", remedy="fill in what its formula reads",
            )  # fmt: skip
        return array

    # --------------------------------------------------------------------------------------------------------- sorting
    def _dosing_key(self, key: str) -> tuple[str, str] | None:
        if found := _OF_TARGET.fullmatch(key):
            return found[1], flat_id(found[2])
        found = _OF_NUMBER.fullmatch(key)
        if found and flat_id(key) not in self.model.network.symbols and int(found[2]) in self.compartments:
            return found[1], flat_id(self.compartments[int(found[2])])
        return None

    def sorted_out(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
        """Return what sets the model and what sets doses; names that only formulas read are left out."""
        overrides, dosing = {}, {}
        for key, value in values.items():
            place = self._dosing_key(key)
            if place is not None:
                if place[1] not in self.model.network.symbols:
                    names = [dotted(s.id) for s in self.model.network.species]
                    raise ExperimentError(
                        f"'{key}' is about doses into '{dotted(place[1])}', which the model '{self.model.id}' lacks",
                        remedy=nearest(dotted(place[1]), names),
                    )
                dosing[place] = value
            elif flat_id(symbol_of(key)) in self.model.network.symbols:
                overrides[resolve_setting(self.model, key)] = self._positive_size(key, value)
        return overrides, dosing

    def _positive_size(self, key: str, value: Any) -> Any:
        symbol = self.model.network.symbols[flat_id(symbol_of(key))]
        if symbol.kind == "compartment" and np.min(value) <= 0:
            raise ExperimentError(f"the size of the compartment '{key}' is not positive", value=float(np.min(value)))
        return value

    def _refuse_idle(self, given: Mapping[str, Any], formulas: Mapping[str, Expr]) -> None:
        """Refuse a parameter that is no symbol, says nothing of doses and is read by no formula."""
        read = {n for k, e in formulas.items() for n in e.symbols() if n != k}
        for key in given:
            known = flat_id(symbol_of(key)) in self.model.network.symbols or self._dosing_key(key) is not None
            if not known and key not in read:
                raise ExperimentError(
                    f"the model '{self.model.id}' has no symbol '{key}' to set", remedy=self._instead_of(key)
                )

    def _instead_of(self, key: str) -> str:
        if found := _OF_NUMBER.fullmatch(key):
            return f"name what is dosed, as in '{found[1]}(depot)', or number it: compartments={{{found[2]}: 'depot'}}"
        return nearest(key, map(dotted, self.model.network.symbols))
