"""The settings of a deployed function, read from the environment variables that the stacks set."""

from __future__ import annotations

import os

import msgspec

from sluice.decoding import converter


class Settings(msgspec.Struct, frozen=True):
    """Names of the deployed resources; ``database_prefix`` begins every database name.

    ``alert_topic`` and ``refresh_machine`` are ARNs, of the topic of operational events and of the refresh workflow.
    ``transform_memory`` and ``transform_memory_large`` are the MiB of the two functions that run transforms.
    """

    landing_bucket: str = ""
    lake_bucket: str = ""
    ledger_table: str = ""
    landing_queue_url: str = ""
    commit_queue_url: str = ""
    landing_dead_letters_url: str = ""
    commit_dead_letters_url: str = ""
    refresh_dead_letters_url: str = ""
    ingest_alone_function: str = ""
    refresh_machine: str = ""
    alert_topic: str = ""
    database_prefix: str = ""
    event_bus: str = "default"
    max_file_bytes: int = 5 << 30
    transform_memory: int = 1769
    transform_memory_large: int = 10_240

    @property
    def lake(self) -> str:
        """Return the lake's S3 address."""
        return f"s3://{self.lake_bucket}"

    def database(self, name: str) -> str:
        """Return the database's name in this environment."""
        return f"{self.database_prefix}{name}"


_to_settings = converter(Settings, strict=False)


def settings_from_environment() -> Settings:
    """Return the settings; variables are the field names in capitals with the prefix ``SLUICE_``."""
    given = {
        field: os.environ[name]
        for field in Settings.__struct_fields__
        if (name := f"SLUICE_{field.upper()}") in os.environ
    }
    return _to_settings(given)
