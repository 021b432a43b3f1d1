"""The manifest of a COMBINE archive: what is in it, in which format, and what is to be run."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote
from xml.sax.saxutils import quoteattr

from sbmlqsp.errors import DataError, UnsupportedError
from sbmlqsp.exchange.omex.zipping import MAX_ENTRIES, Zip, safe_name
from sbmlqsp.exchange.sedml.nodes import parse_xml

__all__ = ["MANIFEST", "Entry", "format_of", "is_format", "manifest_text", "read_manifest"]

MANIFEST = "manifest.xml"
NAMESPACE = "http://identifiers.org/combine.specifications/omex-manifest"
COMBINE = "http://identifiers.org/combine.specifications/"
TYPES = "http://purl.org/NET/mediatypes/"
ITSELF = f"{COMBINE}omex"
FORMATS = {
    ".sedml": f"{COMBINE}sed-ml.level-1.version-4", ".rdf": f"{COMBINE}omex-metadata",
    ".csv": f"{TYPES}text/csv", ".tsv": f"{TYPES}text/tab-separated-values", ".txt": f"{TYPES}text/plain",
    ".md": f"{TYPES}text/markdown", ".toml": f"{TYPES}application/toml", ".json": f"{TYPES}application/json",
    ".yaml": f"{TYPES}application/yaml", ".html": f"{TYPES}text/html", ".png": f"{TYPES}image/png",
    ".svg": f"{TYPES}image/svg+xml", ".pdf": f"{TYPES}application/pdf", ".ant": f"{TYPES}text/x-antimony",
    ".parquet": f"{TYPES}application/vnd.apache.parquet", ".xml": f"{COMBINE}sbml.level-3.version-2",
    ".sbml": f"{COMBINE}sbml.level-3.version-2",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its path in the archive, the format that the manifest gives, and whether it is to be run."""

    location: str
    format: str
    master: bool = False


def format_of(name: str) -> str:
    """Return the format of a file by its ending."""
    return FORMATS.get(posixpath.splitext(name)[1].lower(), f"{TYPES}application/octet-stream")


def is_format(entry: Entry, kind: str) -> bool:
    """Say whether an entry is ``"sbml"`` or ``"sed-ml"``."""
    text = entry.format.lower().replace("sedml", "sed-ml")
    return f"/{kind}" in text or text.endswith(f":{kind}") or f"{kind}+xml" in text


def read_manifest(archive: Zip) -> tuple[Entry, ...]:
    """Return the files that the manifest lists, without the archive and the manifest themselves.

    Raises
    ------
    DataError
        There is none, it is malformed, or it lists what the archive lacks, or the same twice.
    """
    if MANIFEST not in archive.entries:
        raise DataError("the archive has no manifest.xml, so it is no COMBINE archive", value=archive.source,
                        remedy="unpack it, and read the SED-ML or SBML file in it")  # fmt: skip
    where = f"{archive.source}, {MANIFEST}"
    root = parse_xml(archive.read(MANIFEST), where=where, root="omexManifest")
    out: dict[str, Entry] = {}
    for n, node in enumerate(root):
        if node.tag != "content" or n > MAX_ENTRIES:
            raise DataError("the manifest lists something that is no content", value=f"<{node.tag}>", where=where)
        entry = _entry(node.text("location"), node.text("format"), node.truth("master", default=False), archive, where)
        if entry is None:
            continue
        if entry.location in out:
            raise DataError("the manifest lists a file twice", value=entry.location, where=where)
        out[entry.location] = entry
    if not out:
        raise DataError("the manifest lists no files", where=where)
    return tuple(out.values())


def _entry(location: str, kind: str, master: bool | None, archive: Zip, where: str) -> Entry | None:
    if location.rstrip("/") in {"", "."} or location.removeprefix("./") == MANIFEST:
        return None
    if "://" in location:
        raise UnsupportedError("the manifest lists a web address", value=location, where=where,
                               remedy="download the file, and put it into the archive")  # fmt: skip
    names = [safe_name(n, where=where) for n in dict.fromkeys((location, unquote(location)))]
    found = next((n for n in names if n in archive.entries), None)
    if found is None:
        if any(e.startswith(f"{names[0]}/") for e in archive.entries):
            return None  # a folder
        raise DataError("the manifest lists a file that the archive lacks", value=location, where=where)
    return Entry(found, kind, bool(master))


def manifest_text(names: Iterable[str], *, master: str = "") -> str:
    """Return the manifest of an archive that holds these files."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<omexManifest xmlns="{NAMESPACE}">',
             f'  <content location="." format="{ITSELF}"/>',
             f'  <content location="./{MANIFEST}" format="{NAMESPACE}"/>']  # fmt: skip
    for name in sorted(names):
        run = ' master="true"' if name == master else ""
        lines.append(f"  <content location={quoteattr('./' + name)} format={quoteattr(format_of(name))}{run}/>")
    return "\n".join([*lines, "</omexManifest>"]) + "\n"
