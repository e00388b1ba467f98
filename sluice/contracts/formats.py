"""What a format is to a contract: the options that act in it. ``sluice.load`` hands in the formats that there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Says why an option's value is refused; nothing when it is allowed.
Problem = Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of files, or of a stream's records.

    ``options`` are those that act in it, beside the ones that no format names: these act in all. ``own`` are options
    that no other format has, as texts, numbers or booleans, each with its check. ``extra_columns``: its reader sees
    columns that the contract does not have, and can refuse them. ``spelled``: values are texts, spelled as a column's
    custom properties say.
    """

    options: tuple[str, ...] = ()
    own: Mapping[str, Problem] = field(default_factory=dict)
    extra_columns: bool = False
    spelled: bool = False


@dataclass(frozen=True)
class Formats:
    """All formats by what a contract calls them: of files, and of a stream's records."""

    files: Mapping[str, Format]
    streams: Mapping[str, Format]

    def of(self, *, stream: bool) -> Mapping[str, Format]:
        """Return the formats of a stream's records, or those of files."""
        return self.streams if stream else self.files
