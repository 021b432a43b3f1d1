"""Runs spread over processes: the same numbers, whatever they are spread over."""

from sbmlqsp.scaling.sinks import Sink, Whole
from sbmlqsp.scaling.spreading import piece_size, spread
from sbmlqsp.scaling.work import Piece, pieces_of

__all__ = ["Piece", "Sink", "Whole", "piece_size", "pieces_of", "spread"]
