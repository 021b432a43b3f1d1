"""Pre-scan of XML with the standard library's expat, before any engine sees the text.

libSBML, Antimony and libRoadRunner crash, hang or answer with an empty model on XML that is legal but deep, wide or
long. One pass with expat refuses all of it first.
"""

from __future__ import annotations

import codecs
import re
from typing import Any
from xml.parsers import expat

from sbmlqsp.errors import ModelError

__all__ = ["MAX_BYTES", "decode", "prescan"]

MAX_BYTES = 200_000_000  # text, and the content of a compressed file
MAX_DEPTH = 256  # elements within elements; engines overflow their stack near 10,000
MAX_TAG = 10_000  # characters of one start tag's attributes; the engine overflows its stack beyond some 16,000
MAX_COMMENT = 1_000_000
MAX_CHILDREN = 2_000  # children of one MathML operator; engines fold it into as many nested calls
MAX_MATH_DEPTH = 200

ENCODINGS = {"utf-8", "ascii", "iso8859-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"}
BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
DECLARATION = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"'>]{1,40})[\"']")
DECLARED = re.compile(
    r"\s*<\?xml\s+version\s*=\s*[\"']1\.0[\"'](\s+encoding\s*=\s*[\"'][^\"'>]{1,40}[\"'])?"
    r"(\s+standalone\s*=\s*[\"'](?:yes|no)[\"'])?\s*\?>"
)
NARY = frozenset({"apply", "piecewise", "lambda"})
OTHER_ROOTS = {
    "sedml": "this is SED-ML, the description of an experiment; give the SBML model it names",
    "html": "this is a web page; download the model file itself",
    "omexmanifest": "this is the manifest of a COMBINE archive; give the SBML model it names",
    "model": "this looks like CellML or a bare model; convert it to SBML first",
    "pmml": "export the model as SBML",
}


def prescan(text_or_bytes: str | bytes, *, where: str, root: str = "sbml") -> str:
    """Refuse XML that the engines behind this package cannot be trusted with.

    Parameters
    ----------
    text_or_bytes : str or bytes
        The document.
    where : str
        What to call it in messages.
    root : str
        The root element it must have; ``"sbml"`` must also hold a model.

    Returns
    -------
    str
        The decoded text, declared as UTF-8.

    Raises
    ------
    ModelError
        Document types and entities; elements deeper than 256, attributes of 10 kB, comments of 1 MB, MathML deeper
        than 200 or with more than 2,000 operands; over 200 MB; NUL or undecodable bytes; malformed or truncated XML;
        another root element; no model.

    Examples
    --------
    >>> from sbmlqsp.engine.prescan import prescan
    >>> prescan("<sbml><model/></sbml>", where="an example")
    '<sbml><model/></sbml>'
    >>> prescan("<html/>", where="page.xml")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    sbmlqsp.errors.ModelError: The document is not SBML: its root element is <html>, in page.xml, line 1. ...
    """
    text = decode(text_or_bytes, where=where) if isinstance(text_or_bytes, bytes) else text_or_bytes
    text = text.removeprefix("\ufeff")
    _refuse_text(text, where)
    text = _redeclared(text)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ModelError(
            f"the text holds half a character (a lone surrogate) at position {error.start:,}",
            where=where,
            remedy="read the file as UTF-8, or give its path",
        ) from None
    if len(data) > MAX_BYTES:
        raise _too_large(len(data), where)
    _Scanner(where, root).scan(data)
    return text


def _redeclared(text: str) -> str:
    """Declare decoded text as UTF-8, and let the declaration follow white space, as in a triple-quoted string."""
    declared = DECLARED.match(text[:4096])
    if declared and "utf-8" not in (declared[1] or "").lower():
        # libSBML counts a declaration without an encoding as an error, though XML makes it optional.
        text = '<?xml version="1.0" encoding="UTF-8"?>' + text[declared.end() :]
    return text.lstrip() if text[:1].isspace() else text


def decode(data: bytes, *, where: str) -> str:
    """Return the text of a file: by its byte order mark, its XML declaration, or as UTF-8.

    Raises
    ------
    ModelError
        The encoding is unknown, or a byte does not belong to it; names the byte's position.
    """
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], encoding, where, skipped=len(mark))
    found = DECLARATION.match(data[:400])
    return _decode(data, _encoding(found[1].decode("latin-1"), where) if found else "utf-8", where)


def _encoding(label: str, where: str) -> str:
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        name = ""
    if name not in ENCODINGS:
        raise ModelError(
            "the file declares an encoding that is not supported",
            value=label,
            where=where,
            expected="UTF-8, which SBML prescribes",
            remedy="save the file as UTF-8",
        )
    # Latin-1 labels usually hide Windows-1252 text; ASCII and UTF-16 labels without a mark hide UTF-8.
    return {"iso8859-1": "cp1252", "ascii": "utf-8", "utf-16": "utf-8"}.get(name, name)


def _decode(data: bytes, encoding: str, where: str, *, skipped: int = 0) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelError(
            f"the file is not {encoding.upper()} text: byte 0x{data[error.start]:02x} at offset "
            f"{error.start + skipped:,} (line {line:,})",
            where=where,
            remedy="save the file as UTF-8",
        ) from None


def _refuse_text(text: str, where: str) -> None:
    if not text.strip():
        raise ModelError("the document is empty", where=where, remedy="check that the file was written completely")
    if len(text) > MAX_BYTES:
        raise _too_large(len(text), where)
    nul = text.find("\0")
    if nul >= 0:
        raise ModelError(
            f"the text holds a NUL character at position {nul:,}",
            where=where,
            remedy="the file is damaged, or is not text; obtain it again",
        )


def _too_large(size: int, where: str) -> ModelError:
    return ModelError(
        f"the document is larger than {MAX_BYTES // 1_000_000} MB",
        value=f"{size / 1e6:,.0f} MB",
        where=where,
        remedy="split the model into parts, or remove annotations",
    )


class _Scanner:
    """One expat pass; every handler either counts or raises."""

    def __init__(self, where: str, root: str) -> None:
        self.where = where
        self.root = root
        self.names: list[str] = []
        self.children: list[int] = [0]
        self.math = 0  # depth of the enclosing <math>, 0 outside
        self.has_model = False
        # expat reads the text as UTF-8 whatever it declares: it has been decoded already.
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CommentHandler = self.comment
        self.parser.ProcessingInstructionHandler = self.instruction
        self.parser.StartDoctypeDeclHandler = self.doctype

    def scan(self, data: bytes) -> None:
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError as error:
            raise self.malformed(error, data) from None
        if self.root == "sbml" and not self.has_model:
            raise self.refusal("the SBML document holds no model", "check that the file is complete")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        names, children = self.names, self.children
        if ":" in name:
            name = name.rpartition(":")[2]
        if not names or len(names) == 1:
            self.top(name)
        children[-1] += 1
        names.append(name)
        children.append(0)
        if len(names) > MAX_DEPTH:
            raise self.refusal(
                f"elements are nested more than {MAX_DEPTH} deep", "shorten the notes, annotations or formulas there"
            )
        if self.math:
            self.formula()
        elif name == "math":
            self.math = len(names)
        if attributes or len(name) > MAX_TAG:
            self.tag(name, attributes)

    def tag(self, name: str, attributes: dict[str, str]) -> None:
        size = len(name) + sum(map(len, attributes)) + sum(map(len, attributes.values()))
        if size > MAX_TAG:
            longest = max(attributes, key=lambda k: len(attributes[k]), default="")
            what = f"the attribute '{longest[:40]}'" if longest else "the name"
            raise self.refusal(
                f"{what} makes the start tag of <{name[:40]}> {size:,} characters long",
                f"shorten it to less than {MAX_TAG:,} characters; the engines crash or lose the model",
            )

    def top(self, name: str) -> None:
        if self.names:
            self.has_model = self.has_model or name == "model"
        elif name.lower() != self.root.lower():
            wanted = "SBML" if self.root == "sbml" else f"a <{self.root}> document"
            remedy = OTHER_ROOTS.get(name.lower(), f"give a file whose root element is <{self.root}>")
            raise self.refusal(f"the document is not {wanted}: its root element is <{name[:60]}>", remedy)

    def formula(self) -> None:
        if len(self.names) - self.math > MAX_MATH_DEPTH:
            raise self.refusal(
                f"a formula is nested more than {MAX_MATH_DEPTH} deep", "split it over several assignment rules"
            )
        if self.children[-2] > MAX_CHILDREN and self.names[-2] in NARY:
            raise self.refusal(
                f"a <{self.names[-2]}> has more than {MAX_CHILDREN:,} operands",
                "split the formula over several assignment rules",
            )

    def end(self, _: str) -> None:
        if self.math == len(self.names):
            self.math = 0
        self.names.pop()
        self.children.pop()

    def comment(self, text: str) -> None:
        if len(text) >= MAX_COMMENT:
            raise self.refusal(f"a comment is {len(text):,} characters long", "shorten or remove the comment")

    def instruction(self, target: str, text: str) -> None:
        if len(text) + len(target) >= MAX_COMMENT:
            raise self.refusal("a processing instruction is too long", "remove the processing instruction")

    def doctype(self, *_: Any) -> None:
        raise self.refusal(
            "the document declares a document type (DOCTYPE)",
            "delete the <!DOCTYPE …> declaration; SBML has none, and its entities can be made to exhaust a machine",
        )

    def refusal(self, what: str, remedy: str) -> ModelError:
        return ModelError(what, where=f"{self.where}, line {self.parser.CurrentLineNumber:,}", remedy=remedy)

    def malformed(self, error: expat.ExpatError, data: bytes) -> ModelError:
        reason = expat.ErrorString(error.code)
        truncated = "no element found" in reason or "unclosed" in reason or "partial" in reason
        if truncated and data.lstrip()[:1] == b"<":
            inside = f" inside <{self.names[-1]}>" if self.names else ""
            what, remedy = f"the XML breaks off{inside}", "the file is truncated; obtain it again"
        else:
            what, remedy = f"the text is not well-formed XML: {reason}", "correct the line named, at its source"
        return ModelError(
            what, where=f"{self.where}, line {error.lineno:,}, column {error.offset + 1:,}", remedy=remedy
        )
