"""The sequence's state: permutation inside a group, blindness to worse groups and empty slots."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.core.stages import ATTENTIONS
from recbole_poem.encoders.partial_order_encoder import PartialOrderEncoder
from recbole_poem.encoders.sizes import Sizes

SIZES = Sizes(8, 10, 2, 2, 16, 0.3, 0.3, seed=0)
SOFTMAX = ATTENTIONS.choose("softmax", "attention")


def partial_order_encoder(mask: str = "better", n_layers: int = 2) -> PartialOrderEncoder:
    torch.manual_seed(0)
    encoder = PartialOrderEncoder(SIZES, 3, 2, n_layers, mask, SOFTMAX)
    torch.nn.init.normal_(encoder.query)
    return encoder.eval()


def sequence(seed: int = 0) -> "tuple[torch.Tensor, ...]":
    """Two groups of three: items (1, 6, 8), features (1, 6, 3), groups, present."""
    generator = torch.Generator().manual_seed(seed)
    items = torch.randn(1, 6, 8, generator=generator)
    features = torch.rand(1, 6, 3, generator=generator)
    groups = torch.tensor([[0, 0, 0, 1, 1, 1]])
    return items, features, groups, torch.ones(1, 6, dtype=torch.bool)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(3)), st.permutations(range(3, 6)), st.sampled_from(["better", "all"]))
def test_permuting_a_group_changes_nothing(
    best: "list[int]", worst: "list[int]", mask: str
) -> None:
    encoder, (items, features, groups, present) = partial_order_encoder(mask), sequence()
    order = [*best, *worst]
    tokens = encoder.tokens(items, features, groups, present)
    permuted = encoder.tokens(items[:, order], features[:, order], groups, present)
    assert torch.allclose(tokens[:, [*order, 6]], permuted, atol=1e-5)


def test_moving_an_item_to_another_group_changes_the_state() -> None:
    encoder, (items, features, groups, present) = partial_order_encoder(), sequence()
    state = encoder(items, features, groups, present)
    moved = encoder(items[:, [3, 1, 2, 0, 4, 5]], features, groups, present)
    assert not torch.allclose(state, moved, atol=1e-3)


@pytest.mark.parametrize(("mask", "sees_worse"), [("better", False), ("all", True)])
def test_a_token_attends_to_its_own_and_better_groups(mask: str, sees_worse: bool) -> None:
    encoder, (items, features, groups, present) = partial_order_encoder(mask), sequence()
    changed = items.clone()
    changed[:, 5] = -items[:, 4]  # in the worse group
    tokens = encoder.tokens(items, features, groups, present)
    new = encoder.tokens(changed, features, groups, present)
    assert torch.allclose(tokens[:, :3], new[:, :3], atol=1e-6) is not sees_worse
    assert not torch.allclose(tokens[:, 3], new[:, 3], atol=1e-4)
    assert not torch.allclose(tokens[:, 6], new[:, 6], atol=1e-4)  # the query token reads all


@pytest.mark.parametrize("mask", ["better", "all"])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_state_of_a_sequence_is_that_of_its_query_token(mask: str, n_layers: int) -> None:
    encoder = partial_order_encoder(mask, n_layers)
    items, features, groups, present = sequence()
    for there in (present, torch.arange(6).expand(present.shape) % 2 > 0):
        tokens = encoder.tokens(items, features, groups, there)
        assert torch.allclose(encoder(items, features, groups, there), tokens[:, 6], atol=1e-6)


def test_with_one_layer_what_the_candidates_attend_to_is_not_read() -> None:
    better, everything = (partial_order_encoder(mask, 1) for mask in ("better", "all"))
    everything.load_state_dict(better.state_dict())
    assert torch.allclose(better(*sequence()), everything(*sequence()), atol=1e-6)


def test_slots_where_nothing_was_drawn_are_not_read() -> None:
    encoder, (items, features, groups, present) = partial_order_encoder(), sequence()
    present[:, [2, 5]] = False
    state = encoder(items, features, groups, present)
    kept = [0, 1, 3, 4]
    short = encoder(items[:, kept], features[:, kept], groups[:, kept], present[:, kept])
    assert torch.allclose(state, short, atol=1e-6)


def test_an_empty_sequence_gives_finite_numbers() -> None:
    encoder, (items, features, groups, present) = partial_order_encoder(), sequence()
    assert encoder.tokens(items, features, groups, torch.zeros_like(present)).isfinite().all()
