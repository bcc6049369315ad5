"""POEM: Partial-Order Enhanced Modeling (arXiv 2606.29946), as a RecBole sequential recommender.

Two independent Transformers read the user's history and the partially ordered sequence that is
drawn from the ranking of the previous request; a gate fuses their states into the interest u, and
``u . e_i`` scores item i. Which parts come from the paper and which are our reading stands in the
README; what each key means in ``properties/model/POEM.yaml``.
"""

from typing import Any, NamedTuple, Optional, Tuple

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import nn

from recbole_poem.cascade.fusion import fuse, rank_weights
from recbole_poem.cascade.partial_order import assign_groups, draw, shuffle_scores
from recbole_poem.errors import InputError
from recbole_poem.fields import (
    CACHE_ITEM,
    CACHE_SCORE,
    DRAW_ID,
    HARD_NEGATIVE,
    REQUEST_ID,
    REQUEST_POSITION,
    SAMPLED_NEGATIVE,
    SYSTEM_POSITIVE,
    TARGET_ID,
)
from recbole_poem.model.encoder import HistoryEncoder, PartialOrderEncoder
from recbole_poem.model.loss import (
    ExtraLogits,
    full_log_probability,
    margin_loss,
    masked_mean,
    sampled_log_probability,
)
from recbole_poem.noise import Purpose, uniform


class _Requests(NamedTuple):
    """Where the requests of a training batch stand; Q = those that exist."""

    asks: torch.Tensor  # (B, R) bool
    window: torch.Tensor  # (Q,) which of the B windows
    position: torch.Tensor  # (Q,) where in it
    row: torch.Tensor  # (Q,) which of the T targets


def _locate_requests(interaction: Interaction, is_target: torch.Tensor) -> _Requests:
    asks = interaction[REQUEST_ID] >= 0
    window, _ = asks.nonzero(as_tuple=True)
    position = interaction[REQUEST_POSITION][asks]
    row = is_target.flatten().cumsum(0).view_as(is_target)[window, position] - 1
    return _Requests(asks, window, position, row)


class POEM(SequentialRecommender):
    """The model; with every ``use_*`` key off it is a plain causal Transformer.

    Parameters
    ----------
    config : Config
    dataset : POEMDataset
        The training split, with its cache attached where the model reads one.
    """

    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.seed = config["seed"]
        self.use_partial_order = config["use_partial_order"]
        self.use_system_positives = config["use_system_positives"]
        self.use_quintuple = config["use_quintuple"]
        self.shuffle_entries = config["shuffle_entries"]
        self.hide_target = config["hide_target"]
        self.use_hard_negatives = config["use_hard_negatives"]
        self.n_groups = config["n_groups"]
        self.group_samples = config["group_samples"]
        self.rank_kappa, self.rank_power = config["rank_kappa"], config["rank_power"]
        self.system_weight = config["system_weight"]
        self.margin, self.margin_weight = config["margin"], config["margin_weight"]
        self.history_weight = config["history_weight"]
        #: log probability of each item as a sampled negative; None = the softmax is exact
        self.log_q: Optional[torch.Tensor]
        self.register_buffer("log_q", dataset.log_q, persistent=False)
        self.initializer_range = config["initializer_range"]

        size = config["hidden_size"]
        block = {
            "n_heads": config["n_heads"],
            "inner_size": config["inner_size"],
            "dropout": config["hidden_dropout_prob"],
            "attention_dropout": config["attn_dropout_prob"],
        }
        self.item_embedding = nn.Embedding(self.n_items, size, padding_idx=0)
        self.history_encoder = HistoryEncoder(
            size, self.max_seq_length, config["n_layers"], **block
        )
        self.cascade_head: Optional[nn.Linear] = None
        if self.use_partial_order:
            weights = dataset.objective_weights
            self.register_buffer(
                "objective_weights", torch.tensor(weights, dtype=torch.float32), persistent=False
            )
            self.partial_order_encoder = PartialOrderEncoder(
                size,
                len(weights),
                self.n_groups,
                config["partial_order_layers"],
                attention=config["partial_order_attention"],
                **block,
            )
            self.empty_entry = nn.Parameter(torch.empty(size))
            self.gate = nn.Linear(2 * size, size)
            if config["cascade_head"] and self.log_q is not None:
                raise InputError(
                    f"cascade_head: needs the exact softmax; raise full_softmax_limit to "
                    f"{self.n_items} or leave the head off"
                )
            if config["cascade_head"]:
                self.cascade_head = nn.Linear(size, 1)
        self._initialise()

    def _initialise(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1 or name.endswith(("query", "empty_entry")):
                nn.init.normal_(parameter, std=self.initializer_range)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        with torch.no_grad():
            self.item_embedding.weight[0].zero_()
        if self.cascade_head is not None:
            nn.init.zeros_(self.cascade_head.weight)  # the extra logit grows from nothing

    # -- the sequence of the previous request ---------------------------------------------------

    def encode_entries(
        self, items: torch.Tensor, scores: torch.Tensor, draws: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor, Optional[torch.Tensor]]:
        """Fuse, group, draw and encode the cache entries of Q requests.

        Parameters
        ----------
        items : (Q, N) int64, 0 = no candidate
        scores : (Q, N, M) float
        draws : (Q,) int64
            Draw ids, the keys of the draw: request ids at evaluation.

        Returns
        -------
        state : (Q, d)
            p, the learned `empty_entry` where the entry has no candidate.
        drawn : (Q, T) int64
            Item ids of the sequence, 0 = nothing drawn.
        extra : (Q, T) float or None
            Additional logit of each drawn item; None without the cascade head.
        """
        valid = items > 0
        if self.shuffle_entries:
            noise = uniform(self.seed, Purpose.SHUFFLE, draws.unsqueeze(1), items)
            scores = shuffle_scores(scores, valid, noise)
        quintuple = rank_weights(scores, valid, self.rank_kappa, self.rank_power)
        fused = fuse(quintuple, self.objective_weights)
        groups = assign_groups(fused, items, valid, self.n_groups)
        noise = uniform(self.seed, Purpose.PARTIAL_ORDER, draws.unsqueeze(1), items)
        index, present = draw(groups, noise, self.n_groups, self.group_samples)
        drawn = items.gather(1, index) * present
        relative = quintuple * valid.sum(1).view(-1, 1, 1)  # 1 = the average candidate
        if not self.use_quintuple:
            relative = torch.ones_like(relative)
        state, tokens = self.partial_order_encoder(
            self.item_embedding(drawn),
            relative.gather(1, index.unsqueeze(-1).expand(-1, -1, scores.shape[-1])),
            groups.gather(1, index).clamp_max(self.n_groups - 1),
            present,
        )
        state = torch.where(valid.any(1, keepdim=True), state, self.empty_entry)
        if self.cascade_head is None:
            return state, drawn, None
        return state, drawn, self.cascade_head(tokens).squeeze(-1) * present

    def interest(self, history: torch.Tensor, cascade: torch.Tensor) -> torch.Tensor:
        """Gate the two states, both (..., d), into the interest u (..., d)."""
        gate = torch.sigmoid(self.gate(torch.cat([history, cascade], dim=-1)))
        return gate * history + (1 - gate) * cascade

    # -- training -------------------------------------------------------------------------------

    def calculate_loss(self, interaction: Interaction) -> Tuple[torch.Tensor, ...]:
        """Return the weighted parts of the loss: feedback, then system, margin, history if on."""
        target = interaction[TARGET_ID]  # (B, W)
        is_target = target > 0
        requests = _locate_requests(interaction, is_target)
        history = self.history_encoder(self.item_embedding(interaction[self.ITEM_SEQ]))
        interest, extra = self._training_interest(history, interaction, requests)
        states = interest[is_target]  # (T, d)

        positives = target[is_target].unsqueeze(1)  # (T, 1), then (T, 1 + k)
        if self.use_system_positives:
            preferred = interaction[SYSTEM_POSITIVE][requests.asks]  # (Q, k)
            system = positives.new_zeros(len(positives), preferred.shape[1])
            positives = torch.cat([positives, system.index_put((requests.row,), preferred)], dim=1)
        loss = -self._log_probability(states, positives, interaction, extra)
        parts = [masked_mean(loss[:, 0], positives[:, 0] > 0)]
        if self.use_system_positives:
            parts.append(self.system_weight * masked_mean(loss[:, 1:], positives[:, 1:] > 0))
        if self.use_hard_negatives:
            negatives = interaction[HARD_NEGATIVE][requests.asks]  # (Q, n)
            parts.append(
                self.margin_weight * self._margin(states, positives, negatives, requests.row)
            )
        if self.use_partial_order and self.history_weight > 0:
            alone = -self._log_probability(history[is_target], positives[:, :1], interaction, None)
            parts.append(self.history_weight * masked_mean(alone, positives[:, :1] > 0))
        return tuple(parts)

    def _training_interest(
        self, history: torch.Tensor, interaction: Interaction, requests: "_Requests"
    ) -> Tuple[torch.Tensor, Optional[ExtraLogits]]:
        """Return the interest at every position (B, W, d): with a sequence where one is carried."""
        if not self.use_partial_order:
            return history, None
        state, drawn, logit = self.encode_entries(
            interaction[CACHE_ITEM][requests.asks],
            interaction[CACHE_SCORE][requests.asks],
            interaction[DRAW_ID][requests.asks],
        )
        cascade = self.empty_entry.expand_as(history).index_put(
            (requests.window, requests.position), state
        )
        extra = None if logit is None else ExtraLogits(requests.row, drawn, logit)
        return self.interest(history, cascade), extra

    def _log_probability(
        self,
        states: torch.Tensor,
        positives: torch.Tensor,
        interaction: Interaction,
        extra: Optional[ExtraLogits],
    ) -> torch.Tensor:
        """Log softmax of `positives` (T, P) over all items, or a sample of a large catalogue."""
        items = self.item_embedding.weight
        if self.log_q is None:
            return full_log_probability(states, items, positives, extra)
        negatives = interaction[SAMPLED_NEGATIVE]
        return sampled_log_probability(states, items, positives, negatives, self.log_q)

    def _margin(
        self,
        states: torch.Tensor,
        positives: torch.Tensor,
        negatives: torch.Tensor,
        row: torch.Tensor,
    ) -> torch.Tensor:
        """Margin between the targets of the requests in `row` (Q,) and their hard negatives."""
        asking, target = states[row], positives[row, 0]
        return margin_loss(
            (asking * self.item_embedding(target)).sum(-1),
            torch.einsum("qd,qnd->qn", asking, self.item_embedding(negatives)),
            negatives > 0,
            self.margin,
        )

    # -- evaluation -----------------------------------------------------------------------------

    def forward(
        self, interaction: Interaction
    ) -> Tuple[torch.Tensor, Optional[torch.Tensor], Optional[torch.Tensor]]:
        """Return the interest (B, d) of prediction rows, and drawn items and extra logits.

        Raises
        ------
        InputError
            With ``hide_target``, for rows without the item that the data set had to hide.
        """
        items = self.item_embedding(interaction[self.ITEM_SEQ])
        history = self.history_encoder(items)
        history = self.gather_indexes(history, interaction[self.ITEM_SEQ_LEN] - 1)
        if not self.use_partial_order:
            return history, None, None
        if self.hide_target and self.ITEM_ID not in interaction:
            raise InputError(
                f"hide_target: rows without '{self.ITEM_ID}' have no target to hide; this control "
                "is for evaluation, leave it off to recommend"
            )
        cascade, drawn, extra = self.encode_entries(
            interaction[CACHE_ITEM], interaction[CACHE_SCORE], interaction[REQUEST_ID]
        )
        return self.interest(history, cascade), drawn, extra

    def full_sort_predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the whole catalogue for prediction rows, (B, n_items)."""
        interest, drawn, extra = self.forward(interaction)
        scores = interest @ self.item_embedding.weight.T
        if drawn is not None and extra is not None:
            scores = scores.scatter_add(1, drawn, extra)
        return scores

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the item of each prediction row, (B,)."""
        interest, drawn, extra = self.forward(interaction)
        item = interaction[self.ITEM_ID]
        score = (interest * self.item_embedding(item)).sum(-1)
        if drawn is not None and extra is not None:
            score = score + (extra * (drawn == item.unsqueeze(1))).sum(1)
        return score
