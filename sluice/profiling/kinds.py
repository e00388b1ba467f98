"""Names files that no reader takes, which their first bytes show, and says what to do with each."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from sluice.errors import WrongArgument

_SAVE = "save it as CSV (in a spreadsheet: File, Save as, CSV UTF-8) and name that file."
_UNPACK = "unpack it and name the file or the folder that was in it."
_EXPORT = "export its table as CSV, JSON lines or Parquet and name that file."
#: What a file begins with, what it is then, and the way out.
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", "take the table from where the document was made, as CSV."),
    (b"\x89PNG\r\n", "a picture (PNG)", "name a file with records."),
    (b"\xff\xd8\xff", "a picture (JPEG)", "name a file with records."),
    (b"GIF8", "a picture (GIF)", "name a file with records."),
    (b"II*\x00", "a picture (TIFF)", "name a file with records."),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook or Office document", _SAVE),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"Obj\x01", "an Avro file", "convert it to Parquet or JSON lines and name that file."),
    (b"ORC", "an ORC file", "convert it to Parquet and name that file."),
    (b"ARROW1", "an Arrow (Feather) file", "convert it to Parquet and name that file."),
    (b"BZh", "a bzip2 file", "pack it with gzip or zstd instead: `bunzip2 FILE`, then `gzip FILE`."),
    (b"\xfd7zXZ\x00", "an xz file", "pack it with gzip or zstd instead: `unxz FILE`, then `gzip FILE`."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x89HDF\r\n", "an HDF5 file", _EXPORT),
    (b"\x7fELF", "a program", "name a file with records."),
    (b"MZ\x90\x00", "a program", "name a file with records."),
    (b"\x80\x04\x95", "a pickled Python object", _EXPORT),
)


def other_kind(path: Path, head: bytes) -> tuple[str, str] | None:
    """Return what a file is that holds no records to read, and the way out; None for one that may.

    ``head`` are its first bytes, unpacked when the file is gzip or zstd.
    """
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _zipped(path)
    for begins, what, way_out in _BEGINNINGS:
        if head.startswith(begins):
            return what, way_out
    if head[257:262] == b"ustar":
        return "a tar archive", _UNPACK
    text = head[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page", "perhaps a sign-in or error page was saved: fetch the data itself and name that file."
    if text.startswith((b"<?xml", b"<soap")):
        return "an XML document", _EXPORT
    return None


def binary(name: str) -> WrongArgument:
    """Return the error for a file that is no text, and of no kind that is known."""
    return WrongArgument(
        f"{name} is binary: it holds zero bytes, and is of no kind that is known here.", next_step=_EXPORT, file=name
    )


def is_parquet(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is Parquet."""
    return head.startswith(b"PAR1")


def _zipped(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes()) if path.stat().st_size < 1 << 20 else path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, OSError):
        return "a broken zip archive", _UNPACK
    for part, what in (("xl/", "an Excel workbook"), ("word/", "a Word document"), ("ppt/", "a PowerPoint document")):
        if any(name.startswith(part) for name in names):
            return what, _SAVE
    if "content.xml" in names:
        return "an OpenDocument file", _SAVE
    some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    count = "one file" if len(names) == 1 else f"{len(names)} files"
    return f"a zip archive of {count} ({some})", f"`unzip {path.name}`, or pack its files one by one with gzip."
