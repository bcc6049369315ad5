"""The score fusion that a checkpoint learned, for rankings that are made now."""

from typing import List, Sequence

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND
from recbole_poem.fusion.learned import learns
from recbole_poem.fusion.scores import CandidateOrder
from recbole_poem.models.poem import POEM
from recbole_poem.models.upstream import Upstream
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.loading import Loaded
from recbole_poem.serving.query import Query
from recbole_poem.serving.rankers import needs_of
from recbole_poem.serving.requests import RequestReader
from recbole_poem.serving.vocabulary import Vocabulary


class ServedFusion:
    """Orders scores by a learned fusion: that of POEM by who asks, that of Upstream for everybody.

    Who asks is the mean of the history states, as POEM has it; nobody, without a known item.

    Parameters
    ----------
    loaded : Loaded
        From `recbole_poem.serving.loading.open_part`.

    Attributes
    ----------
    checkpoint : str
    config : Config
    objectives : list of str
        Names of the M scores that it reads.
    candidates : CandidateOrder
        Who chooses the candidates, before anything is learned.

    Raises
    ------
    InputError
        If the model has no score fusion, or one that does not learn.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.config, model, dataset, self.checkpoint, _ = loaded
        side = model if isinstance(model, Upstream) else getattr(model, "ranking_side", None)
        if side is None:
            raise InputError(
                f"{self.checkpoint}: the {type(model).__name__} there has no score fusion; give a "
                "checkpoint of Upstream, or of a POEM that reads rankings"
            )
        choice = self.config.component("score_fusion")
        if not learns(choice.component):
            raise InputError(
                f"{self.checkpoint}: the score_fusion {choice.name} there learned nothing; write "
                "it by its name"
            )
        self._fusion = side.score_fusion
        self.objectives: List[str] = list(model.objectives)
        of_cache: CandidateOrder = choice.component.of_cache(choice.settings, len(self.objectives))
        self.candidates = of_cache
        self._model = model
        vocabulary = Vocabulary(dataset.field2id_token[dataset.iid_field])
        per_second = PER_SECOND[self.config["time_unit"]]
        self._reader = RequestReader(vocabulary, needs_of(model), per_second)
        self._batches = BatchMaker(self.config, model, dataset.trends)

    @torch.inference_mode()
    def __call__(
        self, queries: Sequence[Query], scores: torch.Tensor, valid: torch.Tensor
    ) -> np.ndarray:
        """Fuse the rankings of requests.

        Parameters
        ----------
        queries : sequence of B Query
            Whose histories say who asks.
        scores : (B, N, M) float32
        valid : (B, N) bool

        Returns
        -------
        (B, N) float32
            Higher is better; 0 where there is no candidate.
        """
        scores, valid = (told.to(self.config["device"]) for told in (scores, valid))
        fused = self._fusion(scores, valid).score
        if isinstance(self._model, POEM):
            requests = self._reader.of_queries(queries)
            rows = np.flatnonzero(requests.histories.length > 0)
            if len(rows):
                who = self._model.last_states(self._batches(requests.of(rows))).mean(dim=1)
                fused[rows] = self._fusion(scores[rows], valid[rows], who).score
        found: np.ndarray = fused.cpu().numpy()
        return found
