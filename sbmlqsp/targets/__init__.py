"""Tools that models are written for: what each drops, ignores, refuses or gets wrong, with the source of each claim."""

from sbmlqsp.targets.checking import target_issues
from sbmlqsp.targets.features import FEATURES, features_of
from sbmlqsp.targets.table import EFFECTS, REWRITES, Row, Target, target, target_names

__all__ = [
    "EFFECTS",
    "FEATURES",
    "REWRITES",
    "Row",
    "Target",
    "features_of",
    "target",
    "target_issues",
    "target_names",
]
