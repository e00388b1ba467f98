"""Data contracts: one file of the Open Data Contract Standard per dataset, with all facts about it."""

from sluice.contracts.model import (
    JSON_TEXT,
    TWO_DIGIT_YEAR_START,
    AnyContract,
    Arrival,
    Burst,
    Check,
    Column,
    Condition,
    Contract,
    DerivedContract,
    LandingContract,
    PartitionField,
    Reference,
    Rules,
    Spelling,
    StreamRule,
    Travel,
)
from sluice.contracts.types import ColumnType, parse_type

__all__ = [
    "JSON_TEXT",
    "TWO_DIGIT_YEAR_START",
    "AnyContract",
    "Arrival",
    "Burst",
    "Check",
    "Column",
    "ColumnType",
    "Condition",
    "Contract",
    "DerivedContract",
    "LandingContract",
    "PartitionField",
    "Reference",
    "Rules",
    "Spelling",
    "StreamRule",
    "Travel",
    "parse_type",
]
