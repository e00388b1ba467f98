"""Data contracts: one Open Data Contract Standard file per dataset, the only place where its facts stand."""

from sluice.contracts.model import Arrival, Check, Column, Contract, PartitionField, Rules
from sluice.contracts.types import ColumnType, parse_type

__all__ = ["Arrival", "Check", "Column", "ColumnType", "Contract", "PartitionField", "Rules", "parse_type"]
