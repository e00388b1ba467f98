"""Names files that no reader takes, which their first bytes show, and says what to do with each.

Imports the standard library only, since functions ask it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

#: First bytes of a file by which every kind is known, a tar archive's mark among them.
HEAD = 4096
_SAVE = "save it as CSV (in a spreadsheet: File, Save as, CSV UTF-8)"
_UNPACK = "unpack it and take the files that are in it"
_EXPORT = "export its table as CSV, JSON lines or Parquet"
_PARQUET = "convert it to Parquet or JSON lines"
_RECORDS = "take a file with records instead"
_AGAIN = "pack it with gzip or zstd instead"


class Kind(NamedTuple):
    """What a file is, as ``an Excel workbook``, and the way out as an imperative without its point.

    ``sure`` where no file of text begins so: one of text may begin with the letters ``BZh``, but with no zero byte.
    """

    what: str
    way_out: str
    sure: bool = True


#: What a file begins with, what it is then, and the way out.
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF document", "take the table from where the document was made, as CSV"),
    (b"\x89PNG\r\n", "a picture (PNG)", _RECORDS),
    (b"\xff\xd8\xff", "a picture (JPEG)", _RECORDS),
    (b"GIF8", "a picture (GIF)", _RECORDS),
    (b"II*\x00", "a picture (TIFF)", _RECORDS),
    (b"MM\x00*", "a picture (TIFF)", _RECORDS),
    (b"RIFF", "a picture or a sound (RIFF)", _RECORDS),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook or Office document", _SAVE),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"Obj\x01", "an Avro file", _PARQUET),
    (b"ORC", "an ORC file", "convert it to Parquet"),
    (b"ARROW1", "an Arrow (Feather) file", "convert it to Parquet"),
    (b"BZh", "a bzip2 file", f"{_AGAIN}: `bunzip2 FILE`, then `gzip FILE`"),
    (b"\xfd7zXZ\x00", "an xz file", f"{_AGAIN}: `unxz FILE`, then `gzip FILE`"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x89HDF\r\n", "an HDF5 file", _EXPORT),
    (b"\x7fELF", "a program", _RECORDS),
    (b"MZ\x90\x00", "a program", _RECORDS),
    (b"\x80\x04\x95", "a pickled Python object", _EXPORT),
)
_PACKED = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
#: Control characters that no text has, beside tabs and ends of lines and pages.
_NO_TEXT = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: Parts of an Office file, which is a zip archive.
_OFFICE = (("xl/", "an Excel workbook"), ("word/", "a Word document"), ("ppt/", "a PowerPoint document"))


def other_kind(head: bytes, opened: Callable[[], BinaryIO] | None = None) -> Kind | None:
    """Return the kind of a file that holds no records to read; None for one that may.

    ``head`` are its first bytes, unpacked when the file is gzip or zstd. ``opened`` opens a zip archive, whose names
    tell an Excel workbook from others; without it every one is an archive.
    """
    if head.startswith(_ZIP):
        return _zipped(opened)
    for begins, what, way_out in _BEGINNINGS:
        if head.startswith(begins):
            letters = begins.isascii() and not begins.translate(None, bytes(range(32, 127)))
            return Kind(what, way_out, sure=not letters or begins == b"%PDF-" or _is_binary(head))
    if head[257:262] == b"ustar":
        return Kind("a tar archive", _UNPACK)
    text = head[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        way_out = "fetch the data itself: perhaps a sign-in or error page was saved in its place"
        return Kind("an HTML page", way_out, sure=False)
    if text.startswith((b"<?xml", b"<soap")):
        return Kind("an XML document", _EXPORT, sure=False)
    return None


def kind_for(head: bytes, format_: str, opened: Callable[[], BinaryIO] | None = None) -> Kind | None:
    """Return the kind of a file that no reader takes, or another than that of ``format_`` does; None for any other."""
    declared = f"declare its format in the contract instead of {format_}, or send it as {format_}"
    if format_ != "parquet":
        if is_parquet(head):
            return Kind("a Parquet file", declared, sure=_is_binary(head))
        if format_ == "csv" and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b'{"', b"[{")):
            return Kind("JSON", declared, sure=False)
    else:
        for magic, name in _PACKED:
            if head.startswith(magic):
                return Kind(f"a {name} file", "unpack it: Parquet is compressed inside", sure=False)
        found = other_kind(head, opened)
        if found is None and b"\n" in head and not is_parquet(head) and not _is_binary(head):
            return Kind("a file of text, as CSV and JSON are", declared, sure=False)
        return found
    return other_kind(head, opened)


def is_parquet(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is Parquet."""
    return head.startswith(b"PAR1")


def _is_binary(head: bytes) -> bool:
    return len(head.translate(None, _NO_TEXT)) < len(head)


def _zipped(opened: Callable[[], BinaryIO] | None) -> Kind:
    import zipfile

    either = Kind("a zip archive, or an Excel workbook", f"{_SAVE}; of an archive, {_UNPACK}")
    if opened is None:
        return either
    try:
        with opened() as file:
            if file.read(4).startswith(tuple(magic for magic, _ in _PACKED)):
                return either  # in gzip or zstd: its names stand at its end, which takes unpacking all of it
            archive = zipfile.ZipFile(file)
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError):  # NotImplementedError of a version among them
        return Kind("a broken zip archive", _UNPACK)
    for part, what in _OFFICE:
        if any(name.startswith(part) for name in names):
            return Kind(what, _SAVE)
    if "content.xml" in names:
        return Kind("an OpenDocument file", _SAVE)
    some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    count = "one file" if len(names) == 1 else f"{len(names)} files"
    return Kind(f"a zip archive of {count} ({some})", "unpack it, or pack its files one by one with gzip")
