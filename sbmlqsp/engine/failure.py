"""What an integrator that stopped says."""

from __future__ import annotations

__all__ = ["EngineFailure"]


class EngineFailure(Exception):  # noqa: N818
    """The integrator stopped: where in time, and why in plain words."""

    def __init__(self, time: float, reason: str) -> None:
        super().__init__(reason)
        self.time = time
        self.reason = reason
