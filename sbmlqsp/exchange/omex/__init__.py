"""COMBINE archives (OMEX): models, experiments, data and figures in one file."""

from sbmlqsp.exchange.omex.archive import CombineArchive, read_combine, run_combine, unpack_combine

__all__ = ["CombineArchive", "read_combine", "run_combine", "unpack_combine"]
