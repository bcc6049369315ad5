"""Interests of items that know a graph and gaps: what they are made of, and what moves them."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.history.gimirec import Gaps, GIMIRec
from recbole_poem.encoders.sizes import Sizes

TIME = {"time": SimpleNamespace(n_slots=0)}
SECONDS = torch.tensor([[1e9, 60, 100, 5000, 5000, 9e6]], dtype=torch.float64).cumsum(1)


def encoder(name: str = "gimirec", features: Any = TIME, **more: Any) -> Any:
    torch.manual_seed(0)
    chosen = HISTORY_ENCODERS.choose({"name": name, **more}, "history_encoder")
    made = chosen.make(Sizes(8, 10, 1, 1, 16, 0.0, 0.0, seed=0), features).eval()
    made.reset_parameters(0.5)
    return made


def test_without_hops_and_gaps_it_is_comirec() -> None:
    plain, comirec = encoder(features={}, hops=0, gaps=0), encoder("comirec", {})
    weights = comirec.routing.state_dict()
    plain.attention.load_state_dict(weights)
    embedding, items = torch.randn(12, 8), torch.randn(2, 6, 8)
    assert plain.table(embedding) is embedding
    assert plain.scoring(embedding) is embedding
    assert torch.equal(plain(items, {}), comirec(items, {}))
    place = torch.tensor([2, 5])
    assert torch.equal(plain.at(items, {}, place), comirec.at(items, {}, place))


def test_interests_know_rows_and_times_up_to_their_own_and_no_later_one() -> None:
    made, items = encoder(), torch.randn(1, 6, 8)
    later = SECONDS.clone()
    later[:, 4:] += 1e6
    before, after = (made(items, {"time": time}) for time in (SECONDS, later))
    assert before.shape == (1, 6, 4, 8)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert (before[:, 4] - after[:, 4]).abs().amax() > 2e-3
    changed = items.clone()
    changed[:, 4:] = torch.randn(1, 2, 8)
    torch.testing.assert_close(made(changed, {"time": SECONDS})[:, :4], before[:, :4])


def test_only_gaps_count_and_no_moments() -> None:
    made, items = encoder(), torch.randn(1, 6, 8)
    moved = made(items, {"time": SECONDS + 12_345})
    torch.testing.assert_close(moved, made(items, {"time": SECONDS}))


def test_the_interests_at_one_place_are_those_of_the_whole_window_and_of_its_beginning() -> None:
    made, items, place = encoder(), torch.randn(3, 6, 8), torch.tensor([0, 3, 5])
    time = SECONDS.expand(3, -1)
    found = made.at(items, {"time": time}, place)
    torch.testing.assert_close(found, made(items, {"time": time})[torch.arange(3), place])
    for row, last in enumerate(place.tolist()):
        alone = slice(row, row + 1), slice(0, last + 1)
        torch.testing.assert_close(found[row], made(items[alone], {"time": time[alone]})[0, -1])


def test_an_interest_is_a_mean_of_the_items_which_gaps_and_places_weigh() -> None:
    made, items = encoder(n_interests=2), torch.randn(1, 4, 8)
    time, attention = {"time": SECONDS[:, :4]}, made.attention
    places = attention.tokens.position.embedding.weight[:4]
    tokens = items + places + made.gaps(time["time"])
    score = attention.score(torch.tanh(attention.hidden(tokens)))
    expected = score[0].softmax(0).T @ items[0]  # (K, d)
    torch.testing.assert_close(made.at(items, time, torch.tensor([3]))[0], expected)
    alone = made(items, time)[:, 0]  # one row has all the weight
    torch.testing.assert_close(alone, items[:, :1].expand(1, 2, 8))


def test_what_an_mlp_is_told_of_gaps() -> None:
    gaps = Gaps(2, 1000.0, 4)
    told = []
    gaps.hidden.register_forward_pre_hook(lambda module, given: told.append(given[0]))
    gaps(torch.tensor([[50.0, 60, 0, 90, 5000, 4000, 4000]], dtype=torch.float64))
    known = {(1, 0): 10, (3, 1): 30, (4, 0): 4910, (6, 0): 0}  # row, and how many rows lie between
    expected = torch.zeros(7, 4)
    for (row, between), seconds in known.items():
        expected[row, 1 - between] = math.log1p(min(seconds, 1000)) / math.log1p(1000)
        expected[row, 3 - between] = 1
    expected[5, 0] = math.log1p(1000) / math.log1p(1000)  # two rows back; one row back runs back
    expected[5, 2] = 1
    torch.testing.assert_close(told[0][0], expected)


def test_dropout_falls_on_the_tokens_in_training_alone() -> None:
    chosen = HISTORY_ENCODERS.choose({"name": "gimirec", "gaps": 0}, "it")
    made: GIMIRec = chosen.make(Sizes(8, 10, 1, 1, 16, 0.5, 0.0, seed=0), {}).train()
    items = torch.randn(1, 6, 8)
    assert not torch.equal(made(items, {}), made(items, {}))
    made.eval()
    assert torch.equal(made(items, {}), made(items, {}))


def test_other_features_weigh_the_rows() -> None:
    features = {"gap": SimpleNamespace(n_slots=5), **TIME}
    made, items = encoder(features=features), torch.randn(1, 6, 8)
    one, other = torch.tensor([[0, 1, 2, 3, 4, 1]]), torch.tensor([[0, 1, 2, 4, 4, 1]])
    before, after = (made(items, {"gap": gap, "time": SECONDS}) for gap in (one, other))
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3], atol=1e-4)


def test_times_that_are_not_there_or_that_nothing_reads_are_refused() -> None:
    words = r"history_encoder\.gaps: .* row feature 'time', which is not there; set row_features\.t"
    with pytest.raises(InputError, match=words):
        encoder(features={})
    with pytest.raises(InputError, match=r"row_features\.time: nothing in the history encoder"):
        encoder(gaps=0)
    with pytest.raises(InputError, match=r"hops: expected a whole number from 0, not -1"):
        encoder(hops=-1)


def test_gaps_learn_from_the_first_step_on() -> None:
    made, items = encoder(), torch.randn(1, 6, 8)
    F.mse_loss(made(items, {"time": SECONDS}), torch.zeros(1, 6, 4, 8)).backward()
    for parameter in made.gaps.parameters():
        assert parameter.grad.abs().sum() > 0
