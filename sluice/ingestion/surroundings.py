"""What a function that ingests files works with, and how a deployed one comes by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sluice.bounded import Messages
from sluice.contracts import Contract
from sluice.ingestion.landing import Notice
from sluice.ledger import Ledger
from sluice.project import Project, deployed_project
from sluice.settings import Settings, settings_from_environment

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Surroundings:
    """What a call works with.

    ``data_folder`` returns a dataset's data folder and Arrow schema with field ids, for files whose rows are adopted.
    ``time_left`` returns seconds. ``hand_on`` gives a file to a call of its own; a call that has but one file has none,
    and waits ``patience`` seconds for the end of the version before it.
    """

    project: Project
    settings: Settings
    ledger: Ledger
    data_folder: Callable[[Contract], tuple[str, Any]]
    time_left: Callable[[], float] = lambda: 900.0
    hand_on: Callable[[Notice], None] | None = None
    patience: float = 60.0


def of_call(context: Any, hand_on: Callable[[Settings, Notice], None] | None = None) -> Surroundings:
    """Return what the deployed function's call with Lambda's ``context`` works with."""
    settings = settings_from_environment()
    return Surroundings(
        project=deployed_project(),
        settings=settings,
        ledger=Ledger(settings.ledger_table, Messages(settings.lake)),
        data_folder=partial(_data_folder, settings),
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
        hand_on=None if hand_on is None else partial(hand_on, settings),
    )


def _data_folder(settings: Settings, contract: Contract) -> tuple[str, pa.Schema]:
    """Return where the dataset's table keeps its data, and its Arrow schema with field ids."""
    # Few files need it, and every cold function would pay for the import.
    from sluice.tables.catalog import glue_catalog
    from sluice.tables.schema import arrow_with_field_ids

    table = glue_catalog().load_table((settings.database(contract.database), contract.name))
    return f"{table.location()}/data/", arrow_with_field_ids(table.schema())
