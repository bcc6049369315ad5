"""A positive is to beat what is close to it and was not wanted, by a margin."""

from dataclasses import dataclass
from typing import Any, Dict, cast

import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import HARD_NEGATIVE, SYSTEM_POSITIVE
from recbole_poem.core.settings import FROM_0, setting, setting_of
from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import LOSSES, NEGATIVES
from recbole_poem.logits.scoring import logits_of
from recbole_poem.losses.softmax import margin_loss
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("margin")
class Margin:
    """Pairwise hinge between the target and its hard negatives (POEM's margin loss)."""

    teaches_history = False
    teaches_state = True
    stands_alone = True
    asks_softmax = False
    reads_rows_alone = True

    @dataclass(frozen=True)
    class Settings:
        """Of the term, and of its negatives."""

        weight: float = setting(0.1, FROM_0, "lambda, of the term")
        margin: float = setting(
            1.0, FROM_0, "delta, by how much a target must beat a negative, in units of the score"
        )
        negatives: Choice = setting_of(NEGATIVES, "graph", "where hard negatives come from")

    def __init__(self, settings: Any) -> None:
        self.weight, self.margin = settings.weight, settings.margin

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the hard negatives (B, R, n); 0 = none."""
        source = settings.negatives.make(data)

        def make(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            preferred = batch.interaction.get(SYSTEM_POSITIVE)
            return cast(torch.Tensor, source.draw(requests, draws, preferred))

        return {HARD_NEGATIVE: make}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: negatives are the log's."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it compares scores."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the hard negatives that there are."""
        negatives = learnt.batch[HARD_NEGATIVE][learnt.asks]  # (Q, n)
        chosen = torch.cat([learnt.target.unsqueeze(1), negatives], dim=1)
        scores = logits_of(learnt.asking, learnt.items, chosen)
        part = margin_loss(
            scores[:, 0], scores[:, 1:], negatives > 0, self.margin, learnt.n_processes
        )
        return self.weight * part
