"""A table's small file is one request, and a large one, uploaded in parts, is read as it was written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from moto.server import ThreadedMotoServer
from pyarrow.fs import S3FileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO

from sluice.tables.lake_files import LakeFiles

#: Arrow uploads what has 10 MiB or more in parts.
_LARGE = 12 << 20


class _Storage(BaseHTTPRequestHandler):
    """As much of S3 as a small upload needs; ``asked`` has the method and path of each request."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_PUT(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403 if "refused" in self.path else 200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, *_: object) -> None:
        """Note every request, also those that are refused."""
        self.asked.append(f"{self.command} {self.path}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _properties(port: int) -> dict[str, str]:
    """Return where the files are, and any keys."""
    return {
        "s3.endpoint": f"http://127.0.0.1:{port}",
        "s3.region": "us-east-1",
        "s3.access-key-id": "any",
        "s3.secret-access-key": "any",
    }


@pytest.fixture
def storage() -> Iterator[tuple[LakeFiles, list[str]]]:
    asked: list[str] = []
    handler = type("Handler", (_Storage,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield LakeFiles(_properties(server.server_port)), asked
        server.shutdown()


def test_a_small_file_is_written_with_one_request(storage: tuple[LakeFiles, list[str]]) -> None:
    files, asked = storage
    with files.new_output("s3://lake/gold/metadata/00000-a.metadata.json").create() as stream:
        stream.write(b"{}")
    assert asked == ["PUT /lake/gold/metadata/00000-a.metadata.json"]


def test_a_file_that_s3_refuses_is_an_error_at_the_latest_when_it_is_closed(
    storage: tuple[LakeFiles, list[str]],
) -> None:
    files, _ = storage
    with (
        pytest.raises(OSError, match="ACCESS_DENIED"),
        files.new_output("s3://lake/refused.json").create() as stream,
    ):
        stream.write(b"{}")


def test_what_is_said_of_s3_is_kept() -> None:
    said = {"s3.endpoint": "http://127.0.0.1:1", "s3.region": "eu-north-1", "s3.request-timeout": "3"}
    plain, ours = (made(said).fs_by_scheme("s3", "lake") for made in (PyArrowFileIO, LakeFiles))
    given, told = plain.__reduce__()[1][0], ours.__reduce__()[1][0]
    assert {name: value for name, value in told.items() if given[name] != value} == {"allow_delayed_open": True}


@pytest.mark.slow
def test_a_large_file_is_read_as_it_was_written() -> None:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        properties = _properties(server.get_host_and_port()[1])
        S3FileSystem(
            endpoint_override=properties["s3.endpoint"], access_key="any", secret_key="any", allow_bucket_creation=True
        ).create_dir("lake")
        block = bytes(range(256)) * (1 << 12)
        with LakeFiles(properties).new_output("s3://lake/gold/data/one.parquet").create(overwrite=True) as stream:
            for _ in range(_LARGE >> 20):
                stream.write(block)
        with LakeFiles(properties).new_input("s3://lake/gold/data/one.parquet").open() as stream:
            assert stream.read() == block * (_LARGE >> 20)
    finally:
        server.stop()
