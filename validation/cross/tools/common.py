"""What the runners of other tools share: a job comes in as JSON, curves or the tool's own words go out.

A runner is a script for the tool's own environment: it needs the standard library and the tool, not this package.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["grid", "serve", "species_of"]


def grid(job: dict[str, Any]) -> list[float]:
    """Return the times of a job."""
    return [job["end"] * i / job["points"] for i in range(job["points"] + 1)]


def species_of(job: dict[str, Any]) -> list[str]:
    """Return the ids of the species of a job's document."""
    from xml.etree import ElementTree as ET

    return [e.get("id", "") for e in ET.fromstring(job["sbml"].encode()).iter() if _tag(e) == "species"]


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def serve(tool: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer the job on standard input on standard output; what the tool prints goes to standard error."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.load(sys.stdin)
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = tool(job)
        except BaseException as error:  # noqa: BLE001 - whatever a tool raises is its answer
            if os.environ.get("DEBUG"):
                traceback.print_exc()
            result = {"refused": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"}
        said = [" ".join(str(w.message).split())[:200] for w in caught]
    json.dump({**result, "warnings": said[:20]}, answer)
    answer.close()
