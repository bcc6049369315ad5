"""POEM: Partial-Order Enhanced Modeling (arXiv 2606.29946), as a RecBole sequential recommender.

Two independent Transformers read the user's history and the partially ordered sequence that is
drawn from the ranking of the previous request; a gate fuses their states into the interest u, and
``u . e_i`` scores item i. Which parts come from the paper and which are our reading stands in the
README; what each key means in ``properties/model/POEM.yaml``.
"""

from typing import Any, Optional, Tuple

import torch
import torch.nn.functional as F
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import nn

from recbole_poem.cascade.fusion import fuse, rank_weights
from recbole_poem.cascade.partial_order import assign_groups, draw, uniform_noise
from recbole_poem.fields import (
    CACHE_ITEM,
    CACHE_SCORE,
    HARD_NEGATIVE,
    LOG_Q,
    REQUEST_ID,
    REQUEST_POSITION,
    SAMPLED_NEGATIVE,
    SYSTEM_POSITIVE,
    TARGET_ID,
)
from recbole_poem.model.encoder import HistoryEncoder, PartialOrderEncoder
from recbole_poem.model.loss import margin_loss, masked_mean, sampled_logits, system_loss


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
        self.use_hard_negatives = config["use_hard_negatives"]
        self.n_groups = config["n_groups"]
        self.group_samples = config["group_samples"]
        self.rank_kappa, self.rank_power = config["rank_kappa"], config["rank_power"]
        self.system_weight = config["system_weight"]
        self.margin, self.margin_weight = config["margin"], config["margin_weight"]
        self.history_weight = config["history_weight"]
        self.full_softmax = self.n_items <= config["full_softmax_limit"]
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
        self, items: torch.Tensor, scores: torch.Tensor, requests: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Fuse, group, draw and encode the cache entries of Q requests.

        Parameters
        ----------
        items : (Q, N) int64, 0 = no candidate
        scores : (Q, N, M) float
        requests : (Q,) int64
            Request ids; they seed the draw at evaluation.

        Returns
        -------
        state : (Q, d)
            p, the learned `empty_entry` where the entry has no candidate.
        drawn : (Q, T) int64
            Item ids of the sequence, 0 = nothing drawn.
        extra : (Q, T) float
            Additional logit of each drawn item; 0 without the cascade head.
        """
        valid = items > 0
        quintuple = rank_weights(scores, valid, self.rank_kappa, self.rank_power)
        fused = fuse(quintuple, self.objective_weights)
        groups = assign_groups(fused, items, valid, self.n_groups)
        if self.training:
            noise = torch.rand(items.shape, device=items.device)
        else:
            noise = uniform_noise(self.seed, requests, items)
        index, present = draw(groups, noise, self.n_groups, self.group_samples)
        drawn = items.gather(1, index) * present
        relative = quintuple * valid.sum(1).view(-1, 1, 1)  # 1 = the average candidate
        state, tokens = self.partial_order_encoder(
            self.item_embedding(drawn),
            relative.gather(1, index.unsqueeze(-1).expand(-1, -1, scores.shape[-1])),
            groups.gather(1, index).clamp_max(self.n_groups - 1),
            present,
        )
        state = torch.where(valid.any(1, keepdim=True), state, self.empty_entry)
        if self.cascade_head is None:
            return state, drawn, torch.zeros_like(drawn, dtype=state.dtype)
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
        history = self.history_encoder(self.item_embedding(interaction[self.ITEM_SEQ]))
        states, drawn, extra = history, None, None
        carries = self.use_partial_order or self.use_system_positives or self.use_hard_negatives
        if carries:
            asks = interaction[REQUEST_ID] >= 0  # (B, R)
            window, _ = asks.nonzero(as_tuple=True)
            position = interaction[REQUEST_POSITION][asks]  # (Q,)
        if self.use_partial_order:
            cascade, drawn, extra = self.encode_entries(
                interaction[CACHE_ITEM][asks],
                interaction[CACHE_SCORE][asks],
                interaction[REQUEST_ID][asks],
            )
            everywhere = self.empty_entry.expand_as(history).clone()
            everywhere[window, position] = cascade
            states = self.interest(history, everywhere)

        interest = states[is_target]  # (T, d)
        if carries:
            row = is_target.flatten().cumsum(0).view_as(target)[window, position] - 1  # (Q,)
        if self.full_softmax:
            logits = self._all_logits(interest)
            if self.cascade_head is not None:
                logits = logits.index_put((row.unsqueeze(1), drawn), extra, accumulate=True)
            log_probability = logits.log_softmax(dim=-1)
            losses = [F.nll_loss(log_probability, target[is_target])]
        else:
            losses = [
                self._sampled_loss(interest, target[is_target], interaction, TARGET_ID, is_target)
            ]
        if self.use_system_positives:
            preferred = interaction[SYSTEM_POSITIVE][asks]  # (Q, k)
            if self.full_softmax:
                system = system_loss(log_probability[row], preferred, preferred > 0)
            else:
                present = interaction[SYSTEM_POSITIVE] > 0
                present &= asks.unsqueeze(-1)
                request, _ = (preferred > 0).nonzero(as_tuple=True)
                system = self._sampled_loss(
                    interest[row[request]],
                    preferred[preferred > 0],
                    interaction,
                    SYSTEM_POSITIVE,
                    present,
                )
            losses.append(self.system_weight * system)
        if self.use_hard_negatives:
            negative = interaction[HARD_NEGATIVE][asks]  # (Q, n)
            asking = interest[row]
            margin = margin_loss(
                (asking * self.item_embedding(target[window, position])).sum(-1),
                torch.einsum("qd,qnd->qn", asking, self.item_embedding(negative)),
                negative > 0,
                self.margin,
            )
            losses.append(self.margin_weight * margin)
        if self.history_weight > 0 and self.use_partial_order:
            alone = self._all_logits(history[is_target])
            losses.append(self.history_weight * F.cross_entropy(alone, target[is_target]))
        return tuple(losses)

    def _all_logits(self, states: torch.Tensor) -> torch.Tensor:
        """Score the whole catalogue, (T, d) -> (T, n_items); padding gets -inf."""
        logits = states @ self.item_embedding.weight.T
        logits[:, 0] = -torch.inf
        return logits

    def _sampled_loss(
        self,
        states: torch.Tensor,
        positive: torch.Tensor,
        interaction: Interaction,
        field: str,
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Sampled softmax of one positive per state; `present` picks its log probabilities."""
        negative = interaction[SAMPLED_NEGATIVE]
        logits = sampled_logits(
            states,
            self.item_embedding(positive),
            self.item_embedding(negative),
            positive,
            negative,
            interaction[field + LOG_Q][present],
            interaction[SAMPLED_NEGATIVE + LOG_Q],
        )
        each = -logits.log_softmax(dim=-1)[:, 0]
        return masked_mean(each, torch.ones_like(each, dtype=torch.bool))

    # -- evaluation -----------------------------------------------------------------------------

    def forward(
        self, interaction: Interaction
    ) -> Tuple[torch.Tensor, Optional[torch.Tensor], Optional[torch.Tensor]]:
        """Return the interest (B, d) of prediction rows, and drawn items and extra logits."""
        items = self.item_embedding(interaction[self.ITEM_SEQ])
        history = self.history_encoder(items)
        history = self.gather_indexes(history, interaction[self.ITEM_SEQ_LEN] - 1)
        if not self.use_partial_order:
            return history, None, None
        cascade, drawn, extra = self.encode_entries(
            interaction[CACHE_ITEM], interaction[CACHE_SCORE], interaction[REQUEST_ID]
        )
        return self.interest(history, cascade), drawn, extra

    def full_sort_predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the whole catalogue for prediction rows, (B, n_items)."""
        interest, drawn, extra = self.forward(interaction)
        scores = interest @ self.item_embedding.weight.T
        if self.cascade_head is not None:
            scores = scores.scatter_add(1, drawn, extra)
        return scores

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the item of each prediction row, (B,)."""
        interest, drawn, extra = self.forward(interaction)
        item = interaction[self.ITEM_ID]
        score = (interest * self.item_embedding(item)).sum(-1)
        if self.cascade_head is not None:
            score = score + (extra * (drawn == item.unsqueeze(1))).sum(1)
        return score
