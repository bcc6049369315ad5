"""Interaction rhythm: slots of gaps, the paper's three arms, and where they are places alone."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from recbole_poem.core.stages import HISTORY_ENCODERS, POSITIONS
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.log.row_features.gap import gap_slots

SIZES = Sizes(8, 10, 2, 2, 16, 0.0, 0.0, seed=0)
ARMS = ["add", "mlp", "gate"]
DAY = 86_400


def interpos(**settings: Any) -> Any:
    torch.manual_seed(0)
    chosen = POSITIONS.choose({"name": "interpos", **settings}, "position")
    return chosen.make(SIZES).requires_grad_(False)


def test_slots_of_seconds_are_those_of_the_row_feature_but_for_the_first_row() -> None:
    rng = np.random.default_rng(0)
    gaps = np.r_[0, 0.5, 1, 2, 3, 4, 2**24, 2**25, 2**26, 2.0 ** rng.uniform(-3, 28, 91)]
    time = 1.6e9 + gaps.reshape(10, 10).cumsum(axis=1)
    first = np.arange(100) % 10 == 0
    expected = gap_slots(time.ravel(), first, 1.0).reshape(10, 10)
    found = interpos(gaps="seconds").slots(torch.from_numpy(time))
    assert found.tolist() == expected.tolist()
    assert not found[:, 0].any()


def test_slots_of_days_are_whole_days_up_to_the_last() -> None:
    gaps = torch.tensor(
        [[0, 0, DAY - 1, DAY, 2 * DAY + 5, 3 * DAY, 4 * DAY, 400 * DAY]], dtype=torch.float64
    )
    found = interpos(gaps="days", n_days=4).slots(1.6e9 + gaps.cumsum(dim=1))
    assert found.tolist() == [[0, 1, 1, 2, 3, 4, 4, 4]]


def test_a_gap_is_not_known_without_both_times_nor_where_time_runs_backwards() -> None:
    time = torch.tensor([[0, 0, 1.6e9, 1.6e9 + 1, 1.6e9, 1.6e9 + 3, 0, 0]], dtype=torch.float64)
    assert interpos().slots(time).tolist() == [[0, 0, 0, 2, 0, 3, 0, 0]]


@pytest.mark.parametrize("combine", ARMS)
def test_each_arm_is_the_papers_equation_row_by_row(combine: str) -> None:
    position, tokens = interpos(combine=combine), torch.randn(2, 7, 8)
    time = 1.6e9 + torch.randint(0, 10**6, (2, 7)).sort(dim=1).values.double()
    found = position.add(tokens, {"time": time}) - tokens
    slots, maps = position.slots(time), position.combine
    for window in range(2):
        for row in range(7):
            pi, rho = position.place.weight[row], position.rhythm.weight[slots[window, row]]
            both = torch.cat([pi, rho])
            if combine == "add":
                expected = pi + rho
            elif combine == "mlp":
                weight = torch.cat([maps.of_place.weight, maps.of_rhythm.weight], dim=1)
                expected = (weight @ both + maps.of_place.bias).clamp(min=0)
            else:
                weight = torch.cat([maps.gate_of_place.weight, maps.gate_of_rhythm.weight], dim=1)
                gate = torch.sigmoid(weight @ both + maps.gate_of_place.bias)
                expected = gate * torch.tanh(maps.of_place.weight @ pi + maps.of_place.bias)
                of_rhythm = maps.of_rhythm.weight @ rho + maps.of_rhythm.bias
                expected = expected + (1 - gate) * torch.tanh(of_rhythm)
            torch.testing.assert_close(found[window, row], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("gaps", ["seconds", "days"])
@pytest.mark.parametrize("combine", ARMS)
@pytest.mark.parametrize("name", ["transformer", "mixture"])
def test_an_even_rhythm_is_a_place_alone(name: str, combine: str, gaps: str) -> None:
    """Where all gaps of all windows are in one slot, what is added depends on the place alone.

    So a table of `learned` says the same, whatever the windows begin at and whatever their items.
    """
    block = {"name": "interpos", "combine": combine, "gaps": gaps}
    timed, plain = (
        HISTORY_ENCODERS.choose({"name": name, "position": position}, "history_encoder")
        .make(SIZES, features)
        .eval()
        for position, features in ((block, {"time": SimpleNamespace(n_slots=0)}), ("learned", {}))
    )
    timed.reset_parameters(0.5)
    plain.load_state_dict(timed.state_dict(), strict=False)
    begin = torch.tensor([[1.6e9], [1.65e9], [1.7e9]], dtype=torch.float64)
    rows = {"time": begin + 100_000 * torch.arange(10).double()}
    nothing = torch.zeros(3, 10, 8)
    said = timed.tokens.position.add(nothing, rows)
    plain.tokens.position.embedding.weight.data = said[0].detach()
    items = torch.randn(3, 10, 8)
    torch.testing.assert_close(timed(items, rows), plain(items, {}))
    rows["time"][:, 5:] += 10**7
    assert not torch.allclose(timed(items, rows), plain(items, {}), atol=1e-3)


def test_rows_without_times_have_their_places_alone_until_they_learn() -> None:
    position, tokens = interpos(combine="add").requires_grad_(True), torch.randn(2, 7, 8)
    found = position.add(tokens, {"time": torch.zeros(2, 7).double()})
    assert torch.equal(found, tokens + position.place.weight[:7])
    found.sum().backward()
    moved = position.rhythm.weight.grad.any(dim=1).nonzero().squeeze(1)
    assert moved.tolist() == [0], "what is not known has a vector of its own"
