"""The entries of several requests as the model reads them."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.serving.entry import Entry
from recbole_poem.serving.vocabulary import Vocabulary


class EntryBatch(NamedTuple):
    """Entries of B requests.

    Attributes
    ----------
    items : (B, N) int64
        0 = no candidate.
    scores : (B, N, M) float32
    n_unknown : (B,) int64
        Tokens that were left out because the model has not seen them.
    """

    items: torch.Tensor
    scores: torch.Tensor
    n_unknown: np.ndarray

    def of(self, requests: np.ndarray) -> "EntryBatch":
        """Return the entries of some of the requests."""
        return EntryBatch(self.items[requests], self.scores[requests], self.n_unknown[requests])


def look_up(
    entries: Sequence[Optional[Entry]], objectives: List[str], vocabulary: Vocabulary
) -> EntryBatch:
    """Look up the tokens of entries, and bring their scores into the model's order.

    Parameters
    ----------
    entries : sequence of Entry or None
    objectives : list of str
        Those that the model reads; none at all if it reads no entries.
    vocabulary : Vocabulary

    Raises
    ------
    InputError
        For what is no entry, and one that lacks an objective.
    """
    for number, entry in enumerate(entries):
        if not isinstance(entry, (Entry, type(None))):
            kind = type(entry).__name__
            raise InputError(f"entries: request {number} has a {kind}, not an Entry or None")
    found = [_look_up(entry, objectives, vocabulary) for entry in entries]
    width = max([1, *(len(items) for items, _, _ in found)]) if objectives else 0
    items = np.zeros((len(found), width), dtype=np.int64)
    scores = np.zeros((len(found), width, len(objectives)), dtype=np.float32)
    for row, (ids, values, _) in enumerate(found):
        items[row, : len(ids)], scores[row, : len(ids)] = ids, values
    n_unknown = np.array([unknown for _, _, unknown in found], dtype=np.int64)
    return EntryBatch(torch.from_numpy(items), torch.from_numpy(scores), n_unknown)


def _look_up(
    entry: Optional[Entry], objectives: List[str], vocabulary: Vocabulary
) -> Tuple[np.ndarray, np.ndarray, int]:
    """Return ids (n,), scores (n, M) and how many tokens are unknown."""
    if entry is None or not objectives:
        return np.zeros(0, np.int64), np.zeros((0, len(objectives)), np.float32), 0
    missing = entry.missing(objectives)
    if missing is not None:
        raise InputError(
            f"entries: the objective '{missing}' is missing; the model reads "
            f"{', '.join(objectives)}"
        )
    ids = vocabulary.ids(entry.items)
    columns = [entry.objectives.index(name) for name in objectives]
    known = ids > 0
    return ids[known], entry.scores[known][:, columns], int((~known).sum())
