"""Lambda's GetAccountSettings says what functions may use together, and what they use."""

# ruff: noqa: F811  `ctx` is a fixture
from __future__ import annotations

import uuid

import pytest

from localaws.context import Context
from tests.localaws.running import ctx, function  # noqa: F401


def test_what_functions_reserve_is_not_there_for_others(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    client, name = ctx.client("lambda"), f"f{uuid.uuid4().hex[:8]}"
    before = client.get_account_settings()
    assert before["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert before["AccountLimit"]["CodeSizeUnzipped"] == 262_144_000
    function(ctx, name, "def handler(event, context): ...")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=7)
    try:
        now = client.get_account_settings()
        limits, was = now["AccountLimit"], before["AccountLimit"]
        assert limits["UnreservedConcurrentExecutions"] == was["UnreservedConcurrentExecutions"] - 7
        assert now["AccountUsage"]["FunctionCount"] == before["AccountUsage"]["FunctionCount"] + 1
        assert now["AccountUsage"]["TotalCodeSize"] > before["AccountUsage"]["TotalCodeSize"]
        monkeypatch.setenv("MOTO_LAMBDA_CONCURRENCY_QUOTA", "10")
        assert client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 10
    finally:
        client.delete_function(FunctionName=name)
