"""What is packed, and what is no file at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import zipfile
from pathlib import Path

from tests.hostile import Files, Grounds, hostile
from tests.hostile.texts import GOOD

SBML = {"act": "sbml", "suffix": ".xml"}
MEGABYTE = b"x" * 1_000_000


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


@hostile("packed files", **SBML)
def packed() -> Files:
    for name, pack in (("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress)):
        once = pack(MEGABYTE)
        yield f"{name}: 3 GB in {len(once) * 3_000:,} bytes", once * 3_000
        yield f"{name}, cut short", pack(GOOD.encode())[:-20]
        yield f"{name} of {name}", pack(pack(GOOD.encode()))
        good = bytearray(pack(GOOD.encode()))
        good[len(good) // 2] ^= 0xFF
        yield f"{name}, a byte changed", bytes(good)
        yield f"{name} of billion laughs", pack(b'<!DOCTYPE a [<!ENTITY b "c">]><sbml/>')
    inner = zipped(("model.xml", MEGABYTE * 20))
    yield "zip of zips", zipped(*((f"{i}.zip", inner) for i in range(50)))
    yield "zip", zipped(("model.xml", GOOD.encode()))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo("../evil.xml")
        entry.size = len(GOOD)
        archive.addfile(entry, io.BytesIO(GOOD.encode()))
    yield "a tar file", out.getvalue()
    yield "zstandard", b"\x28\xb5\x2f\xfd" + bytes(100)


def link(grounds: Grounds, target: str | Path) -> Path:
    path = grounds.folder / "file.xml"
    path.symlink_to(target)
    return path


@hostile("links that are named", opens="secret.txt", **SBML)
def links() -> Files:
    """Who names a link names what it leads to, which is opened; nothing of it is said."""
    yield "to a secret", lambda g: link(g, g.secret / "secret.txt")


@hostile("no regular files", **SBML)
def irregular() -> Files:
    yield "a link to a device", lambda g: link(g, "/dev/zero")
    yield "a link to itself", lambda g: link(g, "file.xml")
    yield "a link to nothing", lambda g: link(g, "nothing.xml")
    yield "a link to a folder", lambda g: link(g, g.folder)
    for place in (
        "/dev/zero",
        "/dev/null",
        "/dev/stdin",
        "/dev/random",
        "/proc/self/mem",
        "/proc/self/environ",
        "/proc/kmsg",
    ):
        yield place, lambda _, p=place: Path(p)

    def pipe(grounds: Grounds) -> Path:
        os.mkfifo(grounds.folder / "file.xml")
        return grounds.folder / "file.xml"

    def listening(grounds: Grounds) -> Path:
        with socket.socket(socket.AF_UNIX) as server:
            at = Path.cwd()
            os.chdir(grounds.folder)  # the name of a socket may have a hundred characters
            try:
                server.bind("file.xml")
            finally:
                os.chdir(at)
        return grounds.folder / "file.xml"

    def sparse(grounds: Grounds) -> Path:
        path = grounds.folder / "file.xml"
        with path.open("wb") as file:
            file.truncate(50_000_000_000)
        return path

    yield "a pipe", pipe
    yield "a socket", listening
    yield "50 GB of nothing", sparse
    yield "a folder", lambda g: g.folder
    for name in ("a" * 300, "a\nb", "~nobody_of_this_name/x.xml", "a;b", "'; rm -rf x", "-rf", "a\0b", "\ud800"):
        yield f"a missing {name[:14]!r}", lambda g, n=name: g.folder / n


@hostile("odd names of good files", right=True, **SBML)
def odd() -> Files:
    for name in ("a b.xml", "a;b.xml", "$(touch evil).xml", "-v.xml", "%s%n.xml", "µ.xml", "a'b.xml", "`id`.xml"):

        def make(grounds: Grounds, n: str = name) -> Path:
            path = grounds.folder / n
            path.write_text(GOOD, encoding="utf-8")
            return path

        yield repr(name), make


@hostile("addresses", act="address", suffix=".txt")
def addresses() -> Files:
    for scheme in ("http", "HTTP", "https", "ftp", " http"):
        yield scheme, lambda g, s=scheme: f"{s}://127.0.0.1:{g.port}/model.xml"
    yield "a file", lambda g: (g.secret / "secret.xml").as_uri()
    yield "data", "data:text/xml,<sbml/>"
