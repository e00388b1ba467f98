"""The folders of the project; no other module knows where the root folder is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
CONTRACTS: Final = ROOT / "contracts"
TRANSFORMS: Final = ROOT / "glue_jobs"
