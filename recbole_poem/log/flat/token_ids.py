"""From tokens to ids by a sorted array, which can lie on disk: no dictionary in memory."""

from functools import cached_property
from typing import Any, Iterator, Mapping, Optional

import numpy as np


class TokenIds(Mapping[str, int]):
    """The ids of tokens, as RecBole's dictionary ``field2token_id`` tells them.

    Parameters
    ----------
    tokens : (n,) str
        Of each id from 0, padding first.
    order : (n,) int64, optional
        The ids in the order of the tokens, ties by id; by default found when they are needed.
    """

    def __init__(self, tokens: np.ndarray, order: Optional[np.ndarray] = None) -> None:
        self._tokens, self._given = tokens, order

    @cached_property
    def _order(self) -> np.ndarray:
        return self._tokens.argsort(kind="stable") if self._given is None else self._given

    def of(self, tokens: Any) -> np.ndarray:
        """Return the ids of some tokens (m,), (m,) int64; -1 for one that is not known."""
        asked = np.asarray(tokens, dtype=str)
        # of one type with the known ones, which would be copied otherwise; no longer one is known
        same = asked.astype(self._tokens.dtype)
        place = np.searchsorted(self._tokens, same, side="right", sorter=self._order) - 1
        found = self._order[place]
        return np.where((place >= 0) & (self._tokens[found] == asked), found, -1)

    def among(self, tokens: np.ndarray, number: np.ndarray) -> "TokenIds":
        """Return the ids of some of the tokens, which have new numbers.

        Parameters
        ----------
        tokens : (m,) str
            In the order of their new numbers, padding first.
        number : (n,) int64
            Of each id; 0 for those that are left out, and for padding.
        """
        order = number[self._order]
        return TokenIds(tokens, order[(order > 0) | (self._order == 0)])

    def __getitem__(self, token: str) -> int:
        number = int(self.of([token])[0]) if isinstance(token, str) else -1
        if number < 0:
            raise KeyError(token)
        return number

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens.tolist())

    def __len__(self) -> int:
        return len(self._tokens)
