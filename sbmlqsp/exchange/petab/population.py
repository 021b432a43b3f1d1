"""The extension ``sbmlqsp_population``: how subjects differ, beside a PEtab problem of version 2.

PEtab describes one set of parameters. This extension adds covariates, their effects, random effects and their
correlations, as a `Population` has them. It is not required: readers that do not know it see the same problem, with
the same likelihood. The entry in ``problem.yaml``::

    extensions:
      sbmlqsp_population:
        version: 1.0.0
        required: false
        population_file: population.tsv
        people_file: population_people.tsv   # only where people are a table

``population.tsv`` has the columns ``section``, ``id``, ``property`` and ``value``, one fact per row:

===================== ======================= ========================================================================
section               id                      property: value
===================== ======================= ========================================================================
population            the population's id     (empty)
parameter             symbol of the model     ``typical``: a number, or a formula over covariates, indicators, typicals
typical               name read by formulas   ``value``: a number
covariate             covariate               ``kind``, ``mean``, ``sd``, ``median``, ``cv``, ``low``, ``high``,
                                              ``unit``, ``each``; ``level:NAME``: a share
derived               covariate               ``formula``: empty for a quantity that is known by its name
demographics          (empty)                 ``age``, ``weight``: low;high, ``female``: a share, ``age:18-40``: a share
variability,          parameter               ``kind``, one of ``sd``, ``variance``, ``cv``; ``shape``, ``low``,
occasion_variability,                         ``high``
cell_variability
omega, occasion_omega two parameters, a;b     ``correlation``: a number
cell_omega
correlation           two covariates, a;b     ``correlation``: a number, of their normal scores
uncertainty           two typicals, a;b       ``covariance``: a number, of their estimates
===================== ======================= ========================================================================

Symbols are those of the model (``pk__CL`` in its file is ``pk.CL`` here); formulas are those of `Population`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean, located
from sbmlqsp.exchange.petab.plain import shown, tsv
from sbmlqsp.exchange.petab.sheets import Row, as_number, read_sheet, unique
from sbmlqsp.populations import Covariate, Demographics, Population, Variability
from sbmlqsp.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.exchange.petab.entry import Entry

__all__ = ["EXTENSION", "population_files", "read_extension"]

EXTENSION = "sbmlqsp_population"
VERSION = "1.0.0"
_COLUMNS = ("section", "id", "property", "value")
_PAIRED = {
    "omega": "omega",
    "occasion_omega": "occasion_omega",
    "cell_omega": "cell_omega",
    "correlation": "correlations",
}
_VARIABLE = ("variability", "occasion_variability", "cell_variability")
_SECTIONS = ("population", "parameter", "typical", "covariate", "derived", "demographics", *_VARIABLE, *_PAIRED)
_SECTIONS += ("uncertainty",)

Fact = tuple[str, str, str, Any]


# ------------------------------------------------------------------------------------------------------------- writing
def population_files(population: Population) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the texts of the extension's files by name, and its entry in the YAML file."""
    facts = [dict(zip(_COLUMNS, fact, strict=True)) for fact in _facts(population)]
    files = {"population.tsv": tsv(_COLUMNS, facts)}
    about: dict[str, Any] = {"version": VERSION, "required": False, "population_file": "population.tsv"}
    if population.tabled:
        people: Any = population.people
        files["population_people.tsv"] = tsv([str(c) for c in people.columns], people.to_dict("records"))
        about["people_file"] = "population_people.tsv"
    return files, about


def _facts(p: Population) -> Iterator[Fact]:
    yield "population", p.id, "", ""
    yield from (("parameter", k, "typical", _text(v)) for k, v in p.parameters.items())
    yield from (("typical", k, "value", float(v)) for k, v in p.typical.items())
    for name, c in p.covariates.items():
        yield from (("covariate", name, key, v) for key, v in _given(c, "levels"))
        yield from (("covariate", name, f"level:{level}", float(share)) for level, share in c.levels.items())
    yield from (("derived", name, "formula", text) for name, text in dict(p.derived).items())
    if isinstance(p.people, Demographics):
        yield from (("demographics", "", key, v) for key, v in _people(p.people))
    for section in _VARIABLE:
        for name, v in getattr(p, section).items():
            yield from ((section, name, key, value) for key, value in _given(v))
    for section, attribute in _PAIRED.items():
        for pair, value in dict(getattr(p, attribute)).items():
            yield section, ";".join(pair), "correlation", float(value)
    if p.uncertainty is not None:
        frame: Any = p.uncertainty
        for a, b in combinations_with_replacement([str(n) for n in frame.index], 2):
            yield "uncertainty", f"{a};{b}", "covariance", float(frame.loc[a, b])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else shown(float(value))


def _given(noun: Any, *left_out: str) -> Iterator[tuple[str, Any]]:
    """Yield what a noun says beyond its defaults."""
    for f in fields(noun):
        value = getattr(noun, f.name)
        if f.name not in left_out and value is not None and value != f.default:
            yield f.name, float(value) if isinstance(value, int | float) else value


def _people(d: Demographics) -> Iterator[tuple[str, Any]]:
    if d.age_weights:
        yield from ((f"age:{shown(a)}-{shown(b)}", float(share)) for (a, b), share in d.age_weights.items())
    else:
        yield "age", ";".join(shown(float(a)) for a in d.age)
    yield "female", float(d.female)
    if d.weight is not None:
        yield "weight", ";".join(shown(float(w)) for w in d.weight)


# ------------------------------------------------------------------------------------------------------------- reading
def read_extension(about: Mapping[str, Any], entry: Entry) -> Population:
    """Return the population that an entry of the YAML file names.

    Raises
    ------
    DataError
        A file is missing, or a row means nothing: which.
    UnsupportedError
        Another version of the extension.
    """
    where = f"{entry.path}, extensions, {EXTENSION}"
    if str(about.get("version", "")).partition(".")[0] != VERSION.partition(".")[0]:
        raise UnsupportedError("this version of the extension is not read", value=about.get("version"), where=where,
                               expected=VERSION)  # fmt: skip
    for key in about:
        if key not in {"version", "required", "population_file", "people_file"}:
            raise DataError(
                "no such key", value=key, where=where, remedy=did_you_mean(key, ("population_file", "people_file"))
            )
    file = entry.file(about.get("population_file"), f"extensions, {EXTENSION}")
    people = about.get("people_file")
    table = None if people is None else read_table(entry.file(people, f"extensions, {EXTENSION}"))
    return _population(
        read_sheet(file, shown=entry.shown(file), needed=_COLUMNS, others=False), table, entry.shown(file)
    )


def _population(rows: Iterable[Row], people: pd.DataFrame | None, where: str) -> Population:
    rows = list(rows)
    unique(rows, lambda r: tuple(r.text(c) for c in _COLUMNS[:3]), "the fact")
    found: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows:
        section = row.chosen("section", _SECTIONS, default="")
        found.setdefault(section, {}).setdefault(row.text("id"), {})[row.text("property")] = row
    given: dict[str, Any] = {section: _varied(found.get(section, {})) for section in _VARIABLE}
    given |= {attribute: dict(_pairs(found.get(s, {}), "correlation")) for s, attribute in _PAIRED.items()}
    demographics = found.get("demographics", {}).get("", {})
    if people is not None and demographics:
        raise DataError("people are a table and demographics too", where=where, remedy="keep one of them")
    given |= {
        "parameters": {k: _number_or_text(r["typical"]) for k, r in _each(found, "parameter", "typical")},
        "covariates": {k: _covariate(r) for k, r in found.get("covariate", {}).items()},
        "people": _demographics(demographics) if demographics else people,
        "derived": {k: r["formula"].text("value") for k, r in _each(found, "derived", "formula")},
        "typical": {k: r["value"].number("value") for k, r in _each(found, "typical", "value")},
        "uncertainty": _uncertainty(dict(_pairs(found.get("uncertainty", {}), "covariance"))),
    }
    with located(where):
        return Population(id=next(iter(found.get("population", {})), "population"), **given)


def _each(found: Mapping[str, Any], section: str, needed: str) -> Iterator[tuple[str, dict[str, Row]]]:
    for name, properties in found.get(section, {}).items():
        for key, row in properties.items():
            if key != needed or not name:
                raise DataError("the row means nothing", value=key, where=row.where, expected=f"an id, and '{needed}'")
        yield name, properties


def _number_or_text(row: Row) -> Any:
    number = as_number(row.text("value"))
    return row.text("value") if number is None else number


def _noun(kind: Any, properties: Mapping[str, Row], extra: Mapping[str, Any]) -> Any:
    known = [f.name for f in fields(kind) if f.name not in {"_", "levels"}]
    for key, row in properties.items():
        if key not in known:
            raise DataError("the row means nothing", value=key, where=row.where, remedy=did_you_mean(key, known))
    if "kind" not in properties:
        first = next(iter(properties.values()), None)
        raise DataError(
            "the kind is missing", where=first.where if first else None, expected="a row with the property kind"
        )
    with located(properties["kind"].where):
        return kind(**{k: _number_or_text(r) for k, r in properties.items()}, **extra)


def _covariate(properties: Mapping[str, Row]) -> Covariate:
    levels = {k.partition(":")[2]: r.number("value") for k, r in properties.items() if k.startswith("level:")}
    numbers = {k: as_number(k) for k in levels}
    if levels and all(v is not None for v in numbers.values()):
        levels = {numbers[k]: v for k, v in levels.items()}  # type: ignore[misc]
    plain = {k: r for k, r in properties.items() if not k.startswith("level:")}
    made: Covariate = _noun(Covariate, plain, {"levels": levels} if levels else {})
    return made


def _varied(found: Mapping[str, Mapping[str, Row]]) -> dict[str, Variability]:
    return {name: _noun(Variability, properties, {}) for name, properties in found.items()}


def _pairs(found: Mapping[str, Mapping[str, Row]], needed: str) -> Iterator[tuple[tuple[str, str], float]]:
    for pair, properties in found.items():
        for key, row in properties.items():
            names = [n.strip() for n in pair.split(";")]
            if key != needed or len(names) != 2:
                raise DataError(
                    "the row means nothing", value=(pair, key), where=row.where, expected=f"a;b and '{needed}'"
                )
            yield (names[0], names[1]), row.number("value")


def _uncertainty(pairs: Mapping[tuple[str, str], float]) -> pd.DataFrame | None:
    if not pairs:
        return None
    import pandas as pd

    names = list(dict.fromkeys(n for pair in pairs for n in pair))
    cells = {**pairs, **{(b, a): v for (a, b), v in pairs.items()}}
    return pd.DataFrame([[cells.get((a, b), 0.0) for b in names] for a in names], index=names, columns=names)


def _demographics(properties: Mapping[str, Row]) -> Demographics:
    given: dict[str, Any] = {}
    brackets = {k.partition(":")[2]: r.number("value") for k, r in properties.items() if k.startswith("age:")}
    if brackets:
        given["age_weights"] = brackets
    for key, row in properties.items():
        if key in {"age", "weight"}:
            given[key] = tuple(as_number(p) for p in row.listed("value"))
        elif key == "female":
            given[key] = row.number("value")
        elif not key.startswith("age:"):
            known = ("age", "weight", "female", "age:18-40")
            raise DataError("the row means nothing", value=key, where=row.where, remedy=did_you_mean(key, known))
    first = next(iter(properties.values()))
    with located(first.where):
        return Demographics(**given)
