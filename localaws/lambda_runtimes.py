"""The runtimes of Lambda that run locally, and where the packages come from that AWS's Node brings."""

from __future__ import annotations

import os
from pathlib import Path

#: Those that AWS has or had: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html. Node before 18 brought
#: another AWS SDK.
_PYTHON = tuple(f"python3.{version}" for version in range(8, 15))
_NODE = tuple(f"nodejs{version}.x" for version in (18, 20, 22, 24))
#: Where the packages that AWS's Node runtimes bring (``@aws-sdk``) are looked for; else in the working directory.
NODE_MODULES = "LOCALAWS_NODE_MODULES"


def refusal(runtime: str) -> str | None:
    """Return why functions of ``runtime`` do not run locally, or None if they do."""
    if runtime in (*_PYTHON, *_NODE):
        return None
    return f"{runtime} does not run locally, {_PYTHON[0]} to {_PYTHON[-1]}, {', '.join(_NODE[:-1])} and {_NODE[-1]} do"


def lacking(runtime: str) -> str | None:
    """Return what this machine lacks that functions of ``runtime`` may need, or None."""
    folder = aws_node_modules()
    if runtime not in _NODE or (folder / "@aws-sdk").is_dir():
        return None
    return (
        f"a function of {runtime} finds the AWS SDK on AWS, and none here: it will fail if it loads a client that it "
        f"does not bring. `npm install --prefix {folder.parent} @aws-sdk/client-…` brings each that is needed"
    )


def aws_node_modules() -> Path:
    """Return the folder with the packages that AWS's Node runtimes bring; it need not exist.

    It is the one that `LOCALAWS_NODE_MODULES` names, else the nearest with ``@aws-sdk`` at or above the folder that the
    local AWS was started in, as Node itself looks for packages.
    """
    if named := os.environ.get(NODE_MODULES):
        return Path(named).resolve()
    here = Path.cwd()
    candidates = [folder / "node_modules" for folder in (here, *here.parents)]
    return next((found for found in candidates if (found / "@aws-sdk").is_dir()), candidates[0])
