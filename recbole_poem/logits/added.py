"""The logit terms of a model, one after the other."""

from typing import Any, Mapping, Optional

import torch
from torch import nn

from recbole_poem.core.stage import Choice
from recbole_poem.fusion.ranking import Ranking
from recbole_poem.logits.scoring import Interest, Items, plus
from recbole_poem.logits.terms import Asked


class LogitTerms(nn.ModuleDict):
    """The terms that are chosen; those that read rankings only where rankings are read.

    Parameters
    ----------
    chosen : mapping of names to Choice
    n_features : int
        F, of a candidate; 0 = no ranking is read.
    n_candidates : int
        N, of a full ranking.
    """

    def __init__(self, chosen: Mapping[str, Choice], n_features: int, n_candidates: int) -> None:
        super().__init__(
            {
                name: term.make(n_features, n_candidates)
                for name, term in chosen.items()
                if n_features or not term.component.reads_ranking
            }
        )

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        term: Any
        for term in self.values():
            term.reset_parameters(std)

    def added_to(
        self,
        interest: Interest,
        seen: torch.Tensor,
        ranking: Optional[Ranking],
        items: Items,
        at_rest: bool = False,
    ) -> Interest:
        """Add what the terms say; each of them sees what those before it added.

        Parameters
        ----------
        interest, seen, ranking, items
            See `Asked`.
        at_rest : bool
            Whether gradients stop at the terms that read no ranking.
        """
        term: Any
        for term in self.values():
            named = term(Asked(interest, seen, ranking, items))
            if named is not None:
                fixed = at_rest and not term.reads_ranking
                interest = plus(
                    interest, named.item, named.logit.detach() if fixed else named.logit
                )
        return interest
