"""What the ranking stage puts on top now is what the model is to find as well."""

from dataclasses import dataclass
from typing import Any, Dict, cast

import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.fields import SYSTEM_POSITIVE
from recbole_poem.core.settings import FROM_0, at_least, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("system")
class System:
    """Cross-entropy of the top of the current request's ranking (POEM's system positives).

    The ranking is a label here, and never an input.
    """

    teaches_history = False
    teaches_state = True
    stands_alone = True
    asks_softmax = True
    reads_rows_alone = True

    @dataclass(frozen=True)
    class Settings:
        """Of the term."""

        weight: float = setting(0.1, FROM_0, "beta, of the term")
        n_positives: int = setting(3, at_least(1), "k, items from the top of the ranking")

    def __init__(self, settings: Any) -> None:
        self.weight = settings.weight

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the system positives (B, R, k); 0 = none."""

        def make(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            top = data.dataset.top_of_rankings(requests.numpy(), settings.n_positives)
            return cast(torch.Tensor, top)

        return {SYSTEM_POSITIVE: make}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return True: the positives are the ranking stage's."""
        return True

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return the system positives of the requests, (Q, k)."""
        return cast(torch.Tensor, learnt.batch[SYSTEM_POSITIVE][learnt.asks])

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the system positives that there are."""
        there = self.positives(learnt) > 0
        return self.weight * weighted_mean(-log_probability, there, learnt.n_processes)
