"""What ranks for a checkpoint: all items or a shortlist of them, and the re-rankers behind it."""

from pathlib import Path
from typing import Any, Callable, Optional, Tuple

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.errors import InputError
from recbole_poem.fusion.learned import OverPlaces
from recbole_poem.logits.scoring import Items
from recbole_poem.models.poem import POEM
from recbole_poem.rerankers import Context
from recbole_poem.rerankers.chain import chain_of
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.coded_items import CodedItems
from recbole_poem.serving.exact import ExactRanker
from recbole_poem.serving.index.item_index import ItemIndex, open_index
from recbole_poem.serving.index.sample import sample_requests
from recbole_poem.serving.interest import Catalogue, Interests
from recbole_poem.serving.loading import Loaded, popularity
from recbole_poem.serving.ranking import Needs
from recbole_poem.serving.requests import Requests
from recbole_poem.serving.reranked import Ranker, RerankedRanker, WithStates, without_states
from recbole_poem.serving.shortlist import MixedRanker, ShortlistRanker, Vectors

_MANY = 2**14  # items, from which it is worth while to read their codes first
_ONE_BY_ONE = 6  # requests, for which the codes are read faster than the catalogue is once
_SAMPLE = 256  # states on which the recall of an index is measured


def needs_of(model: Any) -> Needs:
    """Return what a model reads in a ranking."""
    side = getattr(model, "ranking_side", None)
    if side is None:
        return Needs([])
    fusion = side.score_fusion
    spans = fusion.spans if isinstance(fusion, OverPlaces) else None
    return Needs(list(model.objectives), side.reads_stages, side.n_rankings, spans)


def rankers_of(
    loaded: Loaded, batches: BatchMaker, example: Requests, index: Optional[Path]
) -> Tuple[Ranker, Optional[RerankedRanker]]:
    """Return what ranks, and what learns from feedback: the same, or None.

    Parameters
    ----------
    loaded : Loaded
    batches : BatchMaker
    example : Requests
        Two, as the model will read them.
    index : Path, optional
        File of the index over the items, by which POEM's requests are then answered.

    Raises
    ------
    InputError
        If the model cannot rank so.
    """
    context: Callable[[Requests], Context] = without_states
    if isinstance(loaded.model, POEM):
        interests = Interests(loaded.model, batches(example))
        items = loaded.model.scoring_items().detach()
        context = WithStates(batches, interests, items)
        ranker = _of_poem(loaded, batches, interests, items, index)
    elif index is not None:
        name = type(loaded.model).__name__
        raise InputError(f"approximate: {name} scores all items, the index is POEM's alone")
    else:
        ranker = _exact(loaded, batches, _Scores(loaded.model))
    chain = chain_of(loaded.config, loaded.dataset)
    if not chain:
        return ranker, None
    reads = context if chain.reads_states else without_states
    reranked = RerankedRanker(ranker, chain, reads)
    return reranked, reranked if chain.observes else None


def _exact(
    loaded: Loaded, batches: BatchMaker, score: Callable[[Interaction], torch.Tensor]
) -> ExactRanker:
    side = getattr(loaded.model, "ranking_side", None)
    fusion = None if side is None else side.score_fusion
    return ExactRanker(batches, score, popularity(loaded.dataset), fusion)


def _of_poem(
    loaded: Loaded, batches: BatchMaker, interests: Interests, items: Items, index: Optional[Path]
) -> Ranker:
    exact = _exact(loaded, batches, Catalogue(interests, items))
    if index is None and not _is_long(items.embedding):
        return exact
    vectors = Vectors.of(items)
    if index is not None:
        found = _index(loaded, batches, interests, vectors, index)
        return MixedRanker(exact, ShortlistRanker(batches, interests, vectors, found))
    coded = ShortlistRanker(batches, interests, vectors, CodedItems(vectors.items))
    return MixedRanker(exact, coded, _ONE_BY_ONE)


def _index(
    loaded: Loaded, batches: BatchMaker, interests: Interests, vectors: Vectors, path: Path
) -> ItemIndex:
    """Return the index in a file, which is built where it is not there."""

    def states() -> np.ndarray:
        requests = sample_requests(loaded.dataset.log, _SAMPLE, needs_of(loaded.model))
        return vectors.continued(interests(batches(requests))).reshape(-1, vectors.items.shape[1])

    return open_index(path, vectors.items, states, loaded.config["show_progress"])


class _Scores:
    """The scores of the catalogue by a model of RecBole."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, batch: Interaction) -> torch.Tensor:
        """Score the catalogue.

        Raises
        ------
        InputError
            If the model scores single items alone.
        """
        try:
            scores: torch.Tensor = self._model.full_sort_predict(batch)
        except NotImplementedError as error:
            raise InputError(
                f"{type(self._model).__name__} scores single items, it cannot rank a catalogue"
            ) from error
        return scores


def _is_long(table: torch.Tensor) -> bool:
    """Tell whether the processor had better not read a whole table for a single request."""
    return len(table) >= _MANY and not table.is_cuda
