"""The sizes that the parts of one model share, and how their weights begin."""

from typing import Any, Dict, NamedTuple

import torch
from torch import nn


class Sizes(NamedTuple):
    """What a model's parts have in common, from its flat keys.

    Attributes
    ----------
    hidden_size : int
        d, of item embeddings and states.
    max_length : int
        W, rows of a history.
    n_layers, n_heads, inner_size : int
        Of Transformers.
    dropout, attention_dropout : float
    seed : int
        Of keyed draws.
    """

    hidden_size: int
    max_length: int
    n_layers: int
    n_heads: int
    inner_size: int
    dropout: float
    attention_dropout: float
    seed: int

    @classmethod
    def of(cls, config: Any, max_length: int) -> "Sizes":
        """Read the keys of a configuration."""
        return cls(
            config["hidden_size"],
            max_length,
            config["n_layers"],
            config["n_heads"],
            config["inner_size"],
            config["hidden_dropout_prob"],
            config["attn_dropout_prob"],
            config["seed"],
        )

    @property
    def block(self) -> Dict[str, Any]:
        """Arguments of a `TransformerBlock`, beside its attention."""
        names = ("hidden_size", "n_heads", "inner_size", "dropout")
        return {name: getattr(self, name) for name in names}


def initialise(module: nn.Module, std: float) -> None:
    """Begin as BERT does: weights from a normal distribution, biases at 0, padding at 0.

    Vectors keep what their module gave them: the gains of a LayerNorm are 1.

    Parameters
    ----------
    module : Module
    std : float
        Standard deviation of the weights.
    """
    for name, parameter in module.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=std)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    for part in module.modules():
        if isinstance(part, nn.Embedding) and part.padding_idx is not None:
            with torch.no_grad():
                part.weight[part.padding_idx].zero_()
