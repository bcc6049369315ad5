"""States of a history: causal, blind to padding, alike one by one; a mixture is a known mean."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.history.transformer import Transformer
from recbole_poem.encoders.sizes import Sizes

FIVE_SLOTS = {"gap": SimpleNamespace(n_slots=5)}
STATES = ["transformer", "mixture", "ligr", "hstu"]
SETTINGS = {"mixture": {"temperature": 0.1, "item_dropout": 0.2}}


def history_encoder(
    state: str = "transformer", n_layers: int = 2, features: Any = None
) -> Transformer:
    torch.manual_seed(0)
    sizes = Sizes(8, 10, n_layers, 2, 16, 0.3, 0.3, seed=0)
    chosen = HISTORY_ENCODERS.choose({"name": state, **SETTINGS.get(state, {})}, "history_encoder")
    encoder = chosen.make(sizes, features or {}).eval()
    if state == "mixture":
        torch.nn.init.normal_(encoder.gain)
    return encoder


@pytest.mark.parametrize("state", STATES)
def test_a_state_knows_the_rows_up_to_its_own_and_no_later_one(state: str) -> None:
    encoder, items = history_encoder(state), torch.randn(2, 6, 8)
    changed = items.clone()
    changed[:, 4:] = torch.randn(2, 2, 8)
    before, after = encoder(items, {}), encoder(changed, {})
    assert torch.allclose(before[:, :4], after[:, :4], atol=1e-6)
    assert not torch.allclose(before[:, 4], after[:, 4], atol=1e-3)


@pytest.mark.parametrize("state", STATES)
def test_padding_on_the_right_changes_no_state(state: str) -> None:
    encoder, items = history_encoder(state), torch.randn(2, 6, 8)
    padded = torch.cat([items, torch.zeros(2, 3, 8)], dim=1)
    assert torch.allclose(encoder(items, {}), encoder(padded, {})[:, :6], atol=1e-6)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("n_layers", [1, 3])
def test_the_state_at_one_place_is_that_of_the_whole_window(n_layers: int, state: str) -> None:
    encoder = history_encoder(state, n_layers)
    items, place = torch.randn(4, 7, 8), torch.tensor([0, 3, 6, 6])
    expected = encoder(items, {})[torch.arange(4), place]
    assert torch.allclose(encoder.at(items, {}, place), expected, atol=1e-6)


@pytest.mark.parametrize("state", STATES)
def test_the_history_is_ordered(state: str) -> None:
    encoder, items = history_encoder(state), torch.randn(1, 6, 8)
    swapped = items[:, [1, 0, 2, 3, 4, 5]]
    assert not torch.allclose(encoder(items, {})[:, -1], encoder(swapped, {})[:, -1], atol=1e-3)


def test_a_mixture_of_one_item_points_to_it_and_of_none_nowhere() -> None:
    encoder = history_encoder("mixture")
    torch.nn.init.zeros_(encoder.gain)
    item = torch.randn(1, 1, 8)
    unit = item / item.norm()
    assert torch.allclose(encoder(item, {}), unit / 0.1, atol=1e-5)
    assert torch.allclose(encoder.scoring(item[0]), unit[0], atol=1e-6)
    assert (encoder(torch.zeros(1, 1, 8), {}) == 0).all()  # an empty history


def test_a_mixture_is_a_mean_with_weights_by_attention() -> None:
    encoder, items = history_encoder("mixture"), torch.randn(1, 5, 8)
    state = Transformer.forward(encoder, items, {})[0, :, 0]
    keys = (items[0] + encoder.tokens.position.embedding.weight[:5]) @ encoder.key.weight.T
    for t in range(5):
        score = torch.stack([state[t] @ keys[j] / 8**0.5 for j in range(t + 1)])
        weight = score.exp() / score.exp().sum()
        mean = sum(weight[j] * items[0, j] for j in range(t + 1))
        expected = mean / mean.norm() / 0.1 + encoder.gain * state[t]
        assert torch.allclose(encoder(items, {})[0, t, 0], expected, atol=1e-4)


@pytest.mark.parametrize("state", STATES)
def test_a_state_knows_the_gaps_up_to_its_own_row(state: str) -> None:
    encoder, items = history_encoder(state, features=FIVE_SLOTS), torch.randn(1, 6, 8)
    gaps = {"gap": torch.tensor([[0, 1, 2, 3, 4, 1]])}
    other = {"gap": torch.tensor([[0, 1, 2, 4, 4, 1]])}
    before, after = encoder(items, gaps), encoder(items, other)
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert not torch.allclose(before[:, 3], after[:, 3], atol=1e-3)
    at = encoder.at(items, other, torch.tensor([4]))
    assert torch.allclose(at, after[:, 4], atol=1e-6)


@pytest.mark.parametrize("state", STATES)
def test_gaps_that_are_not_known_add_nothing(state: str) -> None:
    encoder, items = history_encoder(state, features=FIVE_SLOTS), torch.randn(1, 6, 8)
    unknown = encoder(items, {"gap": torch.zeros(1, 6, dtype=torch.long)})
    encoder.tokens.slots.clear()
    assert torch.equal(encoder(items, {}), unknown)
