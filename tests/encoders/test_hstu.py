"""HSTU: equal to its formula with slow loops, lengths that say nothing, scores by the cosine."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from toy_position import Clock

from recbole_poem.core.stages import HISTORY_ENCODERS, POSITIONS
from recbole_poem.encoders.positions import Placed
from recbole_poem.encoders.sizes import Sizes

SIZES = Sizes(8, 10, 2, 2, 16, 0.0, 0.0, seed=0)
TIME = {"time": SimpleNamespace(n_slots=0)}
SECONDS = {"time": torch.tensor([[1.0, 2, 5, 90, 91], [1.0, 9, 9, 9, 70]], dtype=torch.float64)}


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    POSITIONS.components()
    monkeypatch.setitem(POSITIONS._components, "clock", Clock)


def encoder(features: Any = None, **settings: Any) -> Any:
    torch.manual_seed(0)
    chosen = HISTORY_ENCODERS.choose({"name": "hstu", **settings}, "history_encoder")
    return chosen.make(SIZES, features or {}).eval()


@pytest.mark.parametrize("place", [None, 3])
def test_a_unit_is_its_formula(place: Any) -> None:
    unit, tokens = encoder().blocks[0], torch.randn(2, 5, 8)
    clock = Clock(None, SIZES)
    query, gate, key, value = F.silu(
        F.layer_norm(tokens, (8,)) @ unit.query_gate_key_value.weight.T
    ).chunk(4, dim=2)
    expected = torch.zeros(2, 5, 8)
    turned = [
        clock.rotate(q.unsqueeze(1), k.unsqueeze(1), SECONDS, None)
        for q, k in zip(query.split(4, dim=2), key.split(4, dim=2))
    ]
    bias = clock.bias(query, key, SECONDS, None)
    for b in range(2):
        for t in range(5):
            mixed = torch.zeros(2, 4)
            for head, (q, k) in enumerate(turned):
                for j in range(t + 1):
                    score = q[b, 0, t] @ k[b, 0, j] + bias[b, 0, t, j]
                    weight = score * torch.sigmoid(score) / 10
                    mixed[head] += weight * value[b, j].view(2, 4)[head]
            gated = gate[b, t] * F.layer_norm(mixed.view(8), (8,))
            expected[b, t] = tokens[b, t] + unit.output(gated)
    placed = Placed(clock, SECONDS)
    if place is None:
        torch.testing.assert_close(unit(tokens, None, placed), expected)
        allowed = torch.ones(1, 1, 5, 5, dtype=torch.bool).tril()
        torch.testing.assert_close(unit(tokens, allowed, placed), expected)
    else:
        at, may_attend = torch.tensor([place, 4]), torch.arange(5) <= torch.tensor([[place], [4]])
        found = unit.at(tokens, at, may_attend.view(2, 1, 1, 5), placed)
        torch.testing.assert_close(found, expected[torch.arange(2), at])


@pytest.mark.parametrize("position", ["relative", "relative_time", "clock", "learned"])
def test_it_says_the_same_in_a_window_and_at_one_place(position: str) -> None:
    features = {} if position in ("relative", "learned") else TIME
    hstu, items, place = encoder(features, position=position), torch.randn(2, 5, 8), [2, 4]
    if position.startswith("relative"):
        for table in hstu.tokens.position.parameters():
            torch.nn.init.normal_(table)
    expected = hstu(items, SECONDS)[torch.arange(2), place]
    torch.testing.assert_close(hstu.at(items, SECONDS, torch.tensor(place)), expected)


def test_scores_are_cosines_over_tau() -> None:
    hstu, items = encoder(temperature=0.1), 3 * torch.randn(2, 5, 8)
    state, scoring = hstu(items, {})[0, -1, 0], hstu.scoring(items[0])
    torch.testing.assert_close(state.norm(), torch.tensor(10.0))
    torch.testing.assert_close(scoring.norm(dim=1), torch.ones(5))


def test_dropout_falls_on_weights_and_on_what_is_added() -> None:
    tokens = torch.randn(1, 5, 8)
    for sizes in (SIZES._replace(dropout=0.5), SIZES._replace(attention_dropout=0.5)):
        chosen = HISTORY_ENCODERS.choose("hstu", "history_encoder")
        unit = chosen.make(sizes, {}).blocks[0].train()
        one, other = unit(tokens, None), unit(tokens, None)
        assert not torch.allclose(one, other)
        torch.testing.assert_close(unit.eval()(tokens, None), unit(tokens, None))
