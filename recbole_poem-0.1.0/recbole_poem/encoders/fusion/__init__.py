"""State fusions: how history state and ranking state become the user state."""

from typing import Protocol

import torch


class StateFusion(Protocol):
    """A component of the stage ``state_fusion``: a torch module, made of its settings and d."""

    #: whether the history state stands on its own and the ranking moves it, so that what reads
    #: rankings can be trained on top of a history encoder that does not notice
    is_on_top: bool

    def __call__(
        self, history: torch.Tensor, ranking: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Fuse h (T, K, d) and p (T, d), which is `known` (T, 1) where a ranking is there."""

    def without_ranking(self, history: torch.Tensor) -> torch.Tensor:
        """Return the user states of h (T, K, d) where there is no ranking, (T, K, d)."""

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
