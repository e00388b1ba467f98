"""Reads one contract file as YAML; a refusal names file, line, field and what is allowed."""

from __future__ import annotations

import codecs
import io
import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, cast

import yaml

from sluice.contracts.strict_yaml import Repeated, line_and_problem, load_yaml
from sluice.contracts.yaml_lines import line_of, written_at
from sluice.errors import ContractError
from sluice.gathered import Concerned, Gathered
from sluice.nearest import did_you_mean
from sluice.shortened import shortened

#: Bytes of a file: a contract has some tens of thousands.
LARGEST = 1_000_000
Place: TypeAlias = tuple[str | int, ...]
#: A number of days times 86,400 may be so far from the whole seconds that were meant.
_ROUNDING = 1e-3
_SECONDS = {"s": 1, "second": 1, "m": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}
_NAMES = frozenset(
    {"name", "id", "version", "status", "domain", "dataProduct", "tenant", "businessName", "physicalName"}
)
#: Fields with texts for people; the names among them are printed in one line.
_SHOWN = _NAMES | {"description", "purpose", "limitations", "usage"}
#: Control characters, those that turn or hide what stands beside them, and ends of lines and paragraphs.
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_LONGEST = 100 * 366 * 86_400
#: Letters of Persian and Hindi, and pictures, are joined by these; they command nothing.
_JOINERS = "\u200c\u200d\u00ad"


class ContractFile:
    """Keeps the YAML nodes so that every refusal can name its line, and what was refused so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: What was refused, beside which the reader goes on.
        self.found = Gathered()
        #: Places of values that were refused already: nothing more is said of them.
        self.refused: set[Place] = set()
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= LARGEST else b""
        except OSError as error:
            raise self._error(f"{path}: contract: it cannot be read: {error.strerror}.") from error
        if size > LARGEST:
            raise self._error(f"{path}:1: contract: it has more than {LARGEST:,} bytes.", 1)
        self.root: yaml.Node | None
        self.raw: Any
        try:
            text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
            self.root, self.raw = load_yaml(text)
        except UnicodeDecodeError as error:
            raise self._not_utf8(content, error.start) from error
        except yaml.reader.ReaderError as error:  # a character that no YAML has
            if b"\0" in content[:4]:
                raise self._not_utf8(content, content.index(0)) from error
            line = text.count("\n", 0, error.position) + 1
            what = f"the character {error.character:#x} is not allowed"
            raise self._error(f"{path}:{line}: contract: not YAML: {what}.", line) from error
        except yaml.YAMLError as error:
            for each in error.every if isinstance(error, Repeated) else (error,):
                line, problem = line_and_problem(each)
                with self.found:
                    raise self._error(f"{path}:{line}: contract: not YAML: {problem}.", line) from error
            self.found.refuse()
        self._refuse_unseen()

    def _error(
        self, what: str, line: int | None = None, *, column: str | None = None, value: str | None = None
    ) -> ContractError:
        return ContractError(
            what,
            next_step="mend the file, then run `sluice check`.",
            dataset=self._declared(),
            column=column,
            value=value,
            file=str(self.path),
            position=line,
        )

    def _not_utf8(self, content: bytes, at: int) -> ContractError:
        """Return the error for bytes that are no UTF-8, the first of which is ``at``."""
        line = content.count(b"\n", 0, at) + 1
        name = _wide_encoding(content) or "Windows-1252"
        if name.startswith("UTF"):
            problem = f"it is {name[:6]}, and a contract is UTF-8"
        else:
            column = at - (content.rfind(b"\n", 0, at) + 1) + 1
            problem = f"not UTF-8: byte {column} of the line is 0x{content[at]:02x}"
        refused = self._error(f"{self.path}:{line}: contract: {problem}.", line)
        refused.next_step = (
            f"save it as UTF-8 (`iconv -f {name.upper()} -t UTF-8 {shlex.quote(str(self.path))} > NEW` makes it of "
            f"{name}), then run "
            "`sluice check`."
        )
        return refused

    def refuse(self, at: Place, problem: str) -> NoReturn:
        """Raise the error for the value at ``at``; ``Concerned`` where that, or a part of it, was refused already."""
        if self.concerned(at):
            raise Concerned
        field = _seen(".".join(map(str, at))).replace("\n", "\\n") or "contract"
        line, written = line_of(self.root, at), written_at(self.root, at)
        end = "" if problem.endswith("?") else "."
        raise self._error(
            f"{self.path}:{line}: {field}: {_seen(problem)}{end}",
            line,
            column=self._column_at(at),
            value=None if written is None else shortened(_seen(written)),
        )

    def concerned(self, at: Place) -> bool:
        """Return whether the value at ``at``, what it is in, or a part of it was refused already."""
        return any(at[: len(place)] == place or (len(at) > 3 and place[: len(at)] == at) for place in self.refused)

    def _declared(self) -> str:
        """Return the table that the contract declares, as far as it can be told; else the file's name."""
        match getattr(self, "raw", None):
            case {"schema": [{"physicalName": str(name)}, *_]}:
                return shortened(_seen(name))
            case _:
                return self.path.stem

    def _column_at(self, at: Place) -> str | None:
        """Return the name of the column inside of which ``at`` is, or None."""
        match at:
            case ("schema", _, "properties", _, *_):
                name = written_at(self.root, (*at[:4], "name"))
                return None if name is None else shortened(_seen(name))
            case _:
                return None

    def _refuse_unseen(self) -> None:
        """Refuse texts for people with characters that a terminal would take as commands.

        Texts that are data (values, delimiters) may have any characters.
        """
        waiting: list[tuple[Any, Place]] = [(self.raw, ())]
        while waiting:
            value, at = waiting.pop()
            if isinstance(value, dict):
                waiting += [(inside, (*at, key)) for key, inside in value.items() if isinstance(key, str | int)]
            elif isinstance(value, list):
                waiting += [(inside, (*at, number)) for number, inside in enumerate(value)]
            elif isinstance(value, str) and at and at[-1] in _SHOWN:
                lines = "" if at[-1] in _NAMES else "\n\r\t"
                allowed = lines + _JOINERS
                odd = next((s for s in value if s not in allowed and unicodedata.category(s) in _UNSEEN), None)
                if odd is not None:
                    self.refuse(at, f"it holds {odd!a}, a character that is not seen; it is shown to people")

    def written(self, at: Place) -> str:
        """Return the scalar at ``at`` as it is written; a list, a mapping and null are refused."""
        text = written_at(self.root, at)
        if text is None:
            self.refuse(at, "a text or a number is wanted")
        return text

    def one_of(self, value: Any, allowed: Iterable[str], at: Place) -> str:
        """Return ``value`` when it is one of ``allowed``."""
        options = tuple(allowed)
        if value not in options:
            found = "it is missing;" if value is None else f"{shortened(repr(value))} is not allowed;"
            self.refuse(at, f"{found}{did_you_mean(value, options)} allowed: {', '.join(options)}")
        return cast(str, value)

    def duration(self, sla: Mapping[str | None, Any], name: str, default: int) -> int:
        """Return the seconds of the service-level property ``name``."""
        if name not in sla:
            return default
        item = sla[name]
        at = self.service_level_at(name)
        self.one_of(item.unit, _SECONDS, (*at, "unit"))
        value = item.value
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        longest = _LONGEST / _SECONDS[item.unit]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= longest:
            self.refuse((*at, "value"), f"{shortened(repr(item.value))} is no number from 0 to {longest:g}")
        seconds = value * _SECONDS[item.unit]
        if abs(seconds - round(seconds)) > _ROUNDING:
            self.refuse((*at, "value"), f"{value:g} {item.unit} are {seconds:g} s; allowed: whole seconds")
        return round(seconds)

    def service_level_at(self, name: str) -> Place:
        """Return where the service-level property ``name`` stands."""
        items = self.raw["slaProperties"]
        named = (isinstance(each, dict) and each.get("property") == name for each in items)
        return ("slaProperties", list(named).index(True))


def _seen(text: str) -> str:
    """Return ``text`` with the characters escaped that a terminal would take as commands."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


def _wide_encoding(content: bytes) -> str:
    """Return the encoding of a text whose characters take two or four bytes, as `iconv` calls it; empty for others."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    if b"\0" not in content[:4]:
        return ""
    return f"UTF-{32 if content[:4].count(0) > 2 else 16}{'BE' if content[0] == 0 else 'LE'}"
