"""The command line. Apart from ``up`` and ``down`` it speaks only AWS APIs: local and cloud differ by the endpoint."""

from __future__ import annotations

import sys

from sluice.cli import local
from sluice.cli.commands import cli
from sluice.errors import SluiceError


def app() -> None:
    """Run the command line; what goes wrong is said in plain words on standard error."""
    local.adopt()
    try:
        cli()
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
