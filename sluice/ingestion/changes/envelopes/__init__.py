"""The formats (envelopes) of captured changes: one module each, named as contracts call it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sluice.found import found_in
from sluice.ingestion.changes.change import Envelope

ENVELOPES: Final[Mapping[str, Envelope]] = found_in(__name__, "ENVELOPE", Envelope)
