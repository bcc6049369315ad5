"""The logit terms of a model, one after the other."""

from typing import Any, Dict, List, Mapping, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.stage import Choice
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.log.clock import Dated
from recbole_poem.logits.scoring import Calendar, Interest, Items, plus
from recbole_poem.logits.terms import Asked, is_constant, is_dense


class LogitTerms(nn.ModuleDict):
    """The terms that are chosen; those that read rankings only where rankings are read.

    Parameters
    ----------
    chosen : mapping of names to Choice
    n_features : int
        F, of a candidate; 0 = no ranking is read.
    n_candidates : int
        N, of a full ranking.
    trends : mapping
        What the dense terms know, by their fields.
    n_items : int
        With the padding.
    """

    def __init__(
        self,
        chosen: Mapping[str, Choice],
        n_features: int,
        n_candidates: int,
        trends: Mapping[str, Dated],
        n_items: int,
    ) -> None:
        terms: Dict[str, Any] = {}
        for name, term in chosen.items():
            if is_dense(term.component):
                terms[name] = term.make(trends[term.component.field])
            elif is_constant(term.component):
                terms[name] = term.make(n_items)
            elif n_features or not term.component.reads_ranking:
                terms[name] = term.make(n_features, n_candidates)
        super().__init__(terms)

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        term: Any
        for term in self.values():
            term.reset_parameters(std)

    # -- all items ---------------------------------------------------------------------------------

    @property
    def _columns(self) -> List[torch.Tensor]:
        """Return what the constant terms add, (n_items,) each."""
        terms: List[Any] = list(self.values())
        return [term.column for term in terms if is_constant(type(term))]

    def of_items(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return what scores the items, (n_items, d + S): embeddings and S constant terms."""
        columns = [column.unsqueeze(1).to(embedding.dtype) for column in self._columns]
        return torch.cat([embedding, *columns], dim=1) if columns else embedding

    def of_user(self, state: torch.Tensor) -> torch.Tensor:
        """Return the states (T, K, d + S) whose products with `of_items` are the logits."""
        return F.pad(state, (0, len(self._columns)), value=1.0)

    @property
    def _dense(self) -> List[Any]:
        """Return the dense terms that add something in the mode that the model is in."""
        return [term for term in self.values() if is_dense(type(term)) and term.calendar]

    @property
    def calendars(self) -> Tuple[Calendar, ...]:
        """What the dense terms add."""
        return tuple(term.calendar for term in self._dense)

    @property
    def fields(self) -> List[str]:
        """The fields of a batch with their steps."""
        return [term.field for term in self._dense]

    def steps(self, batch: Any, like: torch.Tensor) -> torch.Tensor:
        """Return the steps of targets (...) that are shaped as `like`, (..., C)."""
        steps = [batch[field] for field in self.fields]
        return torch.stack(steps, dim=-1) if steps else like.new_zeros(*like.shape, 0)

    # -- single items ------------------------------------------------------------------------------

    def added_to(
        self,
        interest: Interest,
        seen: torch.Tensor,
        ranking: Optional[FusedRanking],
        items: Items,
        at_rest: bool = False,
    ) -> Interest:
        """Add what the terms say of single items; each of them sees what those before it added.

        Parameters
        ----------
        interest, seen, ranking, items
            See `Asked`.
        at_rest : bool
            Whether gradients stop at the terms that read no ranking.
        """
        term: Any
        for term in self.values():
            of_all = is_dense(type(term)) or is_constant(type(term))
            named = None if of_all else term(Asked(interest, seen, ranking, items))
            if named is not None:
                fixed = at_rest and not term.reads_ranking
                interest = plus(
                    interest, named.item, named.logit.detach() if fixed else named.logit
                )
        return interest
