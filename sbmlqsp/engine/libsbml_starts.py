"""New values at the start, in place of values or initial assignments."""

from __future__ import annotations

from collections.abc import Mapping

from sbmlqsp.engine.libsbml import parse, write
from sbmlqsp.engine.libsbml_edit import set_values

__all__ = ["set_starts"]


def set_starts(sbml: str, starts: Mapping[tuple[str, str], float]) -> str:
    """Return the document with new values at the start.

    Parameters
    ----------
    sbml : str
    starts : mapping
        Numbers by symbol and what they are: ``"value"``, ``"amount"`` or ``"concentration"``.
    """
    document = parse(sbml, scanned=True)
    for name, _ in starts:
        document.getModel().removeInitialAssignment(name)
    return set_values(write(document), [(name, kind, value) for (name, kind), value in starts.items()])
