from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlparse

import pytest

from localaws.server import LocalAws
from tests.localaws.running import until


def token(local_aws: LocalAws) -> dict[str, str]:
    return {"X-Localaws-Token": local_aws.context.token}


def test_many_requests_share_one_connection(local_aws: LocalAws) -> None:
    connection = http.client.HTTPConnection(urlparse(local_aws.endpoint).netloc)
    for _ in range(3):
        connection.request("GET", "/_localaws/health", headers=token(local_aws))
        answer = connection.getresponse()
        assert json.loads(answer.read())["status"] == "ready"
        assert not answer.will_close
    connection.close()


def test_each_answer_has_its_date_also_a_refusal(local_aws: LocalAws) -> None:
    connection = http.client.HTTPConnection(urlparse(local_aws.endpoint).netloc)
    for headers, status in ((token(local_aws), 200), ({}, 403)):
        connection.request("GET", "/_localaws/health", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        (said,) = answer.headers.get_all("Date")
        assert abs(parsedate_to_datetime(said) - datetime.now(UTC)) < timedelta(minutes=1)
    connection.close()


def test_a_body_that_is_not_read_does_not_spoil_the_next_request(local_aws: LocalAws) -> None:
    connection = http.client.HTTPConnection(urlparse(local_aws.endpoint).netloc)
    connection.request("POST", "/_localaws/nothing", body=b"x" * 100_000, headers=token(local_aws))
    assert connection.getresponse().read()
    connection.request("GET", "/_localaws/health", headers=token(local_aws))
    assert connection.getresponse().status == 200
    connection.close()


def test_large_and_empty_objects_come_back_as_they_went(local_aws: LocalAws) -> None:
    s3 = local_aws.context.client("s3")
    s3.create_bucket(Bucket="round-trip")
    for body in (b"", b"a", os.urandom(3_000_000)):
        s3.put_object(Bucket="round-trip", Key="k", Body=body)
        assert s3.get_object(Bucket="round-trip", Key="k")["Body"].read() == body
        assert s3.head_object(Bucket="round-trip", Key="k")["ContentLength"] == len(body)


def post(local_aws: LocalAws, body: object) -> tuple[int, dict[str, object]]:
    url = f"{local_aws.endpoint}/_localaws/deploy"
    request = urllib.request.Request(url, json.dumps(body).encode(), token(local_aws), method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_an_assembly_is_deployed_over_http(local_aws: LocalAws, tmp_path: Path, stack_name: str) -> None:
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "t.json", "stackName": stack_name}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"S": stack}}))
    (tmp_path / "t.json").write_text('{"Resources": {}, "Outputs": {"O": {"Value": "v"}}}')
    assert post(local_aws, {"assembly": str(tmp_path)}) == (200, {stack_name: {"O": "v"}})


def test_a_refused_deployment_is_a_400_with_the_message(local_aws: LocalAws, tmp_path: Path) -> None:
    status, answer = post(local_aws, {"assembly": str(tmp_path)})
    assert (status, answer["error"]) == (400, "AssemblyError")
    assert "manifest.json does not exist" in str(answer["message"])
    assert post(local_aws, {"wrong": 1})[0] == 400


def test_the_environment_points_at_the_local_aws_and_not_at_the_users_account(local_aws: LocalAws) -> None:
    assert os.environ["AWS_ENDPOINT_URL"] == local_aws.endpoint
    assert os.environ["AWS_SHARED_CREDENTIALS_FILE"] == os.environ["AWS_CONFIG_FILE"] == os.devnull
    assert "AWS_PROFILE" not in os.environ


def test_a_second_one_in_this_process_is_refused(local_aws: LocalAws, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=re.escape(local_aws.endpoint)):
        LocalAws.start(scratch=tmp_path)


_TWICE = """
import os, sys
from pathlib import Path
from moto.cloudformation.responses import CloudFormationResponse as R
from localaws.server import LocalAws
from tests.localaws.running import until
before = dict(vars(R)); environment = dict(os.environ)
for turn in range(2):
    with LocalAws.start(scratch=Path(sys.argv[1])) as aws:
        s3 = aws.context.client("s3")
        assert "left" not in [b["Name"] for b in s3.list_buckets()["Buckets"]], turn
        s3.create_bucket(Bucket="left")
        aws.engine.deploy("s", '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}')
        assert len(aws.context.client("cloudformation").describe_stacks()["Stacks"]) == 1
    assert {k: v for k, v in vars(R).items() if k in before} == before
    assert dict(os.environ) == environment
"""


@pytest.mark.slow
def test_starting_again_in_one_process_starts_empty_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TWICE, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_serve_prints_when_it_is_ready_and_names_what_it_cannot_deploy(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "localaws", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().removeprefix("ready at ").strip()
        access = json.loads((tmp_path / "data" / "access.json").read_text())
        assert access["endpoint"] == endpoint
        health = urllib.request.Request(f"{endpoint}/_localaws/health", headers={"X-Localaws-Token": access["token"]})
        with urllib.request.urlopen(health) as answer:
            assert answer.status == 200
        process.terminate()
        assert process.wait(timeout=20) == 0
    failed = subprocess.run(
        [*command, "--assembly", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert failed.returncode == 1
    assert "manifest.json does not exist" in failed.stderr


_WRITER = """
import os, subprocess, sys
command = [sys.executable, "-m", "localaws", "serve", "--port", "0", "--data", sys.argv[1], "--assembly", sys.argv[2]]
print(subprocess.Popen([*command, "--await-from", str(os.getpid())]).pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.parametrize("written", [True, False])
def test_an_assembly_that_is_still_written_is_deployed_when_it_is_whole_and_its_writer_lives(
    tmp_path: Path, written: bool
) -> None:
    place = tmp_path / "assembly"
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "data"), str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        number = int(writer.stdout.readline())
        until((tmp_path / "data" / "access.json").is_file)
        (tmp_path / "half").mkdir()
        stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "t.json", "stackName": "s"}}
        (tmp_path / "half" / "manifest.json").write_text(json.dumps({"artifacts": {"S": stack}}))
        (tmp_path / "half" / "t.json").write_text('{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}')
        if written:
            (tmp_path / "half").rename(place)
            assert writer.stdout.readline() == "1 of 1 resources\n"
            assert writer.stdout.readline().startswith("ready at ")
            os.kill(number, signal.SIGTERM)
        writer.kill()
        assert writer.stdout.read() == ""  # the pipe ends when the local AWS, which holds it, too, has ended
