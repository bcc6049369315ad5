"""Context-aware attention against the usual one, and its mask and gates."""

import pytest
import torch
from torch import nn

from recbole_poem.rankers.context_attention import ContextAttention

D, H = 6, 3


def attention() -> ContextAttention:
    torch.manual_seed(0)
    made = ContextAttention(D, H)
    nn.init.normal_(made.bias)
    return made


def test_open_gates_and_no_context_are_the_usual_attention() -> None:
    cam, tokens, query = attention(), torch.randn(2, 5, D), torch.randn(2, 4, D)
    with torch.no_grad():
        cam.query.bias[-H:] = 1e4  # sigmoid 1
    present = torch.rand(2, 4, 5) < 0.6
    present[..., 0] = True
    found = cam(query, torch.zeros(2, 4, D), cam.read(tokens), present)
    asked = cam.query(query)[..., : D // H * H].unflatten(-1, (H, D // H))
    keys, values = (part.transpose(1, 2) for part in cam.read(tokens))
    logits = asked.transpose(1, 2) @ keys.transpose(2, 3) / (D // H) ** 0.5  # (2, H, 4, 5)
    logits = (10 * (logits / 10).tanh()).masked_fill(~present.unsqueeze(1), -torch.inf)
    usual = logits.softmax(dim=-1) @ values  # (2, H, 4, D)
    assert torch.allclose(found, (usual.sum(dim=1) + cam.bias).relu(), atol=1e-5)


def test_the_context_moves_the_query_and_the_gates() -> None:
    cam, query = attention(), torch.randn(2, 4, D)
    tokens, present = cam.read(torch.randn(2, 5, D)), torch.ones(2, 4, 5, dtype=torch.bool)
    contexts = torch.zeros(2, 4, D), torch.randn(2, 4, D)
    inner = D // H * H
    for part in (slice(0, inner), slice(inner, None)):
        with torch.no_grad():
            whole = cam.context.weight.clone()
            cam.context.weight[part] = 0
            first, second = (cam(query, context, tokens, present) for context in contexts)
            assert not torch.allclose(first, second)
            cam.context.weight.copy_(whole)


def test_closed_gates_leave_the_bias() -> None:
    cam = attention()
    with torch.no_grad():
        cam.query.bias[-H:] = -1e4
    present = torch.ones(1, 2, 5, dtype=torch.bool)
    found = cam(torch.randn(1, 2, D), torch.randn(1, 2, D), cam.read(torch.randn(1, 5, D)), present)
    assert torch.equal(found, cam.bias.relu().expand(1, 2, D))


def test_a_token_is_all_there_is_however_little_it_is_asked_for() -> None:
    cam, tokens, query = attention(), torch.randn(2, 5, D), torch.randn(2, 1, D)
    with torch.no_grad():
        cam.key.weight *= 1e4
    context = torch.randn(2, 1, D)
    for place in range(5):
        present = (torch.arange(5) == place).expand(2, 1, -1)
        found = cam(query, context, cam.read(tokens), present)
        alone = cam.read(tokens[:, place : place + 1])
        assert torch.allclose(found, cam(query, context, alone, present[..., :1] | True), atol=1e-5)


def test_absent_tokens_and_their_order_do_not_matter() -> None:
    cam, tokens, query = attention(), torch.randn(2, 5, D), torch.randn(2, 1, D)
    present = torch.tensor([[[True, False, True, False, True]]]).expand(2, -1, -1)
    context, order = torch.randn(2, 1, D), torch.randperm(5)
    found = cam(query, context, cam.read(tokens), present)
    moved = cam(query, context, cam.read(tokens[:, order]), present[..., order])
    other = tokens.clone()
    other[:, [1, 3]] += 9
    assert torch.allclose(found, moved, atol=1e-6)
    assert torch.allclose(found, cam(query, context, cam.read(other), present), atol=1e-6)
    few = cam.read(tokens[:, [0, 2, 4]])
    assert torch.allclose(found, cam(query, context, few, present[..., [0, 2, 4]]), atol=1e-6)


def test_one_query_serves_many_masks() -> None:
    cam, query, context = attention(), torch.randn(2, 1, D), torch.randn(2, 1, D)
    tokens, present = cam.read(torch.randn(2, 5, D)), torch.rand(7, 5) < 0.5
    together = cam(query, context, tokens, present)
    assert together.shape == (2, 7, D)
    for mask, found in zip(present, together.unbind(1)):
        alone = cam(query, context, tokens, mask.unsqueeze(0))
        assert torch.allclose(found, alone[:, 0], atol=1e-6)


def test_shared_tokens_are_as_if_everyone_had_them() -> None:
    cam, own, shared = attention(), torch.randn(2, 3, D), torch.randn(4, D)
    query, context, present = torch.randn(2, 5, D), torch.randn(2, 1, D), torch.rand(2, 5, 7) < 0.5
    found = cam(query, context, cam.read(own), present, cam.read(shared))
    together = cam.read(torch.cat([own, shared.expand(2, -1, -1)], dim=1))
    assert torch.allclose(found, cam(query, context, together, present), atol=1e-6)


@pytest.mark.parametrize("n_tokens", [0, 3])
def test_no_token_gives_the_bias_and_finite_gradients(n_tokens: int) -> None:
    cam, tokens = attention(), torch.randn(2, n_tokens, D, requires_grad=True)
    present = torch.zeros(2, 1, n_tokens, dtype=torch.bool)
    found = cam(torch.randn(2, 1, D), torch.randn(2, 1, D), cam.read(tokens), present)
    assert torch.equal(found, cam.bias.relu().expand(2, 1, D))
    found.sum().backward()
    assert tokens.grad is not None
    assert torch.equal(tokens.grad, torch.zeros_like(tokens))


def test_heads_that_do_not_divide_the_size_are_rounded() -> None:
    cam = ContextAttention(3, 4)
    present = torch.ones(1, 1, 2, dtype=torch.bool)
    states = cam(
        torch.randn(1, 1, 3), torch.randn(1, 1, 3), cam.read(torch.randn(1, 2, 3)), present
    )
    assert states.shape == (1, 1, 3)
