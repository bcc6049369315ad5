"""The history encoder of eSASRec: a causal Transformer whose blocks are LiGR's.

Sources: eSASRec (Tikhonovich et al., RecSys 2025, arXiv 2508.06450) and LiGR (arXiv 2502.03417),
by the code that eSASRec's authors published. Ours: the LayerNorm behind the last block, which their
layers do without.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.attention import Attention
from recbole_poem.encoders.history.transformer import Transformer
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.encoders.transformer_block import TransformerBlock


@HISTORY_ENCODERS.register("ligr")
class LiGR(Transformer):
    """A causal Transformer with gated residuals and SwiGLU (LiGR; the encoder of eSASRec).

    Parameters
    ----------
    settings, sizes, features
        See `Transformer`.
    """

    @staticmethod
    def block(settings: Any, sizes: Sizes) -> nn.Module:
        """Make one of the blocks."""
        return GatedBlock(sizes, settings.attention.make(sizes))


class GatedBlock(TransformerBlock):
    """``x + sigmoid(W x + b) * F(norm(x))``, for F the attention and then the feed-forward layer.

    The gate reads the token as it is, before the norm.

    Parameters
    ----------
    sizes : Sizes
    attention : Attention, a torch module
    """

    def __init__(self, sizes: Sizes, attention: Attention) -> None:
        super().__init__(attention=attention, **sizes.block)
        size = sizes.hidden_size
        self.feed_forward = SwiGLU(size, sizes.inner_size, sizes.dropout)
        self.attention_gate = nn.Linear(size, size)
        self.feed_forward_gate = nn.Linear(size, size)

    def _around(self, tokens: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """Add to the tokens what they attended to, and what the feed-forward layer adds."""
        gate = self.attention_gate(tokens).sigmoid()
        tokens = tokens + gate * self.dropout(self.output(attended))
        gate = self.feed_forward_gate(tokens).sigmoid()
        return tokens + gate * self.dropout(self.feed_forward(self.feed_forward_norm(tokens)))


class SwiGLU(nn.Module):
    """``W3 (silu(W1 x) * W2 x)``, without biases (Shazeer, arXiv 2002.05202).

    Parameters
    ----------
    size : int
        d.
    inner_size : int
        Rows of W1 and of W2.
    dropout : float
        Of the product.
    """

    def __init__(self, size: int, inner_size: int, dropout: float) -> None:
        super().__init__()
        self.gate = nn.Linear(size, inner_size, bias=False)
        self.inner = nn.Linear(size, inner_size, bias=False)
        self.output = nn.Linear(inner_size, size, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Transform tokens (..., d), each on its own."""
        product = F.silu(self.gate(tokens)) * self.inner(tokens)
        return cast(torch.Tensor, self.output(self.dropout(product)))
