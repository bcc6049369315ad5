"""The score fusion of a model: made, and given the scale of what it will read."""

from typing import Any

import numpy as np
import torch

from recbole_poem.fusion.learned import learns
from recbole_poem.fusion.scores import ScoreFusion

_SAMPLE = 2000  # rankings that tell the scale of the scores


def score_fusion_of(config: Any, dataset: Any, context_size: int) -> ScoreFusion:
    """Make the score fusion of a configuration.

    A learned one takes the scale of each objective from rankings of training rows. Where there is
    no request cache, as for a checkpoint that answers, its weights hold that scale.

    Parameters
    ----------
    config : Config
    dataset : POEMDataset
        The training split, with the request cache where one is read.
    context_size : int
        C, numbers that tell who asks.
    """
    n_objectives = len(dataset.objectives)
    chosen = config.component("score_fusion")
    fusion: ScoreFusion = chosen.make(n_objectives, context_size)
    if learns(chosen.component) and dataset.cache is not None:
        fusion.fit(training_scores(dataset))  # type: ignore[attr-defined]
    return fusion


def training_scores(dataset: Any) -> torch.Tensor:
    """Return scores (n, M) of candidates, from rankings evenly among those of training rows."""
    rows = np.flatnonzero(dataset.cache.has_ranking() & dataset.log.training)
    some = rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), _SAMPLE).astype(int))[: len(rows)]]
    rankings = dataset.cache.read(some)
    return torch.from_numpy(rankings.scores[rankings.items > 0])
