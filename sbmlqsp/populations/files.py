"""Populations written as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sbmlqsp.errors import DataError, did_you_mean, located
from sbmlqsp.files import inside, parse_toml, read_plain
from sbmlqsp.populations.covariate import Covariate
from sbmlqsp.populations.demographics import Demographics
from sbmlqsp.populations.population import Population
from sbmlqsp.populations.variability import Variability

__all__ = ["named_files", "read_population"]

SECTIONS = (
    "id",
    "parameters",
    "covariates",
    "people",
    "demographics",
    "derived",
    "typical",
    "variability",
    "omega",
    "occasion_variability",
    "occasion_omega",
    "cell_variability",
    "cell_omega",
    "correlations",
    "uncertainty",
)


def read_population(path: str | Path, *, root: str | Path | None = None) -> Population:
    r"""Read a population from a TOML file.

    Parameters
    ----------
    path : str or Path
        Sections as the arguments of `Population`: ``[parameters]``, ``[typical]``, ``[covariates.WT]``,
        ``[variability.CL]``, ``[occasion_variability.CL]`` and ``[cell_variability.CL]`` (keys as in `Covariate` and
        `Variability`), ``[omega]``, ``[occasion_omega]``, ``[cell_omega]`` and ``[correlations]`` with keys such as
        ``"CL, V"``, and ``[uncertainty]``, a covariance by pairs ``"a, b"`` (a variance is ``"a, a"``).
        ``people = "people.csv"`` names a table of people, beside the file; ``[demographics]`` has the keys of
        `Demographics`; ``derived`` is a list of names, or a section of formulas.
    root : str or Path, optional
        A folder that the table of people may lie in as well as in the file's own.

    Returns
    -------
    Population

    Raises
    ------
    DataError
        The file cannot be read, or a section, a key or a value is wrong: which.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "population.toml")
    >>> _ = file.write_text('[parameters]\nCL = "4*(WT/70)^0.75"\n[variability.CL]\nkind = "log-normal"\ncv = 0.3\n'
    ...                     '[covariates.WT]\nkind = "normal"\nmean = 70\nsd = 10\n')
    >>> read_population(file).effects
    ('CL',)
    """
    where = str(path)
    content = _content(path)
    for name in content:
        if name not in SECTIONS:
            raise DataError("no such section of a population", value=name, where=where,
                            remedy=did_you_mean(name, SECTIONS))  # fmt: skip
    covariates = {k: _made(Covariate, v, f"{where}, covariates.{k}") for k, v in _part(content, "covariates").items()}
    return Population(
        _part(content, "parameters"),
        covariates=covariates,
        people=_people(content, Path(path), None if root is None else Path(root)),
        derived=content.get("derived", ()),
        typical=_part(content, "typical"),
        variability=_variabilities(content, "variability", where),
        omega=_part(content, "omega"),
        occasion_variability=_variabilities(content, "occasion_variability", where),
        occasion_omega=_part(content, "occasion_omega"),
        cell_variability=_variabilities(content, "cell_variability", where),
        cell_omega=_part(content, "cell_omega"),
        correlations=_part(content, "correlations"),
        uncertainty=_covariance(_part(content, "uncertainty"), where),
        id=str(content.get("id", Path(path).stem)),
    )


def _content(path: str | Path) -> dict[str, Any]:
    return parse_toml(read_plain(path, what="a population as TOML"), where=str(path), what="a population")


def named_files(path: Path) -> list[str]:
    """Return the files that a population's file names, as it names them."""
    content = _content(path)
    return [str(content["people"])] if "people" in content else []


def _people(content: Mapping[str, Any], path: Path, root: Path | None) -> Any:
    if "people" in content and "demographics" in content:
        raise DataError("people and demographics are both given", where=str(path), remedy="keep one of them")
    if "people" in content:
        from sbmlqsp.tables import read_table

        name = str(content["people"])
        return read_table(inside(path.parent, name, roots=[root], what="a table of people", error=DataError))
    if "demographics" not in content:
        return None
    given = _part(content, "demographics")
    return _made(Demographics, {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()},
                 f"{path}, demographics", kinds=False)  # fmt: skip


def _variabilities(content: Mapping[str, Any], section: str, where: str) -> dict[str, Any]:
    return {k: _made(Variability, v, f"{where}, {section}.{k}") for k, v in _part(content, section).items()}


def _part(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name, {})
    if not isinstance(part, dict):
        raise DataError(f"the section '{name}' is no table of keys", value=part)
    return part


def _made(noun: Any, given: Any, where: str, *, kinds: bool = True) -> Any:
    import dataclasses

    if not isinstance(given, dict):
        raise DataError("a table of keys is expected", value=given, where=where, expected='kind = "log-normal", …')
    known = [f.name for f in dataclasses.fields(noun) if f.name != "_"]
    for key in given:
        if key not in known:
            raise DataError("no such key", value=key, where=where, remedy=did_you_mean(key, known))
    if kinds and "kind" not in given:
        raise DataError("the kind is missing", where=where, expected='such as kind = "log-normal"')
    with located(where):
        return noun(**given)


def _covariance(pairs: Mapping[str, float], where: str) -> Any:
    if not pairs:
        return None
    import pandas as pd

    cells = {}
    for pair, value in pairs.items():
        names = [p.strip() for p in pair.split(",")]
        if len(names) != 2:
            raise DataError("a covariance is not of two names", value=pair, where=where, expected='"a, b" = number')
        cells[names[0], names[1]] = cells[names[1], names[0]] = float(value)
    names = list(dict.fromkeys(n for pair in cells for n in pair))
    return pd.DataFrame([[cells.get((a, b), 0.0) for b in names] for a in names], index=names, columns=names)
