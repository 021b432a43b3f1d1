"""A model in an older level of SBML, proven to read back as the same model."""

from __future__ import annotations

from collections.abc import Iterator

from sbmlqsp.engine.libsbml import canonical
from sbmlqsp.engine.libsbml_edit import prepare
from sbmlqsp.engine.libsbml_extract import extract
from sbmlqsp.engine.libsbml_levels import converted, refuse_level, with_comment
from sbmlqsp.engine.libsbml_lowering import lowered_sbml
from sbmlqsp.engine.network import Network
from sbmlqsp.equivalence import differences
from sbmlqsp.exchange.level_proof import prove_rewritten
from sbmlqsp.exchange.losses import Loss, annotation_losses, is_harmless, refuse_losses

__all__ = ["hierarchical_in_level", "in_level"]

UNDECLARED = "undeclared"


def in_level(sbml: str, level: int, version: int, *, allow_loss: bool = False) -> str:
    """Return a flat document in a level of SBML, with all that it says.

    The text is read back and compared with the model, element by element; what was rewritten for the older level is
    proven to have the same values at states drawn at random.

    Parameters
    ----------
    sbml : str
        Canonical SBML.
    level, version : int
        3.2, 3.1, 2.5 or 2.4.
    allow_loss : bool
        Leave out what no simulation can tell, and list it in a comment, rather than refuse.

    Raises
    ------
    UnsupportedError
        The level cannot say it; names the element.
    ModelError
        Something would be lost.
    """
    refuse_level(level, version)
    if (level, version) == (3, 2):
        return sbml
    text, notes = lowered_sbml(sbml, level, version)
    before, rewritten = extract(prepare(sbml)), extract(text)
    prove_rewritten(before, rewritten)
    result = converted(text, level, version)
    back = canonical(result, where=f"the Level {level} Version {version} written")
    losses = [*_losses(rewritten, extract(back)), *annotation_losses(sbml, back)]
    _settle(losses, before.id, f"Level {level} Version {version}", allow_loss)
    kept = with_comment(result, "Not kept", [what for what, _, _ in losses])
    return with_comment(kept, f"Rewritten for Level {level} Version {version}", notes)


def _settle(losses: list[Loss], model: str, form: str, allow_loss: bool) -> None:
    if losses and not (allow_loss and all(map(is_harmless, losses))):
        refuse_losses(losses, model=model, form=form, other="Level 3 Version 2")


def _losses(before: Network, after: Network) -> Iterator[Loss]:
    """Yield what differs; all units that are undeclared, for which Level 2 has its own, count as one."""
    gained = dict[str, None]()
    for what, was, now in differences(before, after):
        if "unit" in what and was == UNDECLARED:
            gained[now] = None
        else:
            yield what, was, now
    if gained:
        yield "undeclared units", "none, as the file declares none", f"what the level assumes: {', '.join(gained)}"


def hierarchical_in_level(comp: str, level: int, version: int, *, flat: str, allow_loss: bool = False) -> str:
    """Return a hierarchical document in a version of Level 3; ``flat`` is the flat form, which it must flatten to.

    What the flat form says of an element and the hierarchy does not (annotations) is a loss like any other.

    Raises
    ------
    ModelError
        The version cannot say it, or what is written would not flatten to the same model.
    """
    refuse_level(level, version)
    result = comp if (level, version) == (3, 2) else converted(comp, level, version)
    back = canonical(result, where="the hierarchical form written")
    losses = [*differences(extract(flat), extract(back)), *annotation_losses(flat, back)]
    _settle(losses, extract(flat).id, f"hierarchical Level {level} Version {version}", allow_loss)
    return with_comment(result, "Not kept", [what for what, _, _ in losses])
