"""Exposure: areas under curves, peaks, troughs and half-lives, by non-compartmental rules."""

from sbmlqsp.exposure.areas import METHODS, auc
from sbmlqsp.exposure.measures import exposure

__all__ = ["METHODS", "auc", "exposure"]
