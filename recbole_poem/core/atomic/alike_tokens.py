"""Tokens that are written in two ways and may mean one thing: ``5`` and ``5.0``, ``a`` and ``a ``.

Tables that went through a column of numbers with gaps come back with ``5.0`` for ``5``.
"""

from logging import getLogger
from typing import Any, Callable, Iterable, List, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.atomic.lines import quoted

#: how an odd spelling looks, and what is to go from it
_SPELLINGS = ((r"\s.*|.*\s", r"^\s+|\s+$"), (r"[+-]?\d+\.0+", r"\.0+$"))


def warn_of_alike_tokens(field: str, columns: Iterable[Any]) -> None:
    """Name the tokens of a field that `alike_tokens` finds, by one pair of each kind."""
    warn_of_pairs(field, alike_tokens(columns))


def warn_of_pairs(field: str, pairs: Iterable[Tuple[str, str, int]]) -> None:
    """Name what `alike_tokens` found."""
    for one, other, number in pairs:
        getLogger().warning(
            f"{field}: {quoted(one)} and {quoted(other)} both occur and count as two "
            f"({number:,} such pairs); write them alike if they are one"
        )


def alike_tokens(columns: Iterable[Any]) -> List[Tuple[str, str, int]]:
    """Find tokens that differ by blanks around them, or as a whole number in two spellings.

    Parameters
    ----------
    columns : iterable of Series, Index or array
        Tokens, as strings or categorical; missing ones are passed over.

    Returns
    -------
    list of (str, str, int)
        For each of the two kinds, if there are any: the first pair, and the number of pairs.
    """
    known = [pd.Index(pd.Series(pd.unique(pd.Series(c))).dropna(), dtype=object) for c in columns]
    return alike_among(known, lambda t: np.logical_or.reduce([t.isin(tokens) for tokens in known]))


def alike_among(
    parts: Iterable[pd.Index], is_known: Callable[[pd.Index], np.ndarray]
) -> List[Tuple[str, str, int]]:
    """Find among the tokens of some parts those whose plain spelling is known; see `alike_tokens`.

    Parameters
    ----------
    parts : iterable of Index
    is_known : callable
        From tokens (n,) to whether each occurs, (n,) bool.
    """
    odd_of = [
        [tokens[tokens.str.fullmatch(pattern).astype(bool)] for pattern, _ in _SPELLINGS]
        for tokens in parts
    ]
    pairs = []
    for kind, (_, plain) in enumerate(_SPELLINGS):
        odd = pd.Index(np.concatenate([found[kind] for found in odd_of])).unique().astype(object)
        other = odd.str.replace(plain, "", regex=True)
        twice = np.flatnonzero(is_known(other))
        if len(twice):
            pairs.append((str(other[twice[0]]), str(odd[twice[0]]), len(twice)))
    return pairs
