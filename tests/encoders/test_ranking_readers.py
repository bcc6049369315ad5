"""The readers of whole rankings: closed forms, planted directions, invariances, empty rankings."""

from typing import Any

import numpy as np
import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import GROUPINGS, RANKING_READERS, SCORE_FUSIONS
from recbole_poem.encoders.ranking.ridge import ridge_solution
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.fusion.fused_ranking import FusedRanking

SIZE, N_ITEMS, N_OBJECTIVES = 8, 40, 3
SIZES = Sizes(SIZE, 10, 2, 2, 16, 0.0, 0.0, seed=0)
READERS = ["ridge", "contrast", "pooling", "sum"]


def embeddings(seed: int = 0) -> torch.Tensor:
    table = torch.randn(N_ITEMS, SIZE, generator=torch.Generator().manual_seed(seed))
    table[0] = 0
    return table


def ranking_of(items: torch.Tensor, scores: torch.Tensor) -> FusedRanking:
    fusion = SCORE_FUSIONS.choose("reciprocal_rank", "score_fusion").make(scores.shape[-1])
    return FusedRanking(items, items > 0, *fusion(scores, items > 0))


def toy_ranking(n: int = 12, seed: int = 1) -> FusedRanking:
    generator = torch.Generator().manual_seed(seed)
    items = torch.stack([torch.randperm(N_ITEMS - 1, generator=generator)[:n] + 1 for _ in "ab"])
    return ranking_of(items, torch.randn(2, n, N_OBJECTIVES, generator=generator))


def reader(chosen: Any, n_groups: int = 3) -> Any:
    torch.manual_seed(0)
    grouping = GROUPINGS.choose({"name": "quantile", "n_groups": n_groups}, "grouping").make()
    made = RANKING_READERS.choose(chosen, "ranking_reader").make(SIZES, N_OBJECTIVES, grouping)
    made.reset_parameters(0.02)
    return made.eval()


def states(chosen: Any, ranking: FusedRanking, table: torch.Tensor) -> torch.Tensor:
    made: torch.Tensor = reader(chosen)(table, ranking, torch.arange(len(ranking.items)))
    return made


@pytest.mark.parametrize("n", [5, 20], ids=["fewer candidates than numbers", "more"])
def test_the_ridge_solution_is_the_one_of_the_textbook(n: int) -> None:
    generator = np.random.default_rng(0)
    centred, wanted = generator.normal(size=(2, n, SIZE)), generator.normal(size=(2, n))
    found = ridge_solution(torch.tensor(centred), torch.tensor(wanted), torch.tensor(0.5))
    for row in range(2):
        square = centred[row].T @ centred[row]
        square += 0.5 * np.trace(square) / SIZE * np.eye(SIZE)
        expected = np.linalg.solve(square, centred[row].T @ wanted[row])
        assert np.allclose(found[row], expected, atol=1e-8)


@pytest.mark.parametrize("n", [5, 20], ids=["fewer candidates than numbers", "more"])
def test_the_gradient_is_that_of_the_solved_equations(n: int) -> None:
    """No gradient passes the factor of the equations; that of all three inputs is whole."""
    generator = torch.Generator().manual_seed(0)
    given = [torch.randn(2, n, SIZE, generator=generator), torch.randn(2, n, generator=generator)]
    given = [each.double().requires_grad_() for each in [*given, torch.tensor(0.5)]]
    assert torch.autograd.gradcheck(ridge_solution, given)


def test_candidates_that_are_alike_say_nothing_and_break_nothing() -> None:
    alike = torch.zeros(1, 4, SIZE, requires_grad=True)
    solution = ridge_solution(alike, torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor(0.5))
    solution.sum().backward()
    assert torch.equal(solution, torch.zeros(1, SIZE))
    assert torch.isfinite(alike.grad).all()


@pytest.mark.parametrize("n", [5, 40])
def test_equations_of_what_is_no_number_have_a_solution_that_is_none(n: int) -> None:
    centred = torch.randn(2, n, SIZE, generator=torch.Generator().manual_seed(3))
    wanted, penalty = centred[:, :, 0].clone(), torch.tensor(0.5)
    expected = ridge_solution(centred, wanted, penalty)[0]
    centred[1, 0] = torch.nan
    found = ridge_solution(centred, wanted, penalty)
    assert torch.equal(found[0], expected) and found[1].isnan().all()


@pytest.mark.parametrize("n", [6, 30])
def test_a_penalty_that_was_learned_away_breaks_nothing(n: int) -> None:
    ridge = reader("ridge")
    table = embeddings() * torch.logspace(0, -9, SIZE)  # as good as in one direction
    with torch.no_grad():
        ridge.log_penalty.fill_(-80)
    state = ridge(table, toy_ranking(n), torch.arange(2))
    assert state.isfinite().all()


def test_a_planted_direction_is_found() -> None:
    """The scores are products with a vector: its direction is what the untrained ridge returns."""
    table, wish = embeddings(), torch.randn(SIZE, generator=torch.Generator().manual_seed(5))
    items = torch.arange(1, N_ITEMS).unsqueeze(0)
    scores = (table[items] @ wish).unsqueeze(-1).expand(-1, -1, N_OBJECTIVES)
    fusion = {"name": "reciprocal_rank", "kappa": 60}
    fused = SCORE_FUSIONS.choose(fusion, "score_fusion").make(N_OBJECTIVES)
    ranking = FusedRanking(items, items > 0, *fused(scores, items > 0))
    state = states({"name": "ridge", "penalty": 0.01}, ranking, table)[0]
    assert torch.cosine_similarity(state, wish, dim=0) > 0.9
    by_groups = states({"name": "ridge", "penalty": 0.01, "values": "groups"}, ranking, table)[0]
    assert torch.cosine_similarity(by_groups, wish, dim=0) > 0.8


@pytest.mark.parametrize("name", READERS)
def test_the_order_of_the_slots_changes_nothing(name: str) -> None:
    ranking, table = toy_ranking(), embeddings()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    permuted = FusedRanking(*(each[:, order] for each in ranking[:4]))
    assert torch.allclose(states(name, ranking, table), states(name, permuted, table), atol=1e-5)


@pytest.mark.parametrize("name", READERS)
def test_empty_slots_change_nothing(name: str) -> None:
    ranking, table = toy_ranking(), embeddings()
    padded = FusedRanking(
        *(torch.cat([each, torch.zeros_like(each)], dim=1) for each in ranking[:4])
    )
    assert torch.allclose(states(name, ranking, table), states(name, padded, table), atol=1e-5)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("n", [0, 1], ids=["no candidate", "one"])
def test_states_and_gradients_are_finite_for_short_rankings(name: str, n: int) -> None:
    items = torch.zeros(1, 6, dtype=torch.int64)
    items[0, :n] = 3
    table = embeddings().requires_grad_()
    state = states(name, ranking_of(items, torch.randn(1, 6, N_OBJECTIVES)), table)
    state.sum().backward()
    assert torch.isfinite(state).all()
    assert torch.isfinite(table.grad).all()


@pytest.mark.parametrize("name", ["ridge", "contrast", "pooling"])
def test_by_groups_the_order_inside_a_group_changes_nothing(name: str) -> None:
    ranking, table = toy_ranking(), embeddings()
    by_groups = {"name": name, "values": "groups"}
    made = reader(by_groups, n_groups=3)
    draws = torch.arange(2)
    best, second = ranking.fused.argsort(dim=1, descending=True)[:, :2].unbind(1)
    swapped = ranking.fused.clone()
    rows = torch.arange(2)
    swapped[rows, best], swapped[rows, second] = (
        ranking.fused[rows, second],
        ranking.fused[rows, best],
    )
    other = ranking._replace(fused=swapped, features=torch.rand_like(ranking.features))
    assert torch.allclose(made(table, ranking, draws), made(table, other, draws), atol=1e-6)
    reverse = ranking._replace(fused=-ranking.fused)
    assert not torch.allclose(made(table, ranking, draws), made(table, reverse, draws), atol=1e-3)


def test_the_gradient_goes_through_the_solution_to_the_embeddings() -> None:
    table = embeddings().requires_grad_()
    state = states("ridge", toy_ranking(), table)
    (state @ torch.ones(SIZE)).sum().backward()
    read = torch.zeros(N_ITEMS, dtype=torch.bool)
    read[toy_ranking().items] = True
    assert (table.grad[read].abs().sum(dim=1) > 0).all()
    assert (table.grad[~read] == 0).all()


def test_contrast_is_a_weighted_sum() -> None:
    ranking, table = toy_ranking(), embeddings()
    made = reader("contrast")
    found = made.values(table, ranking)
    z = ranking.features - ranking.features.mean(dim=1, keepdim=True)
    z = z / z.square().mean(dim=1, keepdim=True).sqrt()
    own = table[ranking.items]
    sums = torch.einsum("qnf,qnd->qfd", z, own - own.mean(dim=1, keepdim=True)) / 12
    assert torch.allclose(found.values, z, atol=1e-4)
    # what is passed on at first is the mean over the objectives
    assert torch.allclose(made(table, ranking, torch.arange(2)), sums.mean(dim=1), atol=1e-4)


def test_pooling_with_a_sharp_query_reads_the_best_candidate() -> None:
    ranking, table = toy_ranking(), embeddings()
    made = reader({"name": "pooling", "n_queries": 1})
    with torch.no_grad():
        made.by_place.weight.zero_()[0, 0] = 1000.0
        made.by_item.weight.zero_()
    best = ranking.items.gather(1, ranking.features[..., 0].argmax(dim=1, keepdim=True))
    expected = table[best[:, 0]] - table[ranking.items].mean(dim=1)
    assert torch.allclose(made(table, ranking, torch.arange(2)), expected, atol=1e-4)


def test_a_sum_begins_with_its_first_reader_and_learns_of_both() -> None:
    ranking, table = toy_ranking(), embeddings()
    both = reader({"name": "sum", "first": "contrast", "second": "partial_order"})
    alone = both.first(table, ranking, torch.arange(2))
    state = both(table, ranking, torch.arange(2))
    assert torch.equal(state, alone)
    state.square().sum().backward()
    assert both.projection.weight.grad.abs().sum() > 0


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", READERS)
def test_a_reader_recorded_with_one_candidate_reads_many(name: str) -> None:
    """A service records the model once, and is then asked with rankings of any length."""
    table, made = embeddings(), reader(name)

    class Asked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.reader = made

        def forward(self, *parts: torch.Tensor) -> torch.Tensor:
            read: torch.Tensor = self.reader(table, FusedRanking(*parts[:4]), parts[4])
            return read

    short, ranking, draws = toy_ranking(n=1), toy_ranking(n=12), torch.arange(2)
    recorded = torch.jit.trace(Asked(), (*short[:4], draws))
    expected = made(table, ranking, draws)
    assert torch.allclose(recorded(*ranking[:4], draws), expected, atol=1e-5)


def test_a_sum_without_a_part_is_refused() -> None:
    with pytest.raises(InputError, match=r"ranking_reader\.second: a sum has two readers"):
        reader({"name": "sum", "second": "none"})
