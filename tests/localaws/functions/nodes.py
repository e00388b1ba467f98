"""Functions of Node that tests make."""

import io
import zipfile
from typing import Any

from localaws.context import Context
from tests.localaws.running import function


def node(ctx: Context, name: str, files: str | dict[str, str], **options: Any) -> str:
    """Create a function of Node from the text of its index.js, or from files."""
    given = {"index.js": files} if isinstance(files, str) else files
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, text in given.items():
            archive.writestr(file, text)
    return function(ctx, name, "", **{"Runtime": "nodejs22.x", "Code": {"ZipFile": buffer.getvalue()}, **options})
