"""Visual predictive checks: whether measured data look like data that a model of the population gives."""

from sbmlqsp.vpc.check import VPC, vpc
from sbmlqsp.vpc.replicates import simulate_records

__all__ = ["VPC", "simulate_records", "vpc"]
