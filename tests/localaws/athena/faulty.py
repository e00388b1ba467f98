"""A moto server of which a call to S3 or Glue can be made to fail: the n-th, before or after it is carried out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

_DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>a fault of the test</Message></Error>'
#: How a call fails: it is not carried out; it is, and its answer is lost; it is the last of a process that dies.
WAYS = ("refused", "lost", "dead")


class Faults:
    """Counts the calls to S3 and Glue while armed, and makes the n-th fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lock = threading.Lock()
        self._calls, self._n, self._way = 0, 0, ""
        self._call = DomainDispatcherApplication.__call__
        faults = self

        def call(app: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            return faults._answered(app, environ, start_response)

        monkeypatch.setattr(DomainDispatcherApplication, "__call__", call)

    def arm(self, n: int, way: str) -> None:
        """Make the n-th call from now on fail in one of ``WAYS``."""
        with self._lock:
            self._calls, self._n, self._way = 0, n, way

    def disarm(self) -> bool:
        """Let all calls through again; return whether one failed."""
        with self._lock:
            fired, self._n = 0 < self._n <= self._calls, 0
            return fired

    def _answered(self, app: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            fails = False
            if self._n and not environ.get("HTTP_X_AMZ_TARGET", "").startswith("AmazonAthena"):
                self._calls += 1
                fails = self._calls == self._n or (self._way == "dead" and self._calls > self._n)
        if not fails:
            answer: Iterable[bytes] = self._call(app, environ, start_response)
            return answer
        if self._way == "lost":
            b"".join(self._call(app, environ, lambda *args: lambda data: None))
        else:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(_DENIED)))])
        return [_DENIED]
