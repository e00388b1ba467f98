"""Runs inside a sandbox: sees only the paths it is given, then hands over to AWS's runtime client.

Started by file path with ``python -I -S``, so nothing else of the environment can be imported: a function that does
not bundle what it imports fails here as it does on AWS.
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

    serve(["awslambdaric", handler])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
