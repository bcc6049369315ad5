"""POEM: Partial-Order Enhanced Modeling (arXiv 2606.29946), as a RecBole sequential recommender.

Two independent Transformers read the user's history and the partially ordered sequence that is
drawn from the ranking of the previous request; their states are fused into the interest u, and
``u . e_i`` scores item i. Two additions of ours, both off in the preset ``paper``, name single
items: a head corrects the logits of the cached candidates, and one learned number is added to
those of the items in the history. Which parts come from the paper and which are our reading stands
in the README; what each key means in ``properties/model/POEM.yaml``.
"""

from functools import partial
from typing import Any, ClassVar, Optional, Tuple

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import (
    CACHE_ITEM,
    CACHE_SCORE,
    DRAW_ID,
    HARD_NEGATIVE,
    HISTORY_GAP,
    REQUEST_ID,
    SAMPLED_NEGATIVE,
    SYSTEM_POSITIVE,
    TARGET_ID,
    TREND_STEP,
)
from recbole_poem.core.processes import n_processes
from recbole_poem.core.stage import Stage
from recbole_poem.core.stages import RERANKERS
from recbole_poem.encoders.history_encoder import history_encoder
from recbole_poem.encoders.ranking_reader import EntryReader, Reading
from recbole_poem.encoders.state_fusion import FUSIONS, Fusion, Residual
from recbole_poem.logits.candidate_head import CascadeHead
from recbole_poem.logits.popularity_trend import scored_by, trend_of
from recbole_poem.logits.scoring import Interest, Items, all_logits, logits_of, of_state, plus
from recbole_poem.losses.loss import (
    full_log_probability,
    margin_loss,
    sampled_log_probability,
    weighted_mean,
)
from recbole_poem.models.positions import Positions, positions


class POEM(SequentialRecommender):
    """The model; with every ``use_*`` key off a causal Transformer, and the logit of repeats.

    Parameters
    ----------
    config : Config
    dataset : POEMDataset
        The training split, with its cache attached where the model reads one.
    """

    input_type = InputType.POINTWISE
    stages: ClassVar[Tuple[Stage, ...]] = (RERANKERS,)

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.use_system_positives = config["use_system_positives"]
        self.hide_target = config["hide_target"]
        self.use_hard_negatives = config["use_hard_negatives"]
        self.system_weight = config["system_weight"]
        self.margin, self.margin_weight = config["margin"], config["margin_weight"]
        #: log probability of each item as a sampled negative; None = the softmax is exact
        self.log_q: Optional[torch.Tensor]
        self.register_buffer("log_q", dataset.log_q, persistent=False)
        self.n_processes = n_processes(config)
        self.initializer_range = config["initializer_range"]

        size = config["hidden_size"]
        block = {
            "n_heads": config["n_heads"],
            "inner_size": config["inner_size"],
            "dropout": config["hidden_dropout_prob"],
            "attention_dropout": config["attn_dropout_prob"],
        }
        self.item_embedding = nn.Embedding(self.n_items, size, padding_idx=0)
        self.history_encoder = history_encoder(config, self.max_seq_length, **block)
        self.reads_gaps = config["time_gaps"]
        self.repeat_logit = nn.Parameter(torch.zeros(())) if config["repeat_logit"] else None
        self.trend = trend_of(dataset.trends)
        #: names of what an entry's scores mean, for whoever brings entries to a checkpoint
        self.objectives = list(dataset.objectives)
        self.other_parameter_name = ["objectives"]
        self.entry_reader: Optional[EntryReader] = None
        self.fusion: Optional[Fusion] = None
        self.cascade_head: Optional[CascadeHead] = None
        self.request_weight = 1.0
        self.stacked = False
        if config["use_partial_order"]:
            self.stacked = config["entry_training"] == "stacked"
            self.request_weight = 1.0 if self.stacked else config["request_weight"]
            self.entry_reader = EntryReader(config, dataset.objective_weights, **block)
            self.fusion = FUSIONS[config["fusion"]](size)
            if config["cascade_head"]:
                self.cascade_head = CascadeHead(
                    len(dataset.objective_weights), config["n_candidates"]
                )
        self._initialise()

    def _initialise(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1 or name.endswith(("query", "empty_entry")):
                nn.init.normal_(parameter, std=self.initializer_range)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        for module in self.modules():
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                with torch.no_grad():
                    module.weight[module.padding_idx].zero_()
            if isinstance(module, (CascadeHead, Residual)):
                module.start_at_zero()

    def scoring_items(self) -> Items:
        """Return what the catalogue is scored by."""
        return scored_by(self.history_encoder.scoring(self.item_embedding.weight), self.trend)

    def _steps(self, interaction: Interaction, of: torch.Tensor) -> torch.Tensor:
        """Return the steps of targets `of` (...) in the C calendars of the mode, (..., C)."""
        return of.new_zeros(*of.shape, 0) if self.trend is None else interaction[TREND_STEP]

    def _gaps(self, interaction: Interaction) -> Optional[torch.Tensor]:
        """Return the slots of the times between rows of the history, (B, W), if they are read."""
        return interaction[HISTORY_GAP] if self.reads_gaps else None

    def _states(self, interaction: Interaction) -> torch.Tensor:
        """Return the states of the history at every position, (B, W, d)."""
        items = self.item_embedding(interaction[self.ITEM_SEQ])
        states: torch.Tensor = self.history_encoder(items, self._gaps(interaction))
        return states

    # -- the interest of a request --------------------------------------------------------------

    def _interest(
        self,
        history: torch.Tensor,
        step: torch.Tensor,
        seen: torch.Tensor,
        reading: Optional[Reading],
        items: Items,
        repeat_logit: Optional[torch.Tensor],
    ) -> Interest:
        """Fuse what is known of T requests.

        Parameters
        ----------
        history : (T, d)
            h.
        step : (T, C) int64
            Of time.
        seen : (T, W) int64
            Items of the history, 0 = padding.
        reading : Reading or None
            Of their entries; None where they have none.
        items : Items
        repeat_logit : () or None
            Added to the items of the history.
        """
        state = history
        if self.fusion is not None and reading is None:
            state = self.fusion.without_entry(history)
        elif self.fusion is not None and reading is not None:
            known = reading.valid.any(dim=1, keepdim=True)
            state = self.fusion(history, reading.state, known)
        interest = of_state(state, step)
        if reading is not None and self.cascade_head is not None:
            interest = self._corrected(self.cascade_head, interest, reading, items)
        if repeat_logit is not None:
            interest = plus(interest, seen, repeat_logit * (seen > 0))
        return interest

    def _corrected(
        self, head: CascadeHead, interest: Interest, reading: Reading, items: Items
    ) -> Interest:
        """Add the head's logits; what the model itself thinks is given to it, not trained by it."""
        own = logits_of(interest, items, reading.items).detach()
        correction = head(reading.quintuple, reading.fused, own, reading.valid)
        return plus(interest, reading.items, correction)

    # -- training -------------------------------------------------------------------------------

    def calculate_loss(self, interaction: Interaction) -> Tuple[torch.Tensor, ...]:
        """Return the weighted parts of the loss: feedback, then system and margin.

        A stacked model has one more, that of the requests with their entries, which moves nothing
        that the others move.
        """
        target = interaction[TARGET_ID]  # (B, W)
        carrying, others = positions(interaction, target > 0)
        history = self._states(interaction)
        items = self.scoring_items()
        asks = interaction[REQUEST_ID] >= 0  # (B, R), Q of them hold
        reading = None
        if self.entry_reader is not None:
            table = self.item_embedding.weight
            fields = (CACHE_ITEM, CACHE_SCORE, DRAW_ID)
            entries = (interaction[field][asks] for field in fields)
            reading = self.entry_reader(table.detach() if self.stacked else table, *entries)
        repeat: Optional[torch.Tensor] = self.repeat_logit
        state, seen = history[carrying], carrying.up_to(interaction[self.ITEM_SEQ])
        steps = self._steps(interaction, target)
        step, below = steps[carrying], None if self.stacked else reading
        asking = self._interest(state, step, seen, below, items, repeat)
        before = others.up_to(interaction[self.ITEM_SEQ])
        silent = self._interest(history[others], steps[others], before, None, items, repeat)

        positives = target[carrying].unsqueeze(1)  # (Q, 1), then (Q, 1 + k)
        if self.use_system_positives:
            positives = torch.cat([positives, interaction[SYSTEM_POSITIVE][asks]], dim=1)
        loss = -self._log_probability(asking, positives, items, interaction)
        other = -self._log_probability(silent, target[others].unsqueeze(1), items, interaction)
        feedback = torch.cat([loss[:, 0], other[:, 0]])
        weight = torch.ones_like(feedback)
        weight[: len(loss)] = self.request_weight
        mean = partial(weighted_mean, n_processes=self.n_processes)
        parts = [mean(feedback, weight)]
        if self.use_system_positives:
            parts.append(self.system_weight * mean(loss[:, 1:], positives[:, 1:] > 0))
        if self.use_hard_negatives:
            negatives = interaction[HARD_NEGATIVE][asks]  # (Q, n)
            margin = self._margin(asking, positives[:, 0], negatives, items)
            parts.append(self.margin_weight * margin)
        if self.stacked:
            state, items = self._at_rest(interaction, carrying)
            repeat = None if repeat is None else repeat.detach()
            on_top = self._interest(state, step, seen, reading, items, repeat)
            loss = -self._log_probability(on_top, positives[:, :1], items, interaction)
            parts.append(mean(loss, torch.ones_like(loss)))
        return tuple(parts)

    def _at_rest(self, interaction: Interaction, where: Positions) -> Tuple[torch.Tensor, Items]:
        """Return the states at positions, (P, d), and what scores items, as in evaluation.

        What learns on top of them would learn to trust them as little as dropout leaves of them.
        """
        self.history_encoder.eval()
        with torch.no_grad():
            states = self._states(interaction)
            items = self.scoring_items()
        self.history_encoder.train(self.training)
        return states[where], items.detach()  # parts of which are parameters as they are

    def _log_probability(
        self,
        interest: Interest,
        positives: torch.Tensor,
        items: Items,
        interaction: Interaction,
    ) -> torch.Tensor:
        """Log softmax of `positives` (T, P) over all items, or a sample of a large catalogue."""
        if self.log_q is None:
            return full_log_probability(interest, items, positives)
        negatives = interaction[SAMPLED_NEGATIVE]
        return sampled_log_probability(interest, items, positives, negatives, self.log_q)

    def _margin(
        self,
        interest: Interest,
        target: torch.Tensor,
        negatives: torch.Tensor,
        items: Items,
    ) -> torch.Tensor:
        """Margin between the targets (Q,) of requests and their hard negatives (Q, n)."""
        chosen = torch.cat([target.unsqueeze(1), negatives], dim=1)
        scores = logits_of(interest, items, chosen)
        return margin_loss(
            scores[:, 0], scores[:, 1:], negatives > 0, self.margin, self.n_processes
        )

    # -- evaluation -----------------------------------------------------------------------------

    def forward(self, interaction: Interaction) -> Interest:
        """Return the interest of prediction rows.

        Raises
        ------
        InputError
            With ``hide_target``, for rows without the item that the data set had to hide.
        """
        seen = interaction[self.ITEM_SEQ]
        last = interaction[self.ITEM_SEQ_LEN] - 1
        gaps = self._gaps(interaction)
        history = self.history_encoder.at(self.item_embedding(seen), gaps, last)
        step = self._steps(interaction, last)
        items, repeat = self.scoring_items(), self.repeat_logit
        if self.entry_reader is None:
            return self._interest(history, step, seen, None, items, repeat)
        if self.hide_target and self.ITEM_ID not in interaction:
            raise InputError(
                f"hide_target: rows without '{self.ITEM_ID}' have no target to hide; this control "
                "is for evaluation, leave it off to recommend"
            )
        entries = (interaction[field] for field in (CACHE_ITEM, CACHE_SCORE, REQUEST_ID))
        reading = self.entry_reader(self.item_embedding.weight, *entries)
        return self._interest(history, step, seen, reading, items, repeat)

    def full_sort_predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the whole catalogue for prediction rows, (B, n_items)."""
        return all_logits(self.forward(interaction), self.scoring_items())

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the item of each prediction row, (B,)."""
        chosen = interaction[self.ITEM_ID].unsqueeze(1)
        return logits_of(self.forward(interaction), self.scoring_items(), chosen).squeeze(1)
