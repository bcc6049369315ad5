"""History encoders: what makes states of a history, and says what they are scored with."""

from typing import Optional, Protocol

import torch


class HistoryEncoder(Protocol):
    """A component of the stage ``history_encoder``: a torch module.

    It is made of its settings, the model's `Sizes`, and the number of slots of the times between
    rows (0 = they are not read).
    """

    def __call__(self, items: torch.Tensor, gaps: Optional[torch.Tensor]) -> torch.Tensor:
        """Encode item embeddings (B, W, d) and gaps (B, W) into states (B, W, d)."""

    def at(
        self, items: torch.Tensor, gaps: Optional[torch.Tensor], place: torch.Tensor
    ) -> torch.Tensor:
        """Return the state at one place (B,) of each window alone, (B, d)."""

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return what the states are multiplied with, of item embeddings (n, d)."""

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
