"""Compositions written as TOML: parts, connections and the terms they are joined on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.composition.links import Link, Share
from sbmlqsp.errors import CompositionError
from sbmlqsp.files import inside
from sbmlqsp.library import own_library
from sbmlqsp.studies.keys import Keys, read_toml

if TYPE_CHECKING:
    from sbmlqsp.model import Model

__all__ = ["read_composition"]

MOST_PARTS = 200


def read_composition(path: str | Path, *, root: str | Path | None = None) -> Model:
    """Compose the models that a TOML file names.

    Parameters
    ----------
    path : str or Path
        Keys: ``id``; ``[parts]`` with a file (relative to this one) or library id per part; ``[connect]``, ``[share]``,
        ``[convert]``, ``[set]``, ``[volumes]``, ``delete``, ``rescale`` as for ``compose``. A link with terms is a
        table: ``"pd.C" = {source = "pk.Cp", wins = "source", convert = "mg/L"}``; so is a shared quantity:
        ``Kd = {members = ["a.Kd", "b.Kd"], value = 2.0}``.
    root : str or Path, optional
        A folder that parts may lie in, besides the file's own and the model library it lies in.

    Returns
    -------
    Model

    Raises
    ------
    CompositionError
        An unknown key, or anything that ``compose`` refuses.
    """
    from sbmlqsp.compose import compose

    source = Path(path)
    content, _ = read_toml(source, what="a composition", error=CompositionError)
    keys = Keys(content, str(source), error=CompositionError)
    name = keys.need("id", str, example='"my_model"')
    named = keys.table("parts").rest()
    if len(named) > MOST_PARTS:
        raise CompositionError(f"there are more than {MOST_PARTS} parts", where=str(source), remedy="compose in steps")
    parts = {k: _part(v, k, source, None if root is None else Path(root)) for k, v in named.items()}
    arguments: dict[str, Any] = {
        "connect": {k: _link(v, k) for k, v in _paths(keys.table("connect").rest(), "source").items()},
        "share": {k: _share(v, k) for k, v in _paths(keys.table("share").rest(), "members").items()},
        "convert": _paths(keys.table("convert").rest(), ""),
        "set": _paths(keys.table("set").rest(), ""),
        "volumes": _paths(keys.table("volumes").rest(), ""),
        "delete": keys.texts("delete"),
        "rescale": keys.take("rescale", str),
    }
    keys.done(["parts"])
    return compose(name, parts, **arguments)


def _part(value: object, name: str, source: Path, root: Path | None) -> Model:
    from sbmlqsp.catalogue import load
    from sbmlqsp.studies.running import read_model

    if not isinstance(value, str) or not value:
        raise CompositionError(
            f"the part '{name}' names no model", value=value, where=str(source),
            expected='a file such as "pk.ant", or an id of the library',
        )  # fmt: skip
    is_file = "/" in value or value.lower().endswith((".ant", ".xml", ".sbml"))
    if not is_file:
        return load(value)
    roots = [own_library(source.parent), root]
    return read_model(inside(source.parent, value, roots=roots, what="a model", error=CompositionError))


def _paths(values: Mapping[str, Any], leaf: str, prefix: str = "") -> dict[str, Any]:
    """Join nested keys to dotted paths; a table with the key ``leaf`` is a value."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and not (leaf and leaf in value):
            out |= _paths(value, leaf, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def _link(value: object, target: str) -> str | Link:
    if isinstance(value, str):
        return value
    keys = Keys(value, f"the connection of '{target}'", error=CompositionError)
    link = Link(keys.need("source", str, example='"pk.Cp"'), keys.take("wins", str), keys.take("convert", (str, float)))
    keys.done()
    return link


def _share(value: object, name: str) -> Any:
    if isinstance(value, list):
        return value
    keys = Keys(value, f"the shared '{name}'", error=CompositionError)
    share = Share(keys.texts("members"), keys.take("value", (float, str)), keys.take("wins", str))
    keys.done()
    return share
