"""How Spark is started on this machine, for both of the contenders that are Spark."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.model.child import MEMORY_GIB, THREADS
from localaws.glue import spark as local_spark


def start_java(scratch: Path, jars: tuple[Path, ...] = ()) -> None:
    """Set the environment in which the next Spark session of this process starts, with ``jars`` on its class path."""
    (scratch / "tmp").mkdir(parents=True)
    settings = local_spark.configuration(scratch, jars, cores=THREADS, memory_gib=MEMORY_GIB, more={})
    settings["spark.driver.memory"] = f"{MEMORY_GIB}g"
    os.environ.update({**local_spark.environment(scratch, settings), "TZ": "UTC"})
