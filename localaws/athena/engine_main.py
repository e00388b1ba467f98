"""The process of one query engine: answers questions that come through a socket, until nobody is at its other end.

Questions are pickles: they come from the local AWS itself. Answers are JSON and Arrow, since a process whose SQL went
astray must not be able to run anything in the local AWS.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from localaws.athena.computing import Computer, Question

#: What SQL, its functions and the files that it reads raise: all that is for who asked.
_RAISED: Final = (duckdb.Error, pa.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, RuntimeError,
                  TypeError, ValueError)  # fmt: skip


def main(descriptor: int, folder: Path) -> None:
    """Answer on the socket of that descriptor; ``folder`` is the process's own and goes with it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Looked at from a thread, because DuckDB may be computing when the other end goes.
    threading.Thread(target=_end_with_the_other, args=(descriptor, folder), daemon=True).start()
    computer, channel = Computer(folder / "spilled"), Connection(descriptor)
    _say(channel, ready=True)
    while True:
        try:
            asked = channel.recv()
        except EOFError:
            break
        _answer(channel, computer, asked)
    shutil.rmtree(folder, ignore_errors=True)


def _answer(channel: Connection, computer: Computer, asked: Question) -> None:
    """Send the columns, the rows in batches, and an empty batch at the end; or an error in the place of any."""
    try:
        computed = computer.compute(asked)
        _say(channel, kinds=computed.kinds)
        channel.send_bytes(computed.schema.serialize())
        for batch in computed.batches:
            _say(channel, more=True)
            channel.send_bytes(batch.serialize())
        _say(channel, more=False)
    except _RAISED as error:
        _say(channel, error=type(error).__name__, text=str(error))


def _say(channel: Connection, **what: Any) -> None:
    channel.send_bytes(json.dumps(what).encode())


def _end_with_the_other(descriptor: int, folder: Path) -> None:
    waiting = select.poll()
    waiting.register(descriptor, 0)  # only the end of the connection, which is always told
    waiting.poll()
    shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
