"""Which records are broken on purpose, and how: each broken record breaks exactly one rule.

A blemished record breaks no rule: bronze takes it, and silver has to mend or to flag it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np

#: The reason a consumer must give for each kind of dirt; kinds without one are not violations.
REASONS = {
    "missing_value": "missing_required",
    "null_key": "missing_required",
    "bad_number": "unparseable",
    "bad_timestamp": "unparseable",
    "unknown_value": "not_in_set",
    "negative_quantity": "out_of_range",
    "bad_email": "pattern_mismatch",
    "wrong_field_count": "wrong_field_count",
    "malformed_json": "malformed_record",
    "trailing_garbage": "",  # CSV: one field too many; JSON: text after the object
}
_NUMBERS = ("12,5O", "n/a", "1.2.3", "zwölf")
_MOMENTS = ("31/02/2025 25:61", "yesterday", "2025-13-01T00:00:00Z", "2025-02-30")
_EMAILS = ("nobody", "a@", "@shop.example", "two words@shop.example")


@dataclass(frozen=True)
class Dirt:
    """The share of records (of files, for ``extra_column``) that carry each kind of dirt."""

    missing_value: float = 0.004
    null_key: float = 0.002
    bad_number: float = 0.003
    bad_timestamp: float = 0.003
    unknown_value: float = 0.003
    negative_quantity: float = 0.003
    bad_email: float = 0.004
    wrong_field_count: float = 0.002
    malformed_json: float = 0.002
    trailing_garbage: float = 0.002
    duplicate: float = 0.005
    extra_column: float = 0.01
    # Blemishes.
    misspelt_country: float = 0.02
    unknown_country: float = 0.004
    misspelt_city: float = 0.03
    unknown_city: float = 0.005
    missing_city: float = 0.005
    invalid_email: float = 0.01
    invalid_phone: float = 0.015
    impossible_birth_date: float = 0.006
    missing_rate: float = 0.02
    unknown_campaign: float = 0.02
    missing_figure: float = 0.01
    dates_reversed: float = 0.02

    def __post_init__(self) -> None:
        """Refuse shares that cannot be planted together."""
        shares = {f.name: getattr(self, f.name) for f in fields(self)}
        wrong = sorted(name for name, share in shares.items() if not 0 <= share <= 1)
        if wrong:
            raise ValueError(f"Dirt.{wrong[0]} is {shares[wrong[0]]}: a share lies between 0 and 1")
        if sum(share for name, share in shares.items() if name != "extra_column") > 1:
            raise ValueError("the shares of Dirt add up to more than 1: a record carries one kind at most")

    @classmethod
    def none(cls) -> Dirt:
        """Return no dirt at all."""
        return cls(**{f.name: 0.0 for f in fields(cls)})


@dataclass(frozen=True)
class Blemish:
    """A kind of dirt that breaks no rule: the ``column`` it is in, and what ``spell`` makes of a record's value there.

    ``spell`` gets the record's values and a number to choose by, and returns the value as the file has it.
    """

    kind: str
    column: int
    spell: Callable[[list[str], int], str]


@dataclass(frozen=True)
class Rules:
    """Where a dataset can be broken: column positions by the rule that each is under."""

    key: tuple[int, ...]
    required: tuple[int, ...]
    numbers: tuple[int, ...] = ()
    moments: tuple[int, ...] = ()
    sets: tuple[int, ...] = ()
    quantity: int | None = None
    email: int | None = None
    is_json: bool = False
    blemishes: tuple[Blemish, ...] = ()

    def kinds(self) -> list[str]:
        """Return the kinds of dirt that this dataset can carry, in a fixed order."""
        possible = {
            "missing_value": bool(self.required),
            "null_key": bool(self.key),
            "bad_number": bool(self.numbers),
            "bad_timestamp": bool(self.moments),
            "unknown_value": bool(self.sets),
            "negative_quantity": self.quantity is not None,
            "bad_email": self.email is not None,
            "wrong_field_count": not self.is_json,
            "malformed_json": self.is_json,
            "trailing_garbage": True,
        }
        return [kind for kind, found in possible.items() if found]


@dataclass
class Planted:
    """What was planted into one file: the kind per broken and per blemished row, and the rows that are repeated."""

    kinds: dict[int, str] = field(default_factory=dict)
    blemishes: dict[int, str] = field(default_factory=dict)
    repeated: list[int] = field(default_factory=list)
    extra_column: bool = False


def reason(kind: str, rules: Rules) -> str:
    """Return the reason code that a consumer must give for ``kind``."""
    if kind == "trailing_garbage":
        return "malformed_record" if rules.is_json else "wrong_field_count"
    return REASONS[kind]


def plant(columns: list[list[str]], rules: Rules, dirt: Dirt, rng: np.random.Generator) -> Planted:
    """Break values in ``columns`` in place; return what was broken (line-level kinds are left to the writer)."""
    count = len(columns[0]) if columns else 0
    planted = Planted(extra_column=bool(rng.random() < dirt.extra_column) and not rules.is_json)
    kinds = rules.kinds()
    shares = [*kinds, "duplicate", *(blemish.kind for blemish in rules.blemishes)]
    edges = np.cumsum([getattr(dirt, kind) for kind in shares])
    drawn = np.searchsorted(edges, rng.random(count), side="right")
    picks = rng.integers(0, 1 << 30, count)
    for row in np.flatnonzero(drawn < len(edges)).tolist():
        kind = shares[drawn[row]]
        if kind == "duplicate":
            planted.repeated.append(row)
            continue
        if drawn[row] > len(kinds):
            blemish = rules.blemishes[drawn[row] - len(kinds) - 1]
            planted.blemishes[row] = kind
            columns[blemish.column][row] = blemish.spell([column[row] for column in columns], int(picks[row]))
            continue
        planted.kinds[row] = kind
        _break(columns, row, kind, rules=rules, pick=int(picks[row]))
    return planted


def _break(columns: list[list[str]], row: int, kind: str, *, rules: Rules, pick: int) -> None:
    def text(value: str) -> str:
        return f'"{value}"' if rules.is_json else value

    nothing = "null" if rules.is_json else ""
    if kind == "missing_value":
        columns[rules.required[pick % len(rules.required)]][row] = nothing
    elif kind == "null_key":
        columns[rules.key[pick % len(rules.key)]][row] = nothing
    elif kind == "bad_number":
        columns[rules.numbers[pick % len(rules.numbers)]][row] = text(_quoted(_NUMBERS[pick % len(_NUMBERS)], rules))
    elif kind == "bad_timestamp":
        columns[rules.moments[pick % len(rules.moments)]][row] = text(_MOMENTS[pick % len(_MOMENTS)])
    elif kind == "unknown_value":
        columns[rules.sets[pick % len(rules.sets)]][row] = text("???")
    elif kind == "negative_quantity" and rules.quantity is not None:
        columns[rules.quantity][row] = str(-1 - pick % 9)
    elif kind == "bad_email" and rules.email is not None:
        columns[rules.email][row] = text(_EMAILS[pick % len(_EMAILS)])


def _quoted(value: str, rules: Rules) -> str:
    return f'"{value}"' if "," in value and not rules.is_json else value
