"""Antimony text that composes by ``import`` and instances, under the checks of ``compose``.

Antimony's own translation of such text is silently wrong in several measured ways (values and units of joined symbols,
overrides lost in the hierarchical form, clashing ids), so each model is translated alone and the joining is ours.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from sbmlqsp.antimony_module import plain_antimony
from sbmlqsp.compose import build
from sbmlqsp.composition.antimony_imports import Library, load_library
from sbmlqsp.composition.antimony_text import REFERENCE, Block, Statements, imports, mask, statements
from sbmlqsp.composition.assembly import Glue
from sbmlqsp.composition.parts import INSTANCE, Value
from sbmlqsp.engine.guard_child import seal
from sbmlqsp.engine.plan import SEPARATOR
from sbmlqsp.errors import CompositionError, ModelError, did_you_mean
from sbmlqsp.model import Model, dotted, flat_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sbmlqsp.engine.network import Symbol

__all__ = ["compose_text", "is_composition"]

MAX_INSTANCES = 200
_CALL = re.compile(r"(?:^|[;\n])[^\S\n]*(?:[A-Za-z_]\w*\s*:\s*)?([A-Za-z_]\w*)\s*\(")
_MODEL = re.compile(r"\b(?:model|module)\s+\*?\s*([A-Za-z_]\w*)")


def is_composition(text: str) -> bool:
    """Say whether Antimony text imports other files or makes instances of models.

    Examples
    --------
    >>> is_composition("model a(); k = 1; end; model b(); x: a(); end")
    True
    >>> is_composition("model a(); k = 1; J: S -> ; k*S; end")
    False
    """
    if imports(text):
        return True
    masked = mask(text)
    return bool(set(_MODEL.findall(masked)) & set(_CALL.findall(masked)))


def compose_text(text: str, *, where: str, folder: Path | None) -> Model:
    """Compose Antimony text.

    Parameters
    ----------
    text : str
        With ``import "file.ant"`` lines, models, and instances in the last (or starred) model.
    where : str
        What to call the text in messages.
    folder : Path or None
        Where imports are looked for; None for text that is not in a file (the model library only).

    Returns
    -------
    Model
        Composed by ``compose``: ``a.x is b.y`` connects or shares, ``a.k = 2`` sets, ``delete a.J`` deletes, and the
        top level's own statements are kept. Its own quantities have their plain ids, those of parts dotted paths.

    Raises
    ------
    CompositionError
        What ``compose`` refuses, an import from elsewhere, or a statement that could not be carried out exactly.
    """
    library = load_library(text, where=where, folder=folder)
    seal()
    _count(library.main, library, ())
    return _model(library.models[library.main], library, {})


def _count(name: str, library: Library, trail: tuple[str, ...]) -> int:
    """Count the instances of a model at all depths, refusing circles and floods before anything is built."""
    if name in trail:
        circle = " → ".join((*trail[trail.index(name) :], name))
        raise CompositionError(f"a model is part of itself: {circle}", where=library.models[name].where)
    block = library.models[name]
    total = 0
    for module, _ in statements(block).instances.values():
        library.model(module, where=block.where)
        total += 1 + _count(module, library, (*trail, name))
        if total > MAX_INSTANCES:
            raise CompositionError(
                "the model has too many instances", where=f"the model '{name}'", expected=f"at most {MAX_INSTANCES}"
            )
    return total


def _model(block: Block, library: Library, known: dict[str, Model]) -> Model:
    if block.name not in known:
        said = statements(block)
        known[block.name] = (
            _compose(block, said, library, known) if said.instances else _plain(block.text, block, library)
        )
    return known[block.name]


def _plain(text: str, block: Block, library: Library) -> Model:
    functions = "\n".join(f.text for f in library.functions.values())
    return plain_antimony(f"{functions}\n{text}\n", where=f"the model '{block.name}' of {block.where}")


def _compose(block: Block, said: Statements, library: Library, known: dict[str, Model]) -> Model:
    for name in said.instances:
        if not INSTANCE.fullmatch(name):
            raise CompositionError(
                "the name of an instance is not usable",
                value=name,
                where=block.where,
                expected="a lower-case letter, then lower-case letters and digits (an underscore would let two "
                "different symbols become one)",
            )
    models = {n: _model(library.model(m, where=block.where), library, known) for n, (m, _) in said.instances.items()}
    same = [*_arguments(block, said, library), *said.same]
    _refuse_unknown_parts(block, said, models)
    named, connect, united = _sort(same, models)
    top, stand_ins = _glue(block, said, library, models, named)
    for name in (n for n in models if n in top.network.symbols):
        raise CompositionError(f"an instance and a quantity are both called '{name}'", where=block.where)
    said.values |= _values_with_units(top, stand_ins)
    joined = Glue(top, stand_ins, tuple(named), tuple(united))
    return build(
        block.name,
        models,
        connect=[*said.fed, *connect],
        share={},
        delete=said.deletions,
        convert={},
        values=_values(said, united),
        volumes={},
        glue=joined,
    )


def _arguments(block: Block, said: Statements, library: Library) -> list[tuple[str, str]]:
    """Read ``a: module(x, y)`` as ``a.p is x`` and ``a.q is y``, p and q being the module's own arguments."""
    found = []
    for name, (module, given) in said.instances.items():
        formal = library.models[module].arguments
        if len(given) > len(formal):
            raise CompositionError(
                f"the instance '{name}' gives {len(given)} arguments to '{module}'",
                where=block.where,
                expected=f"at most {len(formal)}: {', '.join(formal)}",
            )
        found += [(f"{name}.{p}", x) for p, x in zip(formal, given, strict=False)]
    return found


def _refuse_unknown_parts(block: Block, said: Statements, models: dict[str, Model]) -> None:
    written = [path for pair in (*said.same, *said.fed) for path in pair if "." in path]
    written += [*said.values, *said.deletions, *REFERENCE.findall(mask(said.rest))]
    for path in written:
        name = path.split(".")[0]
        if name not in models:
            raise CompositionError(
                f"'{path}' names a part '{name}', which there is not",
                where=block.where,
                remedy=did_you_mean(name, models),
            )
    clash = re.search(rf"\b(?:{'|'.join(models)})__\w+", mask(said.rest))
    if clash:
        raise CompositionError(
            f"'{clash[0]}' looks like the flat id of a part's symbol", where=block.where, remedy="rename it"
        )


Pairs = list[tuple[str, str]]


def _sort(same: Pairs, models: dict[str, Model]) -> tuple[Pairs, Pairs, Pairs]:
    """Tell apart joins with the top level, connections (input, output), and constants of parts that are one."""
    named, connect, united = [], [], []
    for left, right in same:
        if "." not in left or "." not in right:
            named.append((left, right) if "." in left else (right, left))
            continue
        a, b = (_direction(p, models) for p in (left, right))
        if a == b and a and _is_constant(left, models) and _is_constant(right, models):
            united.append((left, right))
        else:
            connect.append((right, left) if (a, b) == ("output", "input") else (left, right))
    return named, connect, united


def _direction(path: str, models: dict[str, Model]) -> str:
    name, _, rest = path.partition(".")
    return models[name].directions.get(flat_id(rest), "")


def _is_constant(path: str, models: dict[str, Model]) -> bool:
    name, _, rest = path.partition(".")
    network, symbol = models[name].network, flat_id(rest)
    changing = (network.dynamic, network.assignment_rules, network.initial_assignments)
    return network.symbols[symbol].kind in {"parameter", "compartment"} and not any(symbol in c for c in changing)


def _values(said: Statements, united: Pairs) -> dict[str, Value]:
    """Let a value set on one of two united constants hold for both, as it does in Antimony."""
    values = dict(said.values)
    for _ in united:
        for left, right in united:
            for one, other in ((left, right), (right, left)):
                if one in values:
                    values.setdefault(other, values[one])
    return values


def _values_with_units(top: Model, stand_ins: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Read ``a.k = 2 per_hour``, which Antimony writes on the stand-in of ``a.k``, as a value to set."""
    found: dict[str, Value] = {}
    for instance, name in stand_ins:
        symbol, path = top.network.symbols.get(f"{instance}{SEPARATOR}{name}"), f"{instance}.{dotted(name)}"
        if symbol is None:
            raise CompositionError(f"Antimony lost '{path}' in translation", where=f"the model '{top.id}'")
        if math.isnan(symbol.value) or symbol.id in top.network.assignment_rules:
            continue
        if symbol.kind == "species" or symbol.unit is None:
            raise CompositionError(
                f"the value of '{path}' is not a plain number", value=symbol.value, remedy=f"write '{path} = <number>'"
            )
        found[path] = (symbol.value, symbol.unit.label)
    return found


# --------------------------------------------------------------------------------------------- the top level by itself
def _glue(
    block: Block, said: Statements, library: Library, models: dict[str, Model], named: Pairs
) -> tuple[Model, tuple[tuple[str, str], ...]]:
    """Translate the top level alone, with stand-ins for the symbols of parts that it refers to."""
    masked = mask(said.rest)
    stand_ins: dict[tuple[str, str], Symbol] = {}
    for path in dict.fromkeys(REFERENCE.findall(masked)):
        _stand_in(path, models, stand_ins)
    body = _with_flat_ids(said.rest, masked)
    aliases = {name for _, name in named if not re.search(rf"\b{name}\b", masked)}
    head = [f"  var {name};" for name in sorted(aliases)]
    head += [_declaration(i, s) for (i, _), s in stand_ins.items()]
    arguments = ", ".join(block.arguments)
    text = "\n".join([f"model {block.name}({arguments})", *head, body, "end"])
    return _plain(text, block, library), tuple(stand_ins)


def _stand_in(path: str, models: dict[str, Model], found: dict[tuple[str, str], Symbol]) -> None:
    name, _, rest = path.partition(".")
    model = models[name]
    if flat_id(rest) in model.network.reactions:
        raise CompositionError(
            f"'{path}' is a reaction; its rate cannot be read from outside its part",
            remedy="give the part an output that equals the rate",
        )
    try:
        symbol = model.symbol(rest)
    except ModelError as err:
        raise CompositionError(f"'{path}' does not exist", remedy=err.remedy) from err
    if symbol.kind == "species":
        _stand_in(f"{name}.{dotted(symbol.compartment)}", models, found)
    found[name, symbol.id] = symbol


def _declaration(instance: str, symbol: Symbol) -> str:
    name = f"{instance}{SEPARATOR}{symbol.id}"
    if symbol.kind == "compartment":
        return f"  compartment {name};"
    if symbol.kind == "species":
        only, fixed = "substanceOnly " if symbol.amount_only else "", "$" if symbol.boundary else ""
        return f"  {only}species {fixed}{name} in {instance}{SEPARATOR}{symbol.compartment};"
    return f"  var {name};"


def _with_flat_ids(text: str, masked: str) -> str:
    pieces, at = [], 0
    for found in _spans(masked):
        pieces += [text[at : found[0]], flat_id(text[found[0] : found[1]])]
        at = found[1]
    return "".join([*pieces, text[at:]])


def _spans(masked: str) -> Iterable[tuple[int, int]]:
    return (m.span() for m in REFERENCE.finditer(masked))
