"""What a COMBINE archive is about: title, description, creators and dates, as RDF."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.exchange.sedml.nodes import parse_xml

__all__ = ["METADATA", "Metadata", "metadata_of", "metadata_text", "read_metadata"]

METADATA = "metadata.rdf"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
TERMS = "http://purl.org/dc/terms/"
CARD = "http://www.w3.org/2006/vcard/ns#"
KEYS = ("given", "family", "email", "organization", "orcid")
_ABOUT = {"", ".", "./", "/"}


@dataclass(frozen=True)
class Metadata:
    """What an archive says of itself; creators have some of the keys given, family, email, organization and orcid."""

    title: str = ""
    description: str = ""
    creators: tuple[Mapping[str, str], ...] = ()
    created: str = ""
    modified: str = ""


def metadata_of(
    *, title: str = "", description: str = "", creators: Iterable[Mapping[str, str] | str] = (), created: object = None
) -> Metadata:
    """Return checked metadata.

    Raises
    ------
    DataError
        A creator has an unknown key or no name, or the date cannot be read.
    """
    people = [creators] if isinstance(creators, str | Mapping) else list(creators)
    checked = tuple(_creator(c) for c in people)
    return Metadata(title, description, checked, _date(created))


def _creator(given: Mapping[str, str] | str) -> dict[str, str]:
    if isinstance(given, str):
        first, _, last = given.strip().rpartition(" ")
        given = {"given": first, "family": last}
    for key in given:
        if key not in KEYS:
            raise DataError("a creator has an unknown key", value=key, remedy=did_you_mean(key, KEYS))
    out = {k: str(given[k]).strip() for k in KEYS if given.get(k)}
    if not out.get("family") and not out.get("organization"):
        raise DataError(
            "a creator has no name", value=dict(given), expected='such as {"given": "Ada", "family": "King"}'
        )
    return out


def _date(given: object) -> str:
    if given is None:
        return ""
    if isinstance(given, dt.datetime):
        utc = given.astimezone(dt.UTC) if given.tzinfo else given.replace(tzinfo=dt.UTC)
        return utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(given, dt.date):
        return f"{given.isoformat()}T00:00:00Z"
    try:
        return _date(dt.datetime.fromisoformat(str(given)))
    except ValueError:
        raise DataError("the date of creation cannot be read", value=given, expected="such as 2026-03-31") from None


# ------------------------------------------------------------------------------------------------------------ writing
def metadata_text(metadata: Metadata) -> str:
    """Return metadata as RDF/XML."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:dcterms="{TERMS}" xmlns:vCard="{CARD}">',
             '  <rdf:Description rdf:about=".">']  # fmt: skip
    told = {"title": metadata.title, "description": metadata.description}
    lines += [f"    <dcterms:{k}>{escape(v)}</dcterms:{k}>" for k, v in told.items() if v]
    for creator in metadata.creators:
        lines += [f"    {line}" for line in _card(creator)]
    for name in ("created", "modified"):
        if getattr(metadata, name):
            lines += [f'    <dcterms:{name} rdf:parseType="Resource">',
                      f"      <dcterms:W3CDTF>{escape(getattr(metadata, name))}</dcterms:W3CDTF>",
                      f"    </dcterms:{name}>"]  # fmt: skip
    return "\n".join([*lines, "  </rdf:Description>", "</rdf:RDF>"]) + "\n"


def _card(creator: Mapping[str, str]) -> Iterator[str]:
    yield '<dcterms:creator rdf:parseType="Resource">'
    if creator.get("family") or creator.get("given"):
        yield '  <vCard:hasName rdf:parseType="Resource">'
        for key, tag in (("family", "family-name"), ("given", "given-name")):
            if creator.get(key):
                yield f"    <vCard:{tag}>{escape(creator[key])}</vCard:{tag}>"
        yield "  </vCard:hasName>"
    if creator.get("email"):
        yield f"  <vCard:hasEmail rdf:resource={quoteattr(creator['email'])}/>"
    if creator.get("organization"):
        yield f"  <vCard:organization-name>{escape(creator['organization'])}</vCard:organization-name>"
    if creator.get("orcid"):
        url = f"https://orcid.org/{creator['orcid'].removeprefix('https://orcid.org/')}"
        yield f"  <vCard:hasURL rdf:resource={quoteattr(url)}/>"
    yield "</dcterms:creator>"


# ------------------------------------------------------------------------------------------------------------ reading
def read_metadata(content: bytes, *, where: str) -> Metadata:
    """Return what RDF says of an archive as a whole; what it says of single files is left.

    Raises
    ------
    DataError
        It is malformed or hostile.
    """
    root = parse_xml(content, where=where, root="RDF").element
    found = [e for e in root if (e.get(f"{{{RDF}}}about") or "").rstrip("/") in {"", "."}]
    title = description = created = modified = ""
    creators: list[dict[str, str]] = []
    for element in (child for e in found for child in e):
        name, text = _local(element), " ".join("".join(element.itertext()).split())
        if name == "title":
            title = title or text
        elif name == "description":
            description = description or text
        elif name == "created":
            created = created or text
        elif name == "modified":
            modified = modified or text
        elif name == "creator":
            creators += [c for c in [_person(element)] if c]
    return Metadata(title, description, tuple(creators), created, modified)


def _local(e: Element) -> str:
    return str(e.tag).rpartition("}")[2]


def _person(element: Element) -> dict[str, str]:
    tags = {"family-name": "family", "given-name": "given", "hasEmail": "email", "email": "email", "Family": "family",
            "Given": "given", "EMAIL": "email", "Orgname": "organization", "organization-name": "organization",
            "hasURL": "orcid"}  # fmt: skip
    out: dict[str, str] = {}
    for child in element.iter():
        key = tags.get(_local(child))
        text = (child.get(f"{{{RDF}}}resource") or child.text or "").strip()
        if key and text and (key != "orcid" or "orcid.org" in text):
            out.setdefault(key, text.removeprefix("mailto:").removeprefix("https://orcid.org/"))
    return {k: out[k] for k in KEYS if k in out}
