"""Features of a document that its network no longer shows."""

from __future__ import annotations

from typing import Any

from sbmlqsp.engine.libsbml import parse

__all__ = ["document_features"]


def document_features(sbml: str) -> dict[str, tuple[str, ...]]:
    """Return function definitions, local parameters, constraints and kinds of units by name, with their ids."""
    document = parse(sbml, scanned=True)
    model = document.getModel()
    used = [p for p in model.getListOfParameters() if p.isSetUnits()]
    inverse = {d.getId() for d in model.getListOfUnitDefinitions() if _inverse_scaled(d)}
    many = {d.getId() for d in model.getListOfUnitDefinitions() if _many_parts(d)}
    return {
        "function-definition": tuple(f.getId() for f in model.getListOfFunctionDefinitions()),
        "local-parameter": tuple(
            r.getId() for r in model.getListOfReactions()
            if r.getKineticLaw() is not None and r.getKineticLaw().getNumLocalParameters()
        ),
        "constraint": tuple(f"constraint {i + 1}" for i in range(model.getNumConstraints())),
        "unit-inverse-scaled": tuple(p.getId() for p in used if p.getUnits() in inverse),
        "unit-of-many-parts": tuple(p.getId() for p in used if p.getUnits() in many - inverse),
        "units-undeclared": tuple(p.getId() for p in model.getListOfParameters() if not p.isSetUnits()),
    }  # fmt: skip


def _inverse_scaled(definition: Any) -> bool:
    return any(
        u.getExponentAsDouble() < 0 and (u.getMultiplier() != 1.0 or u.getScale() != 0)
        for u in definition.getListOfUnits()
    )


def _many_parts(definition: Any) -> bool:
    """Say whether a unit is more than one kind over another, each to the power of 1."""
    exponents = [u.getExponentAsDouble() for u in definition.getListOfUnits()]
    return (
        any(abs(e) != 1.0 for e in exponents) or sum(e > 0 for e in exponents) > 1 or sum(e < 0 for e in exponents) > 1
    )
