"""Gated residuals: equal to their formula, closed gates, and gates that read tokens as they are."""

from typing import Any

import torch
import torch.nn.functional as F

from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.sizes import Sizes

SIZES = Sizes(8, 10, 2, 2, 16, 0.0, 0.0, seed=0)


def encoder(**sizes: Any) -> Any:
    torch.manual_seed(0)
    chosen = HISTORY_ENCODERS.choose("ligr", "history_encoder")
    return chosen.make(SIZES._replace(**sizes), {}).eval()


def test_a_block_is_its_formula() -> None:
    block, tokens = encoder().blocks[0], torch.randn(1, 5, 8)
    norm = block.attention_norm(tokens)
    query, key, value = block.query_key_value(norm).chunk(3, dim=2)
    mixed = [
        F.softmax((query[..., h] @ key[..., h].mT / 2).masked_fill(later(5), -torch.inf), dim=2)
        @ value[..., h]
        for h in (slice(4), slice(4, 8))
    ]
    gate = torch.sigmoid(tokens @ block.attention_gate.weight.T + block.attention_gate.bias)
    tokens_1 = tokens + gate * block.output(torch.cat(mixed, dim=2))
    norm = block.feed_forward_norm(tokens_1)
    layer = block.feed_forward
    inner = F.silu(norm @ layer.gate.weight.T) * (norm @ layer.inner.weight.T)
    gate = torch.sigmoid(block.feed_forward_gate(tokens_1))
    expected = tokens_1 + gate * (inner @ layer.output.weight.T)
    torch.testing.assert_close(block(tokens, None), expected)


def later(length: int) -> torch.Tensor:
    return torch.ones(length, length, dtype=torch.bool).triu(1)


def test_closed_gates_leave_the_tokens_as_they_are() -> None:
    closed, tokens = encoder(), torch.randn(2, 5, 8)
    for block in closed.blocks:
        for gate in (block.attention_gate, block.feed_forward_gate):
            torch.nn.init.constant_(gate.bias, -200)
        torch.testing.assert_close(block(tokens, None), tokens)


def test_dropout_falls_on_the_product_of_swiglu_and_on_what_is_added() -> None:
    block = encoder(dropout=0.5).blocks[0].train()
    torch.manual_seed(0)
    tokens = torch.randn(1, 1, 8)
    added = torch.stack([block.feed_forward(tokens) for _ in range(3000)])
    torch.testing.assert_close(added.mean(0), block.eval().feed_forward(tokens), atol=0.02, rtol=0)
    assert added.std(0).min() > 0.01
