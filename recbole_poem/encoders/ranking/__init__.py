"""Ranking readers: what makes the ranking state of a ranking."""

from typing import Any, ClassVar, Protocol, Tuple

import torch

from recbole_poem.core.stage import Choice
from recbole_poem.fusion.fused_ranking import FusedRanking


class RankingReader(Protocol):
    """A component of the stage ``ranking_reader``: a torch module.

    It is made of its settings, the model's `Sizes`, the number F of features of a candidate, and a
    grouping (see `recbole_poem.fusion.groups`).

    Attributes
    ----------
    unread_keys : tuple of str
        Of the class: the keys of sizes, such as ``n_heads``, that it has no use for.
    """

    unread_keys: ClassVar[Tuple[str, ...]]

    @staticmethod
    def reads_groups(settings: Any) -> bool:
        """Tell whether it asks the grouping, under these settings."""

    def __call__(
        self, embeddings: torch.Tensor, ranking: FusedRanking, draws: torch.Tensor
    ) -> torch.Tensor:
        """Read Q rankings.

        Parameters
        ----------
        embeddings : (n_items, d)
            Of the items; row 0 is padding's, and 0.
        ranking : FusedRanking
        draws : (Q,) int64
            Draw ids, the keys of what is drawn: request ids at evaluation.

        Returns
        -------
        (Q, d)
            p; meaningless where a ranking is empty.
        """

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""


def reads_groups(reader: Choice) -> bool:
    """Tell whether a reader asks the grouping; one from outside that does not say so may."""
    told = getattr(reader.component, "reads_groups", None)
    return told is None or bool(told(reader.settings))
