"""libSBML adapter: read, validate, flatten, and bring to the canonical form.

Canonical form: SBML Level 3 Version 2, flat, no local parameters (``reaction__k`` instead of ``k`` in ``reaction``).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from sbmlqsp.engine.expansion import refuse_expansion
from sbmlqsp.engine.libsbml_packages import refuse_fast, refuse_packages
from sbmlqsp.engine.prescan import prescan
from sbmlqsp.errors import ModelError

__all__ = ["canonical", "flatten", "is_hierarchical", "lib", "node_type", "parse", "problems", "write"]

MAX_INSTANCES = 2_000  # of submodels, at all depths
MAX_COMP_DEPTH = 100


def lib() -> Any:
    """Return the libSBML module."""
    import libsbml

    return libsbml


def node_type(node: Any) -> int:
    """Return the kind of a MathML node.

    Once tellurium is imported, nodes come back as objects of its own bindings, whose ``getType`` gives no number
    (measured); libSBML's function reads either.
    """
    return int(lib().ASTNode.getType(node))


def parse(text: str, *, where: str = "the SBML text", scanned: bool = False) -> Any:
    """Return a libSBML document without read errors; refuse anything else with its first errors.

    Raises
    ------
    ModelError
        The text is hostile, not XML, or not SBML.
    """
    if not scanned:
        text = prescan(text, where=where)
    document = lib().readSBMLFromString(text)
    _raise_errors(document, where)
    if document.getModel() is None:
        raise ModelError("the SBML document holds no model", where=where, remedy="check that the file is complete")
    return document


def write(document: Any) -> str:
    """Return the document's SBML text, ending in a newline."""
    return str(lib().writeSBMLToString(document)).rstrip("\n") + "\n"


def problems(document: Any, *, units: bool = False) -> list[tuple[str, str, int, str]]:
    """Run libSBML's consistency checks.

    Returns
    -------
    list of (severity, code, line, message)
        Severity is ``"error"`` or ``"warning"``.
    """
    sbml = lib()
    for category in (sbml.LIBSBML_CAT_MODELING_PRACTICE, sbml.LIBSBML_CAT_UNITS_CONSISTENCY):
        document.setConsistencyChecks(category, units and category == sbml.LIBSBML_CAT_UNITS_CONSISTENCY)
    document.getErrorLog().clearLog()
    document.checkConsistency()
    found = []
    for i in range(document.getNumErrors()):
        e = document.getError(i)
        severity = "error" if e.getSeverity() >= sbml.LIBSBML_SEV_ERROR else "warning"
        found.append((severity, f"sbml-{e.getErrorId()}", int(e.getLine()), " ".join(e.getMessage().split())))
    return found


def _refuse_invalid(document: Any, where: str) -> None:
    errors = [(line, message) for severity, _, line, message in problems(document) if severity == "error"]
    if errors:
        _refuse(errors, where)


def _raise_errors(document: Any, where: str) -> None:
    errors = [document.getError(i) for i in range(document.getNumErrors())]
    errors = [e for e in errors if e.getSeverity() >= lib().LIBSBML_SEV_ERROR]
    if errors:
        _refuse([(e.getLine(), " ".join(e.getMessage().split())) for e in errors], where)


def _refuse(errors: list[tuple[int, str]], where: str) -> None:
    line, message = errors[0]
    # libSBML quotes the rule first and names the element last, after the rule's own reference.
    rule, _, element = message.partition("Reference: ")
    named = element.partition(". ")[2] if ". " in element else element
    message = f"{rule[:250].rstrip(' .')}. {named[:200]}" if named else message
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    raise ModelError(
        f"the SBML is invalid at line {line}: {message[:460].rstrip(' .')}{more}",
        where=where,
        remedy="correct the file at its source",
    )


def is_hierarchical(document: Any) -> bool:
    """Say whether the document uses the comp package."""
    return bool(document.isPackageEnabled("comp"))


def flatten(text: str, *, where: str = "the hierarchical SBML") -> str:
    """Return libSBML's own flattening of a hierarchical document.

    Raises
    ------
    ModelError
        libSBML cannot flatten it, or it refers to other files.
    """
    sbml = lib()
    document = parse(text, where=where)
    _refuse_other_files(document, where)
    _refuse_invalid(document, where)
    properties = sbml.ConversionProperties()
    properties.addOption("flatten comp", True)
    properties.addOption("leavePorts", False)
    # Its own validation would check units, which does not return for some powers (an endless recursion, measured).
    properties.addOption("performValidation", False)
    properties.addOption("abortIfUnflattenable", "requiredOnly")
    code = document.convert(properties)
    if code != sbml.LIBSBML_OPERATION_SUCCESS:
        errors = [document.getError(i) for i in range(document.getNumErrors())]
        errors = [e for e in errors if e.getSeverity() >= sbml.LIBSBML_SEV_ERROR]
        text = "; ".join(" ".join(e.getMessage().split()) for e in errors[-2:]) or f"code {code}"
        raise ModelError(f"the hierarchical model cannot be flattened: {text[:400]}", where=where)
    return write(document)


def canonical(text: str, *, where: str = "the SBML text") -> str:
    """Return the model in canonical form: validated, flat, Level 3 Version 2, no local parameters.

    Raises
    ------
    ModelError
        Any libSBML error, or a package whose meaning would be lost.
    """
    from sbmlqsp.engine.libsbml_mending import drop_idle_units

    document = parse(text, where=where)
    # Before the checks of libSBML, which open other files, and take endless time over what expands.
    _refuse_other_files(document, where)
    _refuse_expansion(document, where)
    drop_idle_units(document.getModel())
    _refuse_invalid(document, where)
    refuse_packages(document, where)
    if is_hierarchical(document):
        from sbmlqsp.engine.libsbml_comp import flattened

        document = parse(flattened(write(document), where=where), where=where, scanned=True)
        _refuse_expansion(document, where)
    if (document.getLevel(), document.getVersion()) != (3, 2):
        refuse_fast(document.getModel(), where)
        document.getErrorLog().clearLog()
        if not document.setLevelAndVersion(3, 2, False, True):
            raise ModelError("the SBML cannot be brought to Level 3 Version 2", where=where)
    _promote_locals(document.getModel())
    return write(document)


def _refuse_other_files(document: Any, where: str) -> None:
    plugin = document.getPlugin("comp")
    if plugin is not None and plugin.getNumExternalModelDefinitions():
        raise ModelError(
            "the model refers to another file",
            value=plugin.getExternalModelDefinition(0).getSource(),
            where=where,
            remedy="give the path of the document, beside which the file is sought, or read the parts and compose them",
        )


def _refuse_expansion(document: Any, where: str) -> None:
    plugin = document.getPlugin("comp")
    inner = [plugin.getModelDefinition(i) for i in range(plugin.getNumModelDefinitions())] if plugin is not None else []
    for model in (document.getModel(), *inner):
        refuse_expansion(_definitions(model), where=where)
    if plugin is not None:
        _refuse_instances(document.getModel(), {d.getId(): d for d in inner}, where)


def _refuse_instances(model: Any, definitions: dict[str, Any], where: str) -> None:
    """Refuse submodels within submodels that are many; libSBML flattens until the memory is gone (measured)."""
    counts: dict[str, int] = {}

    def count(one: Any, depth: int) -> int:
        plugin, total = one.getPlugin("comp"), 0
        if depth > MAX_COMP_DEPTH:
            remedy = "flatten it with another tool"
            raise ModelError(f"submodels are nested more than {MAX_COMP_DEPTH} deep", where=where, remedy=remedy)
        for i in range(plugin.getNumSubmodels()):
            name = plugin.getSubmodel(i).getModelRef()
            if name not in counts:
                counts[name] = 0
                counts[name] = count(definitions[name], depth + 1) if name in definitions else 0
            total += 1 + counts[name]
        return total

    found = count(model, 0)
    if found > MAX_INSTANCES:
        raise ModelError(
            f"the model has {found:,} submodels",
            where=where,
            expected=f"at most {MAX_INSTANCES:,}",
            remedy="write the repetition as one submodel, or flatten it with another tool",
        )


def _definitions(model: Any) -> dict[str, str]:
    """Return every formula that may stand behind a name, as text; names of its own arguments are left out."""
    found: dict[str, str] = {}
    for f in model.getListOfFunctionDefinitions():
        own = {f.getArgument(i).getName() for i in range(f.getNumArguments())}
        found[f.getId()] = _as_text(f.getBody(), own)
    for a in model.getListOfInitialAssignments():
        found[a.getSymbol()] = _as_text(a.getMath())
    for rule in model.getListOfRules():
        if rule.isAssignment():
            found[rule.getVariable()] = _as_text(rule.getMath())
    for r in model.getListOfReactions():
        law = r.getKineticLaw()
        if law is not None:
            own = {p.getId() for p in (*law.getListOfParameters(), *law.getListOfLocalParameters())}
            found[r.getId()] = _as_text(law.getMath(), own)
    return found


def _as_text(math_: Any, own: Collection[str] = ()) -> str:
    text = lib().formulaToL3String(math_) if math_ is not None else ""
    if own:
        text = re.sub(r"[A-Za-z_]\w*", lambda m: "0" if m[0] in own else m[0], text)
    return str(text or "")


def _promote_locals(model: Any) -> None:
    from sbmlqsp.engine.libsbml_annotations import copy_annotations

    for reaction in model.getListOfReactions():
        law = reaction.getKineticLaw()
        if law is None or not law.getNumLocalParameters():
            continue
        math_ = law.getMath().deepCopy()
        while law.getNumLocalParameters():
            local = law.getLocalParameter(0)
            new = f"{reaction.getId()}__{local.getId()}"
            while model.getElementBySId(new) is not None:
                new += "_"
            math_.renameSIdRefs(local.getId(), new)
            parameter = model.createParameter()
            parameter.setId(new)
            parameter.setConstant(True)
            if local.isSetValue():
                parameter.setValue(local.getValue())
            if local.isSetUnits():
                parameter.setUnits(local.getUnits())
            if local.isSetName():
                parameter.setName(local.getName())
            about = local.clone()
            law.removeLocalParameter(0)
            copy_annotations(about, parameter)
        law.setMath(math_)
