"""libRoadRunner adapter: one compiled model, given its whole state for every run."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from sbmlqsp.engine.cuts import Switches, followed, may_return
from sbmlqsp.engine.failure import ENDLESS, EngineFailure, plain
from sbmlqsp.engine.growth import growing, shares
from sbmlqsp.engine.guard_child import seal
from sbmlqsp.engine.jit_memory import close_together
from sbmlqsp.engine.libsbml_engine import Prepared
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.roadrunner_changes import Changes
from sbmlqsp.engine.roadrunner_jumps import across
from sbmlqsp.engine.tolerances import ABSOLUTE, Tolerances
from sbmlqsp.errors import ModelError

__all__ = ["EngineFailure", "Machine", "bare", "mute", "quiet", "sbml_of", "try_out"]


def _library() -> Any:
    import roadrunner

    # A model symbol named like a method ("reset") would otherwise break every instance in the process (measured).
    roadrunner.Config.setValue(roadrunner.Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES, True)
    return roadrunner


_TURNED_AWAY = threading.Lock()
_MUTE: list[IO[str]] = []


def mute() -> None:
    """Let `quiet` do nothing from here on, for a process without a terminal that may open no files."""
    _MUTE.append(io.StringIO())


@contextlib.contextmanager
def quiet() -> Iterator[IO[str]]:
    """Keep the engine's chatter off the terminal; yields a stream that still reaches it.

    The engine writes to the file descriptors themselves, so Python-level redirection does not help. One caller at a
    time turns them away and back, for all: threads that did so one within the other would lose the terminal for good.
    """
    if _MUTE:
        yield _MUTE[0]
        return
    if not _TURNED_AWAY.acquire(blocking=False):
        with os.fdopen(os.dup(2), "w") as stream:
            yield stream
        return
    try:
        with _turned_away() as stream:
            yield stream
    finally:
        _TURNED_AWAY.release()


@contextlib.contextmanager
def _turned_away() -> Iterator[IO[str]]:
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as sink, os.fdopen(os.dup(2), "w") as terminal:
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            yield terminal
        finally:
            for target, keep in zip((1, 2), saved, strict=True):
                os.dup2(keep, target)
                os.close(keep)


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """Let CVODE write nothing by itself from the instance made now: it asks once, by these names, where to."""
    names = {"SUNLOGGER_WARNING_FILENAME", "SUNLOGGER_ERROR_FILENAME"} - os.environ.keys() if not _MUTE else set[str]()
    os.environ.update(dict.fromkeys(names, os.devnull))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


@functools.cache
def _c_srand() -> Any:
    import ctypes

    try:
        return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).srand
    except (OSError, AttributeError):
        return None


def _seed_ties() -> None:
    """Let every run draw the same order of simultaneous events: the engine asks C's rand(), seeded by the clock."""
    srand = _c_srand()
    if srand is not None:
        srand(1)


MOMENT = 1e-9
TINY = 1e-290
BETWEEN = 2.0
"""How many steps at least the integrator makes between two outputs, on average over a call.

One that is longer may pass a pulse that outputs fall into, and what is put out is then interpolated as if there were
none. Each costs less than what is put out.
"""
BACKEND, APART = "LLJIT", "MCJIT"
"""The first compiles several times faster than the engine's default, and what it compiles runs as fast, with the same
bits; it keeps some memory per load, of which there is one per model, outputs and process. The other is for where what
is compiled may come to lie too far apart for it (see ``jit_memory``)."""


def _compiled(sbml: str) -> Any:
    library = _library()
    options = library.LoadSBMLOptions()
    # Without this a second instance of a model silently loses piecewise root finding (measured).
    options.recompile = True
    with quiet(), close_together() as closed:
        options.setLLVMBackend(getattr(library.LoadSBMLOptions, BACKEND if closed else APART))
        try:
            return library.RoadRunner(sbml, options)
        except RuntimeError as err:
            name = re.search(r'<model\b[^>]*\sid="([^"]*)"', sbml)
            where = f"the model '{name[1]}'" if name else None
            raise ModelError(f"the engine cannot compile the model: {plain(str(err))}", where=where) from None


def bare(sbml: str) -> Any:
    """Return a new RoadRunner instance of flat SBML, for people who work with the engine itself."""
    return _compiled(sbml)


def try_out(*, sbml: str) -> None:
    """Compile flat SBML and run it for a moment, to see whether the engine survives; that the run fails is no harm."""
    seal()
    engine = _compiled(sbml)
    with contextlib.suppress(RuntimeError):
        engine.simulate(0.0, MOMENT, 2)


def sbml_of(instance: Any, *, current: bool) -> str:
    """Return the SBML of a RoadRunner instance: with its current values, or as it was loaded."""
    return str(instance.getCurrentSBML() if current else instance.getSBML())


class Machine:
    """One compiled model. Not for sharing between threads.

    Parameters
    ----------
    prepared : Prepared
        The engine's document.
    network : Network
        The network it came from.
    columns : sequence of str
        Engine selections to output: ``S`` an amount, ``[S]`` a concentration, any other id its value.

    Attributes
    ----------
    windows : bool
        Whether something may hold for so short that a long step would not see it.
    """

    def __init__(self, prepared: Prepared, network: Network, columns: Sequence[str]) -> None:
        with _unlogged():
            self._engine = _compiled(prepared.sbml)
        self._id = prepared.engine_id
        self._columns = [self._selection(c) for c in columns] or ["time"]
        with quiet():
            self._engine.timeCourseSelections = self._columns
        # Events that still wait for their delay survive every kind of reset (measured).
        self._clean = self._engine.saveStateS() if any(e.delay for e in network.events) else None
        self._step, self._cap, self._spoilt = 0.0, 0.0, False
        self._most = Tolerances().maximum_steps
        # With events, conditions on time stay in the formulas.
        jumps = followed(network, Switches() if prepared.eventful else prepared.switches)
        # Delayed events that wait cannot be put back, so that what stops the integrator cannot be passed there.
        self._abrupt, self._stopped = jumps and self._clean is None, jumps and self._clean is not None
        passable = self._clean is None and followed(network, prepared.switches)
        self.windows = passable or may_return(network)
        self._prepared, self._model, self._deep = prepared, self._engine.model, growing(network)
        own = {engine: name for name, engine in prepared.renamed.items()}
        self._floating = {own.get(n, n): i for i, n in enumerate(self._model.getFloatingSpeciesIds())}
        self._parameters = {own.get(n, n): i for i, n in enumerate(self._model.getGlobalParameterIds())}
        self._volumes = {own.get(n, n): i for i, n in enumerate(self._model.getCompartmentIds())}
        self._tolerances: tuple[float, ...] = ()
        self._changes = Changes(prepared.rounded, self._parameters)
        self._layout(network)

    def _layout(self, network: Network) -> None:
        ruled = set(network.assignment_rules)
        # An infusion into what no reaction changes is a rate rule too.
        rated = set(network.rate_rules) | {i.target for i in self._prepared.inlets.values() if i.kind != "floating"}
        self.floating = tuple(n for n in self._floating if n not in ruled and n not in rated)
        self._floating_index = [self._floating[n] for n in self.floating]
        self.parameters = tuple(n for n in self._parameters if n in network.symbols and n not in ruled)
        self._parameter_index = [self._parameters[n] for n in self.parameters]
        computed = {*ruled, *self._prepared.passive, *(r.now for r in self._prepared.rounded)}
        self._free = [i for n, i in self._parameters.items() if n not in computed]
        self.volumes = tuple(n for n in self._volumes if n in network.symbols and n not in ruled)
        self._volume_index = [self._volumes[n] for n in self.volumes]
        self.held = tuple(sorted({s.id for s in network.species} - set(self.floating) - ruled))
        self.rated = tuple(n for n in (*self.parameters, *self.volumes, *self.held) if n in rated)
        own = {engine: name for name, engine in self._prepared.renamed.items()}
        states = map(self._model.getStateVectorId, range(len(self._engine.integrator.getAbsoluteToleranceVector())))
        self.states = tuple(own.get(s, s) for s in states)

    def _selection(self, column: str) -> str:
        return f"[{self._id(column[1:-1])}]" if column.startswith("[") else self._id(column)

    def tolerances(self, tolerances: Tolerances, scales: Mapping[str, float]) -> None:
        """Set error control; ``scales`` holds each state's own scale (amount for species)."""
        part = self.shares(self.states, tolerances)
        vector = tuple(max(a * scales.get(s, 1.0), TINY) for a, s in zip(part.tolist(), self.states, strict=True))
        key = (tolerances.relative, *vector)
        if key == self._tolerances:
            return
        self._tolerances = key
        integrator = self._engine.integrator
        integrator.setValue("relative_tolerance", tolerances.relative)
        self._most = tolerances.maximum_steps
        integrator.setValue("maximum_num_steps", self._most)
        self._absolute(vector)

    def _absolute(self, vector: Sequence[float]) -> None:
        if vector:
            # In the order of the state vector (rate rules first), which is how CVODE reads it.
            self._engine.integrator.setValue("absolute_tolerance", list(vector))

    def shares(self, states: Sequence[str], tolerances: Tolerances) -> Any:
        """Return what the error of states may be where they are zero, as a share of each state's scale."""
        return shares(states, tolerances.absolute, usual=ABSOLUTE, deep=self._deep)

    @property
    def relative(self) -> float:
        """The relative tolerance."""
        return self._tolerances[0] if self._tolerances else Tolerances().relative

    @contextlib.contextmanager
    def within(self, relative: float) -> Iterator[None]:
        """Integrate for a while with a relative tolerance no looser than this."""
        before = self._tolerances
        tighter = min(relative, self.relative)
        self._engine.integrator.setValue("relative_tolerance", tighter)
        self._tolerances = (tighter, *before[1:])
        try:
            yield
        finally:
            self._engine.integrator.setValue("relative_tolerance", before[0] if before else Tolerances().relative)
            self._tolerances = before

    @property
    def longest_step(self) -> float:
        """The cap of the integrator's step, 0 for none."""
        return self._step

    def maximum_step(self, step: float) -> None:
        """Cap the integrator's step (0 for no cap), for models whose conditions could otherwise be stepped over."""
        self._step = step

    def _hold(self, times: Sequence[float]) -> None:
        """Cap the steps of a call by its outputs as well."""
        gap = (times[-1] - times[0]) / (BETWEEN * max(len(times) - 1, 1))
        cap = self._step if self._stopped else min(gap, self._step or gap)
        if cap != self._cap:
            self._cap = cap
            self._engine.integrator.setValue("maximum_time_step", cap)

    def renew(self) -> None:
        """Drop what an earlier run may have left: events whose delay was not over, or without end."""
        if self._clean is None and not self._spoilt:
            return
        with _unlogged(), close_together():
            engine = _library().RoadRunner() if self._clean else _compiled(self._prepared.sbml)
            if self._clean:
                engine.loadStateS(self._clean)
        self._engine, self._model, self._spoilt = engine, engine.model, False
        self._engine.timeCourseSelections = self._columns
        self._tolerances, self._cap = (), 0.0

    def begin(self, start: Start) -> None:
        """Give the model its whole state at time 0; nothing of an earlier run survives."""
        model = self._model
        # The last segment's start would otherwise be taken for the time at which events fire on reset (measured).
        self._engine.integrator.setIntegrationStartTime(0.0)
        model.setIntegrationStartTime(0.0)
        if self._prepared.eventful:
            _seed_ties()
            # Events that fire at the start must see this subject's own values, so these go in before the reset.
            for name, value in start.rated:
                model.setValue(f"init({self._id(name)})", value)
            self._set(start)
            model.setFloatingSpeciesInitAmounts(self._floating_index, start.amounts)
            self._engine.reset()
            return
        self._engine.reset()
        self._set(start)
        model.setFloatingSpeciesAmounts(self._floating_index, start.amounts)

    def _set(self, start: Start) -> None:
        model = self._model
        if start.volumes:
            model.setCompartmentVolumes(self._volume_index, start.volumes)
        if start.parameters:
            model.setGlobalParameterValues(self._parameter_index, start.parameters)
        for name, value in start.held:
            model.setValue(self._id(name), value)

    def set_parameters(self, values: Mapping[str, float]) -> None:
        """Set global parameters (inlets and switches included) in the middle of a run."""
        if values:
            self._model.setGlobalParameterValues([self._parameters[n] for n in values], list(values.values()))

    def change(self, start: Start, names: Sequence[str]) -> None:
        """Take over parameters, volumes and held species of another start in the middle of a run; amounts stay.

        Parameters
        ----------
        start : Start
        names : sequence of str
            What may change so: that which nothing in the model moves.
        """
        wanted = set(names)
        for ids, index, values, put in (
            (self.volumes, self._volume_index, start.volumes, self._model.setCompartmentVolumes),
            (self.parameters, self._parameter_index, start.parameters, self._model.setGlobalParameterValues),
        ):
            keep = [k for k, name in enumerate(ids) if name in wanted]
            if keep:
                put([index[k] for k in keep], [values[k] for k in keep])
        for name, value in start.held:
            if name in wanted:
                self._model.setValue(self._id(name), value)

    def state(self) -> Any:
        """Return the amounts of floating species and then the values of what rate rules change."""
        index = self._floating_index
        amounts = self._model.getFloatingSpeciesAmounts(index) if index else []  # else the engine gives all
        return np.array([*amounts, *(float(self._model.getValue(self._id(n))) for n in self.rated)], dtype=float)

    def put(self, state: Any) -> None:
        """Set the state, in the order of `state`."""
        count = len(self._floating_index)
        if count:
            self._model.setFloatingSpeciesAmounts(self._floating_index, [float(v) for v in state[:count]])
        for name, value in zip(self.rated, state[count:], strict=True):
            self._model.setValue(self._id(name), float(value))

    def snapshot(self) -> tuple[Any, Any, Any]:
        """Return all that events may change, for `restore`."""
        parameters = self._model.getGlobalParameterValues(self._free) if self._free else []
        volumes = self._model.getCompartmentVolumes(self._volume_index) if self._volume_index else []
        return self.state(), parameters, volumes

    def restore(self, known: tuple[Any, Any, Any]) -> None:
        """Set what `snapshot` returned."""
        state, parameters, volumes = known
        if self._volume_index:
            self._model.setCompartmentVolumes(self._volume_index, list(volumes))
        if self._free:
            self._model.setGlobalParameterValues(self._free, list(parameters))
        self.put(state)

    def parameter_values(self, names: Sequence[str]) -> list[float]:
        """Return the values of global parameters now."""
        return [float(v) for v in self._model.getGlobalParameterValues([self._parameters[n] for n in names])]

    def add(self, target: str, kind: str, amount: float) -> None:
        """Add an amount to a target (in the value of a parameter, in the amount of a species)."""
        model = self._model
        if kind == "floating":
            index = self._floating[target]
            model.setFloatingSpeciesAmounts([index], [float(model.getFloatingSpeciesAmounts([index])[0]) + amount])
        else:
            # Engine item access to a species that reactions do not change reads and writes its amount as well.
            name = self._id(target)
            model.setValue(name, float(model.getValue(name)) + amount)

    def values(self) -> Any:
        """Return the selected columns now."""
        return np.asarray(self._engine.getSelectedValues(), dtype=float)

    def run(self, times: Sequence[float]) -> Any:
        """Integrate from the first time to the last.

        Returns
        -------
        ndarray of shape (len(times), number of columns)

        Raises
        ------
        EngineFailure
            The integrator stopped.
        """
        return across(self, times) if self._abrupt else self.integrate(times)

    def integrate(self, times: Sequence[float], *, most: int = 0) -> Any:
        """Integrate as `run`, in so many steps at most between outputs, and across no jump that stops it."""
        self._hold(times)
        self._changes.note(self._model)
        if most:
            self._engine.integrator.setValue("maximum_num_steps", min(most, self._most))
        try:
            return self._changes.checked(self._model, np.asarray(self._engine.simulate(times=times), dtype=float))
        except RuntimeError as err:
            self._spoilt = ENDLESS in str(err)
            raise EngineFailure(float(self._model.getTime()), plain(str(err))) from None
        finally:
            if most:
                self._engine.integrator.setValue("maximum_num_steps", self._most)

    def hop(self, begin: float, end: float) -> None:
        """Integrate from a time to one next to it in a few steps, whatever their error is."""
        self._absolute([1.0 / TINY] * len(self.states))
        before, self._step = self._step, (end - begin) / 4
        try:
            self.integrate([begin, end])
        finally:
            self._step = before
            self._absolute(self._tolerances[1:])


@dataclass(frozen=True, slots=True)
class Start:
    """One subject's state at time 0, in the machine's own order."""

    amounts: list[float]
    parameters: list[float]
    volumes: list[float]
    held: list[tuple[str, float]]
    rated: list[tuple[str, float]]
