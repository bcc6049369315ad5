"""Cross-entropy of the next item over a sample of the catalogue."""

from dataclasses import dataclass
from typing import Any, Dict, NamedTuple, cast

import torch
import torch.distributed
from recbole.data.interaction import Interaction
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import SOFTMAX_NEGATIVE, TARGET_ID, TARGET_SHARE
from recbole_poem.core.settings import ABOVE_0, FLAG, FROM_0, at_least, one_of, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.data.position_negatives import UniformOthers, target_shares
from recbole_poem.logits.scoring import Interest, shared_logits
from recbole_poem.losses.parts import Parts
from recbole_poem.losses.positions import Losses, mean_of_targets, scores_beside
from recbole_poem.losses.softmax import log_share
from recbole_poem.losses.terms import FieldMaker, Learnt

#: what a learned temperature stays above; CLIP's bound (Radford et al., ICML 2021)
LEAST_TEMPERATURE = 0.01


@LOSSES.register("sampled_softmax")
class SampledSoftmax(nn.Module):
    """Cross-entropy over each target's own uniform negatives, and over the targets of the batch.

    Uniform negatives with `correction` none are the loss of eSASRec (arXiv 2508.06450); with the
    targets of the batch they are mixed negatives (Yang et al., WWW 2020). An item that the sample
    holds m times on average stands for 1 / m of itself. ``log_q`` subtracts log m from all logits
    (Bengio and Senecal, 2008; Yi et al., RecSys 2019). ``refined`` leaves out that of the target,
    which no chance put there (our reading of the abstract of Khrylchenko et al., RecSys 2025,
    arXiv 2507.09331): the loss tends to the exact one, and its gradient weighs a target by one
    minus its probability, as theirs does. A learned temperature is CLIP's, kept above 0.01 by its
    form (ours).

    Items of the batch count as often as they are targets in it, whatever processes share it.
    `feedback` is the exact softmax, and above `full_softmax_limit` items ``log_q`` over one sample
    for the whole batch.
    """

    teaches_history = True
    teaches_state = True
    stands_alone = True
    asks_softmax = False

    @dataclass(frozen=True)
    class Settings:
        """Of the sample, and of the softmax."""

        weight: float = setting(1, FROM_0, "of the term")
        number: int = setting(256, at_least(0), "uniform negatives of a target")
        in_batch: bool = setting(False, FLAG, "the targets of the batch are negatives as well")
        correction: str = setting(
            "refined", one_of("none", "log_q", "refined"), "for how often items are in the sample"
        )
        temperature: float = setting(1, ABOVE_0, "what scores are divided by")
        learned_temperature: bool = setting(False, FLAG, "it is learned, from temperature on")

        def check(self, where: str) -> None:
            """Refuse a sample of nothing, and a start below what is learned."""
            if not self.number and not self.in_batch:
                raise InputError(
                    f"{where}.number: with 0 and without in_batch there are no negatives; set one"
                )
            if self.learned_temperature and self.temperature <= LEAST_TEMPERATURE:
                raise InputError(
                    f"{where}.temperature: a learned one begins above {LEAST_TEMPERATURE}, not at "
                    f"{self.temperature}"
                )

    def __init__(self, settings: Any, parts: Parts) -> None:
        super().__init__()
        self.settings, self.weight = settings, settings.weight
        if settings.learned_temperature:
            above = settings.temperature - LEAST_TEMPERATURE
            self.log_above = nn.Parameter(torch.tensor(above).log())

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the uniform negatives (B, W, n), and the shares of items in targets."""
        made: Dict[str, FieldMaker] = {}
        if settings.number:
            others = UniformOthers(data, settings.number, "losses.sampled_softmax")
            made[SOFTMAX_NEGATIVE] = lambda requests, draws, batch: others.draw(draws, batch)
        if settings.in_batch:
            shares = target_shares(data)
            made[TARGET_SHARE] = lambda requests, draws, batch: shares
        return made

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: negatives are drawn from the catalogue."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it samples by itself."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def temperature(self) -> Any:
        """Return what scores are divided by: a number, or a scalar that learns."""
        if self.settings.learned_temperature:
            return LEAST_TEMPERATURE + self.log_above.exp()
        return self.settings.temperature

    def forward(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the targets."""
        sample, temperature = self.sample(learnt), self.temperature()

        def loss(interest: Interest, target: torch.Tensor, negative: torch.Tensor) -> Losses:
            positive, own = scores_beside(interest, learnt.items, target, negative)
            own = own / temperature - sample.log_expected[negative]
            shared = shared_logits(interest, learnt.items, sample.item) / temperature
            shared = shared + sample.log_times - sample.log_expected[sample.item]
            shared = shared.masked_fill(target.unsqueeze(1) == sample.item, -torch.inf)
            found = positive[:, 0] / temperature
            if self.settings.correction == "log_q":
                found = found - sample.log_expected[target]
            return -log_share(found, torch.cat([own, shared], dim=1)), target > 0

        field = SOFTMAX_NEGATIVE if self.settings.number else None
        return cast(torch.Tensor, self.weight * mean_of_targets(learnt, field, loss))

    def sample(self, learnt: Learnt) -> "Sample":
        """Return what the sample of a batch holds, and how often it would on average."""
        n_items = len(learnt.items.embedding)
        rate = self.settings.number / max(1, n_items - 2)  # of all but padding and the target
        expected = learnt.target.new_full((n_items,), rate, dtype=torch.float32)
        times = torch.zeros_like(expected)
        if self.settings.in_batch:
            times = times_in_batch(learnt.batch, n_items, learnt.n_processes)
            expected = expected + (times.sum() - 1) * learnt.batch[TARGET_SHARE]
        if self.settings.correction == "none":
            expected = torch.ones_like(expected)
        item = times.nonzero()[:, 0]
        return Sample(item, times[item].log(), expected.clamp_min(1e-30).log())


class Sample(NamedTuple):
    """What the sample of a batch holds beside each target's own negatives.

    Attributes
    ----------
    item : (U,) int64
        That all targets have in common.
    log_times : (U,)
        How often each is there.
    log_expected : (n_items,)
        How often any item is in the sample of a target that is another one, on average; 0 where
        nothing is corrected.
    """

    item: torch.Tensor
    log_times: torch.Tensor
    log_expected: torch.Tensor


def times_in_batch(batch: Interaction, n_items: int, n_processes: int) -> torch.Tensor:
    """Return how often items are targets of a batch that processes share, (n_items,) float32."""
    times = torch.bincount(batch[TARGET_ID].flatten(), minlength=n_items).float()
    times[0] = 0
    if n_processes > 1:
        torch.distributed.all_reduce(times)
    return times
