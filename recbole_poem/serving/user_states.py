"""The user states of a checkpoint of POEM, as re-rankers read them, for whoever asks."""

from typing import Sequence

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND
from recbole_poem.models.poem import POEM
from recbole_poem.rerankers import Context
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.interest import Interests
from recbole_poem.serving.loading import Loaded
from recbole_poem.serving.query import Query, checked
from recbole_poem.serving.rankers import needs_of
from recbole_poem.serving.requests import RequestReader
from recbole_poem.serving.vocabulary import Vocabulary


class UserStates:
    """Says of queries what re-rankers read beside scores.

    Parameters
    ----------
    loaded : Loaded

    Attributes
    ----------
    tokens : (n_items,) object
        Of the rows of the vectors; the first is padding.

    Raises
    ------
    InputError
        If the model is not POEM, which alone has user states.
    """

    def __init__(self, loaded: Loaded) -> None:
        config, model, dataset, checkpoint, _ = loaded
        if not isinstance(model, POEM):
            raise InputError(
                f"{checkpoint}: {type(model).__name__} gives scores alone, and no user states"
            )
        self.tokens: np.ndarray = dataset.field2id_token[dataset.iid_field]
        per_second = PER_SECOND[config["time_unit"]]
        self._reader = RequestReader(Vocabulary(self.tokens), needs_of(model), per_second)
        self._batches = BatchMaker(config, model, dataset.trends)
        example = self._batches(self._reader.example())
        self._interests = Interests(model, example)
        self._shape = self._interests(example).state.shape[1:]
        self._embedding: torch.Tensor = model.scoring_items().detach().embedding.cpu()

    @torch.inference_mode()
    def __call__(self, queries: Sequence[Query]) -> Context:
        """Return the states (B, K, d) of queries, and the vectors of items (n_items, d).

        The state of a query without a known item is 0.

        Raises
        ------
        InputError
            Naming the query, and its part that is not what `Query` says.
        """
        requests = self._reader.of_queries(checked(queries))
        told = np.flatnonzero(requests.histories.length > 0)
        state = torch.zeros(len(requests), *self._shape)
        if len(told):
            batch = self._batches(requests.of(told))
            state[torch.from_numpy(told)] = self._interests(batch).state.cpu()
        return Context(state, self._embedding)
