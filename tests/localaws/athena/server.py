"""A moto server with the local Glue and Athena, for tests of those two alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.server import ThreadedMotoServer
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog

from localaws import athena
from localaws.context import Context
from localaws.glue import catalog


@contextmanager
def running(scratch: Path) -> Iterator[Context]:
    """Yield the context of a running server with Glue and Athena."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    ctx = Context(endpoint=f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}", scratch=scratch)
    catalog.install(ctx)
    athena.install(ctx)
    try:
        yield ctx
    finally:
        ctx.close()
        server.stop()


def iceberg_catalog(ctx: Context, warehouse: str) -> Catalog:
    """Return PyIceberg's Glue catalog over the local AWS."""
    return GlueCatalog(
        "local",
        **{
            "warehouse": warehouse,
            "glue.endpoint": ctx.endpoint,
            "glue.region": ctx.region,
            "glue.access-key-id": "test",
            "glue.secret-access-key": "test",
            "s3.endpoint": ctx.endpoint,
            "s3.region": ctx.region,
            "s3.access-key-id": "test",
            "s3.secret-access-key": "test",
            "s3.force-virtual-addressing": "false",
        },
    )
