"""The item tokens that a model knows."""

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
        found = self._id.get
        return np.fromiter((found(str(token), 0) for token in tokens), np.int64, len(tokens))
