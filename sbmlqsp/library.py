"""Where the model library lies."""

from __future__ import annotations

from pathlib import Path

from sbmlqsp.errors import ModelError

__all__ = ["models_root", "own_library"]

PACKAGE = Path(__file__).resolve().parent


def own_library(folder: Path) -> Path | None:
    """Return the nearest folder above that is laid out as a model library (modules and systems)."""
    here = folder.resolve()
    return next((p for p in (here, *here.parents) if (p / "modules").is_dir() and (p / "systems").is_dir()), None)


def models_root() -> Path:
    """Return the folder of the model library.

    Returns
    -------
    Path
        ``models`` beside the package in a checkout, or the copy inside an installed package.

    Raises
    ------
    ModelError
        There is neither.

    Examples
    --------
    >>> from sbmlqsp.library import models_root
    >>> (models_root() / "modules").is_dir()
    True
    """
    places = (PACKAGE / "_models", PACKAGE.parent / "models")
    for place in places:
        if (place / "modules").is_dir():
            return place
    raise ModelError(
        "the model library is missing",
        where=" and ".join(map(str, places)),
        expected="a folder that holds 'modules' and 'systems'",
        remedy="reinstall sbmlqsp, or read your own file with read_antimony(path)",
    )
