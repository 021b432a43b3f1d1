"""Models to Antimony, only where the text reads back as the same model."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from sbmlqsp.antimony_module import plain_antimony
from sbmlqsp.engine import antimony
from sbmlqsp.engine.libsbml_edit import prepare
from sbmlqsp.engine.libsbml_extract import extract
from sbmlqsp.engine.network import Network, Participant, Reaction
from sbmlqsp.equivalence import differences
from sbmlqsp.errors import ModelError, QSPError
from sbmlqsp.exchange.losses import Loss, annotation_losses, is_harmless, refuse_losses
from sbmlqsp.exchange.saving import save
from sbmlqsp.exchange.wording import plain_words
from sbmlqsp.expressions import to_infix
from sbmlqsp.model import Model

__all__ = ["write_antimony"]

SHOWN = 40  # things said in other words that the head of a text lists

_HEADER = re.compile(r"^model \*?(\w+)\(\)$", re.MULTILINE)
_STAMP = re.compile(r"^// Created by libAntimony .*\n", re.MULTILINE)


def write_antimony(model: Model, path: str | os.PathLike[str] | None = None, *, allow_loss: bool = False) -> str:
    """Return a model as Antimony text, and write it to a file where a path is given.

    The text is read back and compared, element by element, before it is returned: Antimony renames some ids, rounds
    stoichiometries and drops some constructs without a word. What means the same in other words (an initial assignment
    of a number that becomes a value) is listed in comments.

    Parameters
    ----------
    model : Model
    path : str or Path, optional
        Written whole or not at all.
    allow_loss : bool
        Leave out what no simulation can tell (names, annotations, SBO terms, notes, unused modifiers,
        constant flags) and list it in
        comments, rather than refuse.

    Returns
    -------
    str
        One flat Antimony model, the ports as its arguments with ``// @input`` and ``// @output`` lines.

    Raises
    ------
    ModelError
        Antimony cannot say this model; the message lists what would be lost.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m(k); species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> print(write_antimony(model).splitlines()[0])
    model *m(k)
    """
    text = _with_ports(_exact(antimony.to_antimony(prepare(model.sbml), where=f"'{model.id}'"), model.network), model)
    losses, wording = _losses(text, model)
    if losses and not (allow_loss and all(map(is_harmless, losses))):
        refuse_losses(losses, model=model.id, form="Antimony", other="SBML")
    notes = [f"// not kept: {what}: {_one_line(was)}\n" for what, was, _ in losses]
    notes += [f"// in other words: {what}\n" for what in wording[:SHOWN]]
    notes += [f"// in other words: {len(wording) - SHOWN} more\n"] if len(wording) > SHOWN else []
    text = "".join(notes) + text
    if path is not None:
        save(text, path)
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


# ------------------------------------------------------------------------------------------------------------ writing
def _with_ports(text: str, model: Model) -> str:
    text = _STAMP.sub("", text)
    found = _HEADER.search(text)
    if found is None:
        raise ModelError("Antimony wrote a text without a model", where=f"'{model.id}'", remedy="write it as SBML")
    header = [f"model *{found[1]}({', '.join(model.directions)})"]
    for direction in ("input", "output"):
        names = [n for n, d in model.directions.items() if d == direction]
        header += [f"  // @{direction} {', '.join(names)}"] if names else []
    return text[: found.start()] + "\n".join(header) + text[found.end() :].rstrip("\n") + "\n"


def _exact(text: str, network: Network) -> str:
    """Give the stoichiometries back the digits that Antimony rounds away (it keeps six)."""
    for reaction in network.reactions.values():
        parts = (*reaction.reactants, *reaction.products)
        if any(float(f"{p.stoichiometry:.6g}") != p.stoichiometry for p in parts if not p.id):
            line = re.compile(rf"^(  {re.escape(reaction.id)}: )([^;]*);", re.MULTILINE)
            text = line.sub(lambda m, r=reaction: m[1] + _equation(m[2], r) + ";", text, count=1)  # type: ignore[misc]
    return text


def _equation(text: str, reaction: Reaction) -> str:
    arrow = re.search(r"[-=]>", text)
    if arrow is None:
        return text
    left, right = text[: arrow.start()], text[arrow.end() :]
    sides = [_side(left, reaction.reactants), arrow[0], _side(right, reaction.products)]
    return " ".join(s for s in sides if s)


def _side(text: str, participants: tuple[Participant, ...]) -> str:
    terms = [t.strip() for t in text.split(" + ")] if text.strip() else []
    if len(terms) != len(participants):
        return text.strip()
    pairs = zip(terms, participants, strict=True)
    return " + ".join(
        t if p.id or p.stoichiometry == 1 else f"{_text(p.stoichiometry)} {t.split()[-1]}" for t, p in pairs
    )


def _text(number: float) -> str:
    return repr(number).removesuffix(".0")


# ---------------------------------------------------------------------------------------------------------- comparing
def _losses(text: str, model: Model) -> tuple[list[Loss], list[str]]:
    """Return what would be lost, and what is only said in other words."""
    try:
        back = plain_antimony(text, where="the Antimony text written")
    except QSPError as err:
        return [("the text", "the whole model", f"what cannot be read back ({err.what[:200]})")], []
    ours = extract(prepare(model.sbml))
    renamed = _reserved(ours, back.network)
    if renamed:
        return renamed, []
    plain = list(differences(plain_words(ours), plain_words(back.network)))
    found = _units_last(plain)
    if not plain:
        found += _digits(plain_words(ours), plain_words(back.network))
    if back.id != model.id:
        found.append(("the id of the model", model.id, back.id))
    found += annotation_losses(model.sbml, back.sbml)
    if dict(back.directions) != dict(model.directions):
        found.append(("the ports", str(dict(model.directions)), str(dict(back.directions))))
    meant = {what for what, _, _ in plain}
    return found, [what for what, _, _ in differences(ours, back.network) if what not in meant]


def _reserved(ours: Network, theirs: Network) -> list[Loss]:
    """Return the ids that are words of Antimony, to which it hangs an underscore without saying so."""
    known = {*theirs.symbols, *theirs.reactions}
    lost = [n for n in (*ours.symbols, *ours.reactions) if n not in known and f"{n}_" in known]
    return [(f"the id '{n}', a word of the language", n, f"{n}_") for n in lost]


def _units_last(found: list[Loss]) -> list[Loss]:
    """Gather the units that a model does not declare, for which Antimony has its own."""
    gained = [now for what, was, now in found if "unit" in what and was == "undeclared"]
    others = [(what, was, now) for what, was, now in found if not ("unit" in what and was == "undeclared")]
    assumed = f"what Antimony assumes: {', '.join(dict.fromkeys(gained))}"
    return others + ([("undeclared units", "none, as the file declares none", assumed)] if gained else [])


def _digits(ours: Network, theirs: Network) -> Iterator[Loss]:
    """Yield what differs in its last digits only."""
    for name, symbol in ours.symbols.items():
        other = theirs.symbols[name].value
        if symbol.value != other and symbol.value == symbol.value:
            yield f"the digits of '{name}'", repr(symbol.value), repr(other)
    mine, yours = ({(r, n): f for r, n, f in net.formulas()} for net in (ours, theirs))
    for key, formula in mine.items():
        if key in yours and to_infix(formula) != to_infix(yours[key]):
            yield f"the digits in the {key[0]} of '{key[1]}'", to_infix(formula), to_infix(yours[key])
    for name, reaction in ours.reactions.items():
        other_ = theirs.reactions[name]
        if _numbers(reaction) != _numbers(other_):
            yield f"the stoichiometry of '{name}'", str(_numbers(reaction)), str(_numbers(other_))


def _numbers(reaction: Reaction) -> list[tuple[str, float]]:
    return sorted((p.species, p.stoichiometry) for p in (*reaction.reactants, *reaction.products) if not p.formula)
