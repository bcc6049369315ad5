"""What the ranker is fed: the pooled recent items, the products, and the clock."""

from datetime import datetime, timezone
from typing import List, Tuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_components import target_losses, targets_of

from recbole_poem.core.errors import InputError
from recbole_poem.rankers.feature_fields import Field
from recbole_poem.rankers.features import (
    POOLINGS,
    CandidateAttention,
    RankingFeatures,
    RankingRequests,
    time_slots,
)
from recbole_poem.rankers.measures import auc
from recbole_poem.rankers.networks.mmoe import MixtureOfExperts

N_USERS, N_ITEMS = 4, 9
D, E = 6, 5  # hidden and embedding sizes
ACTIONS = [0, 2]  # of three targets
EACH_POOLING = pytest.mark.parametrize("pooling", sorted(POOLINGS))


def user_fields() -> List[Field]:
    return [
        Field("user_id", "token", torch.arange(N_USERS)),
        Field("fans", "float", torch.tensor([torch.nan, 0.0, 10.0, 1e6])),
    ]


def item_fields() -> List[Field]:
    tags = torch.tensor([[0, 0], [1, 0], [1, 2], [0, 0], [3, 1], [2, 0], [2, 3], [3, 0], [1, 3]])
    return [Field("item_id", "token", torch.arange(N_ITEMS)), Field("tag", "token_seq", tags)]


def features(pooling: str) -> RankingFeatures:
    torch.manual_seed(0)
    return RankingFeatures(user_fields(), item_fields(), E, D, pooling, 28_800, ACTIONS)


def requests() -> RankingRequests:
    """Two requests of three candidates; the second has one recent item."""
    return RankingRequests(
        user=torch.tensor([1, 2]),
        candidates=torch.tensor([[1, 2, 3], [4, 5, 5]]),
        history=torch.tensor([[6, 7, 8, 2], [3, 0, 0, 0]]),
        time=torch.tensor([1_650_000_000, 1_650_000_777]),
        gap=torch.tensor([5, -1]),
        history_labels=torch.arange(24).reshape(2, 4, 3) % 5 % 2 / 1.0,
    )


def interest(network: RankingFeatures, asked: RankingRequests) -> torch.Tensor:
    return network(asked)[..., 2 * D : 3 * D]  # behind the user and the candidate


@EACH_POOLING
def test_the_shape_is_requests_by_candidates_by_output_size(pooling: str) -> None:
    network = features(pooling)
    assert network(requests()).shape == (2, 3, network.output_size)
    assert network.output_size == 5 * D + 3 * E


@EACH_POOLING
def test_a_candidate_is_the_same_alone_or_among_others(pooling: str) -> None:
    network, asked = features(pooling), requests()
    together = network(asked)
    for n in range(3):
        alone = network(asked._replace(candidates=asked.candidates[:, n : n + 1]))
        assert torch.allclose(together[:, n : n + 1], alone, atol=1e-6)
    for r in range(2):
        alone = network(RankingRequests(*(column[r : r + 1] for column in asked)))
        assert torch.allclose(together[r : r + 1], alone, atol=1e-6)


@EACH_POOLING
@settings(deadline=None, max_examples=15)
@given(order=st.permutations(range(7)))
def test_permuting_or_padding_the_recent_items_changes_nothing(
    pooling: str, order: List[int]
) -> None:
    network, asked = features(pooling), requests()
    padded = torch.cat([asked.history, torch.zeros(2, 3, dtype=torch.int64)], dim=1)
    labels = torch.cat([asked.history_labels, torch.full((2, 3, 3), torch.nan)], dim=1)
    permuted = asked._replace(history=padded[:, order], history_labels=labels[:, order])
    assert torch.allclose(network(asked), network(permuted), atol=1e-6)


def test_mean_pooling_is_the_mean_of_the_encoded_items() -> None:
    network, asked = features("mean"), requests()
    expected = network.items(torch.tensor([6, 7, 8, 2])).mean(dim=0)
    assert torch.allclose(interest(network, asked)[0], expected.expand(3, D), atol=1e-6)
    assert torch.allclose(interest(network, asked)[1, 0], network.items(torch.tensor(3)), atol=1e-6)


def test_attention_weighs_the_recent_items_by_the_candidate() -> None:
    network = features("attention")
    asked = requests()._replace(candidates=torch.tensor([[6, 7, 8, 2], [4, 5, 5, 1]]))
    with torch.no_grad():  # a hidden unit that is the dot product, large enough to choose
        network.items.projection.bias.zero_()
        for parameter in network.pooling.parameters():
            parameter.zero_()
        network.pooling.item.bias[0] = 1e4
        network.pooling.product.weight[0] = 1e6
        network.pooling.weight.weight[0, 0] = 1.0
    history, candidate = network.items(asked.history[0]), network.items(asked.candidates[0])
    best = (candidate @ history.T).argmax(dim=1)
    assert len(best.unique()) > 1  # candidates differ in what they choose
    assert torch.allclose(interest(network, asked)[0], history[best], atol=1e-5)


def test_attention_is_a_softmax_of_its_small_network() -> None:
    torch.manual_seed(0)
    pooling = CandidateAttention(D, ACTIONS)
    history, candidates = torch.randn(1, 3, D), torch.randn(1, 2, D)
    present = torch.tensor([[True, True, False]])
    pooled = pooling(history, present, candidates, torch.ones(1, 3, 3))
    for n, candidate in enumerate(candidates[0]):
        hidden = [
            pooling.item(item) + pooling.candidate(candidate) + pooling.product(item * candidate)
            for item in history[0, :2]
        ]
        weights = torch.cat([pooling.weight(unit.relu()) for unit in hidden]).softmax(dim=0)
        assert torch.allclose(pooled[0, n], weights @ history[0, :2], atol=1e-6)


@EACH_POOLING
def test_an_empty_history_is_a_zero_interest_with_finite_gradients(pooling: str) -> None:
    network = features(pooling)
    asked = requests()._replace(history=torch.zeros(2, 4, dtype=torch.int64))
    assert (interest(network, asked) == 0).all()
    network(asked).square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


@EACH_POOLING
def test_every_part_of_a_request_moves_its_features(pooling: str) -> None:
    network, asked = features(pooling), requests()
    before = network(asked)
    changes = {
        "user": torch.tensor([3, 2]),
        "candidates": torch.tensor([[8, 8, 8], [4, 5, 5]]),
        "history": torch.tensor([[6, 7, 8, 5], [3, 0, 0, 0]]),
        "time": asked.time + torch.tensor([3600, 0]),
        "gap": torch.tensor([60, -1]),
    }
    for name, value in changes.items():
        after = network(asked._replace(**{name: value}))
        assert not torch.allclose(before[0], after[0], atol=1e-5), name
        # the other request: the same to the last digits, which depend on where memory lies
        assert torch.allclose(before[1], after[1], rtol=0, atol=1e-6), name


def test_the_products_stand_beside_their_factors() -> None:
    parts = features("mean")(requests())[..., : 5 * D].unflatten(-1, (5, D)).unbind(-2)
    user, candidate, pooled, user_candidate, interest_candidate = parts
    assert torch.equal(user_candidate, user * candidate)
    assert torch.equal(interest_candidate, pooled * candidate)


def test_the_tables_are_no_part_of_what_is_saved() -> None:
    network = features("attention")
    assert set(network.state_dict()) == {name for name, _ in network.named_parameters()}


@settings(deadline=None)
@given(st.integers(0, 4_000_000_000), st.sampled_from([0, 28_800, -18_000]))
def test_hour_and_day_are_those_of_the_calendar(time: int, utc_offset: int) -> None:
    slots = time_slots(torch.tensor([time]), torch.tensor([0]), utc_offset)[0].tolist()
    local = datetime.fromtimestamp(time + utc_offset, tz=timezone.utc)
    assert slots == [local.hour, local.weekday(), 1]


@pytest.mark.parametrize(
    ("gap", "slot"), [(-1, 0), (0, 1), (1, 2), (2, 2), (3, 3), (86_400, 17), (2**40, 31)]
)
def test_gaps_fall_into_doubling_slots(gap: int, slot: int) -> None:
    assert time_slots(torch.tensor([0]), torch.tensor([gap]), 0)[0, 2] == slot


def test_times_that_were_rounded_are_refused() -> None:
    with pytest.raises(TypeError, match=r"int64 seconds, not torch\.float32"):
        time_slots(torch.tensor([1.65e9]), torch.tensor([0]), 0)


@EACH_POOLING
def test_a_ranker_learns_that_users_like_the_tags_of_their_recent_items(pooling: str) -> None:
    generator = torch.Generator().manual_seed(0)
    tag = torch.cat([torch.zeros(1), torch.randint(1, 5, (60,), generator=generator)]).long()
    fields = [Field("tag", "token", tag)]
    torch.manual_seed(0)
    network = RankingFeatures(
        [Field("user_id", "token", torch.arange(9))], fields, 4, 8, pooling, 0, [0]
    )
    settings = MixtureOfExperts.Settings(2, [16], [], 0.0)
    ranker = MixtureOfExperts(settings, network.output_size, 1)
    like = targets_of({"like": {"feedback": {"is_like": "[1,1]"}}})
    optimizer = torch.optim.Adam([*network.parameters(), *ranker.parameters()], lr=0.02)

    def exposures(n_rows: int) -> Tuple[RankingRequests, torch.Tensor]:
        """Histories of one tag; the candidate has it half of the time."""
        liked = torch.randint(1, 5, (n_rows, 1), generator=generator)
        likely = (tag == liked).float()  # (R, 61)
        history = likely.multinomial(4, generator=generator)
        other = ((tag != liked) & (tag > 0)).float()
        label = torch.rand(n_rows, 1, generator=generator).round()
        candidates = (likely * label + other * (1 - label)).multinomial(1, generator=generator)
        zeros = torch.zeros(n_rows, dtype=torch.int64)
        labels = torch.full((n_rows, 4, 1), torch.nan)
        return RankingRequests(zeros, candidates, history, zeros, zeros, labels), label

    for _ in range(150):
        asked, label = exposures(128)
        (loss,), _ = target_losses(ranker(network(asked))[:, 0], label, like)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    asked, label = exposures(500)
    scores = ranker(network(asked)).detach().flatten().numpy()
    assert auc(label.flatten().numpy(), scores) > 0.95


def test_an_unknown_pooling_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown 'max'; known: mean, attention, actions"):
        features("max")
