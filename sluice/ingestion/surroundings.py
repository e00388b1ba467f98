"""The context of a function that ingests files, and how a deployed function makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sluice.bounded import Messages
from sluice.contracts import LandingContract
from sluice.ingestion.landing import Notice
from sluice.ledger import Ledger
from sluice.project import Project, deployed_project
from sluice.settings import Settings, settings_from_environment

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Surroundings:
    """The context of one call.

    ``data_folder`` returns a dataset's data folder and Arrow schema with field ids, for files that tables adopt.
    ``time_left`` returns seconds. ``hand_on`` hands a file on to a call of its own; it is None in such a call, which
    waits up to ``patience`` seconds for the result of the object's previous version.
    """

    project: Project
    settings: Settings
    ledger: Ledger
    data_folder: Callable[[LandingContract], tuple[str, Any]]
    time_left: Callable[[], float] = lambda: 900.0
    hand_on: Callable[[Notice], None] | None = None
    patience: float = 60.0


def of_call(context: Any, hand_on: Callable[[Settings, Notice], None] | None = None) -> Surroundings:
    """Return the context of a deployed function's call, from Lambda's ``context``."""
    settings = settings_from_environment()
    return Surroundings(
        project=deployed_project(),
        settings=settings,
        ledger=Ledger(settings.ledger_table, Messages(settings.lake)),
        data_folder=partial(_data_folder, settings),
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
        hand_on=None if hand_on is None else partial(hand_on, settings),
    )


def _data_folder(settings: Settings, contract: LandingContract) -> tuple[str, pa.Schema]:
    """Return the data folder of the dataset's table, and its Arrow schema with field ids."""
    # Imported here, since few files need it and the import slows every cold start.
    from sluice.tables.catalog import glue_catalog
    from sluice.tables.schema import arrow_with_field_ids

    table = glue_catalog().load_table((settings.database(contract.database), contract.name))
    return f"{table.location()}/data/", arrow_with_field_ids(table.schema())
