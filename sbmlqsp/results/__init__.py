"""Results as one labelled Dataset: built, summarised, laid out as a table, written and read.

Every result has the dimensions experiment, subject, replicate and time, each of length one where unused. A run that
failed stays in the Dataset with its status and message; whatever is computed from a Dataset leaves it out and
counts it.
"""

from __future__ import annotations

from sbmlqsp.results.dataset import (
    DIMS,
    as_results,
    asked,
    covariate_names,
    dose_calendar,
    failed,
    good_values,
    make_dataset,
    observable_names,
)
from sbmlqsp.results.parquet import read_results, write_results
from sbmlqsp.results.residual import add_residual
from sbmlqsp.results.tables import summarise, to_frame

__all__ = [
    "DIMS",
    "add_residual",
    "as_results",
    "asked",
    "covariate_names",
    "dose_calendar",
    "failed",
    "good_values",
    "make_dataset",
    "observable_names",
    "read_results",
    "summarise",
    "to_frame",
    "write_results",
]
