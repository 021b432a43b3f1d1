"""The report page of a study."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import QSPError
from sbmlqsp.files import parse_toml, read_plain
from sbmlqsp.report import Picture, report
from sbmlqsp.studies.analyses import findings_of, saved_svg
from sbmlqsp.studies.lock import model_path
from sbmlqsp.studies.running import titles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import FigureSpec, Study

__all__ = ["about_model", "write_page"]

_INSTANCE = re.compile(r"^\s*([a-z][a-z0-9]*)\s*:\s*([A-Za-z_]\w*)\s*\(\s*\)", re.MULTILINE)


def write_page(
    outcome: Outcome,
    figures: Mapping[FigureSpec, Figure],
    path: Path,
    *,
    found: Sequence[Figure],
    lock: Mapping[str, Any],
) -> Path:
    """Write the report of a study; ``found`` are the figures of its analyses, the lock holds the card of its model."""
    study = outcome.study
    pictures = [Picture(f, "", spec.caption, saved_svg(path.parent, spec.id)) for spec, f in figures.items()]
    return report(
        outcome.results, outcome.experiments, path=path, title=study.title, description=study.description,
        titles=titles(study), pictures=pictures, exposure=outcome.exposure, card=lock["card"], sources=lock["sources"],
        findings=findings_of(outcome, found, path.parent), notes=outcome.notes, lock=lock,
    )  # fmt: skip


def about_model(study: Study) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the card of the model, and the sources of its parameters, those of its parts from their own cards."""
    place = model_path(study)
    card = _card_beside(place)
    sources = _sources(card, "")
    text = place.read_text(encoding="utf-8", errors="replace") if place.suffix == ".ant" and place.is_file() else ""
    for instance, part in _INSTANCE.findall(text):
        sources = _sources(_card_of(part), f"{instance}.") | sources
    return card, sources


def _card_beside(path: Path) -> dict[str, Any]:
    for place in (path.with_name("card.toml"), path.with_suffix(".toml")):
        if place.is_file():
            try:
                facts = parse_toml(read_plain(place, what="a card"), where=str(place), what="a card")
                return dict(json.loads(json.dumps(facts, default=str)))
            except ValueError:
                return {}
    return {}


def _card_of(part: str) -> dict[str, Any]:
    from sbmlqsp.catalogue import card

    try:
        return card(part)
    except QSPError:
        return {}


def _sources(card: Mapping[str, Any], prefix: str) -> dict[str, str]:
    numbers = card.get("parameters")
    numbers = numbers if isinstance(numbers, Mapping) else {}
    return {f"{prefix}{k}": str(v.get("source", "")) for k, v in numbers.items() if isinstance(v, Mapping)}
