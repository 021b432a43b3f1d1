"""Models rewritten for one tool, with the proof that they are still the same model."""

from sbmlqsp.exchange.conversion.converting import convert
from sbmlqsp.exchange.conversion.proof import Proof
from sbmlqsp.exchange.conversion.report import Conversion

__all__ = ["Conversion", "Proof", "convert"]
