"""Where the project's own files stand: the one place that knows the root folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
CONTRACTS: Final = ROOT / "contracts"
TRANSFORMS: Final = ROOT / "glue_jobs"
