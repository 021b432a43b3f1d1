"""sbmlqsp: quantitative systems pharmacology on SBML.

Models are Antimony/SBML modules that compose; they are dosed, simulated with the compiled libRoadRunner engine for
one or many subjects, and reported. ``import sbmlqsp as qsp`` gives the whole public face.
"""

from sbmlqsp import plot
from sbmlqsp.catalogue import catalogue, load
from sbmlqsp.checks import check
from sbmlqsp.compose import Link, Share, compose
from sbmlqsp.dosing import Dose, Regimen
from sbmlqsp.engine.roadrunner import Tolerances
from sbmlqsp.errors import (
    CompositionError,
    DataError,
    DosingError,
    ExperimentError,
    ModelError,
    ObservableError,
    QSPError,
    SimulationError,
    StudyError,
    UnitError,
    UnsupportedError,
)
from sbmlqsp.exchange.antimony import write_antimony
from sbmlqsp.exchange.dose_events import with_doses
from sbmlqsp.exchange.sbml import write_sbml
from sbmlqsp.exchange.tellurium import from_roadrunner, to_roadrunner, to_tellurium
from sbmlqsp.experiment import Experiment
from sbmlqsp.exposure import exposure
from sbmlqsp.model import Model, Port, expose
from sbmlqsp.observation import ErrorModel, Observable
from sbmlqsp.processes import CompositionWarning
from sbmlqsp.reading import read_antimony, read_sbml
from sbmlqsp.report import report
from sbmlqsp.results import read_results, summarise, to_frame, write_results
from sbmlqsp.simulate import simulate
from sbmlqsp.steady import SteadyState, steady_state
from sbmlqsp.study import read_study, run_study
from sbmlqsp.tables import read_table

__version__ = "0.1.0"

__all__ = [
    "CompositionError",
    "CompositionWarning",
    "DataError",
    "Dose",
    "DosingError",
    "ErrorModel",
    "Experiment",
    "ExperimentError",
    "Link",
    "Model",
    "ModelError",
    "Observable",
    "ObservableError",
    "Port",
    "QSPError",
    "Regimen",
    "Share",
    "SimulationError",
    "SteadyState",
    "StudyError",
    "Tolerances",
    "UnitError",
    "UnsupportedError",
    "catalogue",
    "check",
    "compose",
    "expose",
    "exposure",
    "from_roadrunner",
    "load",
    "plot",
    "read_antimony",
    "read_results",
    "read_sbml",
    "read_study",
    "read_table",
    "report",
    "run_study",
    "simulate",
    "steady_state",
    "summarise",
    "to_frame",
    "to_roadrunner",
    "to_tellurium",
    "with_doses",
    "write_antimony",
    "write_results",
    "write_sbml",
]
