"""The encoders' invariances: causality, permutation inside a group, blindness to empty slots."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.model.encoder import HistoryEncoder, MixtureEncoder, PartialOrderEncoder

BLOCK = {"n_heads": 2, "inner_size": 16, "dropout": 0.3, "attention_dropout": 0.3}


STATES = ["transformer", "mixture"]


def history_encoder(state: str = "transformer", n_layers: int = 2) -> HistoryEncoder:
    torch.manual_seed(0)
    if state == "transformer":
        return HistoryEncoder(8, max_length=10, n_layers=n_layers, **BLOCK).eval()
    encoder = MixtureEncoder(8, 10, n_layers, temperature=0.1, item_dropout=0.2, **BLOCK).eval()
    torch.nn.init.normal_(encoder.gain)
    return encoder


def partial_order_encoder(attention: str = "better", n_layers: int = 2) -> PartialOrderEncoder:
    torch.manual_seed(0)
    encoder = PartialOrderEncoder(8, 3, 2, n_layers=n_layers, attention=attention, **BLOCK)
    torch.nn.init.normal_(encoder.query)
    return encoder.eval()


def sequence(seed: int = 0) -> "tuple[torch.Tensor, ...]":
    """Two groups of three: items (1, 6, 8), quintuples (1, 6, 3), groups, present."""
    generator = torch.Generator().manual_seed(seed)
    items = torch.randn(1, 6, 8, generator=generator)
    quintuples = torch.rand(1, 6, 3, generator=generator)
    groups = torch.tensor([[0, 0, 0, 1, 1, 1]])
    return items, quintuples, groups, torch.ones(1, 6, dtype=torch.bool)


@pytest.mark.parametrize("state", STATES)
def test_a_state_knows_the_rows_up_to_its_own_and_no_later_one(state: str) -> None:
    encoder, items = history_encoder(state), torch.randn(2, 6, 8)
    changed = items.clone()
    changed[:, 4:] = torch.randn(2, 2, 8)
    before, after = encoder(items), encoder(changed)
    assert torch.allclose(before[:, :4], after[:, :4], atol=1e-6)
    assert not torch.allclose(before[:, 4], after[:, 4], atol=1e-3)


@pytest.mark.parametrize("state", STATES)
def test_padding_on_the_right_changes_no_state(state: str) -> None:
    encoder, items = history_encoder(state), torch.randn(2, 6, 8)
    padded = torch.cat([items, torch.zeros(2, 3, 8)], dim=1)
    assert torch.allclose(encoder(items), encoder(padded)[:, :6], atol=1e-6)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("n_layers", [1, 3])
def test_the_state_at_one_place_is_that_of_the_whole_window(n_layers: int, state: str) -> None:
    encoder = history_encoder(state, n_layers)
    items, place = torch.randn(4, 7, 8), torch.tensor([0, 3, 6, 6])
    expected = encoder(items)[torch.arange(4), place]
    assert torch.allclose(encoder.at(items, place), expected, atol=1e-6)


@pytest.mark.parametrize("state", STATES)
def test_the_history_is_ordered(state: str) -> None:
    encoder, items = history_encoder(state), torch.randn(1, 6, 8)
    swapped = items[:, [1, 0, 2, 3, 4, 5]]
    assert not torch.allclose(encoder(items)[:, -1], encoder(swapped)[:, -1], atol=1e-3)


def test_a_mixture_of_one_item_points_to_it_and_of_none_nowhere() -> None:
    encoder = history_encoder("mixture")
    torch.nn.init.zeros_(encoder.gain)
    item = torch.randn(1, 1, 8)
    unit = item / item.norm()
    assert torch.allclose(encoder(item), unit / 0.1, atol=1e-5)
    assert torch.allclose(encoder.scoring(item[0]), unit[0], atol=1e-6)
    assert (encoder(torch.zeros(1, 1, 8)) == 0).all()  # an empty history


def test_a_mixture_is_a_mean_with_weights_by_attention() -> None:
    encoder, items = history_encoder("mixture"), torch.randn(1, 5, 8)
    state = HistoryEncoder.forward(encoder, items)[0]
    keys = (items[0] + encoder.position_embedding.weight[:5]) @ encoder.key.weight.T
    for t in range(5):
        score = torch.stack([state[t] @ keys[j] / 8**0.5 for j in range(t + 1)])
        weight = score.exp() / score.exp().sum()
        mean = sum(weight[j] * items[0, j] for j in range(t + 1))
        expected = mean / mean.norm() / 0.1 + encoder.gain * state[t]
        assert torch.allclose(encoder(items)[0, t], expected, atol=1e-4)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(3)), st.permutations(range(3, 6)), st.sampled_from(["better", "all"]))
def test_permuting_a_group_changes_nothing(
    best: "list[int]", worst: "list[int]", attention: str
) -> None:
    encoder, (items, quintuples, groups, present) = partial_order_encoder(attention), sequence()
    order = [*best, *worst]
    tokens = encoder.tokens(items, quintuples, groups, present)
    permuted = encoder.tokens(items[:, order], quintuples[:, order], groups, present)
    assert torch.allclose(tokens[:, [*order, 6]], permuted, atol=1e-5)


def test_moving_an_item_to_another_group_changes_the_state() -> None:
    encoder, (items, quintuples, groups, present) = partial_order_encoder(), sequence()
    state = encoder(items, quintuples, groups, present)
    moved = encoder(items[:, [3, 1, 2, 0, 4, 5]], quintuples, groups, present)
    assert not torch.allclose(state, moved, atol=1e-3)


@pytest.mark.parametrize(("attention", "sees_worse"), [("better", False), ("all", True)])
def test_a_token_attends_to_its_own_and_better_groups(attention: str, sees_worse: bool) -> None:
    encoder, (items, quintuples, groups, present) = partial_order_encoder(attention), sequence()
    changed = items.clone()
    changed[:, 5] = -items[:, 4]  # in the worse group
    tokens = encoder.tokens(items, quintuples, groups, present)
    new = encoder.tokens(changed, quintuples, groups, present)
    assert torch.allclose(tokens[:, :3], new[:, :3], atol=1e-6) is not sees_worse
    assert not torch.allclose(tokens[:, 3], new[:, 3], atol=1e-4)
    assert not torch.allclose(tokens[:, 6], new[:, 6], atol=1e-4)  # the query token reads all


@pytest.mark.parametrize("attention", ["better", "all"])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_state_of_a_sequence_is_that_of_its_query_token(attention: str, n_layers: int) -> None:
    encoder = partial_order_encoder(attention, n_layers)
    items, quintuples, groups, present = sequence()
    for there in (present, torch.arange(6).expand(present.shape) % 2 > 0):
        tokens = encoder.tokens(items, quintuples, groups, there)
        assert torch.allclose(encoder(items, quintuples, groups, there), tokens[:, 6], atol=1e-6)


def test_with_one_layer_what_the_candidates_attend_to_is_not_read() -> None:
    better, everything = (partial_order_encoder(attention, 1) for attention in ("better", "all"))
    everything.load_state_dict(better.state_dict())
    assert torch.allclose(better(*sequence()), everything(*sequence()), atol=1e-6)


def test_slots_where_nothing_was_drawn_are_not_read() -> None:
    encoder, (items, quintuples, groups, present) = partial_order_encoder(), sequence()
    present[:, [2, 5]] = False
    state = encoder(items, quintuples, groups, present)
    kept = [0, 1, 3, 4]
    short = encoder(items[:, kept], quintuples[:, kept], groups[:, kept], present[:, kept])
    assert torch.allclose(state, short, atol=1e-6)


def test_an_empty_sequence_gives_finite_numbers() -> None:
    encoder, (items, quintuples, groups, present) = partial_order_encoder(), sequence()
    assert encoder.tokens(items, quintuples, groups, torch.zeros_like(present)).isfinite().all()
