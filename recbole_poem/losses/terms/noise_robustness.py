"""A history of which some items are masked or replaced is to have the states that it had."""

from dataclasses import dataclass
from typing import Any, Callable, Dict, cast

import torch
import torch.nn.functional as F
from recbole.data.interaction import Interaction

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import PERTURBED_ITEM, REQUEST_POSITION, TARGET_ID
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.core.settings import FROM_0, SHARE, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("noise_robustness")
class NoiseRobustness:
    """``1 - cos(h, h')``, of states h and those of a perturbed history (FAIR, arXiv 2512.11254).

    The paper wants stable states when items are masked or replaced at random. Our reading: the
    cosine, the shares, and gradients by both sides. A masked item has the embedding 0, and its
    place stays. Each row of the log is drawn for anew in each epoch. A state of length 0 has no
    direction, and its position is left out: some encoders have such where all items are masked.
    """

    teaches_history = True
    teaches_state = False
    stands_alone = False
    asks_softmax = False
    reads_rows_alone = True

    @dataclass(frozen=True)
    class Settings:
        """Of the term, and of the perturbation."""

        weight: float = setting(0.1, FROM_0, "of the term")
        masked: float = setting(0.1, SHARE, "share of the items that are masked")
        replaced: float = setting(0.1, SHARE, "share of the items in whose place another stands")

        def check(self, where: str) -> None:
            """Refuse shares that are more than all.

            Raises
            ------
            InputError
            """
            if self.masked + self.replaced > 1:
                raise InputError(
                    f"{where}.masked: with {where}.replaced, {self.replaced}, there are more than "
                    f"all items; expected {1 - self.replaced:g} at most"
                )

    def __init__(self, settings: Any) -> None:
        self.weight = settings.weight

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the perturbed items (B, W); 0 = masked, or padding."""
        seed, n_items = data.config["seed"], data.dataset.item_num
        item_list = data.dataset.iid_field + data.config["LIST_SUFFIX"]

        def make(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            items, place = batch[item_list], torch.arange(batch[item_list].shape[1])
            # the draw id of a request less its position is that of the first place, of any window
            rows = (draws - batch[REQUEST_POSITION])[:, :1] + place
            fate, other = (uniform(seed, Purpose.PERTURBED_ITEM, rows, kind) for kind in (0, 1))
            perturbed = items.masked_fill(fate < settings.masked, 0)
            is_replaced = (fate >= settings.masked) & (fate < settings.masked + settings.replaced)
            others = 1 + (other * (n_items - 1)).long()
            return torch.where(is_replaced & (items > 0), others, perturbed)

        return {PERTURBED_ITEM: make}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: histories are the log's."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it compares states."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the positions that have a target, and states with a direction."""
        encode = cast(Callable[[torch.Tensor], torch.Tensor], learnt.encode)
        states = cast(torch.Tensor, learnt.history)  # (B, W, K, d)
        perturbed = encode(learnt.batch[PERTURBED_ITEM])
        likeness = F.cosine_similarity(states, perturbed, dim=3)
        # at 0 its gradient is that of a division by next to nothing, which no optimizer forgets
        directed = (perturbed != 0).any(dim=3).all(dim=2)
        there = (learnt.batch[TARGET_ID] > 0) & directed
        return self.weight * weighted_mean(1 - likeness.mean(dim=2), there, learnt.n_processes)
