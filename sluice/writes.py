"""The ways to write a derived table (write modes): what each needs declared, and what its runs compute.

Both refresh engines import this module, so it uses the standard library alone: the Glue job has nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

#: The ways by name, as editors and type checkers offer them; ``WRITE_MODES`` says what each does.
WriteName = Literal["replace", "merge", "replace_partitions", "append", "scd2"]


@dataclass(frozen=True, kw_only=True)
class WriteMode:
    """One way to write a table.

    - ``recompute_key``: affected key values are recomputed, so a recompute key must be declared; else none may be.
    - ``key_is_partitions``: the recompute key is the contract's identity partitions.
    - ``whole``: every run computes the whole table.
    - ``only_added``: a run adds what new rows of its one input give; a removed or replaced row makes it compute all.
    - ``history``: the function returns versions of rows, of which ``sluice.transforms.history`` makes the table.
    """

    recompute_key: bool = False
    key_is_partitions: bool = False
    whole: bool = False
    only_added: bool = False
    history: bool = False


#: Every way to write a table, by the name that a transform declares and the project's JSON carries.
WRITE_MODES: Final[Mapping[str, WriteMode]] = {
    "replace": WriteMode(whole=True),
    "merge": WriteMode(recompute_key=True),
    "replace_partitions": WriteMode(recompute_key=True, key_is_partitions=True),
    "append": WriteMode(only_added=True),
    "scd2": WriteMode(recompute_key=True, history=True),
}
