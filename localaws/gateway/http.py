"""A threaded HTTP server that keeps connections open, which werkzeug's own does not."""

from __future__ import annotations

import contextlib
import http
import io
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from localaws.gateway.gate import HEADERS, TARGET

log = logging.getLogger("localaws.http")
#: 18 digits are enough for any body; Python refuses to convert numbers of more than 4,300 digits:
#: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Body(io.RawIOBase):
    """A request's body, which ends where the request ends, so that the next request on the connection stays intact."""

    def __init__(self, source: Any, length: int) -> None:
        super().__init__()
        self._source = source
        self.left = length

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        wanted = self.left if size is None or size < 0 else min(size, self.left)
        data: bytes = self._source.read(wanted) if wanted else b""
        self.left = self.left - len(data) if data else 0
        return data

    def readline(self, size: int | None = -1) -> bytes:
        limit = self.left if size is None or size < 0 else min(size, self.left)
        data: bytes = self._source.readline(limit) if limit else b""
        self.left = self.left - len(data) if data else 0
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class RequestHandler(MotoRequestHandler):
    """Answers the requests of a connection one after the other, each answer in as few packets as possible."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def setup(self) -> None:
        """Register the open connection, so that closing the server can close it."""
        super().setup()
        _connections(self.server).add(self.connection)

    def finish(self) -> None:
        """Unregister the connection."""
        _connections(self.server).discard(self.connection)
        super().finish()

    def handle_expect_100(self) -> bool:
        """Answer ``100 Continue`` at once, since clients otherwise wait a full second; return whether to go on."""
        going_on = bool(super().handle_expect_100())
        self.wfile.flush()
        return going_on

    def run_wsgi(self) -> None:
        """Answer one request; replaces werkzeug's method, which closes the connection after every answer."""
        environ = self.make_environ()
        environ[HEADERS] = self.headers.items()
        environ[TARGET] = self.requestline.split()[1]
        chunked = "Transfer-Encoding" in self.headers
        body = None
        if not self._is_framed():
            self.send_error(400, "The body's length is not said, or said twice")
            self.close_connection = True
            return
        if not chunked:
            body = environ["wsgi.input"] = _Body(self.rfile, int(self.headers.get("Content-Length") or 0))
        try:
            status, headers, content = self._call(environ)
        except Exception as error:
            log.exception("%s %s failed", self.command, self.path)
            status, headers = "500 Internal Server Error", [("Content-Type", "text/plain")]
            content = iter([f"{type(error).__name__}: {error}".encode()])
        try:
            self._send(status, headers, content, drained=body)
        except OSError as error:
            log.debug("the client of %s %s is gone: %s", self.command, self.path, error)
            self.close_connection = True
        if chunked:
            self.close_connection = True

    def _is_framed(self) -> bool:
        """Return whether the request gives its body's length in one way; otherwise a second request could hide in it.

        https://www.rfc-editor.org/rfc/rfc9112#section-6.3
        """
        lengths, codings = self.headers.get_all("Content-Length", []), self.headers.get_all("Transfer-Encoding", [])
        if codings:
            return not lengths and [coding.strip().lower() for coding in codings] == ["chunked"]
        return len(lengths) < 2 and all(_LENGTH.fullmatch(length) for length in lengths)

    def _call(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            answer.update(status=status, headers=headers)

        app: App = self.server.app
        parts = app(environ, start_response)
        if "status" not in answer:
            parts = iter(list(parts))
        return answer["status"], answer["headers"], parts

    def _send(
        self, status: str, headers: list[tuple[str, str]], content: Iterable[bytes], *, drained: _Body | None
    ) -> None:
        code, _, phrase = status.partition(" ")
        number = int(code)
        names = {name.lower() for name, _ in headers}
        self.send_response_only(number, phrase or http.HTTPStatus(number).phrase)
        bodiless = self.command == "HEAD" or number in (204, 304) or 100 <= number < 200
        try:
            parts = iter(content)
            first = b"" if bodiless else next(parts, b"")
            rest = iter(()) if bodiless else parts
            chunk = not bodiless and "content-length" not in names
            if "date" not in names:  # clients tell by it how far off their clock is
                self.send_header("Date", self.date_time_string())
            for name, value in headers:
                self.send_header(name, value)  # "Connection: close" ends the connection after this answer
            if chunk:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._write(first, chunk=chunk)
            for part in rest:
                self._write(part, chunk=chunk)
            if chunk:
                self.wfile.write(b"0\r\n\r\n")
        finally:
            if hasattr(content, "close"):
                content.close()
        self.wfile.flush()
        while drained is not None and drained.left:
            drained.read(1 << 20)

    def _write(self, data: bytes, *, chunk: bool) -> None:
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if chunk else data)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Write the server's own messages to the log rather than the terminal."""
        log.log(logging.ERROR if type == "error" else logging.DEBUG, message, *args)


def _connections(server: Any) -> set[socket.socket]:
    """Return the open connections of ``server``."""
    found: set[socket.socket] = vars(server).setdefault("open_connections", set())
    return found


class Listener:
    """A bound loopback port; it answers with ``app`` once started."""

    def __init__(self, port: int) -> None:
        self._server = make_server("127.0.0.1", port, _not_ready, threaded=True, request_handler=RequestHandler)
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self, app: App) -> None:
        """Start a thread that answers with ``app``."""
        self._server.app = app
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="localaws-http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and close every connection."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        for connection in list(_connections(self._server)):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _not_ready(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
    return [b"the local AWS is starting"]
