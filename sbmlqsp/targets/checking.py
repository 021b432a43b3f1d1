"""What a tool will do to a model, as issues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sbmlqsp.issues import Issue, listed
from sbmlqsp.targets.features import features_of
from sbmlqsp.targets.table import Row, Target, target

if TYPE_CHECKING:
    from sbmlqsp.model import Model

__all__ = ["target_issues"]


def target_issues(model: Model, name: str) -> Iterator[Issue]:
    """Yield one issue per feature of a model that a tool drops, ignores, refuses or gets wrong.

    Raises
    ------
    UnsupportedError
        There is no such target.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 10; J: S -> ; k*S; k = 0.1; at 2 after (time >= 5): S = 1; end")
    >>> [i.code for i in target_issues(model, "amici")]
    ['amici:event-delay']
    """
    tool = target(name)
    found = features_of(model)
    for row in tool.rows:
        if row.feature in found:
            yield _issue(tool, row, found[row.feature])


def _issue(tool: Target, row: Row, where: tuple[str, ...]) -> Issue:
    remedy = f"convert(model, for_target='{tool.id}') {row.remedy}".strip() if row.rewrite else row.remedy
    message = f"{tool.name} {row.says} [{row.source}]"
    return Issue(row.severity, f"{tool.id}:{row.feature}", listed(where), message, remedy)
