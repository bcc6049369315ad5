"""Self-supervised actor-critic (Xin, Karatzoglou, Arapakis, Jose, SIGIR 2020, arXiv 2006.05779).

``L = Q_main(s, a) CE(s, a) + (y - Q_main(s, a))^2 / 2``, where no gradient passes the weight. It
begins as SQN (`recbole_poem.losses.terms.sqn`), until Q values say something. The authors' code has
another optimizer behind the warm-up; here one goes on.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Optional

import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import BATCH_NUMBER
from recbole_poem.core.plurals import counted
from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.parts import Parts
from recbole_poem.losses.terms.sqn import SQN


@LOSSES.register("sac")
class SAC(SQN):
    """SQN whose Q values weigh the cross-entropy, after a warm-up (SAC; Xin et al., SIGIR 2020).

    It stands in the place of ``feedback``.

    Parameters
    ----------
    settings, parts
        See `SQN`.
    """

    key: ClassVar[str] = "losses.sac"
    stands_in_place_of = ("feedback", "sqn")

    @dataclass(frozen=True)
    class Settings(SQN.Settings):
        """Of SQN, and of the warm-up."""

        warm_up_steps: int = setting(
            30000, at_least(0), "batches that are learned as by sqn; the paper's have 256 targets"
        )

    def __init__(self, settings: Any, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.warm_up_steps = settings.warm_up_steps

    def gain(self, values: torch.Tensor, batch: Interaction) -> torch.Tensor:
        """Return the values (P,) themselves, once the warm-up is over."""
        warms_up = int(batch[BATCH_NUMBER]) < self.warm_up_steps
        return super().gain(values, batch) if warms_up else values

    def at_end(self, n_batches: int) -> Optional[str]:
        """Say that what was kept is a model of SQN, where the warm-up was not over."""
        if n_batches > self.warm_up_steps:
            return None
        batches = counted(n_batches, "batch", "batches")
        return (
            f"losses.sac.warm_up_steps: the weights that are kept come of {batches}, "
            f"and in the first {self.warm_up_steps:,} sac is sqn; train longer, or lower it"
        )
