"""Populations: how covariates and parameters vary between subjects. Knows nothing of models."""

from sbmlqsp.populations.covariate import Covariate
from sbmlqsp.populations.demographics import Demographics
from sbmlqsp.populations.files import read_population
from sbmlqsp.populations.population import Population
from sbmlqsp.populations.sampling import sample
from sbmlqsp.populations.variability import Variability
from sbmlqsp.populations.writing import write_population

__all__ = ["Covariate", "Demographics", "Population", "Variability", "read_population", "sample",
           "write_population"]  # fmt: skip
