"""What a document asks of its reader beyond core SBML: packages and flags that change what a model means."""

from __future__ import annotations

from typing import Any

from sbmlqsp.errors import UnsupportedError

__all__ = ["refuse_fast", "refuse_packages"]

# Packages that change what a model means; layout, render and groups do not.
UNSUPPORTED = {"fbc", "spatial", "qual", "multi", "arrays", "dyn", "distrib", "req"}


def refuse_packages(document: Any, where: str) -> None:
    """Refuse packages without which the model means something else.

    Raises
    ------
    UnsupportedError
        Names the package and, where it has any, the first element of it.
    """
    for plugin in (document.getPlugin(i) for i in range(document.getNumPlugins())):
        name = plugin.getPackageName()
        if name in UNSUPPORTED and document.getPackageRequired(name):
            raise UnsupportedError(
                f"the model needs the SBML package '{name}'{_first(document.getModel(), name)}, which is not supported",
                where=where,
                remedy="remove the package, or use a tool made for it",
            )
    for i in range(document.getNumUnknownPackages()):
        if document.getPackageRequired(document.getUnknownPackageURI(i)):
            raise UnsupportedError(
                "the model needs an unknown package",
                value=document.getUnknownPackageURI(i),
                where=where,
                remedy="remove the package, or use a tool made for it",
            )
    _refuse_flux_balance(document.getModel(), where)


def _first(model: Any, package: str) -> str:
    found = model.getListOfAllElements()
    for element in (found.get(i) for i in range(found.getSize())):
        if element.getPackageName() == package and element.isSetIdAttribute():
            return f" (its {element.getElementName()} '{element.getId()}')"
    return ""


def _refuse_flux_balance(model: Any, where: str) -> None:
    """Refuse fluxes that an optimisation sets: the package says that it may be ignored, and then nothing moves."""
    fbc = model.getPlugin("fbc")
    if fbc is None or not fbc.getNumObjectives():
        return
    still = next((r.getId() for r in model.getListOfReactions() if not r.isSetKineticLaw()), None)
    if still is not None:
        raise UnsupportedError(
            f"the model is one of flux balance (package fbc, objective '{fbc.getObjective(0).getId()}'): "
            f"its reaction '{still}' has no rate but that of an optimum, which is not sought here",
            where=where,
            remedy="use a tool made for flux balance, or give every reaction a kinetic law",
        )


def refuse_fast(model: Any, where: str) -> None:
    """Refuse fast reactions: a conversion to Level 3 Version 2 would drop the flag and change the meaning.

    Raises
    ------
    UnsupportedError
        Names them.
    """
    fast = [r.getId() for r in model.getListOfReactions() if r.isSetFast() and r.getFast()]
    if fast:
        raise UnsupportedError(
            f"the model has fast reactions: {', '.join(fast[:6])}",
            where=where,
            remedy="give them large rates, or eliminate them by hand",
        )
