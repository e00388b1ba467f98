"""Writers of one Iceberg table, and the ledger of what each of them was told: it says what must be in the table.

What writers do to rows of their own is in each one's order; what they do to shared rows comes to the same in any order.
So the rows are known of the statements that succeeded, whoever was first.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from tests.localaws.athena.client import Client

#: Shared rows, which are there from the beginning, and keys of shared rows that the first writer that comes makes.
SHARED, MADE = range(4), range(100, 104)
#: Rows of writer 3 have the ids 3,000 and more.
OWN = 1000


@dataclass
class Writer:
    """Runs statements of all kinds by chance; ``own`` is its rows by id, ``added`` what it added to shared ones."""

    client: Client
    number: int
    chance: random.Random
    own: dict[int, int] = field(default_factory=dict)
    added: Counter[int] = field(default_factory=Counter)
    changes: int = 0
    failures: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Run a statement, enter it into the ledger if it succeeded, and find one's own rows as the ledger has them."""
        kinds = [self.insert, self.insert, self.update, self.delete, self.share, self.merge, self.optimize]
        self.chance.choice(kinds)()
        rows = self.client.rows(f"SELECT id, n FROM t WHERE id / {OWN} = {self.number}")
        assert sorted((int(str(row[0])), int(str(row[1]))) for row in rows) == sorted(self.own.items()), self.said

    def insert(self) -> None:
        first = self.number * OWN + len(self.said) * 4
        new = {first + each: self.chance.randint(0, 9) for each in range(self.chance.randint(1, 4))}
        if self._done(f"INSERT INTO t VALUES {', '.join(f'({number}, {n})' for number, n in new.items())}", len(new)):
            self.own |= new

    def update(self) -> None:
        rest = self.chance.randint(0, 2)
        hit = [number for number in self.own if number % 3 == rest]
        where = f"id / {OWN} = {self.number} AND id % 3 = {rest}"
        if self._done(f"UPDATE t SET n = n * 2 + 1 WHERE {where}", len(hit)):
            self.own |= {number: self.own[number] * 2 + 1 for number in hit}

    def delete(self) -> None:
        rest = self.chance.randint(0, 3)
        gone = [number for number in self.own if number % 4 == rest]
        if self._done(f"DELETE FROM t WHERE id / {OWN} = {self.number} AND id % 4 = {rest}", len(gone)):
            self.own = {number: n for number, n in self.own.items() if number not in gone}

    def share(self) -> None:
        row, more = self.chance.choice(SHARED), self.chance.randint(1, 9)
        if self._done(f"UPDATE t SET n = n + {more} WHERE id = {row}", 1):
            self.added[row] += more

    def merge(self) -> None:
        more = {row: self.chance.randint(1, 9) for row in self.chance.sample(MADE, 2)}
        values = ", ".join(f"({row}, {n})" for row, n in more.items())
        if self._done(
            f"MERGE INTO t USING (VALUES {values}) AS s (id, n) ON t.id = s.id "
            "WHEN MATCHED THEN UPDATE SET n = t.n + s.n WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.n)",
            2,
        ):
            self.added.update(more)

    def optimize(self) -> None:
        self._done("OPTIMIZE t REWRITE DATA USING BIN_PACK", 0)

    def _done(self, sql: str, rows: int) -> bool:
        """Return whether the statement succeeded; it changed as many rows then."""
        ended = self.client.execution(sql, seconds=120)
        self.said.append(f"{sql}: {ended['Status']}")
        if ended["Status"]["State"] == "FAILED":
            self.failures.append(ended["Status"]["StateChangeReason"])
            return False
        assert ended["Status"]["State"] == "SUCCEEDED", self.said
        answer = self.client.athena.get_query_results(QueryExecutionId=ended["QueryExecutionId"])
        assert answer.get("UpdateCount", 0) == rows, self.said
        self.changes += rows > 0
        return True


def expected(writers: list[Writer]) -> list[tuple[int, int]]:
    """Return the rows (id, n) that the ledgers of all writers say."""
    added = sum((writer.added for writer in writers), Counter(dict.fromkeys(SHARED, 0)))
    shared = {row: added[row] for row in (*SHARED, *MADE) if row in SHARED or added[row]}
    return sorted((shared | {row: n for writer in writers for row, n in writer.own.items()}).items())
