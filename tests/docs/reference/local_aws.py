"""``docs/reference/local-aws.md``: what the local AWS deploys and answers, from ``python -m localaws coverage``."""

from __future__ import annotations

from localaws import calls
from localaws.cloudformation.coverage import coverage
from tests.docs.reference.page import page


def local_aws_page() -> str:
    """Return the page."""
    gets = "What `localaws` deploys and answers. `python -m localaws coverage` prints the same."
    deeper = f"{coverage()}\n{calls.told()}".replace("\n#", "\n##").rstrip()
    return page("Coverage of the local AWS", gets, f"#{deeper}")
