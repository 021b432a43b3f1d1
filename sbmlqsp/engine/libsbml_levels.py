"""A model in an older level of SBML, for tools that read no other."""

from __future__ import annotations

from typing import Any

from sbmlqsp.engine.libsbml import lib, parse, problems, write
from sbmlqsp.engine.libsbml_lowering import lowered_sbml
from sbmlqsp.errors import ModelError, UnsupportedError

__all__ = ["LEVELS", "converted", "downlevelled", "refuse_level"]

LEVELS = ((3, 2), (3, 1), (2, 5), (2, 4))
# libSBML takes cells for no substance, though Level 2 has dimensionless among its units of substance.
_TOO_STRICT = frozenset({91017})
SHOWN = 40  # rewritten things that the head of the file lists


def downlevelled(sbml: str, level: int, version: int) -> str:
    """Return a flat document in an older level of SBML.

    What the level cannot say is rewritten where that changes nothing (a comment at the head of the text lists it), and
    refused otherwise. Whether units and annotations survive is for the caller to prove: Level 2 gives units to what
    declares none.

    Parameters
    ----------
    sbml : str
        Canonical SBML (flat Level 3 Version 2).
    level, version : int
        3.1, 2.5 or 2.4 (3.2 gives the document back).

    Raises
    ------
    UnsupportedError
        No such level, or it cannot say the model; names the element.
    ModelError
        libSBML fails to convert what should be convertible.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> 'level="2" version="4"' in downlevelled(model.sbml, 2, 4)
    True
    """
    refuse_level(level, version)
    if (level, version) == LEVELS[0]:
        return sbml
    text, notes = lowered_sbml(sbml, level, version)
    return with_comment(converted(text, level, version), f"Rewritten for Level {level} Version {version}", notes)


def refuse_level(level: int, version: int) -> None:
    """Refuse a level or version that is not written."""
    if (level, version) not in LEVELS:
        raise UnsupportedError(
            "this level of SBML is not written",
            value=f"Level {level} Version {version}",
            expected=", ".join(f"Level {a} Version {b}" for a, b in LEVELS),
        )


def converted(text: str, level: int, version: int) -> str:
    """Return libSBML's conversion of a document, refused where anything is lost or the result is invalid."""
    document = parse(text, scanned=True)
    document.getErrorLog().clearLog()
    if not document.setLevelAndVersion(level, version, True, True):
        why = _errors(document)
        document = parse(text, scanned=True)
        if why.keys() - _TOO_STRICT or not document.setLevelAndVersion(level, version, False, True):
            raise ModelError(
                f"the model cannot be written in Level {level} Version {version}: "
                f"{next(iter(why.values()), 'libSBML does not say why')[:400]}",
                remedy="write it as Level 3 Version 2",
            )
    result = write(document)
    errors = [message for severity, _, _, message in problems(parse(result)) if severity == "error"]
    if errors:
        raise ModelError(
            f"the model cannot be written in Level {level} Version {version}: {errors[0][:400]}",
            remedy="write it as Level 3 Version 2",
        )
    return result


def _errors(document: Any) -> dict[int, str]:
    errors = (document.getError(i) for i in range(document.getNumErrors()))
    return {
        e.getErrorId(): " ".join(e.getMessage().split()) for e in errors if e.getSeverity() >= lib().LIBSBML_SEV_ERROR
    }


def with_comment(text: str, title: str, notes: list[str]) -> str:
    """Return a document with a comment at its head, or as it is where there is nothing to say."""
    lines = list(dict.fromkeys(notes))
    if not lines:
        return text
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    comment = "; ".join([*lines[:SHOWN], *more]).replace("--", "- -")
    head, _, rest = text.partition("\n")
    return f"{head}\n<!-- {title}: {comment} -->\n{rest}"
