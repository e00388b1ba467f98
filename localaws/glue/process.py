"""The process of one Glue job run: its folder, its files from S3, its environment, its output."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from localaws.functions.bundles import ASSET_MARKER
from localaws.glue import spark
from localaws.glue.arguments import JobArguments

_MAIN = Path(__file__).with_name("job_main.py")

Write = Callable[[str], None]


class LaunchError(Exception):
    """The run could not start; the message becomes the run's ErrorMessage."""


@dataclass(frozen=True)
class Worker:
    """The size of one worker: memory in GiB, cores, data processing units."""

    memory_gib: int
    cores: int
    dpu: float


#: https://docs.aws.amazon.com/glue/latest/dg/worker-types.html
WORKERS = {
    "Standard": Worker(16, 4, 1),
    "G.025X": Worker(4, 2, 0.25),
    "G.1X": Worker(16, 4, 1),
    "G.2X": Worker(32, 8, 2),
    "G.4X": Worker(64, 16, 4),
    "G.8X": Worker(128, 32, 8),
    "G.12X": Worker(192, 48, 12),
    "G.16X": Worker(256, 64, 16),
    "R.1X": Worker(32, 4, 1),
    "R.2X": Worker(64, 8, 2),
    "R.4X": Worker(128, 16, 4),
    "R.8X": Worker(256, 32, 8),
}


@dataclass(frozen=True)
class Launch:
    """The parameters of a run; ``script`` is an S3 address, ``credentials`` the job role's environment variables."""

    script: str
    arguments: JobArguments
    names: Mapping[str, str]
    worker: Worker
    folder: Path
    region: str
    endpoint: str
    credentials: Mapping[str, str]


def start(launch: Launch, say: Write) -> subprocess.Popen[bytes]:
    """Fetch what the run needs and start its process, in a process group of its own.

    Raises ``LaunchError``, ``JarError`` or ``SparkMissing``.
    """
    folder, arguments = launch.folder, launch.arguments
    for name in ("work", "tmp"):
        (folder / name).mkdir(parents=True)
    script, *python_files = _download_apart(launch, (launch.script, *arguments.python_files), folder / "python")
    python_files = [_as_shipped(path) for path in python_files]
    for address in arguments.files:
        _download(launch, address, folder / "work")
    own_jars = _download_apart(launch, arguments.jars, folder / "jars")
    jars = [*(spark.iceberg(say) if arguments.iceberg else ()), *own_jars]
    worker = launch.worker
    settings = spark.configuration(
        folder, jars, cores=worker.cores, memory_gib=worker.memory_gib, more=dict(arguments.spark)
    )
    described = folder / "launch.json"
    described.write_text(
        json.dumps(
            {
                "script": str(script),
                "arguments": [part for pair in {**launch.names, **arguments.script}.items() for part in pair],
                "python_files": [str(path) for path in python_files],
                "packages": sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}),
                "error": str(folder / "error.txt"),
            }
        ),
        encoding="utf-8",
    )
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-u", str(_MAIN), str(described)],
        cwd=folder / "work",
        env={**_environment(launch), **spark.environment(folder, settings)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def follow(process: subprocess.Popen[bytes], output: Write, error: Write) -> tuple[threading.Thread, ...]:
    """Pass each line that the process writes to ``output`` or ``error``; return the threads that do so."""
    assert process.stdout is not None
    assert process.stderr is not None
    pairs = ((process.stdout, output), (process.stderr, error))
    readers = tuple(threading.Thread(target=_read, args=pair, daemon=True, name="glue log") for pair in pairs)
    for reader in readers:
        reader.start()
    return readers


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and all processes that it started, including Spark's Java."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def failure(folder: Path, status: int) -> str:
    """Return why a run ended with ``status``: the exception of its script, or how its process died."""
    told = folder / "error.txt"
    if told.is_file():
        return told.read_text(encoding="utf-8")
    if status < 0:
        return f"Command failed: the process was ended by signal {signal.Signals(-status).name}"
    return f"Command failed with exit code {status}"


def _read(pipe: IO[bytes], write: Write) -> None:
    with pipe:
        for line in pipe:
            write(line.decode(errors="replace").rstrip("\r\n"))


def _environment(launch: Launch) -> dict[str, str]:
    tmp = str(launch.folder / "tmp")
    return {
        **launch.credentials,
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(launch.folder / "work"),
        "TMPDIR": tmp,
        "LANG": "en_US.UTF-8",
        "TZ": "UTC",
        "AWS_REGION": launch.region,
        "AWS_DEFAULT_REGION": launch.region,
        "AWS_ENDPOINT_URL": launch.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _as_shipped(path: Path) -> Path:
    """Return a Python file as it is on AWS: a placeholder for an asset's folder becomes a zip of the folder."""
    if path.suffix != ".zip":
        return path
    with zipfile.ZipFile(path) as archive:
        if archive.namelist() != [ASSET_MARKER]:
            return path
        asset = archive.read(ASSET_MARKER).decode().strip()
    path.unlink()
    return Path(shutil.make_archive(str(path.with_suffix("")), "zip", asset))


def _download_apart(launch: Launch, addresses: tuple[str, ...], folder: Path) -> list[Path]:
    """Fetch each object into a folder of its own, because two may have the same name; return the files."""
    return [_download(launch, address, folder / str(number)) for number, address in enumerate(addresses)]


def _download(launch: Launch, address: str, folder: Path) -> Path:
    """Fetch an S3 object with the job role's credentials, under its own name; return the file."""
    where = urlsplit(address)
    key = where.path.lstrip("/")
    if where.scheme not in {"s3", "s3a", "s3n"} or not key:
        raise LaunchError(f"{address!r} is not an address of an S3 object")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / Path(key).name
    try:
        _s3(launch).download_file(where.netloc, key, str(path))
    except (ClientError, BotoCoreError) as error:
        raise LaunchError(f"LAUNCH ERROR | {address} could not be read with the job's role: {error}") from error
    return path


def _s3(launch: Launch) -> Any:
    return boto3.client(
        "s3",
        region_name=launch.region,
        endpoint_url=launch.endpoint,
        aws_access_key_id=launch.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=launch.credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=launch.credentials["AWS_SESSION_TOKEN"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
