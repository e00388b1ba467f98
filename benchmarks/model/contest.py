"""Lets contenders build the model, each in a process of its own, and checks that all make the same rows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.model.check import Facts, differences, facts_of
from benchmarks.model.lakes import Files, ModelLake
from benchmarks.model.project import FUNCTIONS, create_lake, declared
from benchmarks.model.sql import TABLES
from localaws.glue import spark as local_spark
from localaws.glue.maven import JarError
from localaws.glue.spark import SparkMissing
from localaws.server import LocalAws

DUCKDB, SLUICE, SLUICE_SPARK = "DuckDB SQL by hand", "Sluice on DuckDB", "Sluice on local Spark"
SPARK, PANDAS, DBT = "plain PySpark", "pandas + pyarrow", "dbt-duckdb, same SQL"
#: In the order in which they take turns; what the first makes is what the others must make.
CONTENDERS = {
    DUCKDB: "duckdb_by_hand",
    SLUICE: "sluice_duckdb",
    DBT: "with_dbt",
    PANDAS: "with_pandas",
    SPARK: "plain_spark",
    SLUICE_SPARK: "sluice_spark",
}
#: dbt-core 1.12 needs a parser that is built of sources from outside the package registry.
_DBT = ("dbt-duckdb==1.11.1", "dbt-core==1.11.16")
_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 3600


@dataclass(frozen=True)
class Build:
    """One contender's build: seconds in all and by table or step, before it and in it; or the ``fault`` it had."""

    contender: str
    seconds: float = 0.0
    processor_seconds: float = 0.0
    start_up: float = 0.0
    peak_mb: float = 0.0
    tables: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""


class Contest:
    """The contenders of one run; ``missing`` says who cannot take part, and why."""

    def __init__(self, scratch: Path, names: Sequence[str] = tuple(CONTENDERS)) -> None:
        self.scratch, self.names = scratch, list(names)
        self.missing: dict[str, str] = {}
        self._turn = 0
        self.project = scratch / "project.json"
        self.project.write_bytes(declared().to_json())
        self._jars: list[str] = []
        self._dbt_python = ""
        self._aws: LocalAws | None = None
        if {SPARK, SLUICE_SPARK} & set(self.names):
            self._find_spark()
        if DBT in self.names:
            self._install_dbt()
        for name in self.missing:
            self.names.remove(name)

    def take_turns(self, bronze: Files, rounds: int) -> Iterator[Build]:
        """Yield each contender's build in each round, checked against what the first contender made."""
        expected: Facts | None = None
        for _ in range(rounds):
            for name in self.names:
                build, facts = self._build(name, bronze)
                expected = expected or facts
                if facts is not None and expected is not None and (wrong := differences(expected, facts)):
                    build = Build(name, fault="other rows: " + "; ".join(wrong))
                yield build

    def close(self) -> None:
        """End what was started for the contenders."""
        if self._aws is not None:
            self._aws.context.close()

    def work(self, module: str, given: Mapping[str, Any], *, python: str = sys.executable) -> dict[str, Any]:
        """Run a peer's module in a process of its own; return what it tells. ``RuntimeError`` with its last words."""
        scratch = Path(given["scratch"])
        scratch.mkdir(parents=True)
        told, outcome = scratch / "given.json", scratch / "outcome.json"
        everything = {**given, "outcome": str(outcome), "spawned": time.time()}
        told.write_text(json.dumps(everything, default=str), encoding="utf-8")
        command = [python, "-m", f"benchmarks.model.peers.{module}", str(told)]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        if done.returncode:
            raise RuntimeError((done.stderr or done.stdout).strip()[-1500:])
        said: dict[str, Any] = json.loads(outcome.read_text(encoding="utf-8"))
        return said

    def _build(self, name: str, bronze: Files) -> tuple[Build, Facts | None]:
        self._turn += 1
        folder = self.scratch / f"turn{self._turn}"
        given: dict[str, Any] = {
            "bronze": bronze,
            "scratch": folder / "scratch",
            "output": folder / "output",
            "project": self.project,
            "jars": self._jars,
            "functions": FUNCTIONS,
            "sort_order": {table: declared().contract(table).sort_order for table in TABLES},
        }
        lake = self._lake_for(name, folder / "lake", bronze)
        if lake is not None:
            given |= {"lake": dict(lake.properties), "prefix": lake.prefix}
        python = self._dbt_python if name == DBT else sys.executable
        try:
            said = self.work(CONTENDERS[name], given, python=python)
            made = facts_of({table: _files(folder / "output", table, lake) for table in TABLES})
        except (RuntimeError, subprocess.TimeoutExpired, duckdb.Error) as error:
            return Build(name, fault=str(error)), None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        told = ("seconds", "processor_seconds", "start_up", "peak_mb", "tables", "steps")
        return Build(name, **{key: said[key] for key in told}), made

    def _lake_for(self, name: str, folder: Path, bronze: Files) -> ModelLake | None:
        if name == SLUICE:
            return create_lake(folder, bronze)
        if name == SLUICE_SPARK:
            assert self._aws is not None
            at = {"type": "glue", "glue.endpoint": self._aws.endpoint, "glue.region": self._aws.context.region}
            return create_lake(folder, bronze, glue=at, prefix=f"turn{self._turn}_")
        return None

    def _find_spark(self) -> None:
        try:
            local_spark.java()
            if SLUICE_SPARK in self.names:
                self._jars = [str(jar) for jar in local_spark.iceberg(lambda line: None)]
                self._aws = LocalAws.start(scratch=self.scratch / "aws")
        except SparkMissing as why:
            self.missing |= {name: str(why) for name in (SPARK, SLUICE_SPARK) if name in self.names}
        except JarError as why:
            self.missing[SLUICE_SPARK] = str(why)

    def _install_dbt(self) -> None:
        """Make an environment for dbt with the very DuckDB that the others use."""
        folder = self.scratch / "dbt-environment"
        uv = [sys.executable, "-m", "uv"]
        python = folder / "bin" / "python"
        wanted = [*_DBT, f"duckdb=={duckdb.__version__}"]
        for command in (
            [*uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [*uv, "pip", "install", "--quiet", "--python", str(python), *wanted],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                self.missing[DBT] = f"cannot be installed: {done.stderr.strip()[-300:]}"
                return
        self._dbt_python = str(python)


def _files(output: Path, table: str, lake: ModelLake | None) -> list[Path]:
    return lake.files(table) if lake is not None else sorted((output / table).rglob("*.parquet"))
