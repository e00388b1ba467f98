"""The generated pages of the reference, and what makes each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.docs.reference.athena_functions import athena_functions_page
from tests.docs.reference.commands import commands_page
from tests.docs.reference.contract_fields import contract_fields_page
from tests.docs.reference.environments import environments_page
from tests.docs.reference.errors import errors_page
from tests.docs.reference.local_aws import local_aws_page
from tests.docs.reference.python import python_page
from tests.docs.reference.statements import statements_page
from tests.folders import ROOT

FOLDER: Final = ROOT / "docs" / "reference"
PAGES: Final[dict[str, Callable[[], str]]] = {
    "athena-functions.md": athena_functions_page,
    "commands.md": commands_page,
    "contract-fields.md": contract_fields_page,
    "environments.md": environments_page,
    "errors.md": errors_page,
    "local-aws.md": local_aws_page,
    "python.md": python_page,
    "statements.md": statements_page,
}
