"""Finds the columns and types that a function returns, before there is a contract of its table.

As compiling does, this happens in a process of its own (``python -m sluice.transforms.described``), in which SQLFrame
replaces PySpark.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from sluice.contracts import AnyContract
from sluice.decoding import json_decoder
from sluice.errors import SluiceError, TransformError
from sluice.transforms.discover import discover
from sluice.transforms.duckdb_sql import EmptyTables, bound_sql
from sluice.transforms.functions.recorded import record, recording
from sluice.transforms.shared import share_helpers

_REFUSED = 3
_decode_contracts = json_decoder(tuple[AnyContract, ...])
_decode_columns = json_decoder(tuple[tuple[str, str], ...])


def described(contracts: tuple[AnyContract, ...], folder: Path, table: str, *, project: Path) -> dict[str, str]:
    """Return DuckDB's type by column of what the transform of ``table`` below ``folder`` returns.

    It imports the helpers of ``project``. Raise ``TransformError`` when it does not compile.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", "sluice.transforms.described", str(folder.resolve()), table],
        input=msgspec.json.encode(contracts),
        cwd=project,
        capture_output=True,
        check=False,
    )
    if done.returncode == _REFUSED:
        raise TransformError.from_data(msgspec.json.decode(done.stdout))
    if done.returncode:
        raise TransformError(
            f"{table} cannot be compiled:\n{done.stderr.decode()}",
            next_step="this is an error of Sluice: tell its authors, with these lines.",
            dataset=table,
        )
    return dict(_decode_columns(done.stdout))


def _main() -> int:
    from sqlframe import activate

    activate("duckdb")
    share_helpers(Path.cwd())
    record()  # before any module binds a function's name
    recording(True)
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    folder, table = Path(sys.argv[1]), sys.argv[2]
    contracts = {contract.table: contract for contract in _decode_contracts(sys.stdin.buffer.read())}
    try:
        (item,) = (each for each in discover(folder) if each.table == table)
        keys = {name: contracts[source].key for name, source in item.inputs.items()}
        _, _, columns = bound_sql(item, keys, EmptyTables(contracts.values()))
    except SluiceError as error:
        with answer:
            answer.write(msgspec.json.encode(error.as_data()))
        return _REFUSED
    with answer:
        answer.write(msgspec.json.encode(columns))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
