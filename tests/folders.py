"""Where this repository lies, which is a project, too."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sluice.environments import read_environments

ROOT: Final = Path(__file__).resolve().parents[1]
#: A project of the library's own, on which its tests stand: five datasets, three of them streams, and three tables.
SMALL: Final = ROOT / "tests" / "small_project"
#: What `sluice up` keeps there, the functions' layer among it.
CACHE: Final = ROOT / ".sluice" / "cache"
#: The environments that this repository declares, by name.
ENVIRONMENTS: Final = read_environments(ROOT / "environments.yaml")
#: The folders of this repository's packages that functions and jobs are shipped, as `infra.imports` wants them.
PLACES: Final = {name: ROOT / name for name in ("sluice", "lambdas")}
