"""The context that all parts of one local AWS share: its endpoint, its folder, and how it stops."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

log = logging.getLogger("localaws")

#: The account that every local resource belongs to (moto's default).
ACCOUNT = "123456789012"
#: The key of the person at the keyboard, the account's administrator: allowed everything that no resource denies.
ADMIN_ACCESS_KEY = "test"
#: The secret key of that access key, unless the run has a secret of its own.
WELL_KNOWN_SECRET = "test"

_CLIENT_CONFIG = Config(
    inject_host_prefix=False,
    retries={"total_max_attempts": 1},
    read_timeout=960,
    max_pool_connections=50,
    s3={"addressing_style": "path"},
)


@dataclass
class Context:
    """One running local AWS.

    ``endpoint`` is the base URL (``http://127.0.0.1:4566``) that serves all APIs; ``scratch`` the only directory
    written to; ``region`` the one that the assembly deploys to; ``secret`` the secret key of the administrator's access
    key; ``token`` authorizes requests to the server's own routes.
    """

    endpoint: str
    scratch: Path
    region: str = "us-east-1"
    account: str = ACCOUNT
    secret: str = WELL_KNOWN_SECRET
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    #: The access key of localaws's own calls, which no policy refuses; its secret key is ``token``.
    own_access_key: str = field(default_factory=lambda: f"LOCALAWS{secrets.token_hex(8).upper()}")
    stopping: threading.Event = field(default_factory=threading.Event)
    #: Names of what the local AWS made itself and a stack may take over: what `cdk bootstrap` would make.
    lent: set[str] = field(default_factory=set)
    #: Returns the ARN of the role that a stack, by name or id, was last changed with; None if none was passed for it.
    stack_role: Callable[[str], str | None] = lambda name: None
    _closers: list[Callable[[], None]] = field(default_factory=list)
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str) -> Any:
        """Return a boto3 client of localaws itself for ``service`` at this endpoint; cached and thread-safe."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=self.own_access_key,
                    aws_secret_access_key=self.token,
                    config=_CLIENT_CONFIG,
                )
            return self._clients[service]

    def on_close(self, closer: Callable[[], None]) -> None:
        """Call ``closer`` when the local AWS stops; the last registered one is called first."""
        self._closers.append(closer)

    def close(self) -> None:
        """Call all closers, the last registered first; a failing closer is logged, and the others are still called."""
        self.stopping.set()
        while self._closers:
            closer = self._closers.pop()
            try:
                closer()
            except Exception:
                log.exception("closing %r failed", closer)
