"""Runs spread over processes: the same numbers, whatever they are spread over."""

from sbmlqsp.scaling.spreading import spread

__all__ = ["spread"]
