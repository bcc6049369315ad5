"""ReLoop2: what a memory of random projections tells of, and what it corrects."""

from typing import Any, Dict, List

import pytest
import torch
import torch.nn.functional as F

from recbole_poem.rerankers import Context, Feedback
from recbole_poem.rerankers.reloop2 import Memory, ReLoop2

D = 8
EYE = torch.eye(D)


def pair(state: List[torch.Tensor], embedding: torch.Tensor) -> Context:
    """Return the context of requests with one state each."""
    return Context(torch.stack(state).unsqueeze(1), embedding)


def reloop2(**given: Any) -> ReLoop2:
    return ReLoop2(ReLoop2.Settings(**given), {"seed": 1}, None)


def feedback(context: Context, item: torch.Tensor, score: torch.Tensor, **more: Any) -> Feedback:
    none = torch.zeros(len(item), 0, dtype=torch.int64)
    lists: Dict[str, torch.Tensor] = {"shown": none, "taken": none, **more}
    return Feedback(context, item, score, lists["shown"], lists["taken"])


ITEM = torch.tensor([[1, 2, 3]])
SCORE = torch.tensor([[2.0, 1.0, 0.0]])
SHARE = SCORE.softmax(dim=1)
ONE = pair([EYE[0]], EYE)


def test_equal_pairs_share_every_bucket_and_opposite_ones_none() -> None:
    memory = Memory(n_arrays=50, n_bits=16, seed=3)
    embedding = torch.stack([EYE[0], 2 * EYE[0], -EYE[0]])
    context = pair([EYE[1], 7 * EYE[1], -EYE[1]], embedding)
    buckets = memory.buckets(context, torch.tensor([[0], [1], [2]])).squeeze(1)  # (3, K)
    assert torch.equal(buckets[0], buckets[1])  # lengths say nothing
    assert not (buckets[0] == buckets[2]).any()
    assert torch.equal(buckets >> 16, torch.arange(50).expand(3, -1))  # each in its own array


@pytest.mark.parametrize(("cosine", "share"), [(0.0, 0.5**4), (0.5, (2 / 3) ** 4), (0.75, 0.353)])
def test_buckets_are_shared_as_the_angle_says(cosine: float, share: float) -> None:
    memory = Memory(n_arrays=4000, n_bits=4, seed=3)
    near = torch.stack([cosine * EYE[0] + (1 - cosine**2) ** 0.5 * EYE[1], EYE[0]])
    context = pair([near[0], near[1]], torch.stack([near[0], near[1]]))
    buckets = memory.buckets(context, torch.tensor([[0], [1]])).squeeze(1)
    found = float((buckets[0] == buckets[1]).float().mean())
    assert found == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)


def test_orthogonal_pairs_hardly_ever_meet_in_the_usual_buckets() -> None:
    memory = Memory(n_arrays=70, n_bits=16, seed=3)
    context = pair([EYE[0], EYE[1]], EYE)
    buckets = memory.buckets(context, torch.tensor([[2], [3]])).squeeze(1)
    assert int((buckets[0] == buckets[1]).sum()) == 0


def test_of_several_states_an_item_goes_with_the_one_it_fits_best() -> None:
    memory = Memory(n_arrays=9, n_bits=8, seed=3)
    both = Context(torch.stack([EYE[0], EYE[1]]).unsqueeze(0), EYE)
    item = torch.tensor([[0, 1]])
    found = memory.buckets(both, item)
    assert torch.equal(found[:, :1], memory.buckets(pair([EYE[0]], EYE), item[:, :1]))
    assert torch.equal(found[:, 1:], memory.buckets(pair([EYE[1]], EYE), item[:, 1:]))


def test_an_empty_memory_changes_nothing() -> None:
    found = reloop2().rerank(ONE, ITEM, SCORE)
    assert found.order.tolist() == [[0, 1, 2]] and torch.equal(found.score, SCORE)


@pytest.mark.parametrize("weight", [0.25, 0.4, 1.0])
@pytest.mark.parametrize("times", [1, 5])
def test_an_identical_error_is_corrected_at_the_stated_rate(weight: float, times: int) -> None:
    component = reloop2(weight=weight)
    for _ in range(times):
        component.observe(feedback(ONE, ITEM, SCORE, taken=torch.tensor([[3]])))
    found = component.rerank(ONE, ITEM, SCORE)
    share = float(SHARE[0, 2])
    expected = (1 - weight) * share + weight * 1  # towards the truth
    value = found.score[found.order == 2]
    assert float((value - SCORE.logsumexp(dim=1)).exp()) == pytest.approx(expected, rel=1e-5)
    assert found.order[0, 0] == (2 if expected > float(SHARE[0, 0]) else 0)
    assert torch.equal(found.score[found.order == 0], SCORE[0, :1])  # the others have no error


def test_what_was_shown_and_not_taken_goes_down() -> None:
    component = reloop2(weight=0.4)
    shown = torch.tensor([[1, 2, 0]])
    component.observe(feedback(ONE, ITEM, SCORE, shown=shown, taken=torch.tensor([[2]])))
    found = component.rerank(ONE, ITEM, SCORE)
    shares = (found.score - SCORE.logsumexp(dim=1)).exp()
    for column, label in ((0, 0.0), (1, 1.0)):
        expected = 0.6 * float(SHARE[0, column]) + 0.4 * label
        assert float(shares[found.order == column]) == pytest.approx(expected, rel=1e-5)
    assert found.order.tolist() == [[1, 0, 2]]


def test_an_item_that_is_named_twice_is_remembered_once() -> None:
    """Taken again beside the list, or shown twice: as one that was named once."""
    cells = []
    for shown, taken in (([1, 2], [3]), ([1, 2, 1], [3, 3])):
        component = reloop2()
        lists = {"shown": torch.tensor([shown]), "taken": torch.tensor([taken])}
        component.observe(feedback(ONE, ITEM, SCORE, **lists))
        sketch = component._memory._sketch
        assert sketch is not None
        cells.append(sketch.cell)
    assert torch.equal(*cells) and cells[0][:, 0].sum() == 3 * component._memory._n_arrays


def test_the_error_of_neighbours_alone_is_what_they_were_mispredicted_by() -> None:
    component = reloop2(weight=1.0, gamma=0.0)
    component.observe(feedback(ONE, ITEM, SCORE, shown=torch.tensor([[2]])))
    now = torch.tensor([[3.0, 2.5, 0.0]])
    found = component.rerank(ONE, ITEM, now)
    value = float((found.score[found.order == 1] - now.logsumexp(dim=1)).exp())
    assert value == pytest.approx(float(now.softmax(dim=1)[0, 1] - SHARE[0, 1]), rel=1e-4)


def test_a_pair_that_is_like_none_keeps_its_score() -> None:
    component = reloop2()
    component.observe(feedback(ONE, ITEM, SCORE, taken=torch.tensor([[3]])))
    stranger = pair([-EYE[0]], -EYE)
    found = component.rerank(stranger, ITEM, SCORE)
    assert torch.equal(found.score, SCORE) and found.order.tolist() == [[0, 1, 2]]


def test_what_may_not_be_recommended_comes_last_and_is_not_remembered_as_predicted() -> None:
    component = reloop2(weight=1.0)
    score = torch.tensor([[2.0, 1.0, -torch.inf]])
    component.observe(feedback(ONE, ITEM, score, taken=torch.tensor([[3]])))
    found = component.rerank(ONE, ITEM, score)
    assert found.order.tolist() == [[0, 1, 2]] and found.score[0, 2] == -torch.inf
    nothing = torch.full((1, 3), -torch.inf)
    assert torch.equal(component.rerank(ONE, ITEM, nothing).score, nothing)


def test_reading_and_writing_touch_as_many_cells_whatever_is_in_them() -> None:
    memory = Memory(n_arrays=5, n_bits=6, seed=3)
    draws = torch.Generator().manual_seed(0)
    context = Context(torch.randn(40, 1, D, generator=draws), torch.randn(30, D, generator=draws))
    item = torch.randint(1, 30, (40, 3), generator=draws)
    label, share = torch.ones(40, 3), torch.full((40, 3), 0.25)
    written = 0
    for rows in (slice(0, 1), slice(1, 40)):
        memory.write(context.of(rows), item[rows], label[rows], share[rows])
        written += 5 * item[rows].numel()
        cell = memory._made(context).cell
        assert cell.shape == (5 * 64, 3) and float(cell[:, 0].sum()) == written
        assert cell.sum(dim=0).tolist() == pytest.approx([written, written, written / 4])
    assert memory.buckets(context, item).shape == (40, 3, 5)


def test_batches_of_any_size_are_remembered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = torch.Generator().manual_seed(0)
    context = Context(torch.randn(20, 2, D, generator=draws), torch.randn(9, D, generator=draws))
    item = torch.randint(1, 9, (20, 4), generator=draws)
    label = torch.rand(20, 4, generator=draws).round()
    errors = []
    for cells in (2**24, 1):
        monkeypatch.setattr("recbole_poem.rerankers.reloop2._CELLS", cells)
        memory = Memory(n_arrays=7, n_bits=3, seed=3)
        memory.write(context, item, label, label / 2)
        errors.append(memory.error(context, item, label / 4, 0.5))
    assert errors[0] == pytest.approx(errors[1])


def test_what_is_forgotten_is_as_if_it_had_never_been() -> None:
    component = reloop2()
    component.observe(feedback(ONE, ITEM, SCORE, taken=torch.tensor([[3]])))
    component.forget()
    assert torch.equal(component.rerank(ONE, ITEM, SCORE).score, SCORE)


def test_the_vector_of_a_pair_is_half_user_half_item() -> None:
    """Two states at a right angle and one item: a cosine of 1/2."""
    memory = Memory(n_arrays=4000, n_bits=2, seed=5)
    buckets = memory.buckets(pair([EYE[0], EYE[1]], EYE), torch.tensor([[2], [2]])).squeeze(1)
    share = float((buckets[0] == buckets[1]).float().mean())
    vectors = torch.stack([torch.cat([EYE[0], EYE[2]]), torch.cat([EYE[1], EYE[2]])])
    angle = torch.acos(F.cosine_similarity(vectors[0], vectors[1], dim=0))
    assert share == pytest.approx(float((1 - angle / torch.pi) ** 2), abs=0.03)
