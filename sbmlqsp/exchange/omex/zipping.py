"""Zip archives from strangers, opened in memory with every precaution; and our own, the same bytes every time."""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sbmlqsp.errors import DataError
from sbmlqsp.files import refuse_missing

__all__ = ["MAX_ENTRIES", "MAX_ENTRY", "MAX_TOTAL", "Zip", "open_zip", "safe_name", "zip_bytes"]

MAX_FILE = 500_000_000
MAX_ENTRIES = 10_000
MAX_ENTRY = 200_000_000
MAX_TOTAL = 1_000_000_000
MAX_DIRECTORY = 4_000_000  # bytes of the list of entries
MAX_NAME, MAX_PART = 1_000, 255
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that zip knows: files do not depend on when they were written
_DRIVE = re.compile(r"^[A-Za-z]:")
_KINDS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_HEAD = 30  # bytes of an entry's own head, without its name


@dataclass(frozen=True)
class Zip:
    """An archive whose names and sizes have been checked; ``entries`` maps each file's path to its entry."""

    data: bytes
    entries: Mapping[str, zipfile.ZipInfo]
    source: str

    @cached_property
    def _file(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BytesIO(self.data))

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        DataError
            It is damaged, or not of the size that the archive declares.
        """
        info = self.entries[name]
        try:
            with self._file.open(info) as file:
                content = file.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as err:
            raise DataError(f"the file in the archive is damaged: {err}", value=name, where=self.source) from None
        if len(content) != info.file_size:
            raise DataError("the file in the archive is not as long as the archive declares", value=name,
                            where=self.source, expected=f"{info.file_size:,} bytes")  # fmt: skip
        return content


def open_zip(source: str | Path | bytes) -> Zip:
    """Return a zip archive with every name and size checked; nothing is unpacked.

    Raises
    ------
    DataError
        It is no zip archive, damaged, too large, or holds what must not be unpacked: paths out of it, absolute paths,
        drives, links, names that are the same on some systems, entries that share bytes, encrypted or oddly packed
        ones, more than 10,000 files, one of over 200 MB, or over 1 GB in all.
    """
    data, where = (source, "the archive") if isinstance(source, bytes) else (_bytes(Path(source)), str(source))
    _refuse_directory(data, where)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            infos = file.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, struct.error, NotImplementedError) as err:
        raise DataError(f"the file is no zip archive that can be read: {err}", value=where) from None
    if len(infos) > MAX_ENTRIES:
        raise DataError("the archive holds too many files", value=f"{len(infos):,}", where=where,
                        expected=f"at most {MAX_ENTRIES:,}")  # fmt: skip
    for info in infos:
        _refuse_entry(info, where)
    total = sum(i.file_size for i in infos)
    if total > MAX_TOTAL:
        raise DataError("the files of the archive are too large together", value=f"{total / 1e6:,.0f} MB", where=where,
                        expected=f"at most {MAX_TOTAL // 1_000_000:,} MB")  # fmt: skip
    _refuse_shared_bytes(infos, where)
    names = [(safe_name(i.orig_filename, where=where), i) for i in infos]
    _refuse_collisions(names, where)
    return Zip(data, {n: i for n, i in names if not i.is_dir()}, where)


def _bytes(path: Path) -> bytes:
    refuse_missing(path, what="a COMBINE archive")
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise DataError("this is no regular file", value=str(path), expected="a COMBINE archive (.omex)")
    if found.st_size > MAX_FILE:
        raise DataError(f"the archive is larger than {MAX_FILE // 1_000_000} MB", value=str(path))
    return path.read_bytes()


def _refuse_directory(data: bytes, where: str) -> None:
    """Refuse a list of entries that would fill the memory, before it is read."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if at < 0 or len(data) < at + 22:
        raise DataError("the file is no zip archive", value=where, expected="a COMBINE archive (.omex)")
    count, size = struct.unpack("<HL", data[at + 10 : at + 16])
    if count > MAX_ENTRIES or size > MAX_DIRECTORY:
        raise DataError("the archive lists too many files", value=f"{count:,} in {size:,} bytes", where=where,
                        expected=f"at most {MAX_ENTRIES:,}")  # fmt: skip


def _refuse_entry(info: zipfile.ZipInfo, where: str) -> None:
    name = info.orig_filename[:80]
    if info.file_size > MAX_ENTRY:
        raise DataError("a file of the archive is too large", value=f"{name}, {info.file_size / 1e6:,.0f} MB",
                        where=where, expected=f"at most {MAX_ENTRY // 1_000_000} MB")  # fmt: skip
    if info.flag_bits & 0x1:
        raise DataError("a file of the archive is encrypted", value=name, where=where)
    if info.compress_type not in _KINDS:
        raise DataError("a file of the archive is packed in an unusual way", value=name, where=where,
                        expected="stored or deflated")  # fmt: skip
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        what = "a link" if kind == stat.S_IFLNK else "a device, pipe or socket"
        raise DataError(f"the archive holds {what}", value=name, where=where, expected="files and folders")
    if info.is_dir() and info.file_size:
        raise DataError("a folder of the archive has content", value=name, where=where)


def _refuse_shared_bytes(infos: Iterable[zipfile.ZipInfo], where: str) -> None:
    """Refuse entries whose bytes overlap, with which a small file unpacks to a huge one."""
    end, last = -1, ""
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise DataError(
                "files of the archive share their bytes", value=[last, info.orig_filename[:80]], where=where
            )
        end, last = info.header_offset + _HEAD + info.compress_size, info.orig_filename[:80]


def safe_name(name: str, *, where: str) -> str:
    """Return the path of a file in an archive, without a leading ``./``.

    Raises
    ------
    DataError
        It leads out of the archive, or means different things on different systems.

    Examples
    --------
    >>> safe_name("./models/one.xml", where="an archive")
    'models/one.xml'
    """
    shown = name[:80]
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise DataError("a name in the archive holds a control character", value=shown, where=where)
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        raise DataError("a name in the archive is absolute", value=shown, where=where, expected="a relative path")
    if "\\" in name or ":" in name:
        raise DataError("a name in the archive holds a backslash or a colon", value=shown, where=where,
                        expected="a path with slashes")  # fmt: skip
    plain = name.removesuffix("/")
    while plain.startswith("./"):
        plain = plain[2:]
    parts = plain.split("/")
    if ".." in parts:
        raise DataError("a name in the archive leads out of it", value=shown, where=where)
    if not all(parts) or "." in parts or len(plain) > MAX_NAME or any(len(p.encode()) > MAX_PART for p in parts):
        raise DataError("a name in the archive is not usable", value=shown, where=where)
    return plain


def _refuse_collisions(entries: Iterable[tuple[str, zipfile.ZipInfo]], where: str) -> None:
    """Refuse names that are one file somewhere: twice the same, by case or accents, or a file that is also a folder."""
    seen: dict[str, tuple[str, bool]] = {}
    for name, info in entries:
        key = unicodedata.normalize("NFC", name).casefold()
        if key in seen:
            raise DataError("two names in the archive are one on some systems", value=[seen[key][0], name], where=where)
        seen[key] = name, info.is_dir()
    for key, (name, _) in seen.items():
        parts = key.split("/")
        for depth in range(1, len(parts)):
            above, folder = seen.get("/".join(parts[:depth]), ("", True))
            if not folder:
                raise DataError("a name in the archive is a file and a folder", value=[above, name], where=where)


# ------------------------------------------------------------------------------------------------------------ writing
def zip_bytes(files: Mapping[str, bytes], *, first: Iterable[str] = ()) -> bytes:
    """Return an archive of files, with the same bytes for the same content: sorted, without times."""
    buffer = io.BytesIO()
    ahead = [n for n in first if n in files]
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in [*ahead, *sorted(n for n in files if n not in ahead)]:
            info = zipfile.ZipInfo(safe_name(name, where="the archive"), EPOCH)
            info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(info, files[name], compresslevel=9)
    return buffer.getvalue()
