"""Credentials and clock are judged by what an endpoint answers: a server of this test's own, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sluice.cli.doctor.access import Caller, account_of
from sluice.cli.doctor.checks import Finding, Question, make, well
from sluice.environments import Environment
from tests.sluice.cli.doctor.conftest import doctor, less_than_well, reach

REFUSAL = "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>"
IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::210987654321:user/ann</Arn><UserId>AIDA</UserId><Account>210987654321</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
#: All checks that ask for more than who the caller is.
ASKING = (
    "stacks", "bootstrap", "lambda-memory", "lambda-concurrency", "kinesis", "buckets", "lake-formation", "leftovers",
)  # fmt: skip


class Answers(HTTPServer):
    """Answers who the caller is with one status, text and time, and refuses all else."""

    status, text, off = 200, IDENTITY, timedelta(0)


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        known = b"GetCallerIdentity" in asked
        status, text = (self.server.status, self.server.text) if known else (403, REFUSAL.format("AccessDenied", "no"))
        self.send_response_only(status)
        self.send_header("Date", format_datetime(datetime.now(UTC) + self.server.off, usegmt=True))
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self) -> None:
        self.do_POST()

    def do_HEAD(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def answers(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    with Answers(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        reach(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


def test_an_expired_token_is_told_once_and_nothing_else_is_asked(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "The security token included in the request is expired"
    answers.status, answers.text = 403, REFUSAL.format("ExpiredToken", said)
    status, found = doctor(capsys, "--account")
    assert status == 1
    assert less_than_well(found) == {"credentials": "failed", **dict.fromkeys(("account", *ASKING), "unknown")}
    assert found["credentials"]["found"] == "the token has expired"
    assert "`aws login`" in found["credentials"]["next_step"]
    assert found["clock"]["status"] == "ok", "a refusal has a date, too"


@pytest.mark.parametrize(("off", "way"), [(timedelta(minutes=-10), "fast"), (timedelta(minutes=10), "slow")])
@pytest.mark.parametrize("refused", [True, False])
def test_a_clock_that_is_ten_minutes_off(
    answers: Answers, capsys: pytest.CaptureFixture[str], off: timedelta, way: str, refused: bool
) -> None:
    answers.off = off
    if refused:
        answers.status, answers.text = 403, REFUSAL.format("SignatureDoesNotMatch", "Signature expired")
    found = doctor(capsys, "--account")[1]
    assert found["clock"]["status"] == "failed"
    assert f"10 minutes {way}" in found["clock"]["found"]
    assert found["credentials"]["status"] == ("failed" if refused else "ok")


@pytest.mark.parametrize("off", [-4.5, 4.5])
def test_a_clock_that_aws_takes(answers: Answers, capsys: pytest.CaptureFixture[str], off: float) -> None:
    answers.off = timedelta(minutes=off)
    assert doctor(capsys, "--account")[1]["clock"]["status"] == "ok"


def test_no_credentials_and_nobody_who_answers(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    found = doctor(capsys, "--account")[1]
    assert found["credentials"]["status"] == "failed"
    assert found["credentials"]["found"].startswith("there are none")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    found = doctor(capsys, "--account")[1]
    assert "nobody" in found["credentials"]["found"]
    monkeypatch.delenv("AWS_PROFILE")
    reach(monkeypatch, "http://127.0.0.1:9")
    found = doctor(capsys, "--account")[1]
    assert found["credentials"]["found"].startswith("AWS does not answer")
    assert found["clock"]["status"] == "unknown"


@pytest.mark.parametrize("text", ["not XML\n<html>", IDENTITY.replace("Arn>", "Urn>"), "<a/>"])
def test_what_answers_and_is_no_aws(answers: Answers, capsys: pytest.CaptureFixture[str], text: str) -> None:
    answers.text = text
    found = doctor(capsys, "--account")[1]
    assert found["credentials"]["status"] == "failed"
    assert found["credentials"]["found"].startswith("what answers is no AWS")
    assert "\n" not in found["credentials"]["found"]
    assert found["stacks"]["status"] == "unknown"


def test_an_endpoint_that_is_no_address(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reach(monkeypatch, "127.0.0.1:4566")
    found = doctor(capsys, "--account")[1]
    assert found["credentials"]["found"] == "AWS does not answer: Invalid endpoint: 127.0.0.1:4566"
    assert found["credentials"]["next_step"].startswith("`export AWS_ENDPOINT_URL=http://127.0.0.1:4566`")


def test_an_answer_of_another_shape_hides_no_other_check() -> None:
    answer: dict[str, Finding] = {}
    questions = [Question("a", "", lambda: answer["AccountLimit"]), Question("b", "", lambda: well("fine"))]
    a, b = make(questions, lambda _: None)
    assert (a.finding.status, b.finding.status) == ("unknown", "ok")
    assert "KeyError: 'AccountLimit'" in a.finding.found


def test_another_account_than_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    mine = Environment("prod", "us-east-1", keep_data=True, account="123456789012")
    asked = Caller(well("arn:aws:iam::210987654321:user/ann"), "210987654321")
    found = account_of(asked, mine)
    assert found.status == "failed"
    assert "are of 210987654321, and prod belongs to 123456789012" in found.found
    assert account_of(replace(asked, account="123456789012"), mine).status == "ok"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert account_of(asked, mine).status == "ok", "the local AWS has an account of its own"
