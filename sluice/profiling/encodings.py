"""Finds how the text of files is encoded."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from sluice.errors import WrongArgument
from sluice.profiling.sources import Sampled

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
#: Above this share of bytes beside each other that are no ASCII, text is of another script than the Latin one.
_DENSE = 0.5
#: Bytes that are seldom signs in Windows-1252 (or none), and often parts of letters in East Asian encodings.
_HARDLY_USED = frozenset(b"\x81\x82\x83\x84\x86\x87\x88\x89\x8b\x8d\x8f\x90\x98\x9b\x9d")
_ODD = 0.1


def binary(name: str) -> WrongArgument:
    """Return the error for a file that is no text, and of no kind that is known."""
    return WrongArgument(
        f"{name} is binary: it holds zero bytes, and is of no kind that is known here.",
        next_step="export its table as CSV, JSON lines or Parquet and name that file.",
        file=name,
    )


def refuse_unknown(encoding: str) -> None:
    """Raise ``WrongArgument`` for a name that is given and is no encoding of text."""
    try:
        "".encode(encoding or "utf-8")
    except (LookupError, UnicodeError, ValueError) as error:
        raise WrongArgument(
            f"{encoding!r} is no encoding that Python knows.", next_step="name one, such as cp1252.", value=encoding
        ) from error


def encoding_of(sources: Sequence[Sampled]) -> tuple[str, str]:
    """Return the encoding of all files, and how sure that is (empty when it is certain).

    Raise ``WrongArgument`` when the text is of no encoding that can be told.
    """
    found: dict[str, Sampled] = {}
    for source in sources:
        if encoding := _of_file(source):
            found.setdefault(encoding, source)
    if not found:
        return "utf-8", ""
    if len(found) > 1:
        said = ", ".join(f"{source.uri} is {encoding}" for encoding, source in found.items())
        raise WrongArgument(
            f"The files are encoded differently: {said}.",
            next_step="give each encoding a dataset of its own, or name one file.",
            file=next(iter(found.values())).uri,
        )
    (encoding,) = found
    sure = "" if encoding.startswith("utf") else "guessed: the bytes are no UTF-8, and many encodings would read them"
    return encoding, sure


def _of_file(source: Sampled) -> str:
    """Return the file's encoding, empty when it is ASCII, which is in all of them."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    sound, plain, western = True, True, True
    odd = bytearray()
    for number, chunk in enumerate(source.chunks()):
        if number == 0 and (wide := _wide(chunk)):
            return wide
        if b"\0" in chunk:
            raise binary(source.uri)
        plain = plain and chunk.isascii()
        if plain:
            continue
        try:
            if sound:
                decoder.decode(chunk)
        except UnicodeDecodeError:
            sound = False
        western = western and _decodes(chunk, "cp1252")
        if len(odd) < 4 << 20:
            odd += chunk
    if plain:
        return ""
    # A letter that has no end, at the end of a file that was read to it, is none.
    sound = sound and (bool(source.cut) or not decoder.getstate()[0])
    if sound or _mostly_utf8(bytes(odd)):
        return "utf-8"
    if not western or _density(bytes(odd)) > _DENSE or _odd_signs(bytes(odd)) > _ODD:
        raise WrongArgument(
            f"{source.uri} is no UTF-8, and which of the many other encodings it is cannot be told.",
            next_step="name it: `--encoding cp1251`, `--encoding cp932`, …, or save the file as UTF-8.",
            file=source.uri,
        )
    return "cp1252"


def _wide(first: bytes) -> str:
    """Return the encoding that a mark at the beginning names, or that zero bytes betray; else empty."""
    for mark, name in _MARKS:
        if first.startswith(mark):
            return name
    head = first[:4096]
    zeros = head[1::2].count(0), head[::2].count(0)
    if len(head) >= 4 and max(zeros) * 3 > len(head) and min(zeros) * 20 < len(head):
        return "utf-16-le" if zeros[0] > zeros[1] else "utf-16-be"
    return ""


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _mostly_utf8(data: bytes) -> bool:
    """Return whether most lines that are no ASCII are UTF-8: then the others are broken."""
    lines = [line for line in data.split(b"\n")[:-1] or [data] if not line.isascii()]
    return sum(_decodes(line, "utf-8") for line in lines) * 2 > len(lines)


def _odd_signs(data: bytes) -> float:
    """Return which share of the bytes that are no ASCII would be signs that hardly any text has."""
    high = [byte for byte in data[: 1 << 18] if byte >= 0x80]
    return sum(byte in _HARDLY_USED for byte in high) / len(high) if high else 0.0


def _density(data: bytes) -> float:
    """Return which share of the bytes that are no ASCII stands beside another one."""
    high = bytes(byte >> 7 for byte in data[: 1 << 18])
    pairs, total = high.count(b"\1\1"), high.count(1)
    return 2 * pairs / total if total else 0.0
