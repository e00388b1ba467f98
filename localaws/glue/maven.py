"""Java archives that no Python package contains: fetched once from Maven Central and verified by their SHA-256.

They are kept in ``$LOCALAWS_CACHE``, else in the user's cache folder. The resolvers themselves know the address of
Maven Central: Ivy, which PySpark contains, then Maven if it is installed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("localaws.maven")

_MB = 1_000_000
_PATIENCE = 900.0
_POLL_SECONDS = 0.2
_fetching = threading.Lock()
#: Archives whose checksum was verified: path, size and modification time at that moment.
_checked: set[tuple[Path, int, int]] = set()

Say = Callable[[str], None]


class JarError(Exception):
    """An archive is missing or has another checksum than expected; the message names it and the next command."""


@dataclass(frozen=True)
class Jar:
    """One archive at Maven Central, pinned by version and checksum; ``size`` in bytes."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """Return the archive's file name in the cache, as Maven names it."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True)
class Resolver:
    """A program that fetches archives: its name, and its command for an archive and a folder."""

    name: str
    command: Callable[[Jar, Path], list[str]]


def cache_folder() -> Path:
    """Return the folder of fetched archives."""
    if chosen := os.environ.get("LOCALAWS_CACHE"):
        return Path(chosen).resolve() / "jars"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "localaws" / "jars"


def fetch(jars: Iterable[Jar], resolvers: Iterable[Resolver], say: Say) -> tuple[Path, ...]:
    """Return the files of ``jars``, fetching those that are not cached; progress is reported to ``say``.

    Raises ``JarError``; a file with another checksum is deleted. Several processes may fetch into one cache.
    """
    cache, wanted = cache_folder(), tuple(jars)
    with _fetching:
        missing = [jar for jar in wanted if not (cache / jar.file_name).is_file()]
        if missing:
            total = sum(jar.size for jar in missing) / _MB
            say(f"fetching {len(missing)} Java archives ({total:.0f} MB) into {cache}, once")
        for jar in missing:
            _fetch(jar, cache, tuple(resolvers), say)
        for jar in wanted:
            check(jar, cache / jar.file_name)
    return tuple(cache / jar.file_name for jar in wanted)


def check(jar: Jar, path: Path) -> None:
    """Raise ``JarError`` and delete ``path`` if its checksum is not the expected one."""
    state = path.stat()
    seen = (path, state.st_size, state.st_mtime_ns)
    if seen in _checked:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        path.unlink()
        raise JarError(
            f"{jar.file_name} is not the archive that was pinned: its SHA-256 is {found}, expected {jar.sha256}. "
            "It was deleted and nothing ran with it. Start the job again to fetch it anew; if this repeats, what "
            "stands between this machine and Maven Central changes files."
        )
    _checked.add(seen)


def _fetch(jar: Jar, cache: Path, resolvers: tuple[Resolver, ...], say: Say) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    reasons = []
    for resolver in resolvers:
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=cache) as temporary:
            folder = Path(temporary)
            reason = _run(jar, resolver, folder, say)
            found = next(folder.rglob(jar.file_name), None)
            if found is not None:
                check(jar, found)
                os.replace(found, cache / jar.file_name)  # atomic, because other processes may fetch it now
                say(f"{jar.file_name}: fetched, checksum as pinned")
                return
        reasons.append(f"{resolver.name}: {reason}")
        say(f"{jar.file_name} did not come with {resolver.name}")
    raise JarError(
        f"{jar.group}:{jar.artifact}:{jar.version} ({jar.size / _MB:.0f} MB) could not be fetched from Maven Central, "
        f"and nothing ran without it. Check the network, then run `python -m localaws.glue.spark` (JAVA_HOME chooses "
        f"the Java whose certificates are trusted), or put the file into {cache} yourself. {' | '.join(reasons)}"
    )


def _run(jar: Jar, resolver: Resolver, folder: Path, say: Say) -> str:
    """Run one resolver to its end; return the last line of its output."""
    output = folder / "output.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            resolver.command(jar, folder), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, cwd=folder
        )
        try:
            _follow(jar, process, folder, say)
        finally:
            process.kill()
            process.wait()
    lines = [line.strip() for line in output.read_text(errors="replace").splitlines() if line.strip(" .\t")]
    return " ".join(lines[-3:])[:600] or f"exit status {process.returncode}"


def _follow(jar: Jar, process: subprocess.Popen[bytes], folder: Path, say: Say) -> None:
    told, deadline = 0, time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        tenth = min(10, sum(_sizes(folder, jar)) * 10 // jar.size)
        if tenth > told:
            told = tenth
            say(f"{jar.file_name}: {tenth * jar.size / 10 / _MB:.0f} of {jar.size / _MB:.0f} MB")
        time.sleep(_POLL_SECONDS)


def _sizes(folder: Path, jar: Jar) -> Iterator[int]:
    """Yield the sizes of an archive's partial files while a resolver writes, moves and removes them."""
    for path in folder.rglob(f"*{jar.artifact}*"):
        try:
            if path.is_file():
                yield path.stat().st_size
        except FileNotFoundError:
            continue


def ivy(java: Path, ivy_jar: Path) -> Resolver:
    """Return the resolver Ivy, which Spark uses, with its default repositories."""

    def command(jar: Jar, folder: Path) -> list[str]:
        return [
            *(str(java), f"-Divy.default.ivy.user.dir={folder}", "-jar", str(ivy_jar), "-error"),
            *("-cache", str(folder / "ivy"), "-notransitive", "-confs", "default", "-types", "jar"),
            *("-dependency", jar.group, jar.artifact, jar.version),
            *("-retrieve", f"{folder}/[artifact]-[revision].[ext]"),
        ]

    return Resolver("Ivy", command)


def maven() -> Resolver | None:
    """Return the resolver Maven with the user's own settings; None if it is not installed."""
    program = shutil.which("mvn")
    if program is None:
        return None

    def command(jar: Jar, folder: Path) -> list[str]:
        artifact = f"{jar.group}:{jar.artifact}:{jar.version}"
        repository = f"-Dmaven.repo.local={folder / 'm2'}"
        return [program, "-q", "-B", "dependency:get", f"-Dartifact={artifact}", "-Dtransitive=false", repository]

    return Resolver("Maven", command)
