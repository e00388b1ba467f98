"""The formats that files come in: one module each, named as a contract calls it, found by itself.

A module declares ``FORMAT`` and imports what reads its files when the first one comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sluice.found import found_in
from sluice.ingestion.readers import FileFormat

FILE_FORMATS: Final[Mapping[str, FileFormat]] = found_in(__name__, "FORMAT")
