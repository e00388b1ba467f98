"""Hive tables: their objects read and written in each format that Athena has."""

from __future__ import annotations

from localaws.athena.hive.source import HiveSource, PartitionsSource

__all__ = ["HiveSource", "PartitionsSource"]
