"""The functions' Python, wheels and processor: one fact, three spellings."""

from __future__ import annotations

PYTHON = "3.13"
WHEEL_PLATFORM = "aarch64-manylinux_2_28"
