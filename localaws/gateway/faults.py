"""Records the AWS calls that functions make, and kills a function's process at a chosen call.

A crash test records the calls of one successful run with `record`, then repeats the run once for each of them with
`arm(FaultPoint(...))`: the n-th such call kills its caller (SIGKILL), before it is carried out or after. Switched off,
this costs one look-up a call. Tests in another process use it over HTTP under ``/_localaws/faults``.

`throttle` makes reads or writes of a Kinesis stream fail for exceeding their rate, as on a busy shard.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from localaws.context import Context
from localaws.gateway import calls

log = logging.getLogger("localaws.faults")

_PATH = "/_localaws/faults"

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass(frozen=True)
class Call:
    """One AWS call: the role session of its caller (for a function: the function's name), and its resource."""

    caller: str
    service: str
    action: str
    detail: str


@dataclass(frozen=True)
class FaultPoint:
    """The ``n``-th matching call, from 1; empty strings match anything. ``when``: ``before`` or ``after`` the call."""

    caller: str = ""
    service: str = ""
    action: str = ""
    detail: str = ""
    n: int = 1
    when: str = "before"

    def __post_init__(self) -> None:
        if self.when not in {"before", "after"} or self.n < 1:
            raise ValueError(f"{self}: `when` is 'before' or 'after', and `n` counts from 1")

    def matches(self, call: Call) -> bool:
        """Return whether ``call`` matches, and so is counted."""
        pairs = zip((self.caller, self.service, self.action, self.detail), asdict(call).values(), strict=True)
        return all(wanted in {"", given} for wanted, given in pairs)


@dataclass(frozen=True)
class Throttle:
    """Throttles ``count`` calls of ``action`` on a stream after the first ``skip``; PutRecords counts each record."""

    stream: str
    action: str
    count: int = 1
    skip: int = 0

    def __post_init__(self) -> None:
        if self.action not in _THROTTLED_ACTIONS or self.count < 1 or self.skip < 0:
            raise ValueError(f"{self}: `action` is one of {sorted(_THROTTLED_ACTIONS)}, `count` at least 1")


_THROTTLED_ACTIONS = {"PutRecord", "PutRecords", "GetRecords"}


@dataclass
class _State:
    recordings: list[list[Call]]
    armed: FaultPoint | None = None
    seen: int = 0
    struck: Call | None = None
    throttle: Throttle | None = None
    throttle_seen: int = 0

    @property
    def off(self) -> bool:
        return self.armed is None and not self.recordings


_state = _State(recordings=[])
_lock = threading.Lock()
_processes: dict[str, Callable[[], None]] = {}
_remote: list[Call] = []


def register_caller(access_key: str, kill: Callable[[], None]) -> None:
    """Register ``kill``, which kills the process that calls with ``access_key``."""
    _processes[access_key] = kill


def forget_caller(access_key: str) -> None:
    """Forget the process that called with ``access_key``, because it has ended."""
    _processes.pop(access_key, None)


@contextlib.contextmanager
def record() -> Iterator[list[Call]]:
    """Yield a list to which every call is added until the block ends."""
    recording: list[Call] = []
    with _lock:
        _state.recordings.append(recording)
    try:
        yield recording
    finally:
        with _lock:
            _state.recordings = [other for other in _state.recordings if other is not recording]


def arm(point: FaultPoint) -> None:
    """Kill the caller at ``point``, once; counting starts now."""
    with _lock:
        _state.armed, _state.seen, _state.struck = point, 0, None


def disarm() -> Call | None:
    """Stop killing callers; return the call at which one was killed since `arm`, or None."""
    with _lock:
        _state.armed = None
        return _state.struck


def throttle(wanted: Throttle | None) -> int:
    """Set the throttling to ``wanted`` (None: no throttling); return how many calls were throttled until now."""
    with _lock:
        before = _state.throttle
        throttled = max(0, min(_state.throttle_seen - before.skip, before.count)) if before else 0
        _state.throttle, _state.throttle_seen = wanted, 0
        return throttled


def throttles(action: str, stream: str) -> bool:
    """Return whether this call (or record) is throttled; each call of this function counts as one."""
    if _state.throttle is None:
        return False
    with _lock:
        wanted = _state.throttle
        if wanted is None or (wanted.action, wanted.stream) != (action, stream):
            return False
        _state.throttle_seen += 1
        return wanted.skip < _state.throttle_seen <= wanted.skip + wanted.count


def middleware(app: App, ctx: Context) -> App:
    """Return ``app`` with its calls recorded and its callers killed as armed."""
    del ctx

    def observed(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if _state.off:
            return app(environ, start_response)
        request = calls.read(environ)
        if request is None:
            return app(environ, start_response)
        call = Call(calls.session_name(request.access_key), request.service, request.action, request.detail)
        point = _note(call)
        if point is None:
            return app(environ, start_response)
        if point.when == "before":
            _kill(request.access_key, call)
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        # Carried out in full before the caller dies, so that the call has its effect but no answer.
        body = list(app(environ, start_response))
        _kill(request.access_key, call)
        return body

    return observed


def _note(call: Call) -> FaultPoint | None:
    with _lock:
        for recording in _state.recordings:
            recording.append(call)
        point = _state.armed
        if point is None or not point.matches(call):
            return None
        _state.seen += 1
        if _state.seen != point.n:
            return None
        _state.armed, _state.struck = None, call
        return point


def _kill(access_key: str, call: Call) -> None:
    kill = _processes.get(access_key)
    if kill is None:
        log.warning("a fault was armed for %s, but its caller is no process of a function: nothing was killed", call)
    else:
        log.info("killing %s at %s", call.caller, call)
        kill()


def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve ``POST …/arm`` (a fault point as JSON), ``…/disarm``, ``…/throttle`` (a `Throttle` or null), ``…/record``.

    ``GET …/calls`` ends a recording.
    """
    verb = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].removeprefix(_PATH)}"
    status = "200 OK"
    answer: Any = None
    if verb == "POST /arm":
        try:
            arm(FaultPoint(**_sent(environ)))
        except (TypeError, ValueError) as error:
            status, answer = "400 Bad Request", str(error)
    elif verb == "POST /throttle":
        try:
            wanted = _sent(environ)
            answer = throttle(Throttle(**wanted) if wanted else None)
        except (TypeError, ValueError) as error:
            status, answer = "400 Bad Request", str(error)
    elif verb == "POST /disarm":
        struck = disarm()
        answer = asdict(struck) if struck else None
    elif verb == "POST /record":
        with _lock:
            _remote.clear()
            _state.recordings = [other for other in _state.recordings if other is not _remote] + [_remote]
    elif verb == "GET /calls":
        with _lock:
            _state.recordings = [other for other in _state.recordings if other is not _remote]
            answer = [asdict(call) for call in _remote]
    else:
        status, answer = "404 Not Found", f"no {verb}; there are POST /arm, /disarm, /throttle, /record and GET /calls"
    body = json.dumps(answer).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _sent(environ: dict[str, Any]) -> Any:
    return json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
