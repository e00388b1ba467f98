"""The arguments of a Glue job: separates the script's own from Glue's, and reads what Glue's ask for.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

#: Parameters without effect on what a job computes here, each with the reason.
WITHOUT_EFFECT = {
    "--enable-metrics": "no metrics are emitted",
    "--enable-observability-metrics": "no metrics are emitted",
    "--enable-job-insights": "errors are in the run's ErrorMessage",
    "--enable-continuous-cloudwatch-log": "logs are always written as they come",
    "--enable-continuous-log-filter": "the log is Spark's and the script's only",
    "--enable-spark-ui": "no event log is kept",
    "--spark-event-logs-path": "no event log is kept",
    "--enable-auto-scaling": "there is one machine",
    "--enable-s3-parquet-optimized-committer": "it changes speed only",
    "--enable-rename-algorithm-v2": "it changes speed only",
    "--executor-cores": "there is one machine",
    "--python-modules-installer-option": "modules are those of this environment",
}
#: Parameters that are switched off by these values; other values are not supported here.
_ONLY = {
    "--enable-glue-datacatalog": {"false"},
    "--job-bookmark-option": {"job-bookmark-disable"},
    "--job-language": {"python"},
    "--datalake-formats": {"iceberg"},
}
#: Parameters that would change the result and are not supported here.
_UNSUPPORTED = frozenset(
    {
        "--JOB_NAME",
        "--JOB_RUN_ID",
        "--auto-scale-within-microbatch",
        "--class",
        "--continuous-log-conversionPattern",
        "--continuous-log-logGroup",
        "--continuous-log-logStreamPrefix",
        "--custom-logStream-prefix",
        "--customer-driver-env-vars",
        "--customer-executor-env-vars",
        "--debug",
        "--disable-proxy-v2",
        "--enable-lakeformation-fine-grained-access",
        "--mode",
        "--scriptLocation",
        "--use-postgres-driver",
        "--user-jars-first",
        "--write-shuffle-files-to-s3",
        "--write-shuffle-spills-to-s3",
    }
)


class UnsupportedArgument(Exception):
    """An argument asks for something that jobs do not do here; the message names it."""


@dataclass(frozen=True)
class JobArguments:
    """The arguments of a job run. Files are S3 addresses; ``spark`` are the settings of ``--conf``."""

    script: Mapping[str, str]
    python_files: tuple[str, ...] = ()
    jars: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    iceberg: bool = False
    spark: tuple[tuple[str, str], ...] = ()
    log_group: str = "/aws-glue/jobs"


def read(arguments: Mapping[str, str]) -> JobArguments:
    """Return the meaning of ``arguments``; raise ``UnsupportedArgument`` for one of Glue's that has no effect here."""
    for name, value in arguments.items():
        if name in _UNSUPPORTED:
            raise UnsupportedArgument(f"the job parameter {name} is not supported locally")
        if name in _ONLY and value not in _ONLY[name]:
            allowed = " or ".join(sorted(_ONLY[name]))
            raise UnsupportedArgument(f"the job parameter {name} is {value!r}; supported locally: {allowed}")
    check_modules(arguments.get("--additional-python-modules", ""))
    return JobArguments(
        script={name: value for name, value in arguments.items() if name not in _CONSUMED},
        python_files=_listed(arguments.get("--extra-py-files", "")),
        jars=_listed(arguments.get("--extra-jars", "")),
        files=_listed(arguments.get("--extra-files", "")),
        iceberg="--datalake-formats" in arguments,
        spark=tuple(_settings(arguments.get("--conf", ""))),
        log_group=arguments.get("--custom-logGroup-prefix", "/aws-glue/jobs"),
    )


_CONSUMED = frozenset(
    {
        *WITHOUT_EFFECT,
        *_ONLY,
        "--additional-python-modules",
        "--conf",
        "--custom-logGroup-prefix",
        "--extra-files",
        "--extra-jars",
        "--extra-py-files",
    }
)


def check_modules(listed: str) -> None:
    """Raise ``UnsupportedArgument`` unless this environment has every listed module in the requested version."""
    for wanted in _listed(listed):
        pinned = re.fullmatch(r"([A-Za-z0-9._-]+)(?:==([^=<>~!\s]+))?", wanted)
        if pinned is None:
            raise UnsupportedArgument(f"--additional-python-modules has {wanted!r}; supported locally: name==version")
        name, version = pinned.groups()
        try:
            here = metadata.version(name)
        except metadata.PackageNotFoundError:
            here = None
        if here is None or version not in {None, here}:
            raise UnsupportedArgument(
                f"--additional-python-modules asks for {wanted}, but this environment has "
                f"{f'{name} {here}' if here else 'no such package'}: jobs run with its packages, so add it there"
            )


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _settings(value: str) -> list[tuple[str, str]]:
    """Return the settings of ``--conf``; Glue takes it once, and more follow inside its value: ``a=1 --conf b=2``."""
    pairs = []
    for part in re.split(r"(?:^|\s+)--conf\s+", value.strip()):
        if part:
            name, equals, setting = part.strip().partition("=")
            if not equals or not name.startswith("spark."):
                raise UnsupportedArgument(f"--conf has {part!r}, which is not spark.<name>=<value>")
            pairs.append((name, setting))
    return pairs
