"""What re-rankers read of the requests of a world: the user states of a retrieval that has some."""

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.rerankers import Context
from recbole_poem.serving.user_states import UserStates
from recbole_poem.world.checkpoint_retrieval import CheckpointRetrieval
from recbole_poem.world.dataset import item_tokens
from recbole_poem.world.retrieval import Asked, Beside, Retrieval


class RetrievalStates:
    """Asks the model of POEM that finds the candidates for its user states.

    Parameters
    ----------
    retrieval : Retrieval
        Alone, or beside the platform's own.
    ids : (I,) int
        The id of each video, by which re-rankers know it; from 1.

    Raises
    ------
    InputError
        If the retrieval has no user states, or does not know a video.
    """

    def __init__(self, retrieval: Retrieval, ids: np.ndarray) -> None:
        first = retrieval.retrieval if isinstance(retrieval, Beside) else retrieval
        if not isinstance(first, CheckpointRetrieval):
            raise InputError("the retrieval has no model, and so no user states")
        self._retrieval, self._ids = first, torch.from_numpy(ids)
        self._states = UserStates(first.recommender.loaded)
        row = {token: place for place, token in enumerate(self._states.tokens)}
        missing = [token for token in item_tokens(len(ids)) if token not in row]
        if missing:
            raise InputError(f"{first.recommender.checkpoint}: it does not know '{missing[0]}'")
        self._rows = torch.tensor([row[token] for token in item_tokens(len(ids))])

    def __call__(self, asked: Asked) -> Context:
        """Return the states of B requests, and the vectors of items by the ids of re-rankers."""
        with self._retrieval.turn:
            queries = [self._retrieval.query(asked, row) for row in range(len(asked.user))]
            found = self._states(queries)
        assert found.state is not None and found.embedding is not None
        embedding = found.embedding.new_zeros(int(self._ids.max()) + 1, found.embedding.shape[1])
        embedding[self._ids] = found.embedding[self._rows]
        return Context(found.state.double(), embedding.double())
