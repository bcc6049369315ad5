"""Items that resemble an item: its neighbours in the Swing graph."""

from functools import cached_property
from typing import Any

import dgl
import pandas as pd
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import NEGATIVES
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.data.negatives.graph import GraphNegatives, swing_graph
from recbole_poem.graph.neighbours import similar_items
from recbole_poem.serving.bounds import whole_number
from recbole_poem.serving.limits import known
from recbole_poem.serving.tokens import token
from recbole_poem.serving.vocabulary import Vocabulary


class SimilarItems:
    """The neighbours of items; the graph is built when it is first asked for.

    Parameters
    ----------
    config : Config
    dataset : Dataset
        The training split.
    vocabulary : Vocabulary
    """

    def __init__(self, config: Any, dataset: Any, vocabulary: Vocabulary) -> None:
        self._config, self._dataset, self._vocabulary = config, dataset, vocabulary

    @cached_property
    def _graph(self) -> dgl.DGLGraph:
        source = self._config.component("losses.margin.negatives")
        if source is None or source.component is not GraphNegatives:
            source = NEGATIVES.choose("graph", "negatives")
        return swing_graph(source.settings, self._config, self._dataset.log)

    def to(self, item: Any, k: int) -> pd.DataFrame:
        """Return the neighbours of an item: item, similarity, best first.

        Raises
        ------
        InputError
            If the item is unknown, `k` is no whole number from 1, or the data set is not POEM's.
        """
        length = min(whole_number("similar_items: k", k), len(self._vocabulary) - 1)
        name = token("similar_items: item", item)
        if not isinstance(self._dataset, POEMDataset):
            raise InputError("similar_items: the item graph is POEM's; load a checkpoint of POEM")
        ids = known([name], self._vocabulary)
        if not len(ids):
            raise InputError(f"similar_items: the model does not know the item '{name}'")
        found, similarity = similar_items(self._graph, torch.from_numpy(ids), length)
        kept = found[0] > 0
        tokens = self._vocabulary.tokens[found[0][kept].numpy()]
        return pd.DataFrame({"item": tokens, "similarity": similarity[0][kept].numpy()})
