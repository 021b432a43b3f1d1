"""Data sets as pharmacometricians keep them: doses and observations in one table. Knows nothing of models."""

from sbmlqsp.records.dataset import Records

__all__ = ["Records"]
