"""What a format would not keep of a model: said by name, refused, or left out where no simulation can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sbmlqsp.engine.libsbml_annotations import Said, said
from sbmlqsp.errors import ModelError

__all__ = ["Loss", "annotation_losses", "is_harmless", "refuse_losses"]

Loss = tuple[str, str, str]
"""An element, what it was, and what it would become."""

# What no simulation can tell: it may be left out if the caller says so.
HARMLESS = (
    "'sbo' of", "'name' of", "the modifiers of", "'constant' of the symbol", "the annotation of", "the notes of",
    "undeclared units",
)  # fmt: skip


def is_harmless(loss: Loss) -> bool:
    """Say whether no simulation can tell that something was left out."""
    return loss[0].startswith(HARMLESS)


def refuse_losses(losses: Sequence[Loss], *, model: str, form: str, other: str) -> None:
    """Refuse to write a model.

    Parameters
    ----------
    losses : sequence of Loss
    model : str
        Its id.
    form : str
        What cannot say it, such as ``"Antimony"``.
    other : str
        What can, for the remedy.
    """
    shown = "; ".join(f"{what}: {_near(was, now)} would become {_near(now, was)}" for what, was, now in losses[:5])
    more = f"; and {len(losses) - 5} more" if len(losses) > 5 else ""
    raise ModelError(
        f"{form} cannot say this model: {shown}{more}",
        where=f"'{model}'",
        remedy=f"write it with allow_loss=True, which changes no simulation, or as {other}"
        if all(map(is_harmless, losses))
        else f"write it as {other}, or rename and rewrite what is named",
    )


def _near(text: str, other: str) -> str:
    """Return the part of a text where it begins to differ from another."""
    pairs = zip(text, other, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(text), len(other)))
    start = max(0, same - 20)
    return ("…" if start else "") + text[start : start + 80] + ("…" if len(text) > start + 80 else "")


def annotation_losses(before: str, after: str) -> Iterator[Loss]:
    """Yield the annotations, SBO terms and notes of one document that another lacks."""
    old, new = said(before), said(after)
    for word, take in (("annotation", _statement), ("sbo", _sbo), ("notes", _notes)):
        left = Counter(filter(None, map(take, old))) - Counter(filter(None, map(take, new)))
        for element, kind, text in sorted(left):
            what = f"'{word}' of" if word == "sbo" else f"the {word} of"
            yield f"{what} the {kind} '{element}'", " ".join(text.split()), "absent"


def _statement(s: Said) -> tuple[str, str, str] | None:
    return (s.element, s.kind, f"{s.qualifier} {s.resource}") if s.qualifier else None


def _sbo(s: Said) -> tuple[str, str, str] | None:
    return (s.element, s.kind, s.sbo) if s.sbo else None


def _notes(s: Said) -> tuple[str, str, str] | None:
    return (s.element, s.kind, s.notes) if s.notes else None
