"""Antimony text taken apart: comments and strings masked, models told apart, statements of a top level classified.

Only what composition needs is understood here; everything else is left to Antimony, word for word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sbmlqsp.composition.parts import Value
from sbmlqsp.errors import CompositionError

__all__ = ["Block", "Statements", "blocks", "imports", "mask", "statements"]

NAME = r"[A-Za-z_]\w*"
PATH = rf"{NAME}(?:\.{NAME})+"
_NOISE = re.compile(r'//[^\n]*|#[^\n]*|/\*.*?(?:\*/|\Z)|"""(?:.*?)(?:"""|\Z)|"[^"\n]*"', re.DOTALL)
_HEADER = re.compile(
    rf"(?:^|(?<=[;\n])|(?<=end))[ \t]*(model|module|function)\s+(\*?)\s*({NAME})\s*(\(([^)]*)\))?", re.MULTILINE
)
_END = re.compile(r"(?:^|(?<=[;\n]))[ \t]*end\b", re.MULTILINE)
_IMPORT = re.compile(r'^[ \t]*import[ \t]+"([^"\n]*)"[ \t]*;?', re.MULTILINE)

_INSTANCE = re.compile(rf"({NAME})\s*:\s*({NAME})\s*\(([^()]*)\)\s*(.*)", re.DOTALL)
_IS = re.compile(rf"({PATH}|{NAME})\s+is\s+({PATH}|{NAME})")
_NUMBER = re.compile(rf"({PATH})\s*=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_DELETE = re.compile(rf"delete\s+({PATH}(?:\s*,\s*{PATH})*)")
_ASSIGN = re.compile(rf"({PATH})\s*(?::=|=|'\s*=)\s*\S")
_PLACED = re.compile(rf"(?:(?:substanceOnly\s+)?species\s+)?\$?{NAME}\s+in\s+{PATH}(?:\s*=\s*[^;\n]+)?")
_COPY = re.compile(rf"({PATH})\s*:=\s*({PATH})")
# A symbol's ontology term is written like a path, but reaches into no part.
_TERM = rf"{NAME}\.sboTerm\b"
_ANNOTATION = re.compile(rf"{_TERM}\s*=.*", re.DOTALL)
REFERENCE = re.compile(rf"(?<![\w.])(?!{_TERM}){PATH}")


@dataclass(frozen=True, slots=True)
class Block:
    """One model or function of a text, with where it was written."""

    kind: str
    name: str
    arguments: tuple[str, ...]
    text: str
    body: str
    main: bool = False
    where: str = ""


@dataclass
class Statements:
    """What a top level says about its parts; ``rest`` is its body without that."""

    instances: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    same: list[tuple[str, str]] = field(default_factory=list)
    fed: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    deletions: list[str] = field(default_factory=list)
    rest: str = ""


def mask(text: str) -> str:
    """Return the text, of the same length, with comments blanked, strings emptied and continued lines joined."""

    def blank(found: re.Match[str]) -> str:
        inside = re.sub(r"[^\n]", " ", found[0])
        return f'"{inside[1:-1]}"' if found[0].startswith('"') else inside

    return _NOISE.sub(blank, text).replace("\\\n", "  ")


def imports(text: str) -> list[str]:
    """Return the paths that a text imports, in order."""
    masked = mask(text)
    return [m[1] for m in _IMPORT.finditer(text) if masked[m.start() : m.end()].lstrip().startswith("import")]


def blocks(text: str, *, where: str) -> list[Block]:
    """Return the models and functions of a text, refusing statements outside of them."""
    masked, found, at = mask(text), [], 0
    outside = ""
    while (header := _HEADER.search(masked, at)) is not None:
        outside += masked[at : header.start()]
        end = _END.search(masked, header.end())
        if end is None:
            raise CompositionError(f"the {header[1]} '{header[3]}' has no 'end'", where=where)
        arguments = tuple(a.strip() for a in (header[5] or "").split(",") if a.strip())
        body = text[header.end() : end.start()]
        kind = "function" if header[1] == "function" else "model"
        whole = text[header.start() : end.end()]
        found.append(Block(kind, header[3], arguments, whole, body, bool(header[2]), where))
        at = end.end()
    outside += masked[at:]
    stray = re.sub(r'import\s+"[^"\n]*"|[;\s]', "", outside)
    if stray and (found or imports(text) or REFERENCE.search(outside)):
        line = next(s.strip() for s in re.split(r"[;\n]", outside) if s.strip() and not s.strip().startswith("import"))
        raise CompositionError(
            "a statement stands outside of any model",
            value=line,
            where=where,
            remedy="put it inside 'model id() … end'",
        )
    return found


def statements(block: Block) -> Statements:
    """Classify the statements of a model that has instances, refusing what could not be carried out exactly."""
    masked, found, kept = mask(block.body), Statements(), list(block.body)
    for piece in re.finditer(r"[^;\n]+", masked):
        text = piece[0].strip()
        written = block.body[piece.start() : piece.end()].strip()
        if text and _understood(text, written, found, block):
            for i in range(piece.start(), piece.end()):
                kept[i] = " " if masked[i] != "\n" else "\n"
    found.rest = "".join(kept)
    return found


def _understood(text: str, written: str, found: Statements, block: Block) -> bool:
    """Note a statement about parts; say whether it is dealt with here rather than by Antimony."""
    if _ANNOTATION.fullmatch(text):
        return False
    if (m := _INSTANCE.fullmatch(text)) and m[2] not in {"at", "piecewise"}:
        _note_instance(m, found, block)
    elif (m := _IS.fullmatch(text)) and "." in text:
        found.same.append((m[1], m[2]))
    elif m := _COPY.fullmatch(text):
        found.fed += [(m[1], m[2])]
    elif m := _NUMBER.fullmatch(text):
        if found.values.setdefault(m[1], float(m[2])) != float(m[2]):
            raise CompositionError(
                f"'{m[1]}' is set twice", value=(found.values[m[1]], float(m[2])), where=block.where, remedy="keep one"
            )
    elif m := _DELETE.fullmatch(text):
        found.deletions += [p.strip() for p in m[1].split(",")]
    else:
        _refuse_what_reaches_inside(text, written, block)
        return False
    return True


def _note_instance(m: re.Match[str], found: Statements, block: Block) -> None:
    name, module, arguments, more = m[1], m[2], m[3], m[4].strip().strip(",").strip()
    if more:
        raise CompositionError(
            f"the instance '{name}' has a conversion factor",
            value=more,
            where=block.where,
            remedy=f"compose in Python with convert={{'{name}': 'h'}}, whose arithmetic is proven",
        )
    if name in found.instances:
        raise CompositionError(f"two instances are called '{name}'", where=block.where)
    given = tuple(a.strip() for a in arguments.split(",")) if arguments.strip() else ()
    for argument in given:
        if not re.fullmatch(rf"{PATH}|{NAME}", argument):
            raise CompositionError(
                f"the instance '{name}' is given something that is not a symbol", value=argument, where=block.where
            )
    found.instances[name] = (module, given)


_KEYWORDS = "const|var|species|compartment|substanceOnly|formula|gene|operator|unit|DNA|event|reaction|delete|is|has|in"
_REACHES = re.compile(
    rf"^(?:{_KEYWORDS})\b.*?{PATH}|(?<![\w.]){PATH}\s+(?:has|in|is|identity|hasPart|\w+)\b|\bis\s+{PATH}"
)


def _refuse_what_reaches_inside(text: str, written: str, block: Block) -> None:
    """Refuse statements that change a part in a way that only its own file should, or that Antimony gets wrong."""
    if _IS.fullmatch(text):
        raise CompositionError(
            "two names of the top level are made one", value=written, where=block.where, remedy="use one name for it"
        )
    if _PLACED.fullmatch(text):
        return  # a species of the top level in a part's compartment
    if REFERENCE.search(text) and not _ASSIGN.match(text) and _REACHES.search(text):
        raise CompositionError(
            "a statement changes a part in a way that is not carried over exactly",
            value=written,
            where=block.where,
            expected="connections (a.x is b.y), values (a.k = 2), deletions (delete a.J), rules and reactions",
            remedy="write it in the part's own file, or compose in Python",
        )
