"""Tokens that are written in two ways and may mean one thing: ``5`` and ``5.0``, ``a`` and ``a ``.

Tables that went through a column of numbers with gaps come back with ``5.0`` for ``5``.
"""

from typing import Iterable, List, Tuple

import numpy as np
import pandas as pd

_AS_FLOAT = r"[+-]?\d+\.0+"


def alike_tokens(columns: Iterable[pd.Series]) -> List[Tuple[str, str, int]]:
    """Find tokens that differ by blanks around them, or as a whole number in two spellings.

    Parameters
    ----------
    columns : iterable of Series
        Tokens, as strings or categorical.

    Returns
    -------
    list of (str, str, int)
        For each of the two kinds, if there are any: the first pair, and the number of pairs.
    """
    found = [pd.Index(column.dropna().unique()).astype(object) for column in columns]
    tokens = pd.Index(np.unique(np.concatenate([each.to_numpy() for each in found]).astype(str)))
    text = tokens.str
    plain = (
        (text.strip(), tokens != text.strip()),
        (text.replace(r"\.0+$", "", regex=True), text.fullmatch(_AS_FLOAT)),
    )
    pairs = []
    for other, differs in plain:
        twice = np.flatnonzero(np.asarray(differs, dtype=bool) & other.isin(tokens))
        if len(twice):
            pairs.append((str(other[twice[0]]), str(tokens[twice[0]]), len(twice)))
    return pairs
