"""Changes that stop the engine: before each call it is told what rounded numbers are, as events compare with that.

How often something changed is counted, so that rounding errors do not stop it for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sbmlqsp.engine.failure import MANY, EngineFailure
from sbmlqsp.engine.libsbml_lookout import CHANGES, MOST_CHANGES, Rounded

__all__ = ["Changes"]


class Changes:
    """The parameters that hold what is rounded, and how often something changed.

    Parameters
    ----------
    rounded : sequence of Rounded
    places : mapping of str to int
        Where the engine has each parameter.
    """

    def __init__(self, rounded: Sequence[Rounded], places: Mapping[str, int]) -> None:
        self._now, self._before = [places[r.now] for r in rounded], [places[r.before] for r in rounded]
        self._changes = [places[CHANGES]] if CHANGES in places else []

    def note(self, model: Any) -> None:
        """Let it be now what it was before, since doses change it as well."""
        if self._changes:
            now = [float(v) for v in model.getGlobalParameterValues(self._now)] if self._now else []
            model.setGlobalParameterValues([*self._before, *self._changes], [*now, 0.0])

    def checked(self, model: Any, found: Any) -> Any:
        """Return what came, unless something changed more often than was followed.

        Raises
        ------
        EngineFailure
            It did.
        """
        if self._changes and model.getGlobalParameterValues(self._changes)[0] >= MOST_CHANGES:
            raise EngineFailure(float(model.getTime()), f"{MANY} {MOST_CHANGES:,.0f} times")
        return found
