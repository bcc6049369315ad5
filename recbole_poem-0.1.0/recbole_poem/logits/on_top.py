"""Logit terms on top of a model of RecBole: dense ones, in evaluation and service alone.

Nothing of the model's training is touched, and a checkpoint holds nothing of them: the weights are
given, and may be given to a model that was trained without.
"""

from typing import Any, Dict, List, Tuple, Type

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.utils import ModelType
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.log.clock import Dated
from recbole_poem.logits.scoring import Calendar, with_trends
from recbole_poem.logits.terms import is_dense


class _Fixed(nn.Module):
    """A dense term with weights that are given; it goes where its model goes."""

    def __init__(self, field: str, trends: Dated, weights: Any) -> None:
        super().__init__()
        self.field, self.now = field, trends.now
        self.logit: torch.Tensor
        self.register_buffer("logit", trends.logit, persistent=False)
        self.weight: torch.Tensor
        weight = torch.tensor(weights, dtype=trends.logit.dtype)
        self.register_buffer("weight", weight, persistent=False)

    @property
    def calendar(self) -> Calendar:
        """What it adds."""
        return Calendar(self.logit, self.weight, self.now)


class LogitTermsMixin(AbstractRecommender):
    """Mixin for a sequential model of RecBole: adds dense terms to the scores it is judged by.

    Parameters
    ----------
    config : Config
    dataset : RequestLogMixin
        The training split.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        chosen = config.component("logit_terms").values()
        self.added_terms = nn.ModuleList(
            _Fixed(
                term.component.field,
                dataset.trends[term.component.field],
                term.component.given(term.settings),
            )
            for term in chosen
        )

    def full_sort_predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the catalogue for prediction rows, (B, n_items) or flat, as the model does."""
        scores = super().full_sort_predict(interaction)
        if self.training:
            return scores
        added = with_trends(scores.view(len(interaction), -1), *self._of(interaction))
        return added.view_as(scores)

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the item of each prediction row, (B,)."""
        scores = super().predict(interaction)
        if self.training:
            return scores
        chosen = interaction[self.ITEM_ID].unsqueeze(1)
        added = with_trends(scores.view(-1, 1), *self._of(interaction), chosen)
        return added.view_as(scores)

    def _of(self, interaction: Interaction) -> Tuple[List[Calendar], List[torch.Tensor]]:
        terms: List[Any] = list(self.added_terms)
        return [term.calendar for term in terms], [interaction[term.field] for term in terms]


def with_terms(model: Type[AbstractRecommender], config: Any) -> Type[AbstractRecommender]:
    """Return the class of a configuration's model; one of RecBole's with the terms it is given."""
    if hasattr(model, "stages") or not config.component("logit_terms"):
        return model
    return type(model.__name__, (LogitTermsMixin, model), {})


def check_terms(config: Any) -> None:
    """Refuse terms that a model which learns none cannot have.

    Parameters
    ----------
    config : Config
        Of a model of RecBole.

    Raises
    ------
    InputError
        Naming the first of them.
    """
    terms: Dict[str, Any] = config.component("logit_terms") or {}
    model = config["model"]
    for name, term in terms.items():
        where = f"logit_terms.{name}"
        if not is_dense(term.component):
            every = [each for each, of in LOGIT_TERMS.components().items() if is_dense(of)]
            raise InputError(
                f"{where}: POEM alone learns it, and {model} does not; for every sequential model "
                f"there are {', '.join(every)}"
            )
        if term.component.given(term.settings) is None:
            raise InputError(
                f"{where}.weights: {model} learns none; give a number from 0 for each window"
            )
        if config["MODEL_TYPE"] != ModelType.SEQUENTIAL:
            raise InputError(
                f"{where}: {model} ranks once for all rows of a user, whose times differ; leave it "
                "out, or take a sequential model"
            )
        if config["benchmark_filename"] is not None:
            raise InputError(
                f"{where}: needs one .inter file, not those of benchmark_filename, which carry no "
                "flat log to count"
            )
