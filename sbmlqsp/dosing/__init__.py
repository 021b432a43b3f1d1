"""Dosing: what is given, where, when and how fast. Knows nothing of models."""

from sbmlqsp.dosing.dose import Dose
from sbmlqsp.dosing.regimen import Regimen, as_regimen, bolus, infusion, loading_then_maintenance
from sbmlqsp.dosing.schedule import Administration, expand
from sbmlqsp.dosing.tables import calendar, in_words

__all__ = [
    "Administration",
    "Dose",
    "Regimen",
    "as_regimen",
    "bolus",
    "calendar",
    "expand",
    "in_words",
    "infusion",
    "loading_then_maintenance",
]
