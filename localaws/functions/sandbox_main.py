"""Runs inside a sandbox: imports only from the paths it is given, and starts AWS's runtime client.

Started by file path with ``python -I -S``, so nothing else of the environment can be imported: a function that does not
bundle what it imports fails here as it does on AWS.
"""

import os
import sys


def main(handler: str, paths: list[str]) -> None:
    """Serve invocations of ``handler``, importing from ``paths`` and the standard library."""
    import site

    sys.path[:0] = paths
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # for the function's own subprocesses, as on AWS
    site.setquit()  # `exit` is there on AWS; -S leaves it out
    from awslambdaric.__main__ import main as serve

    _keep_the_path_of_the_runtime_api()
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


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
