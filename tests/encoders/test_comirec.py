"""Several interests of one history: what they are made of, and what they may not know."""

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.history.comirec import ComiRec, squash
from recbole_poem.encoders.sizes import Sizes

ROUTINGS = ["self_attention", "dynamic"]
GAP = {"gap": SimpleNamespace(n_slots=5)}


def comirec(routing: str, features: Any = None, dropout: float = 0.3, **more: Any) -> ComiRec:
    torch.manual_seed(0)
    sizes = Sizes(8, 10, 1, 1, 16, dropout, 0.3, seed=0)
    chosen = HISTORY_ENCODERS.choose({"name": "comirec", "routing": routing, **more}, "it")
    encoder: ComiRec = chosen.make(sizes, features or {}).eval()
    encoder.reset_parameters(0.5)
    return encoder


def without_places(encoder: ComiRec) -> ComiRec:
    """Let every place be like the first one."""
    routing: Any = encoder.routing
    table = routing.transform if hasattr(routing, "transform") else routing.tokens.position
    weight = table if isinstance(table, torch.Tensor) else table.embedding.weight
    weight.data[:] = weight.data[:1].clone()
    return encoder


@pytest.mark.parametrize("routing", ROUTINGS)
def test_interests_know_the_rows_up_to_their_own_and_no_later_one(routing: str) -> None:
    encoder, items = comirec(routing), torch.randn(2, 6, 8)
    changed = items.clone()
    changed[:, 4:] = 100 * torch.randn(2, 2, 8)
    before, after = encoder(items, {}), encoder(changed, {})
    assert before.shape == (2, 6, 4, 8)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert (before[:, 4] - after[:, 4]).abs().amax(dim=-1).min() > 1e-2


@pytest.mark.parametrize("routing", ROUTINGS)
def test_the_interests_at_one_place_are_those_of_the_whole_window_and_of_its_beginning(
    routing: str,
) -> None:
    encoder, items, place = comirec(routing), torch.randn(4, 7, 8), torch.tensor([0, 3, 6, 6])
    found = encoder.at(items, {}, place)
    torch.testing.assert_close(found, encoder(items, {})[torch.arange(4), place])
    for row, last in enumerate(place.tolist()):
        alone = encoder(items[row : row + 1, : last + 1], {})[0, -1]
        torch.testing.assert_close(found[row], alone)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_but_for_their_places_rows_have_no_order(routing: str) -> None:
    items, order = torch.randn(1, 5, 8), [3, 0, 4, 1, 2]
    plain = comirec(routing)
    assert not torch.allclose(plain(items, {})[:, -1], plain(items[:, order], {})[:, -1], atol=1e-3)
    blind = without_places(plain)
    torch.testing.assert_close(blind(items, {})[:, -1], blind(items[:, order], {})[:, -1])


@pytest.mark.parametrize("routing", ROUTINGS)
def test_interests_differ_from_each_other(routing: str) -> None:
    interests = comirec(routing)(torch.randn(1, 6, 8), {})[0, -1]
    for one, other in itertools.combinations(interests, 2):
        assert not torch.allclose(one, other, atol=1e-2)


def test_by_self_attention_an_interest_is_a_mean_of_the_items_alone() -> None:
    encoder, items = comirec("self_attention", n_interests=3), torch.randn(1, 5, 8)
    routing: Any = encoder.routing
    places = routing.tokens.position.embedding.weight
    for t in range(5):
        tokens = [items[0, j] + places[j] for j in range(t + 1)]
        scores = [routing.score.weight @ torch.tanh(routing.hidden(token)) for token in tokens]
        weights = torch.stack(scores).softmax(0)  # over the rows, for each interest
        expected = sum(weights[j].unsqueeze(1) * items[0, j] for j in range(t + 1))
        torch.testing.assert_close(encoder(items, {})[0, t], expected)


def test_one_interest_by_self_attention_is_plain_attention_pooling() -> None:
    encoder, items = comirec("self_attention", n_interests=1), torch.randn(2, 4, 8)
    routing: Any = encoder.routing
    key = torch.tanh(routing.hidden(routing.tokens(items, {})))
    query = routing.score.weight.expand(2, 1, -1) * key.shape[-1] ** 0.5
    pooled = F.scaled_dot_product_attention(query, key, items)
    torch.testing.assert_close(encoder.at(items, {}, torch.tensor([3, 3])), pooled)


def test_routing_is_that_of_a_slow_loop() -> None:
    encoder, items = comirec("dynamic", n_interests=2, n_iterations=3), torch.randn(4, 8)
    transform = encoder.routing.transform
    votes = [[transform[j, k] @ items[j] for k in range(2)] for j in range(4)]
    logit = torch.zeros(4, 2)
    for _ in range(3):
        trust = logit.softmax(dim=1)
        sums = [sum(trust[j, k] * votes[j][k] for j in range(4)) for k in range(2)]
        lengths = [float(each.detach().norm()) for each in sums]
        interests = [s * (n / (1 + n**2)) for s, n in zip(sums, lengths)]
        agree = [[(interests[k] @ votes[j][k]).item() for k in range(2)] for j in range(4)]
        logit = logit + torch.tensor(agree)
    torch.testing.assert_close(encoder(items[None], {})[0, -1], torch.stack(interests))


def test_the_first_round_trusts_all_and_further_ones_do_not() -> None:
    items = torch.randn(1, 5, 8)
    one, three = (comirec("dynamic", n_iterations=n) for n in (1, 3))
    votes = torch.einsum("wd,wkcd->kwc", items[0], one.routing.transform[:5])
    torch.testing.assert_close(one(items, {})[0, -1], squash(votes.sum(1) / 4))
    assert not torch.allclose(one(items, {}), three(items, {}), atol=1e-3)


@pytest.mark.parametrize("length", [0.0, 1e-3, 0.5, 2.0, 1e4])
def test_a_squashed_vector_keeps_its_direction_and_is_shorter_than_one(length: float) -> None:
    unit = F.normalize(torch.ones(5), dim=0)
    found = squash(length * unit)
    torch.testing.assert_close(found, length**2 / (1 + length**2) * unit, atol=1e-4, rtol=1e-4)
    assert float(found.norm()) <= 1
    assert math.isfinite(float(found.sum()))


def test_the_gradient_passes_the_last_round_alone() -> None:
    """The trust that earlier rounds have found is a number to it."""
    encoder = comirec("dynamic", n_interests=2)
    items = torch.randn(1, 4, 8, requires_grad=True)
    encoder(items, {})[0, -1].sum().backward()
    with torch.no_grad():
        logit = torch.zeros(4, 2)
        votes = torch.einsum("wd,wkcd->wkc", items[0], encoder.routing.transform[:4])
        for _ in range(2):
            interests = squash((logit.softmax(1).unsqueeze(2) * votes).sum(0))
            logit = logit + (votes * interests).sum(2)
    again = items.detach().clone().requires_grad_()
    votes = torch.einsum("wd,wkcd->wkc", again[0], encoder.routing.transform[:4])
    squash((logit.softmax(1).unsqueeze(2) * votes).sum(0)).sum().backward()
    torch.testing.assert_close(items.grad, again.grad)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_row_features_have_a_say_from_their_own_row_on(routing: str) -> None:
    encoder, items = comirec(routing, GAP), torch.randn(1, 6, 8)
    gaps, other = torch.tensor([[0, 1, 2, 3, 4, 1]]), torch.tensor([[0, 1, 2, 4, 4, 1]])
    before, after = encoder(items, {"gap": gaps}), encoder(items, {"gap": other})
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3], atol=1e-4)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_dropout_falls_on_the_items_in_training(routing: str) -> None:
    items = torch.randn(1, 6, 8)
    some, none = (comirec(routing, dropout=share).train() for share in (0.5, 0.0))
    assert not torch.equal(some(items, {}), some(items, {}))
    assert torch.equal(none(items, {}), none(items, {}))


def test_a_feature_that_nothing_reads_and_an_unknown_routing_are_refused() -> None:
    with pytest.raises(InputError, match=r"row_features\.time: nothing in the history encoder"):
        comirec("dynamic", {"time": SimpleNamespace(n_slots=0)})
    words = "it.routing: expected one of self_attention, dynamic, not 'static'"
    with pytest.raises(InputError, match=words):
        comirec("static")
