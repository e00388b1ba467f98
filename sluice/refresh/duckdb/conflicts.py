"""Quarantines conflicts: records with the key of the record picked by ``latest_by_key`` and other content, each once.

A record that was not picked never will be, so conflicts are only ever added to quarantine, and the order in which
records arrive does not change which ones are there in the end.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from sluice.confined import quoted
from sluice.conflicts import until_committed
from sluice.contracts import LandingContract
from sluice.errors import CommitConflict
from sluice.refresh.run import QUARANTINES
from sluice.tables.arrow import origin, quarantine_arrow
from sluice.tables.commit import append, discard, write_data_files

CODE = "conflict"


def quarantine_conflicts(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    contract: LandingContract,
    load: Callable[[str], Table],
    *,
    run_id: str,
) -> int:
    """Append the conflicts that ``sql`` selects to the contract's quarantine table; return how many were new there.

    Raise ``CommitConflict`` when other writers were faster in each attempt.
    """
    found: pa.Table = connection.cursor().sql(_as_rejected(sql, contract)).to_arrow_table()
    found = found.cast(quarantine_arrow(contract))
    if not found.num_rows:
        return 0
    name = f"quarantine.{contract.name}"
    return until_committed(lambda: _quarantine_once(found, contract, load(name), run_id=run_id), name, **QUARANTINES)


def _quarantine_once(found: pa.Table, contract: LandingContract, table: Table, *, run_id: str) -> int:
    new = found.filter(pc.invert(pc.is_in(_identity(found, contract), _held(table, contract))))
    if not new.num_rows:
        return 0
    files = write_data_files(table, new)
    try:
        append(table, files, summary={"sluice.run-id": run_id, "sluice.rows": str(new.num_rows)}, properties={})
    except CommitConflict:
        discard(table, files)
        raise
    return int(new.num_rows)


def _as_rejected(sql: str, contract: LandingContract) -> str:
    """Return SQL that turns the rows of ``sql`` into rows of the quarantine table."""
    key = ", ".join(contract.key)
    value = " || ', ' || ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in contract.key)
    message = f"another record with the same ({key}) has other content and was picked"
    own = ", ".join(f"{quoted(c.name)} := {quoted(c.name)}" for c in contract.columns)
    columns = {
        "reason": f"'{CODE}'",
        "reasons": f"[struct_pack(code := '{CODE}', \"column\" := '{key}', value := left({value}, 200), "
        f"message := '{message}')]",
        "record": f"encode(CAST(to_json(struct_pack({own})) AS VARCHAR))",
        "record_pointer": "CAST(NULL AS VARCHAR)",
    }
    names = quarantine_arrow(contract).names
    return f"SELECT {', '.join(f'{columns.get(name, quoted(name))} AS {quoted(name)}' for name in names)} FROM ({sql})"


def _identity(rows: pa.Table, contract: LandingContract) -> pa.ChunkedArray:
    parts = [rows[name].cast(pa.string()) for name in _identifying(contract)]
    return pc.binary_join_element_wise(*parts, "\n", null_handling="replace", null_replacement="")


def _identifying(contract: LandingContract) -> list[str]:
    return [column.name for column in origin(contract) if column.type in (pa.string(), pa.int64())]


def _held(table: Table, contract: LandingContract) -> pa.ChunkedArray:
    """Return the identities of the conflicts that the quarantine table already holds."""
    if table.current_snapshot() is None:
        return pa.chunked_array([], pa.string())
    rows = table.scan(row_filter=f"reason = '{CODE}'", selected_fields=tuple(_identifying(contract))).to_arrow()
    return _identity(rows, contract).cast(pa.string())
