"""A session reads from our loader of API models what it reads from botocore's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import create_loader

from sluice.cli.api_models import models


@pytest.mark.parametrize(
    "service", ["athena", "cloudformation", "dynamodb", "kinesis", "lambda", "s3", "stepfunctions"]
)
@pytest.mark.parametrize("kind", ["service-2", "paginators-1", "waiters-2", "endpoint-rule-set-1"])
def test_models_are_those_of_botocore(service: str, kind: str) -> None:
    def read(loader: object) -> object:
        try:
            return loader.load_service_model(service, kind)  # type: ignore[attr-defined]
        except DataNotFoundError as error:
            return type(error)

    assert read(models(None)) == read(create_loader(None))


def test_what_is_read_without_a_service_is_that_of_botocore() -> None:
    for name in ("endpoints", "partitions", "_retry"):
        assert models(None).load_data(name) == create_loader(None).load_data(name)


@pytest.mark.parametrize(("service", "kind"), [("athenas", "service-2"), ("athena", "service-3")])
def test_what_is_not_there_is_told_as_botocore_does(service: str, kind: str) -> None:
    for loader in (create_loader(None), models(None)):
        with pytest.raises(UnknownServiceError):
            loader.load_service_model(service, kind)


def test_models_of_ones_own_are_found_first(tmp_path: Path) -> None:
    own = tmp_path / "athena" / "2099-01-01"
    own.mkdir(parents=True)
    (own / "service-2.json").write_text(json.dumps({"metadata": {"own": True}}))
    path = f"{tmp_path / 'nowhere'}:{tmp_path}"
    assert models(path).load_service_model("athena", "service-2") == {"metadata": {"own": True}}
    assert models(path).search_paths == create_loader(path).search_paths
