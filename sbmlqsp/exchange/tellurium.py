"""Models to and from RoadRunner instances, which tellurium users work with."""

from __future__ import annotations

from typing import Any

from sbmlqsp.compiled import try_first
from sbmlqsp.engine.roadrunner import bare, sbml_of
from sbmlqsp.errors import ModelError, UnsupportedError
from sbmlqsp.exchange.sbml import write_sbml
from sbmlqsp.model import Model
from sbmlqsp.reading import read_sbml

__all__ = ["from_roadrunner", "to_roadrunner", "to_tellurium"]


def from_roadrunner(instance: Any, *, current: bool | None = None) -> Model:
    """Return the model of a RoadRunner instance, such as ``tellurium.loada`` gives.

    Parameters
    ----------
    instance : roadrunner.RoadRunner
    current : bool, optional
        False for the model as it was loaded, True for its present values (after a simulation, those at its end). It
        must be said where parameters were changed since loading.

    Raises
    ------
    ModelError
        This is no RoadRunner instance, it holds no valid model, or its parameters were changed and ``current`` is not
        given.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> from_roadrunner(to_roadrunner(model)).digest == model.digest
    True
    """
    if not callable(getattr(instance, "getCurrentSBML", None)):
        raise ModelError("this is no RoadRunner instance", value=type(instance).__name__)
    loaded = read_sbml(sbml_of(instance, current=False))
    if current is False:
        return loaded
    now = read_sbml(sbml_of(instance, current=True))
    if current is None:
        _refuse_changed(loaded, now)
    return now if current else loaded


def _refuse_changed(loaded: Model, now: Model) -> None:
    pairs = [(s.id, s.value, now.network.symbols[s.id].value) for s in loaded.network.parameters if s.constant]
    computed = loaded.network.initial_assignments
    changed = [n for n, a, b in pairs if n not in computed and abs(a - b) > 1e-12 * max(abs(a), abs(b))]
    if changed:
        raise ModelError(
            f"parameters were changed since the model was loaded: {', '.join(changed[:6])}",
            remedy="say current=True for the present values, or current=False for those of the file",
        )


def to_roadrunner(model: Model) -> Any:
    """Return a new RoadRunner instance of a model, loaded from flat SBML.

    Address symbols by flat id and item, ``r["pk__central"]``: reading an item of a species gives its amount.
    """
    text = write_sbml(model)
    try_first(model, text)
    return bare(text)


def to_tellurium(model: Model) -> Any:
    """Return a new tellurium instance of a model (a RoadRunner with tellurium's plotting), loaded from flat SBML.

    Raises
    ------
    UnsupportedError
        Tellurium is not installed.
    """
    text = write_sbml(model)
    try:
        import tellurium
    except ImportError as err:
        raise UnsupportedError(
            f"tellurium cannot be imported: {err}",
            remedy="install it with: pip install 'sbmlqsp[tellurium]'; or use to_roadrunner(model)",
        ) from None
    try_first(model, text)
    return tellurium.loadSBMLModel(text)
