"""What is declared of inputs fits their contracts, or is refused."""

from __future__ import annotations

import pytest

from sluice.errors import TransformError
from sluice.transforms import unique
from sluice.transforms.declaration_checks import check_declaration
from tests.sluice.transforms.test_retention_checks import BY_TABLE, declared


def test_records_are_picked_of_what_arrives_alone_since_a_derived_table_has_no_quarantine() -> None:
    of_landing = unique("bronze.orders", on="order_id", newest="updated_at")
    check_declaration(declared("silver.orders", "merge", ("order_id",), orders=of_landing), BY_TABLE)
    of_derived = declared("gold.totals", "replace", lines=unique("silver.lines", newest="amount"))
    with pytest.raises(TransformError, match=r"lines: silver\.lines is derived: `newest` is for what arrives"):
        check_declaration(of_derived, BY_TABLE)
