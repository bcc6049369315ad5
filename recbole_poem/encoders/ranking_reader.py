"""What POEM reads in a cache entry: fusion, groups, the draw, the partial-order encoder."""

from typing import Any, List, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.encoders.partial_order_encoder import PartialOrderEncoder
from recbole_poem.fusion.grouping import assign_groups, draw, shuffle_scores
from recbole_poem.fusion.reciprocal_rank import fuse, rank_weights


class Reading(NamedTuple):
    """What was read of Q entries.

    Attributes
    ----------
    state : (Q, d)
        p; meaningless where the entry is empty.
    items : (Q, N) int64
        The candidates, 0 = none.
    valid : (Q, N) bool
        Which slots have a candidate.
    quintuple : (Q, N, M)
        Normalised rank weights.
    fused : (Q, N)
        Fused scores.
    drawn : (Q, T) int64
        Slots of the candidates in the sequence, best group first.
    present : (Q, T) bool
        False where a group had nothing more to draw.
    """

    state: torch.Tensor
    items: torch.Tensor
    valid: torch.Tensor
    quintuple: torch.Tensor
    fused: torch.Tensor
    drawn: torch.Tensor
    present: torch.Tensor


class EntryReader(nn.Module):
    """Turns the raw entry of a request into a state.

    Parameters
    ----------
    config : Config
    objective_weights : list of float
        a, the weight of each objective in the fused score.
    block : dict
        Sizes and dropout of the encoder's blocks.
    """

    def __init__(self, config: Any, objective_weights: List[float], **block: Any) -> None:
        super().__init__()
        self.seed = config["seed"]
        self.shuffle_entries = config["shuffle_entries"]
        self.use_quintuple = config["use_quintuple"]
        self.n_groups, self.group_samples = config["n_groups"], config["group_samples"]
        self.rank_kappa, self.rank_power = config["rank_kappa"], config["rank_power"]
        self.objective_weights: torch.Tensor
        self.register_buffer(
            "objective_weights",
            torch.tensor(objective_weights, dtype=torch.float32),
            persistent=False,
        )
        self.encoder = PartialOrderEncoder(
            config["hidden_size"],
            len(objective_weights),
            self.n_groups,
            config["partial_order_layers"],
            attention=config["partial_order_attention"],
            **block,
        )

    def forward(
        self,
        embeddings: torch.Tensor,
        items: torch.Tensor,
        scores: torch.Tensor,
        draws: torch.Tensor,
    ) -> Reading:
        """Fuse, group, draw and encode.

        Parameters
        ----------
        embeddings : (n_items, d)
            Of the items; 0 is padding.
        items : (Q, N) int64, 0 = no candidate
        scores : (Q, N, M) float
        draws : (Q,) int64
            Draw ids, the keys of the draw: request ids at evaluation.
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
        n_valid = valid.sum(1).view(-1, 1, 1)
        relative = quintuple * n_valid  # 1 = the average candidate
        if not self.use_quintuple:
            relative = torch.ones_like(relative)
        state = self.encoder(
            F.embedding(items.gather(1, index) * present, embeddings, padding_idx=0),
            relative.gather(1, index.unsqueeze(-1).expand(-1, -1, scores.shape[-1])),
            groups.gather(1, index).clamp_max(self.n_groups - 1),
            present,
        )
        return Reading(state, items, valid, quintuple, fused, index, present)
