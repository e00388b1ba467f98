"""Compiles the project to deploy; separate from the stacks, since importing CDK takes seconds."""

from __future__ import annotations

from pathlib import Path

from sluice.load import load_contracts
from sluice.project import Project
from sluice.transforms.compile import compile_project
from sluice.transforms.discover import transform_folders


def declared_project(folders: list[Path]) -> Project:
    """Return the project that the contract folders, ``glue_jobs/`` and those beside the folders declare."""
    return compile_project(load_contracts(folders), *transform_folders(folders))
