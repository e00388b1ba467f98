"""``python -m localaws serve`` runs a cloud assembly; ``python -m localaws coverage`` lists what can be deployed."""

from __future__ import annotations

import argparse
import gc
import os
import secrets
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from localaws.cloudformation.errors import DeployError
from localaws.context import WELL_KNOWN_SECRET
from localaws.folders import NotOurs

_LOOK_SECONDS = 0.02
#: What regions of other partitions begin with: `localaws` makes ARNs and addresses of the usual one alone.
_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    given = parser().parse_args(arguments)
    try:
        return _coverage() if given.command == "coverage" else _started(given)
    except (NotOurs, DeployError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    read = argparse.ArgumentParser(prog="localaws", description=__doc__)
    commands = read.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="start the local AWS, deploy an assembly, and stay until interrupted")
    serve.add_argument("--assembly", type=Path, help="a cloud assembly (cdk.out) to deploy")
    serve.add_argument(
        "--await-from",
        type=int,
        metavar="PROCESS",
        help="get ready, and deploy the assembly once the process that started this one, whose number this is, has put "
        "it in its place, whole; nothing is deployed when that process ends before",
    )
    serve.add_argument("--port", type=int, default=4566, help="the loopback port; 0 takes a free one")
    serve.add_argument("--data", type=Path, help="the only directory written to; a temporary one if left out")
    serve.add_argument(
        "--secret",
        action="store_true",
        help="sign with a secret of this run alone instead of `test`: keeps other users of this machine out. "
        "It stands in access.json in the data folder, which only you can read",
    )
    serve.add_argument(
        "--region", type=_region, default="us-east-1", help="the region of the one account, 123456789012"
    )
    serve.add_argument(
        "--with-stdin",
        action="store_true",
        help="end when standard input does: whoever holds its other end may die in any way, and this ends too",
    )
    commands.add_parser(
        "coverage",
        help="list the resource types and properties that can be deployed, and the API calls that are answered",
    )
    return read


def _coverage() -> int:
    # Imported here: a broken provider is told of while the providers are imported.
    from localaws import calls
    from localaws.cloudformation.coverage import coverage

    sys.stdout.write(f"{coverage()}\n{calls.told()}")
    return 0


def _started(given: argparse.Namespace) -> int:
    secret = secrets.token_urlsafe(30) if given.secret else WELL_KNOWN_SECRET
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if given.with_stdin:
        threading.Thread(target=_until_stdin_ends, args=(stop,), daemon=True, name="stdin").start()
    awaited = _Awaited(given.assembly, given.await_from)
    return _serve(awaited, stop, port=given.port, data=given.data, region=given.region, secret=secret)


def _region(name: str) -> str:
    """Return the region, unless it is one whose ARNs begin otherwise."""
    if name.startswith(_OTHER_PARTITIONS):
        raise argparse.ArgumentTypeError(f"{name} is of another partition than aws, which is the only one here")
    return name


def _until_stdin_ends(stop: threading.Event) -> None:
    # Not through sys.stdin: Python aborts at its end when a daemon thread holds the lock of a buffered stream.
    # https://github.com/python/cpython/issues/129536
    while os.read(sys.stdin.fileno(), 4096):
        pass  # what is sent here is ignored
    stop.set()


@dataclass(frozen=True)
class _Awaited:
    """What is deployed, if anything, and the process that still writes it."""

    assembly: Path | None
    writer: int | None = None

    def comes(self, stop: threading.Event) -> bool:
        """Wait until the assembly is there, and return whether it is: not when its writer or this process ends."""
        while self.assembly and self.writer is not None and not (self.assembly / "manifest.json").is_file():
            if stop.wait(_LOOK_SECONDS) or os.getppid() != self.writer:
                return False
        return True


def _serve(awaited: _Awaited, stop: threading.Event, *, port: int, data: Path | None, region: str, secret: str) -> int:
    # Nearly all that a start makes (modules, API models, resources) stays: looking through it for garbage again and
    # again would take a fifth of the start. What little is garbage (some 30 MB) is kept, rather than halt all threads.
    gc.disable()
    from localaws.server import LocalAws

    with (
        tempfile.TemporaryDirectory(prefix="localaws-") as temporary,
        LocalAws.start(port=port, scratch=data or Path(temporary), region=region, secret=secret) as running,
    ):
        if not awaited.comes(stop):
            return 0
        if awaited.assembly is not None:
            running.deploy(awaited.assembly, _tell)
        sys.stdout.write(f"ready at {running.endpoint}\n")
        sys.stdout.flush()
        running.warm_up()
        gc.freeze()
        gc.enable()
        stop.wait()
    return 0


def _tell(done: int, of: int) -> None:
    sys.stdout.write(f"{done} of {of} resources\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
