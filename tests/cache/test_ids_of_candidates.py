"""The ids of logged candidates, by a dictionary or by a sorted array."""

import numpy as np
import pandas as pd

from recbole_poem.cache.ranking_file import ids_of
from recbole_poem.log.flat import TokenIds


def test_a_sorted_array_gives_the_ids_of_a_dictionary() -> None:
    tokens = np.array(["[PAD]", "b", "c", "a"])
    asked = pd.Series(pd.Categorical(["a", "x", None, "c", "a"]))
    ids = dict(zip(tokens, range(len(tokens))))
    assert ids_of(asked, ids).tolist() == [3, 0, 0, 2, 3]
    assert ids_of(asked, TokenIds(tokens)).tolist() == [3, 0, 0, 2, 3]
