"""Groups by the stage of a cascade that a candidate came to (POEM, arXiv 2606.29946).

The paper's intrinsic partial order: what was shown is above what the re-rank stage put on top, and
so on. It is of the cascade itself; no fused score has a say.
"""

from dataclasses import dataclass
from typing import Any

import torch

from recbole_poem.core.stages import GROUPINGS
from recbole_poem.fusion.cascade_stages import STAGES
from recbole_poem.fusion.fused_ranking import FusedRanking


@GROUPINGS.register("by_stage")
class ByStage:
    """The seven stages of a cascade as groups, best first, where rankings tell them (POEM)."""

    reads_stages = True

    @dataclass(frozen=True)
    class Settings:
        """None."""

    def __init__(self, settings: Any) -> None:
        self.n_groups = len(STAGES)

    def __call__(self, ranking: FusedRanking) -> torch.Tensor:
        """Return the group of each candidate, (Q, N), from 0; 7 where there is none.

        Raises
        ------
        RuntimeError
            For a ranking without stages, which whoever reads one has to refuse.
        """
        if ranking.stages is None:
            raise RuntimeError("by_stage: the ranking tells no stages")
        return torch.where(ranking.valid, ranking.stages, self.n_groups)
