"""Steady states, found by simulation, polished by Newton's method, and verified twice."""

from sbmlqsp.steady.state import SteadyState, changes_at
from sbmlqsp.steady.verbs import steady_state, steady_states

__all__ = ["SteadyState", "changes_at", "steady_state", "steady_states"]
