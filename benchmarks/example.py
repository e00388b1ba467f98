"""The project whose contracts and transforms the benchmarks run: this repository's, whatever folder they are run in."""

from pathlib import Path
from typing import Final

from sluice.folders import ProjectFolder

PROJECT: Final = ProjectFolder(Path(__file__).resolve().parents[1])
