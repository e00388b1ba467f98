"""``sluice up`` and ``sluice down``: synthesizes the stacks and starts or stops a local AWS that deploys them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localaws import folders
from sluice.cli.assembly import assembly_folder, bytecode, is_local_aws, synthesize
from sluice.cli.local_access import access, export, folder_mark
from sluice.environments import Environment, declared_environment
from sluice.errors import CommandError
from sluice.folders import ProjectFolder, needed_project, present_project
from sluice.partitions import USUAL, partition_of


@dataclass(frozen=True)
class LocalRun:
    """A running local AWS: its region, process, secret access key, and the seconds that its start took."""

    endpoint: str
    region: str
    secret: str
    process: subprocess.Popen[bytes]
    seconds: dict[str, float]


def adopt_running(data: Path) -> int | None:
    """Return the process of the local AWS that runs from ``data``, where the environment's endpoint is it or none.

    The environment is set to it.
    """
    pid, found = _read_pid(data), running_from(data)
    given = os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
    if found is None or given not in ("", found["endpoint"]):
        return None
    if not given:
        export(found["endpoint"], found["secret"], found["region"])
    return pid


def running_from(data: Path) -> dict[str, str] | None:
    """Return ``access.json``, decoded, of the local AWS that runs from ``data``; None while it starts or ends."""
    try:
        found: dict[str, str] | None = json.loads((data / "access.json").read_text())
    except (OSError, ValueError):
        return None
    return found if _read_pid(data) is not None else None


def data_folder(project: ProjectFolder) -> Path:
    """Return the data folder of the local AWS at the environment's endpoint, or the project's own by default."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
    if endpoint and access(endpoint, project) is not None:
        return Path(folder_mark(endpoint, project).read_text())
    return project.run


def _remember(endpoint: str, data: Path, project: ProjectFolder) -> str:
    """Record the data folder of the local AWS at ``endpoint``, where ``access.json`` is; return its secret."""
    mark = folder_mark(endpoint, project)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(str(data.resolve()))
    found = access(endpoint, project)
    if found is None:
        raise CommandError(
            f"The local AWS is ready, but its secret is not in {data / 'access.json'}.",
            safe="it was ended again.",
            next_step="look at its log in the same folder, then `sluice up` again.",
            file=str(data / "access.json"),
        )
    return found["secret"]


def start(
    port: int,
    contracts: list[Path],
    *,
    data: Path,
    environment: str,
    detached: bool,
    secret: bool = False,
    note: Callable[[str], None] = lambda line: None,
) -> LocalRun:
    """Synthesize, start the local AWS at ``port`` and wait until every stack is deployed.

    With ``secret`` it gets a random secret access key, which other users of this machine do not know. ``note`` gets
    lines about progress.
    """
    _refuse_second(data)
    project = needed_project(contracts)
    declared = declared_environment(project.environments, environment)
    _refuse_elsewhere(declared, project)
    region = declared.region
    port = free_port(port, project)
    data = _own(data)
    began = time.perf_counter()
    assembly = assembly_folder(contracts, environment)
    options = ["--assembly", str(assembly), "--port", str(port), "--region", region, *(["--secret"] if secret else [])]
    process = _begun(project, data, options, detached=detached)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        os.write(pid := folders.open_for_writing(data / "pid"), str(process.pid).encode())
        os.close(pid)
        note("synthesizing")
        synthesize(contracts, environment, folder=assembly)
        note("starting")
        synthesized = time.perf_counter()
        (assembly / "used-by").mkdir(exist_ok=True)
        (assembly / "used-by" / str(process.pid)).touch()
        _wait_until_ready(process, data / "serve.log", note)
        secret_of_run = _remember(endpoint, data, project)
    except BaseException:  # nobody would know of it: whatever failed, no local AWS is left behind
        _end(process)
        (data / "pid").unlink(missing_ok=True)
        raise
    done = time.perf_counter()
    seconds = {"synthesize": synthesized - began, "deploy": done - synthesized}
    return LocalRun(endpoint, region, secret_of_run, process, seconds)


def _begun(project: ProjectFolder, data: Path, options: list[str], *, detached: bool) -> subprocess.Popen[bytes]:
    """Start the local AWS, which gets ready beside the synthesis and deploys the assembly once it is there."""
    command = [sys.executable, "-m", "localaws", "serve", "--await-from", str(os.getpid()), *options]
    command += ["--data", str(data.resolve())]
    # In the foreground the local AWS ends with this process, even if this process is killed.
    command += [] if detached else ["--with-stdin"]
    with os.fdopen(folders.open_for_writing(data / "serve.log"), "wb") as stream:
        return subprocess.Popen(
            command,
            cwd=project.root,
            env={**os.environ, **bytecode(project)},
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            start_new_session=detached,
        )


def _refuse_second(data: Path) -> None:
    """Raise ``CommandError`` while a local AWS runs from ``data``."""
    if (running := _read_pid(data)) is None:
        return
    where = f" at {found['endpoint']}" if (found := running_from(data)) else ""
    raise CommandError(
        f"A local AWS already runs from {data}{where} (process {running}).",
        safe="it goes on, with its data.",
        next_step="`sluice deploy` brings it to what is declared now; `sluice down` ends it.",
        file=str(data),
    )


def _refuse_elsewhere(declared: Environment, project: ProjectFolder) -> None:
    """Raise ``CommandError`` for an environment that cannot be as it is declared on one machine."""
    if declared.vpc is not None:
        field, why = "vpc", "the local AWS has no VPC: functions would run outside of the network that is declared"
    elif (partition := partition_of(declared.region)) != USUAL:
        field, why = "region", f"{declared.region} is of the partition {partition}, and the local AWS is of {USUAL}"
    else:
        return
    raise CommandError(
        f"{project.environments}: {declared.name}: `{field}`: {why}.",
        safe="nothing was started.",
        next_step="run another environment here; `sluice deploy --account` deploys this one.",
        value=declared.name,
        file=str(project.environments),
    )


def free_port(port: int, project: ProjectFolder) -> int:
    """Return ``port``, or for 0 one that is free; ``CommandError`` when it cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be listened on: {error.strerror}.{_who_listens(port, project)}",
                safe="nothing was started.",
                next_step="`sluice up --port 0` takes a free one; `sluice down` ends a local AWS of yours.",
                value=str(port),
            ) from error
        free: int = probe.getsockname()[1]
        return free


def _who_listens(port: int, project: ProjectFolder) -> str:
    """Return a sentence about the local AWS at ``port``; an empty text when something else, or nothing, answers."""
    endpoint = f"http://127.0.0.1:{port}"
    if access(endpoint, project):
        return " This project's own local AWS runs there: `sluice deploy` brings it to what is declared now."
    try:
        urllib.request.urlopen(f"{endpoint}/_localaws/health", timeout=1).close()
    except urllib.error.HTTPError as error:  # it refuses whoever has not its token, and says who it is
        return " The local AWS of another folder runs there." if b"local AWS" in error.read(1000) else ""
    except (OSError, ValueError, http.client.HTTPException):
        pass
    return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _own(data: Path) -> Path:
    """Return the data folder, created if necessary; refuse one that others can write to, since code in it is run."""
    try:
        return folders.own(data)
    except folders.NotOurs as error:
        raise CommandError(str(error), next_step="name a folder of your own with --data.", file=str(data)) from error


def stop(data: Path) -> bool:
    """Stop the local AWS that was started from ``data``; return whether one was running."""
    pid = _read_pid(data)
    (data / "pid").unlink(missing_ok=True)
    project = present_project()
    for mark in (project.cache / "running").glob("*") if project else ():
        if mark.read_text() == str(data.resolve()):
            mark.unlink(missing_ok=True)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    for _ in range(200):
        if not is_local_aws(pid):
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return True


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, note: Callable[[str], None]) -> None:
    while process.poll() is None:
        lines = log.read_text(errors="replace").splitlines()
        if any(line.startswith("ready") for line in lines):
            return
        if lines and lines[-1].endswith(" resources"):
            note(lines[-1])
        time.sleep(0.05)
    raise CommandError(
        f"The local AWS ended before it was ready:\n{log.read_text(errors='replace')[-3000:]}",
        safe="nothing of it runs.",
        next_step="mend what its log says, then `sluice up` again.",
        file=str(log),
    )


def _read_pid(data: Path) -> int | None:
    try:
        pid = int((data / "pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if is_local_aws(pid) else None
