"""STCRank's objectives: a yes/no answer that gives way to another one.

*STCRank* (WWW 2026 companion, arXiv 2601.10027) has a ranker predict conversions, long views and
whether a user goes on. Objectives overlap, since who converts has watched for long before. And
they conflict, since a conversion often ends the session. The paper defines labels anew, and weighs
samples. Its formulas could not be read, so these are our reading, for an answer a and another
answer c of the same row, such as the conversion:

- overlap, ``exclusive: True``: a row is a yes where a holds and c does not;
- overlap, softer, ``exclusive: False``: a yes where c holds counts as ``1 - kappa`` rows, which is
  ``overlap_weight``;
- conflict: a no where c holds counts as ``omega`` rows, which is ``conflict_weight``.

A yes that ``exclusive`` turns into a no is a no where c holds, and weighs as such. The mean is over
rows, however they weigh, so that with both weights at 1 and ``exclusive: False`` it is ``binary``.
With weights that differ, a prediction is the share of a yes among rows as they weigh.
"""

from dataclasses import dataclass
from typing import Dict, List, Union

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import FLAG, FROM_0, setting
from recbole_poem.core.stages import TARGETS
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.targets.binary import CONDITIONS, Binary, Condition, answers_to

#: labels of a row for which the other condition holds; where it does not, they are 0 and 1
_NO_BESIDE, _YES_BESIDE = -1.0, 2.0


@TARGETS.register("stcrank")
class STCRank:
    """A yes/no answer apart from another one, by weighted cross-entropy (STCRank, WWW 2026)."""

    @dataclass(frozen=True)
    class Settings(Binary.Settings):
        """What is asked, and what gives way to what."""

        other: Union[Condition, List[Condition], None] = setting(
            None, CONDITIONS, "condition on columns of .inter that the answer gives way to"
        )
        exclusive: bool = setting(True, FLAG, "whether a yes is a no where the other holds")
        overlap_weight: float = setting(
            1.0, FROM_0, "1 - kappa, rows that a yes counts as where the other holds"
        )
        conflict_weight: float = setting(
            1.0, FROM_0, "omega, rows that a no counts as where the other holds"
        )

        def check(self, where: str) -> None:
            """Refuse a weight of what there is none of.

            Raises
            ------
            InputError
            """
            if self.exclusive and self.overlap_weight != 1:
                raise InputError(
                    f"{where}.overlap_weight: with exclusive, no row is a yes where the other "
                    f"holds; set {where}.exclusive: False, or leave it out"
                )

    def __init__(self, settings: "STCRank.Settings", name: str) -> None:
        self.settings, self.name = settings, name
        self._binary = Binary(settings, name)

    def fit(self, log: RequestLog) -> None:
        """Estimate nothing, and refuse a target that no training row is a yes of.

        Raises
        ------
        InputError
            Naming the other condition, where it leaves none.
        """
        meets = self._binary.labels(log)[log.training] == 1
        answers = self.labels(log)[log.training]
        if meets.any() and not (answers > 0).any():
            raise InputError(
                f"targets.{self.name}.other: it leaves no yes, since every training row that meets "
                f"targets.{self.name}.feedback meets it as well, or does not tell"
            )

    def labels(self, log: RequestLog) -> np.ndarray:
        """Return 0 for a no and 1 for a yes, and where the other condition holds -1 and 2.

        NaN stands where the log does not tell the answer. A row of which it does not tell the other
        condition has no answer either where a yes would depend on it, and else the weight 1.

        Raises
        ------
        InputError
            For a column that is not there or is estimated from later rows.
        """
        answer = self._binary.labels(log)
        other = answers_to(log, self.settings.other, f"targets.{self.name}.other")
        if self.settings.exclusive:
            answer = np.where(answer == 1, 1 - other, answer)
        beside = np.where(answer == 1, _YES_BESIDE, _NO_BESIDE)
        return np.where((other == 1) & ~np.isnan(answer), beside, answer)

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Return the weighted cross-entropy of each row: logits (B,), labels (B,) as `labels`."""
        settings = self.settings
        weight = torch.ones_like(output)
        weight = weight.masked_fill(label == _YES_BESIDE, settings.overlap_weight)
        weight = weight.masked_fill(label == _NO_BESIDE, settings.conflict_weight)
        return weight * self._binary.loss(output, (label > 0).to(output.dtype))

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        """Return the probability of a yes among rows as they weigh, of the shape of `output`."""
        return self._binary.predict(output)

    def measures(
        self, users: np.ndarray, labels: np.ndarray, scores: np.ndarray, durations: np.ndarray
    ) -> Dict[str, float]:
        """Return GAUC and AUC of the answers, all rows alike."""
        return self._binary.measures(users, self.answers(labels), scores, durations)

    def answers(self, labels: np.ndarray) -> np.ndarray:
        """Return 1 for a yes, 0 for a no, NaN where there is no answer."""
        return np.where(np.isnan(labels), np.nan, labels > 0)
