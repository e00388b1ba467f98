"""What Iceberg's statistics say of long text is text, and bounds it."""

import hypothesis.strategies as st
import pytest
from hypothesis import example, given
from pyiceberg.utils.truncate import truncate_upper_bound_text_string

from sluice.tables.text_bounds import upper_bound


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\ud7ff\ue000\U0010ffff"), max_size=8), st.integers(1, 8))
@example("a\ud7ffb", 2)
@example("\U0010ffff\U0010ffff", 1)
def test_an_upper_bound_is_text_that_no_shorter_text_of_its_length_excludes(text: str, length: int) -> None:
    bound = upper_bound(text, length)
    if bound is None:
        assert set(text[:length]) == {"\U0010ffff"}
        return
    assert len(bound) <= length
    assert bound.encode() >= text.encode()


def test_pyiceberg_still_needs_the_mend() -> None:
    with pytest.raises(UnicodeEncodeError):
        (truncate_upper_bound_text_string("a\ud7ffb", 2) or "").encode()
