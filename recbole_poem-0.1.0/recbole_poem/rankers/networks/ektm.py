"""EKTM (Effective Knowledge Transfer for Multi-Task Recommendation, arXiv 2605.05730).

A router mixes what the towers of all targets know, a transmitter of each target takes of the
mixture what helps it, and an enhanced head reads both. The abstract names these parts, the two
patterns, and the aim that the transfer helps the original task. Its equations were not known to us;
these are our reading. f_0 is the tower of the first target, the click, f_1..f_T are those of the
conversions, and sg stops a gradient::

    s_ij = cos(P f_i, P f_j);  w_i = T_i softmax_j(s_ij / temperature)
    R_i  = (sg(f_0) + sum_j w_ij sg(f_j)) / (T_i + 1)              no sg at j = i
    h_i  = f_i + sigmoid(W_i [f_i; R_i]) * MLP_i(R_i)              MLP_i is 0 at first
    loss = (l(draft_i) + v_i^gamma l(output_i)) / 2,  draft_i = head_i(f_i), output_i = out_i(h_i)

j runs over T_i conversions: all of them in the *parallel* pattern; in the *sequential* one, where
each conversion needs the one before, those up to i. The tests check the aim: a target of which 2 %
of the rows are known gains from its twin, and loses nothing from a stranger.

v_i = 1 - exp(-l(draft_i)) is how wrong the draft is; of a yes/no answer, the chance that it gave to
the other answer. A digest of the paper speaks of a loss that knows hard examples. But such weights
take gamma times the draft's logit off the logit that has the least loss, so gamma = 1 leaves
nothing of a calibrated draft (a test shows it). By default gamma is 0, and all rows count alike.
"""

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.settings import ABOVE_0, FLAG, FROM_0, one_of, setting
from recbole_poem.core.stages import RANKERS
from recbole_poem.rankers.networks import RowLosses
from recbole_poem.rankers.networks.mmoe import MixtureOfExperts


@RANKERS.register("ektm")
class KnowledgeTransfer(nn.Module):
    """MMoE whose conversions learn from the click and from each other (arXiv 2605.05730).

    The first target is the click, whose output is that of the backbone. With one target there is
    nothing to transfer.

    Parameters
    ----------
    settings : KnowledgeTransfer.Settings
    input_size : int
        F, the width of the features.
    n_targets : int
        M = T + 1.
    """

    @dataclass(frozen=True)
    class Settings(MixtureOfExperts.Settings):
        """Those of the backbone, and how knowledge travels."""

        pattern: str = setting(
            "parallel",
            one_of("parallel", "sequential"),
            "sequential: a target reads the ones before it; parallel: all",
        )
        similarity: str = setting(
            "softmax",
            one_of("softmax", "clipped"),
            "weights of the sources: softmax of the cosines, or the cosines from 0",
        )
        temperature: float = setting(1.0, ABOVE_0, "of the softmax")
        hardness: float = setting(
            0.0,
            FROM_0,
            "gamma, how much more a row counts that the draft gets wrong; 0 = all alike",
        )
        detached: bool = setting(
            True, FLAG, "whether a target leaves the towers of its sources alone"
        )

    def __init__(
        self, settings: "KnowledgeTransfer.Settings", input_size: int, n_targets: int
    ) -> None:
        super().__init__()
        self.hardness = settings.hardness
        self.backbone = MixtureOfExperts(settings, input_size, n_targets)
        size, n_conversions = self.backbone.towers.size, n_targets - 1
        self.router = Router(settings, size, n_conversions)
        self.transmitters = nn.ModuleList(Transmitter(size) for _ in range(n_conversions))
        self.heads = nn.ModuleList(nn.Linear(size, 1) for _ in range(n_conversions))
        for target, head in enumerate(self.heads, start=1):  # no transfer, no difference
            head.load_state_dict(self.backbone.towers.head(target).state_dict())

    def drafts(self, features: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Turn features (..., F) into the outputs of the backbone, and those with transfer.

        Returns
        -------
        drafts, outputs : (..., M)
            The first column of both is the same.
        """
        hidden = self.backbone.hidden(features)
        drafts = self.backbone.towers.read(hidden)
        return drafts, torch.cat([drafts[..., :1], *self._enhanced(hidden)], dim=-1)

    def _enhanced(self, hidden: Sequence[torch.Tensor]) -> List[torch.Tensor]:
        routed = self.router(hidden)
        parts = zip(self.heads, self.transmitters, hidden[1:], routed)
        return [head(transmitter(own, other)) for head, transmitter, own, other in parts]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Turn features (..., F) into one output per target (..., M), without an activation."""
        hidden = self.backbone.hidden(features)
        click = self.backbone.towers.head(0)(hidden[0])
        return torch.cat([click, *self._enhanced(hidden)], dim=-1)

    def losses(self, features: torch.Tensor, row_losses: RowLosses) -> torch.Tensor:
        """Return the loss of the drafts, and for conversions that of the outputs, (B, M).

        Parameters
        ----------
        features : (B, F)
        row_losses : function
            See `recbole_poem.rankers.networks.OwnLosses`.
        """
        drafts, outputs = self.drafts(features)
        of_drafts, of_outputs = row_losses(drafts), row_losses(outputs)
        weight = (1 - torch.exp(-of_drafts.detach())) ** self.hardness
        both = (of_drafts + weight * of_outputs) / 2
        return torch.cat([of_drafts[:, :1], both[:, 1:]], dim=1)


class Router(nn.Module):
    """Mixes the towers, for each conversion by how similar they are to its own.

    Parameters
    ----------
    settings : KnowledgeTransfer.Settings
    size : int
        d, of a tower's last hidden layer.
    n_conversions : int
        T.
    """

    reads: torch.Tensor

    def __init__(self, settings: KnowledgeTransfer.Settings, size: int, n_conversions: int) -> None:
        super().__init__()
        self.similarity, self.temperature = settings.similarity, settings.temperature
        self.detached = settings.detached
        self.projection = nn.Linear(size, size, bias=False)
        reads = torch.ones(n_conversions, n_conversions, dtype=torch.bool)
        if settings.pattern == "sequential":
            reads = reads.tril()
        self.register_buffer("reads", reads, persistent=False)  # (T, T)

    def forward(self, hidden: Sequence[torch.Tensor]) -> Tuple[torch.Tensor, ...]:
        """Mix the towers: M times (..., d), the click first, to T times (..., d)."""
        if len(hidden) == 1:
            return ()
        click, own = hidden[0], torch.stack(list(hidden[1:]), dim=-2)  # (..., T, d)
        sources = own.detach() if self.detached else own
        weights = self.weights(own, sources)
        mixed = self.mix(click.detach() if self.detached else click, own, sources, weights)
        return mixed.unbind(-2)

    def weights(self, own: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        """Return what each conversion takes of each: twice (..., T, d) to (..., T, T), from 0.

        The softmax's weights sum to the number of conversions that are read.
        """
        one = F.normalize(self.projection(own), dim=-1)
        other = F.normalize(self.projection(sources), dim=-1)
        cosine = one @ other.transpose(-1, -2)
        if self.similarity == "clipped":
            return cosine.clamp(min=0).masked_fill(~self.reads, 0)
        shares = (cosine / self.temperature).masked_fill(~self.reads, -torch.inf).softmax(dim=-1)
        return shares * self.reads.sum(dim=-1, keepdim=True)

    def mix(
        self, click: torch.Tensor, own: torch.Tensor, sources: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Average the click and the weighted conversions.

        Parameters
        ----------
        click : (..., d)
        own, sources : (..., T, d)
            The same numbers; a target's gradient passes to its own tower by the first.
        weights : (..., T, T)

        Returns
        -------
        (..., T, d)
        """
        to_itself = weights.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)  # (..., T, 1)
        total = click.unsqueeze(-2) + weights @ sources + to_itself * (own - sources)
        return total / (1 + self.reads.sum(dim=-1, keepdim=True))


class Transmitter(nn.Module):
    """What a target takes of the mixture: a gated addition to its own tower, 0 at first.

    Parameters
    ----------
    size : int
        d.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * size, size)
        self.message = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size))
        for parameter in self.message[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, own: torch.Tensor, routed: torch.Tensor) -> torch.Tensor:
        """Add to a tower (..., d) what the mixture (..., d) says: (..., d)."""
        gate = torch.sigmoid(self.gate(torch.cat([own, routed], dim=-1)))
        return own + gate * self.message(routed)
