"""InfoNCE of states and next items: by hand, without what is the positive, and without padding."""

import math
from types import SimpleNamespace
from typing import Any, List

import pytest
import torch
import torch.distributed

from recbole_poem.core.fields import TARGET_ID
from recbole_poem.core.stages import LOSSES


def term(**settings: Any) -> Any:
    return LOSSES.of_one().choose({"name": "next_item_contrast", **settings}, "losses").make()


def learnt(
    states: torch.Tensor, target: List[List[int]], embedding: torch.Tensor, n_processes: int = 1
) -> Any:
    return SimpleNamespace(
        batch={TARGET_ID: torch.tensor(target)},
        history=states,
        items=SimpleNamespace(embedding=embedding),
        n_processes=n_processes,
    )


def loss(*given: Any, **settings: Any) -> float:
    found: float = term(weight=1, **settings)(learnt(*given), torch.zeros(0)).item()
    return found


ORTHONORMAL = torch.eye(5)
#: of the items 1, 2 and 3, which are the targets, on another scale
STATES = 3 * ORTHONORMAL[[1, 2, 3]].view(1, 3, 1, 5)


def test_orthonormal_states_and_items_by_hand() -> None:
    expected = math.log(1 + 2 * math.exp(-1 / 0.5))
    assert loss(STATES, [[1, 2, 3]], ORTHONORMAL, temperature=0.5) == pytest.approx(expected)
    wrong = STATES[:, [1, 2, 0]]  # each points to the target of another position
    expected = math.log(2 + math.exp(1 / 0.5))
    assert loss(wrong, [[1, 2, 3]], ORTHONORMAL, temperature=0.5) == pytest.approx(expected)
    assert term(weight=0.3)(
        learnt(STATES, [[1, 2, 3]], ORTHONORMAL), torch.zeros(0)
    ).item() == pytest.approx(0.3 * loss(STATES, [[1, 2, 3]], ORTHONORMAL))


def test_like_the_definition_with_negatives_that_repeat_and_positives_that_do() -> None:
    """A negative counts as often as it is a target; another position's positive never does."""
    torch.manual_seed(0)
    states, embedding = torch.randn(2, 4, 1, 5), torch.randn(9, 5)
    target = [[1, 2, 2, 8], [2, 3, 0, 0]]
    flat = [t for row in target for t in row if t]
    slow = []
    for b, row in enumerate(target):
        for w, wanted in enumerate(row):
            if wanted:
                cosine = torch.cosine_similarity(states[b, w], embedding, dim=1)
                own = math.exp(cosine[wanted] / 0.2)
                others = sum(math.exp(cosine[t] / 0.2) for t in flat if t != wanted)
                slow.append(-math.log(own / (own + others)))
    found = loss(states, target, embedding, temperature=0.2)
    assert found == pytest.approx(sum(slow) / len(slow), rel=1e-5)


def test_duplicates_of_the_positive_are_no_negatives() -> None:
    states = STATES[:, [0, 0]]
    assert loss(states, [[1, 1]], ORTHONORMAL) == pytest.approx(0, abs=1e-6)


def test_positions_without_a_target_never_count() -> None:
    plain = loss(STATES, [[1, 2, 3]], ORTHONORMAL)
    padded = torch.cat([STATES, 9 * torch.ones(1, 2, 1, 5)], dim=1).requires_grad_()
    part = term(weight=1)(learnt(padded, [[1, 2, 3, 0, 0]], ORTHONORMAL), torch.zeros(0))
    part.backward()
    assert part.item() == pytest.approx(plain)
    assert not padded.grad[:, 3:].any()


def test_a_positive_is_learned_by_the_state_that_fits_it_best() -> None:
    states = ORTHONORMAL[[1, 4, 4, 2]].view(1, 2, 2, 5)
    assert loss(states, [[1, 2]], ORTHONORMAL) == pytest.approx(
        loss(STATES[:, :2], [[1, 2]], ORTHONORMAL)
    )


def test_what_stands_behind_an_embedding_is_left_out() -> None:
    biased = torch.cat([ORTHONORMAL, 7 * torch.ones(5, 1)], dim=1)
    assert loss(STATES, [[1, 2, 3]], biased) == loss(STATES, [[1, 2, 3]], ORTHONORMAL)


def test_mixed_precision_comes_close() -> None:
    """Counts are of full precision, and products are not: RecBole's key is enable_amp."""
    torch.manual_seed(0)
    given = torch.randn(2, 4, 1, 5), [[1, 2, 2, 8], [2, 3, 0, 0]], torch.randn(9, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(*given)
    assert found == pytest.approx(loss(*given), rel=0.02)


def test_processes_share_their_negatives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of what two processes compute of halves of a batch is what one does of the whole."""
    torch.manual_seed(1)
    states, embedding = torch.randn(4, 3, 1, 5), torch.randn(9, 5)
    target = [[1, 2, 3], [4, 1, 0], [2, 2, 5], [8, 0, 0]]
    whole = loss(states, target, embedding)
    counts = [torch.bincount(torch.tensor(t).flatten(), minlength=9) for t in target]
    parts = []
    for rows, other in ((slice(2), sum(counts[2:])), (slice(2, 4), sum(counts[:2]))):

        def all_reduce(total: torch.Tensor, other: torch.Tensor = other) -> None:
            total += other.index_fill(0, torch.tensor([0]), 0) if total.dim() else other[1:].sum()

        monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
        given = learnt(states[rows], target[rows], embedding, 2)
        parts.append(term(weight=1)(given, torch.zeros(0)).item())
    assert sum(parts) / 2 == pytest.approx(whole, rel=1e-5)


def test_it_asks_for_no_field_and_no_positives() -> None:
    part = term()
    assert part.fields(None, None) == {}
    assert part.positives(SimpleNamespace(target=torch.tensor([4, 5]))).shape == (2, 0)
