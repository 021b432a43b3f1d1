"""sbmlqsp: quantitative systems pharmacology on SBML.

Models are Antimony/SBML modules that compose; they are dosed, simulated with the compiled libRoadRunner engine for
one or many subjects, and reported. ``import sbmlqsp as qsp`` gives the whole public face.
"""

from sbmlqsp import plot
from sbmlqsp.analysis.answer import Answer
from sbmlqsp.analysis.attainment import attainment, fraction_of_response, pta_breakpoint
from sbmlqsp.analysis.best import optimum
from sbmlqsp.analysis.covariate_effects import covariate_effects
from sbmlqsp.analysis.crossing import time_to
from sbmlqsp.analysis.doses import dose_for
from sbmlqsp.analysis.extremes import extremum
from sbmlqsp.analysis.integrals import accumulate, integral
from sbmlqsp.analysis.levels import dose_response, ec50, level_for
from sbmlqsp.analysis.target import Target
from sbmlqsp.catalogue import LibraryWarning, ProvisionalModelWarning, card, catalogue, load
from sbmlqsp.checks import check
from sbmlqsp.compose import Link, Share, compose
from sbmlqsp.dosing import Dose, Regimen
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.ensembles import (
    Fit,
    by_fate,
    dose_kill_curve,
    fano,
    fit_distribution,
    killed,
    moments,
    noise,
    survival,
)
from sbmlqsp.errors import (
    CompositionError,
    DataError,
    DosingError,
    ExperimentError,
    ImpossibleError,
    ModelError,
    ObservableError,
    QSPError,
    SimulationError,
    StudyError,
    UnitError,
    UnsupportedError,
)
from sbmlqsp.exchange.antimony import write_antimony
from sbmlqsp.exchange.conversion import Conversion, convert
from sbmlqsp.exchange.dose_events import with_doses
from sbmlqsp.exchange.nonmem import read_nonmem, write_nonmem
from sbmlqsp.exchange.omex import CombineArchive, read_combine, run_combine, unpack_combine
from sbmlqsp.exchange.petab.building import petab_problem
from sbmlqsp.exchange.petab.experiments import write_petab_experiments
from sbmlqsp.exchange.petab.nouns import PetabParameter
from sbmlqsp.exchange.petab.priors import PetabPrior
from sbmlqsp.exchange.petab.problem import PetabProblem
from sbmlqsp.exchange.petab.reading import read_petab
from sbmlqsp.exchange.petab.scoring import PetabScore
from sbmlqsp.exchange.petab.writing import write_petab
from sbmlqsp.exchange.record_events import with_records
from sbmlqsp.exchange.sbml import write_sbml
from sbmlqsp.exchange.sedml import SedDocument, read_sedml, run_sedml, write_sedml
from sbmlqsp.exchange.tellurium import from_roadrunner, to_roadrunner, to_tellurium
from sbmlqsp.experiment import Experiment
from sbmlqsp.exposure import exposure
from sbmlqsp.exposure.groups import exposure_groups
from sbmlqsp.model import Model, Port, expose
from sbmlqsp.observation import ErrorModel, Observable
from sbmlqsp.populations import (
    Covariate,
    Demographics,
    Population,
    Variability,
    read_population,
    sample,
    write_population,
)
from sbmlqsp.prediction import Predictor, predict
from sbmlqsp.processes import CompositionWarning
from sbmlqsp.reading import read_antimony, read_sbml
from sbmlqsp.records import Records
from sbmlqsp.report import report
from sbmlqsp.results import add_residual, read_results, summarise, to_frame, write_results
from sbmlqsp.sensitivities import sensitivities
from sbmlqsp.simulate import simulate
from sbmlqsp.steady import SteadyState, steady_state
from sbmlqsp.store import Store, open_store
from sbmlqsp.studies.archive import write_combine
from sbmlqsp.study import read_study, run_study
from sbmlqsp.tables import read_table
from sbmlqsp.trajectories import trajectories
from sbmlqsp.vpc import simulate_records, vpc

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "CombineArchive",
    "CompositionError",
    "CompositionWarning",
    "Conversion",
    "Covariate",
    "DataError",
    "Demographics",
    "Dose",
    "DosingError",
    "ErrorModel",
    "Experiment",
    "ExperimentError",
    "Fit",
    "ImpossibleError",
    "LibraryWarning",
    "Link",
    "Model",
    "ModelError",
    "Observable",
    "ObservableError",
    "PetabParameter",
    "PetabPrior",
    "PetabProblem",
    "PetabScore",
    "Population",
    "Port",
    "Predictor",
    "ProvisionalModelWarning",
    "QSPError",
    "Records",
    "Regimen",
    "SedDocument",
    "Share",
    "SimulationError",
    "SteadyState",
    "Store",
    "StudyError",
    "Target",
    "Tolerances",
    "UnitError",
    "UnsupportedError",
    "Variability",
    "accumulate",
    "add_residual",
    "attainment",
    "by_fate",
    "card",
    "catalogue",
    "check",
    "compose",
    "convert",
    "covariate_effects",
    "dose_for",
    "dose_kill_curve",
    "dose_response",
    "ec50",
    "expose",
    "exposure",
    "exposure_groups",
    "extremum",
    "fano",
    "fit_distribution",
    "fraction_of_response",
    "from_roadrunner",
    "integral",
    "killed",
    "level_for",
    "load",
    "moments",
    "noise",
    "open_store",
    "optimum",
    "petab_problem",
    "plot",
    "predict",
    "pta_breakpoint",
    "read_antimony",
    "read_combine",
    "read_nonmem",
    "read_petab",
    "read_population",
    "read_results",
    "read_sbml",
    "read_sedml",
    "read_study",
    "read_table",
    "report",
    "run_combine",
    "run_sedml",
    "run_study",
    "sample",
    "sensitivities",
    "simulate",
    "simulate_records",
    "steady_state",
    "summarise",
    "survival",
    "time_to",
    "to_frame",
    "to_roadrunner",
    "to_tellurium",
    "trajectories",
    "unpack_combine",
    "vpc",
    "with_doses",
    "with_records",
    "write_antimony",
    "write_combine",
    "write_nonmem",
    "write_petab",
    "write_petab_experiments",
    "write_population",
    "write_results",
    "write_sbml",
    "write_sedml",
]
