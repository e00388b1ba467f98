"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Contracts = Annotated[list[Path] | None, typer.Option("--contracts", help="Contracts folder; may be given repeatedly.")]
Environment = Annotated[str, typer.Option("--env", help="Environment: dev or prod.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Directory for logs and scratch; nothing is written outside.")
]
