"""SED-ML: experiments to and from the standard description of simulation experiments."""

from sbmlqsp.exchange.sedml.reading import SedDocument, read_sedml, run_sedml
from sbmlqsp.exchange.sedml.writing import write_sedml

__all__ = ["SedDocument", "read_sedml", "run_sedml", "write_sedml"]
