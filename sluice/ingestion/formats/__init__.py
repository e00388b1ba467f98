"""The file formats: one module each, named as contracts call it.

A module declares ``FORMAT`` and imports its reader only when the first such file is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sluice.found import found_in
from sluice.ingestion.readers import FileFormat

FILE_FORMATS: Final[Mapping[str, FileFormat]] = found_in(__name__, "FORMAT", FileFormat)
