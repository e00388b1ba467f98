"""Where the page was made is told: in an account of AWS, or at the local AWS."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from sluice.cli.ui import data

#: Shared, since each session reads the models of the APIs anew.
SESSION = botocore.session.Session()


def where(monkeypatch: pytest.MonkeyPatch, region: str = "eu-central-1", **config: Any) -> dict[str, Any]:
    """What is told of a client as botocore makes it of the present environment; it calls nothing."""
    made = SESSION.create_client(
        "cloudformation", region, aws_access_key_id="a", aws_secret_access_key="b", config=Config(**config)
    )
    monkeypatch.setattr(data, "client", lambda service: made)
    return data._where()


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("dual", [False, True])
@pytest.mark.parametrize(
    "region", ["eu-central-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1"]
)
def test_an_account_is_no_local_aws_in_any_partition(monkeypatch: pytest.MonkeyPatch, region: str, dual: bool) -> None:
    assert where(monkeypatch, region, use_dualstack_endpoint=dual) == {"region": region, "endpoint": None}


def test_an_account_behind_an_endpoint_of_its_own_network_is_no_local_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = "https://vpce-1a2b.cloudformation.eu-central-1.vpce.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", inside)
    assert where(monkeypatch)["endpoint"] is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:4566", "http://127.1.2.3:4566/", "http://[::1]:4566", "http://localhost:4566",
        "http://aws.localhost:4566", "http://localaws:4566", "http://192.168.1.5:4566", "http://127.amazonaws.com.test",
    ],
)  # fmt: skip
def test_what_is_given_as_endpoint_is_told_as_the_local_aws(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert where(monkeypatch)["endpoint"] == endpoint


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_this_machine_is_told_however_it_was_given(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", f"http://{host}:4566")
    assert where(monkeypatch)["endpoint"] == f"http://{host}:4566"
