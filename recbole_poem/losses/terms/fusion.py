"""What came of the ranking of the current request teaches the score fusion."""

from dataclasses import dataclass
from typing import Any, Dict, Optional, cast

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import LISTED_LABEL, LISTED_SCORE
from recbole_poem.core.settings import FROM_0, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.fusion.learned import Lists
from recbole_poem.fusion.scores import LearnedFusion
from recbole_poem.log.feedback import positive_rows
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("fusion")
class Fusion:
    """The loss of a learned score fusion, of the rankings of the training requests themselves.

    The ranking of the current request, and what was consumed from it, are labels here, and never an
    input of the user state. The rows that count are training rows, by ``score_fusion.labels``.
    """

    teaches_history = False
    teaches_state = True
    stands_alone = False
    asks_softmax = False
    reads_rows_alone = True

    @dataclass(frozen=True)
    class Settings:
        """Of the term."""

        weight: float = setting(1, FROM_0, "of the term")

    def __init__(self, settings: Any) -> None:
        self.weight = settings.weight

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the scores (B, R, N, M) and labels (B, R, N, L) of rankings.

        Raises
        ------
        InputError
            For a label that no training row has.
        """
        usual = data.config["positive_feedback"]
        labels = data.config.component("score_fusion").settings.labels
        meets = [
            positive_rows(data.log, condition or usual, f"score_fusion.labels.{name}")
            for name, condition in labels.items()
        ]
        counts = np.stack(meets) & data.log.training
        for name, rows in zip(labels, counts):
            if not rows.any():
                raise InputError(
                    f"score_fusion.labels.{name}: no training row meets "
                    f"{labels[name] or usual}, so it teaches nothing; mend it, or leave it out"
                )

        def scores(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            return cast(torch.Tensor, data.dataset.scores_of_rankings(requests.numpy()))

        def came(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            return cast(torch.Tensor, data.dataset.outcomes_of_rankings(requests.numpy(), counts))

        return {LISTED_SCORE: scores, LISTED_LABEL: came}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return True: the rankings are what is learned from."""
        return True

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it compares candidates of a ranking."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Ask the score fusion for its loss."""
        fusion = cast(LearnedFusion, learnt.score_fusion)
        return self.part(fusion, learnt.batch, learnt.asks, learnt.context, learnt.n_processes)

    def part(
        self,
        fusion: LearnedFusion,
        batch: Interaction,
        asks: torch.Tensor,
        context: Optional[torch.Tensor],
        n_processes: int,
    ) -> torch.Tensor:
        """Return the weighted part of the loss of the requests in a batch.

        Parameters
        ----------
        fusion : LearnedFusion
        batch : Interaction
        asks : (B, R) bool
            Which of its request slots hold a request; Q of them do.
        context : (Q, C), optional
            Who asks.
        n_processes : int
        """
        label = batch[LISTED_LABEL][asks]
        lists = Lists(
            batch[LISTED_SCORE][asks], label[..., 0] >= 0, label > 0, context, n_processes
        )
        return self.weight * fusion.loss(lists)
