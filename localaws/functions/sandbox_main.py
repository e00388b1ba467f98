"""Runs inside a sandbox: imports only from the paths it is given, and starts AWS's runtime client.

Started by file path with ``python -I -S``, so nothing else of the environment can be imported: a function that does not
bundle what it imports fails here as it does on AWS.
"""

import os
import sys
from typing import Any

#: Where AWS puts the contents of layers, and its Python.
_OPT, _PYTHON = "/opt/", b"#!/var/lang/bin/python"


def main(handler: str, layers: list[str], paths: list[str]) -> None:
    """Serve invocations of ``handler``, importing from ``paths`` and the standard library."""
    import site

    sys.path[:0] = paths
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # for the function's own subprocesses, as on AWS
    site.setquit()  # `exit` is there on AWS; -S leaves it out
    from awslambdaric.__main__ import main as serve

    _keep_the_path_of_the_runtime_api()
    if layers:
        _find_programs_of(layers)
    serve(["awslambdaric", handler])


def _keep_the_path_of_the_runtime_api() -> None:
    """Keep the path of the Runtime API's address, which holds a secret; the client's Python part drops it."""
    from awslambdaric.lambda_runtime_client import BaseLambdaRuntimeClient as Client

    call = Client.call_rapid

    def call_below(self: object, method: str, endpoint: str, *rest: object, **named: object) -> object:
        address, _, path = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")
        self.lambda_runtime_address = address  # type: ignore[attr-defined]
        return call(self, method, f"/{path}{endpoint}", *rest, **named)

    Client.call_rapid = call_below


def _find_programs_of(layers: list[str]) -> None:
    """Start programs that are named by their place on AWS, ``/opt/…``, from the layer that has them (the last wins).

    CDK's handler that fills buckets starts the AWS CLI of its layer so.
    """
    import subprocess

    start = subprocess.Popen.__init__

    def start_found(self: "subprocess.Popen[Any]", args: Any, *rest: Any, **named: Any) -> None:
        if not isinstance(args, str | bytes | os.PathLike):
            args = list(args)  # an iterator gives its words once
        words = args if isinstance(args, list) else [args]
        program = os.fsdecode(words[0]) if words else ""
        found = _in_layer(program, layers) if program.startswith(_OPT) else None
        if found and not named.get("shell"):
            args = [*_interpreter(found), found, *words[1:]]
        start(self, args, *rest, **named)

    subprocess.Popen.__init__ = start_found  # type: ignore[method-assign]


def _in_layer(program: str, layers: list[str]) -> "str | None":
    candidates = (os.path.join(layer, program.removeprefix(_OPT)) for layer in reversed(layers))
    return next((found for found in candidates if os.path.isfile(found)), None)


def _interpreter(program: str) -> list[str]:
    """Return what runs a script of AWS's Python; other programs start by themselves."""
    with open(program, "rb") as read:
        return [sys.executable, "-S"] if read.readline().startswith(_PYTHON) else []


if __name__ == "__main__":
    main(sys.argv[1], [layer for layer in sys.argv[2].split(os.pathsep) if layer], sys.argv[3:])
