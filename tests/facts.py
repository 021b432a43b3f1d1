"""Helpers that put the third-party engines to the test, without this package in between."""

from __future__ import annotations

import ctypes
import importlib.util
import textwrap

ALIVE: list[object] = []


def pin(condition: object, fact: str) -> None:
    """Fail, naming the fact, when an engine no longer behaves as it was measured to."""
    assert condition, f"engine changed its mind: {fact}"


def need(package: str) -> None:
    """Skip the test where a package is not installed."""
    import pytest  # here: processes that use these helpers start sooner

    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed, so today's behaviour cannot be measured")


def allocated() -> float:
    """Return how many kB C's malloc has handed out: exact, where the resident size is what the system leaves."""

    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in MALLINFO.split()]

    mallinfo = ctypes.CDLL(None).mallinfo2  # of glibc 2.33 and later
    mallinfo.restype = Info
    info = mallinfo()
    return (info.uordblks + info.hblkhd) / 1024


def scatter() -> None:
    """Let what is mapped next come to lie 2 GiB apart: one page in a small hole, what is larger far below (Linux)."""
    library = ctypes.CDLL(None)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def take(size: int) -> int:
        return int(library.mmap(None, size, 0, 0x4022, -1, 0))

    def fill(room: int = 2**28) -> None:
        first, size = take(room), room // 2
        library.munmap(first, room)
        while size >= 4096:
            at = take(size)
            if first <= at < first + room:
                library.munmap(at, size)
                size //= 2

    fill()
    hole = [take(4096) for _ in range(3)][1]
    for _ in range(3):
        take(2**30)
    fill()
    library.munmap(hole, 4096)


MALLINFO = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


def ant_flat(text: str) -> str:
    """Antimony's own flat SBML of its main module."""
    import antimony

    _load(text)
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def ant_comp(text: str) -> str:
    """Antimony's hierarchical SBML of its main module."""
    import antimony

    _load(text)
    return str(antimony.getCompSBMLString(antimony.getMainModuleName()))


def ant_error(text: str) -> str:
    """Antimony's message for a text it refuses, or an empty string."""
    try:
        _load(text)
    except ValueError as error:
        return str(error)
    return ""


def _load(text: str) -> None:
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(textwrap.dedent(text)) < 0:
        raise ValueError(antimony.getLastError())


def flattened(comp: str) -> tuple[int, str]:
    """libSBML's own flattening: its return code and the text."""
    import libsbml

    document = libsbml.readSBMLFromString(comp)
    properties = libsbml.ConversionProperties()
    properties.addOption("flatten comp", True)
    properties.addOption("leavePorts", False)
    code = document.convert(properties)
    return int(code), str(libsbml.writeSBMLToString(document))


def document(sbml: str):
    """A libSBML document, to look into; kept alive, because its parts crash Python once it is gone."""
    import libsbml

    ALIVE.append(libsbml.readSBMLFromString(sbml))
    return ALIVE[-1]


def without_properties(*, disabled: bool = True) -> None:
    """Keep RR from replacing methods of its class by a model's symbols of the same name."""
    from roadrunner import Config

    Config.setValue(Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES, disabled)


def rr(text: str, **options: object):
    """A RoadRunner of Antimony or SBML text; options are integrator settings."""
    import roadrunner

    without_properties()
    sbml = text if text.lstrip().startswith("<") else ant_flat(text)
    runner = roadrunner.RoadRunner(sbml)
    for name, value in options.items():
        runner.getIntegrator().setValue(name, value)
    return runner


def gillespie(text: str, seed: int = 1):
    """A RoadRunner with the stochastic integrator and plain seeded settings."""
    runner = rr(text)
    runner.setIntegrator("gillespie")
    runner.getIntegrator().setValue("seed", seed)
    runner.getIntegrator().setValue("variable_step_size", False)
    runner.getIntegrator().setValue("nonnegative", True)
    return runner
