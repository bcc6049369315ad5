"""Rows that repeat an earlier one, against pandas."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.data.convert.duplicates import DuplicateFinder


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 64, 65, 2**31 - 1]),
            st.sampled_from([0, 1, 2**31 - 1]),
            st.sampled_from([0.0, 1.5, 1650882384975.0]),
        )
    ),
    st.integers(1, 5),
)
def test_the_first_of_equal_rows_is_kept_however_they_come(tmp_path_factory, rows, size):
    table = pd.DataFrame(rows, columns=["user", "item", "time"], dtype=float)
    expected = np.flatnonzero(table.duplicated())
    folder = tmp_path_factory.mktemp("rows")
    with DuplicateFinder(folder) as finder:
        for begin in range(0, len(table), size):
            part = table[begin : begin + size]
            user, item = (part[name].to_numpy(np.int64) for name in ("user", "item"))
            finder.add(part.index.to_numpy(), user, item, part["time"].to_numpy())
        assert list(finder.repeating()) == list(expected)
    assert not list(folder.iterdir())
