"""What is denied is told in the log, and whoever is denied all the time fills no disk."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import logging
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.bounded_log import BoundedLog
from localaws.context import Context
from localaws.iam import enforcement
from tests.localaws.iam.test_enforcement import Caller, code
from tests.localaws.running import ctx  # noqa: F401


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@given(st.lists(st.floats(0, 30), max_size=200))
def test_every_line_is_written_or_counted(times: list[float]) -> None:
    log, lines, now = logging.Logger("x"), Lines(), [0.0]
    log.addHandler(lines)
    bounded = BoundedLog(log, lines=3, seconds=10, clock=lambda: now[0])
    for at in sorted(times):
        now[0] = at
        bounded.warn("line")
    now[0] = 1000.0
    bounded.warn("line")
    written = lines.said.count("line")
    left_out = sum(int(said.split()[0]) for said in lines.said if "more like these" in said)
    assert written + left_out == len(times) + 1
    assert written <= 3 * 4 + 1


def test_a_denial_says_who_what_and_on_what(
    ctx: Context, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enforcement, "_denials", BoundedLog(logging.getLogger("localaws.iam"), lines=5, seconds=3600))
    s3 = Caller(ctx, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::iam-mine/*"})("s3")
    bucket = f"denied-{uuid.uuid4().hex[:8]}"
    with caplog.at_level(logging.WARNING, logger="localaws.iam"):
        for _ in range(50):
            assert code(s3.get_object, Bucket=bucket, Key="secret\n") == "AccessDenied"
    said = [record.getMessage() for record in caplog.records if record.name == "localaws.iam"]
    assert len(said) == 5
    assert said[0].startswith("denied s3:GetObject to arn:aws:sts::123456789012:assumed-role/")
    assert said[0].endswith(f" on arn:aws:s3:::{bucket}/secret\\n")
