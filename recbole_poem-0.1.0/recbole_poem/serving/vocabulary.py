"""The item tokens that a model knows."""

from itertools import repeat
from typing import Any, Collection, Sequence

import numpy as np


class Vocabulary:
    """Looks up tokens; a dictionary answers for one as fast as for thousands.

    Parameters
    ----------
    tokens : sequence of str
        Token of each item id; the first one is padding.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = np.array([str(token) for token in tokens], dtype=object)
        self._id = {token: number for number, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def ids(self, tokens: Collection[Any]) -> np.ndarray:
        """Return the ids of tokens, (n,) int64; 0 for one that the model does not know."""
        found = map(self._id.get, map(str, tokens), repeat(0))
        return np.fromiter(found, np.int64, len(tokens))

    def padded(self, lists: Sequence[Collection[Any]]) -> np.ndarray:
        """Return the ids of lists of tokens, (B, n) int64; 0 for unknown ones and behind a list."""
        width = max(map(len, lists), default=0)
        ids = np.zeros((len(lists), width), dtype=np.int64)
        for row, tokens in enumerate(lists):
            ids[row, : len(tokens)] = self.ids(tokens)
        return ids
