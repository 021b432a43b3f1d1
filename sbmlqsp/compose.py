"""Several models into one: explicit connections, checked and proven."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sbmlqsp.composition.assembly import Glue, assemble, join_top
from sbmlqsp.composition.joints import Joints
from sbmlqsp.composition.links import Connections, Link, Share, read_connections
from sbmlqsp.composition.model_units import Conversions, agree_in_model_units
from sbmlqsp.composition.parts import OWN_UNITS, Parts, Value
from sbmlqsp.composition.volumes import check_volumes, rescale_volumes
from sbmlqsp.engine.libsbml_given import read_given, write_given
from sbmlqsp.engine.libsbml_volumes import write_volumes
from sbmlqsp.equivalence import same_number
from sbmlqsp.errors import CompositionError
from sbmlqsp.model import dotted
from sbmlqsp.processes import CompositionWarning, warn_of_duplicates

if TYPE_CHECKING:
    from sbmlqsp.model import Model

__all__ = ["CompositionWarning", "Link", "Share", "compose"]

MODEL_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def compose(
    id: str,  # noqa: A002
    parts: Mapping[str, Model],
    *,
    connect: Connections = (),
    share: Mapping[str, Sequence[str] | Share] | None = None,
    delete: Iterable[str] = (),
    convert: Mapping[str, str | float | Sequence[str]] | None = None,
    set: Mapping[str, Value] | None = None,  # noqa: A002
    volumes: Mapping[str, Sequence[str]] | None = None,
    rescale: str | None = None,
) -> Model:
    """Join models into one.

    Parameters
    ----------
    id : str
        The id of the result.
    parts : mapping of str to Model
        Instances by name (a lower-case letter, then lower-case letters and digits). The symbol ``x`` of part ``pk`` is
        ``pk.x`` in the result, its flat SBML id ``pk__x``. One model may be used for several parts.
    connect : mapping of str to (str or Link), or sequence of pairs
        What feeds each input port: ``{"pd.Cp": "pk.Cp"}``. The input becomes the output everywhere; its own default
        vanishes, without a word where the output is computed by a formula, since there is no number to compare. A
        formula of ports (``"pk.A/pk.V"``) sets the input by a rule instead. A ``Link`` states who wins where plain
        values differ or one side lacks a unit, and how to convert.
    share : mapping of str to (sequence of str or Share), optional
        One value for one constant used by several parts: ``{"Kd": ["ro.Kd", "tissue.Kd"]}``. It is called ``Kd``.
    delete : sequence of str, optional
        Reactions, events, and rules or initial assignments (by what they set) that the parts' own files have and
        the whole has not: ``["pk.elimination"]``.
    convert : mapping of str to str, float or sequence, optional
        For an input: the unit (``"mg/L"``), the molar mass (``"150 kDa"``), or a factor: a number in the input's unit
        per the output's (``0.012``), or one with its unit (``"0.3 1/day"``). The factor becomes the parameter
        ``pd.Cp.factor`` of the result, which can be changed like any other. For a part: the unit of time to rewrite it
        in (``"h"``), ``"own units"`` to let it keep its units of substance, volume and extent, or a list of both:
        ``{"tumour": ["day", "own units"]}``. Inputs of a part that is rewritten keep the units that they have.
    set : mapping of str to (float or str), optional
        Values that differ from the parts' own: ``{"tgt.kon": 2.0}`` or ``{"tgt.kon": "2 1/(nM*h)"}``. For a species,
        its initial value in its SBML meaning. A formula that computes the symbol must be deleted first. `check` takes
        an input that is set here, be it to zero, as meant.
    volumes : mapping of str to sequence of str, optional
        The volumes placed inside an organ: ``{"pbpk.V_liver": ["hep.V", "stel.V"]}``. Their sum may not exceed it.
    rescale : {"concentrations", "amounts"}, optional
        Scale such volumes by λ = V_organ / Σ V_sub where the sum exceeds the organ, holding initial concentrations or
        initial amounts.

    Returns
    -------
    Model
        With flat SBML to run and hierarchical SBML (comp) to exchange, proven to be the same model: libSBML's
        flattening of the second equals the first, element by element. Ports that nothing feeds, and all outputs, stay
        ports.

    Raises
    ------
    CompositionError
        Anything that would have to be guessed: see the message for what, where and the remedy.

    Warns
    -----
    CompositionWarning
        Two parts eliminate one species by first-order processes, which may be one process described twice.

    Notes
    -----
    Equal names never join. A composed model may itself be a part; its hierarchy is then one level in the result.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> pk = qsp.read_antimony('''model pk
    ...   // @output Cp
    ...   A = 100; V = 5; CL = 1; elim: A -> ; CL/V*A; Cp := A/V
    ... end''')
    >>> pd = qsp.read_antimony("model pd(C, E); C = 1; EC50 = 2; E := C/(EC50 + C); end")
    >>> model = qsp.compose("pkpd", {"pk": pk, "pd": pd}, connect={"pd.C": "pk.Cp"})
    >>> str(model.network.assignment_rules["pd__E"])
    'pk__Cp/(pd__EC50 + pk__Cp)'

    A part in grams and hours joins one in moles and days: it is rewritten in days, keeps its own units of substance,
    and a factor leads from the share of bound receptors to the cells that it kills.

    >>> binding = qsp.read_antimony('''model binding
    ...   // @output bound
    ...   unit time_unit = 86400 second; unit substance = mole; unit extent = mole; unit per_day = 1/(86400 second)
    ...   compartment V = 1; species R in V; R = 1; k = 2; k has per_day; J: R -> ; k*R*V
    ...   bound := R/(1 mole/litre); bound has dimensionless
    ... end''')
    >>> cells = qsp.read_antimony('''model cells
    ...   // @input kill
    ...   unit time_unit = 3600 second; unit substance = gram; unit extent = gram; unit per_h = 1/(3600 second)
    ...   compartment V = 1; species N in V; N = 1; kill = 0; kill has per_h; J: N -> ; kill*N*V
    ... end''')
    >>> model = qsp.compose(
    ...     "killing",
    ...     {"binding": binding, "cells": cells},
    ...     connect={"cells.kill": "binding.bound"},
    ...     convert={"cells": ["day", "own units"], "cells.kill": "0.3 1/day"},
    ... )
    >>> factor = model.symbol("cells.kill.factor")
    >>> float(factor.value), factor.unit.label, model.time_unit
    (0.0125, '1/h', 'day')
    """
    return build(
        id,
        parts,
        connect=connect,
        share=share or {},
        delete=delete,
        convert=convert or {},
        values=set or {},
        volumes=volumes or {},
        rescale=rescale,
    )


def build(
    name: str,
    models: Mapping[str, Model],
    *,
    connect: Connections,
    share: Mapping[str, Sequence[str] | Share],
    delete: Iterable[str],
    convert: Mapping[str, str | float | Sequence[str]],
    values: Mapping[str, Value],
    volumes: Mapping[str, Sequence[str]],
    rescale: str | None = None,
    glue: Glue | None = None,
) -> Model:
    """Compose, with statements of the top level itself if there are any."""
    if not isinstance(name, str) or not MODEL_ID.fullmatch(name):
        raise CompositionError("the id is not a valid SBML id", value=name, expected="letters, digits and underscores")
    if name in models:
        raise CompositionError(f"the model and a part of it are both called '{name}'", remedy="rename one")
    if name in share:
        raise CompositionError(f"the model and a shared quantity are both called '{name}'", remedy="rename one")
    parts = Parts.of(models)
    parts.delete(delete)
    parts.set_values(values)
    links = _convert(parts, connect, convert)
    if rescale is not None:
        rescale_volumes(parts, volumes, hold=rescale)
    units = agree_in_model_units(parts, Conversions(links, convert), top=glue.model if glue else None)
    joints = Joints(parts, links)
    for shared, members in share.items():
        joints.share(shared, members)
    if glue:
        join_top(joints, glue)
    for members in _groups(glue.united if glue else ()):
        joints.unite(joints.final_of(members[0]), Share(members))
    for target, link in links.items():
        joints.connect(target, link)
    _refuse_pointless(joints, values)
    model = assemble(name, joints, units=units, glue=glue)
    _refuse_lost(joints, values, model)
    organs = {
        organ: (joints.final_of(organ), [joints.final_of(p) for p in inside]) for organ, inside in volumes.items()
    }
    check_volumes(model.network, organs)
    warn_of_duplicates(model.network)
    return _noted(model, joints, values, dict(organs.values()))


def _noted(model: Model, joints: Joints, values: Iterable[str], organs: Mapping[str, Sequence[str]]) -> Model:
    """Note in the model what `check` has to know later: nested volumes, and inputs whose values are meant."""
    given = [joints.final_of(path) for path in values]
    for part in joints.parts.values():
        given += [joints.final(part.name, name) for name in read_given(part.model.sbml)]
    given = [name for name in dict.fromkeys(given) if model.directions.get(name) == "input"]
    text = write_volumes(model.sbml, organs) if organs else model.sbml
    untrusted = any(part.model.untrusted for part in joints.parts.values())
    return replace(model, sbml=write_given(text, given) if given else text, untrusted=untrusted)


def _groups(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Gather pairs (a, b), (c, a) into one group, named after the right side of its first pair."""
    groups: list[list[str]] = []
    for left, right in pairs:
        met = [g for g in groups if left in g or right in g]
        groups = [g for g in groups if g not in met]
        groups.append(list(dict.fromkeys([*(path for g in met for path in g), right, left])))
    return groups


def _convert(parts: Parts, connect: Connections, convert: Mapping[str, str | float | Sequence[str]]) -> dict[str, Link]:
    """Rewrite the parts that are to be converted; return the connections with their conversions."""
    inputs: dict[str, str | float] = {}
    for name, how in convert.items():
        if "." in name or "__" in name:
            if not isinstance(how, str | int | float):
                raise CompositionError("a connection is converted in one way", value=how, where=f"convert['{name}']")
            inputs[name] = how
            continue
        parts.part(name)
        for one in [how] if isinstance(how, str) else list(how) if isinstance(how, Sequence) else [str(how)]:
            if one == OWN_UNITS:
                parts.keep_units(name)
            else:
                parts.to_time_unit(name, one)
    return read_connections(connect, inputs)


def _refuse_lost(joints: Joints, values: Mapping[str, Value], model: Model) -> None:
    for path in values:
        mine = joints.parts.symbol(path)[1]
        final = joints.final_of(path)
        whole = model.network.symbols[final]
        if not same_number(mine.value, whole.value) and not math.isnan(whole.value):
            raise CompositionError(
                f"'{path}' was set to {mine.value:.12g}, but share or connect makes '{dotted(final)}' "
                f"{whole.value:.12g}",
                remedy="say it once: set the one that stands, or state the value in share or connect only",
            )


def _refuse_pointless(joints: Joints, values: Mapping[str, Value]) -> None:
    for path in values:
        part, name = joints.parts.locate(path)
        source = joints.fed.get((part.name, name))
        if source is not None:
            raise CompositionError(
                f"'{path}' is fed by '{source}', so setting it has no effect",
                remedy=f"set '{source}', or drop the link",
            )
