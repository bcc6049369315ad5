"""The softmax over a sample: what its corrections tend to, and what its negatives are."""

from types import SimpleNamespace
from typing import Any, Optional

import pytest
import torch
import torch.distributed

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import SOFTMAX_NEGATIVE, TARGET_ID, TARGET_SHARE
from recbole_poem.core.stages import LOSSES
from recbole_poem.logits.scoring import Items, of_state

N_ITEMS = 8  # and padding
GENERATOR = torch.Generator().manual_seed(0)
ITEMS = torch.randn(N_ITEMS + 1, 4, generator=GENERATOR)
STATE = torch.randn(1, 4, generator=GENERATOR)
SCORES = (STATE @ ITEMS.T)[0]
EXACT = SCORES[1:].log_softmax(0)


def term(**settings: Any) -> Any:
    return LOSSES.of_one().choose({"name": "sampled_softmax", **settings}, "losses").make(None)


def learnt(
    target: int,
    negative: torch.Tensor,
    state: torch.Tensor = STATE,
    batch: Optional[torch.Tensor] = None,
    share: Optional[torch.Tensor] = None,
) -> Any:
    """Return one request in one window."""
    nowhere = torch.zeros(1, 0, dtype=torch.int64)
    return SimpleNamespace(
        batch={
            SOFTMAX_NEGATIVE: negative.view(1, 1, -1),
            TARGET_ID: torch.tensor([[target]]) if batch is None else batch.unsqueeze(0),
            TARGET_SHARE: share,
        },
        asking=of_state(state.unsqueeze(1), nowhere),
        target=torch.tensor([target]),
        places=(torch.tensor([0]), torch.tensor([0])),
        others=None,
        items=Items(ITEMS),
        request_weight=1.0,
        n_processes=1,
    )


def loss(made: Any, given: Any) -> torch.Tensor:
    return made(given, torch.zeros(1, 0))


def drawn(number: int, target: int) -> torch.Tensor:
    item = torch.randint(1, N_ITEMS, (number,), generator=torch.Generator().manual_seed(1))
    return item + (item >= target)


def test_without_correction_it_is_the_cross_entropy_of_the_sample() -> None:
    negative = torch.tensor([5, 1, 1])
    expected = -SCORES[[3, 5, 1, 1]].log_softmax(0)[0]
    made = term(number=3, correction="none", weight=0.5)
    torch.testing.assert_close(loss(made, learnt(3, negative)), 0.5 * expected)
    # all items are drawn alike, so the common correction changes nothing
    torch.testing.assert_close(
        loss(term(number=3, correction="log_q"), learnt(3, negative)), expected
    )


def test_refined_every_item_once_is_the_full_softmax() -> None:
    negative = torch.tensor([1, 2, 4, 5, 6, 7, 8])
    made = term(number=N_ITEMS - 1)
    torch.testing.assert_close(loss(made, learnt(3, negative)), -EXACT[2])


def test_refined_many_draws_tend_to_the_full_softmax() -> None:
    found = loss(term(number=60_000), learnt(3, drawn(60_000, 3)))
    assert found.item() == pytest.approx(-EXACT[2].item(), abs=0.02)
    plain = loss(term(number=60_000, correction="none"), learnt(3, drawn(60_000, 3)))
    assert plain.item() > -EXACT[2].item() + 5


def test_targets_of_the_batch_by_their_popularity_tend_to_the_full_softmax() -> None:
    """Alone, and mixed with uniform negatives; uncorrected, popular items weigh too much."""
    share = torch.tensor([0, 30.0, 20, 10, 10, 10, 10, 5, 5]) / 100
    batch = torch.multinomial(share, 60_000, replacement=True, generator=GENERATOR)
    none = torch.zeros(0, dtype=torch.int64)
    alone = learnt(3, none, batch=batch, share=share)
    found = loss(term(number=0, in_batch=True), alone)
    assert found.item() == pytest.approx(-EXACT[2].item(), abs=0.02)
    mixed = learnt(3, drawn(30_000, 3), batch=batch, share=share)
    found = loss(term(number=30_000, in_batch=True), mixed)
    assert found.item() == pytest.approx(-EXACT[2].item(), abs=0.02)


def test_targets_of_the_batch_count_as_often_as_they_are_there_the_own_one_never() -> None:
    batch = torch.tensor([3, 5, 5, 2, 3, 0])
    none = torch.zeros(0, dtype=torch.int64)
    given = learnt(3, none, batch=batch, share=torch.full((9,), 0.125))
    found = loss(term(number=0, in_batch=True, correction="none"), given)
    torch.testing.assert_close(found, -SCORES[[3, 5, 5, 2]].log_softmax(0)[0])


def test_log_q_corrects_the_target_as_well() -> None:
    share = torch.tensor([0, 0.4, 0, 0.3, 0, 0.2, 0, 0, 0.1])
    batch = torch.tensor([3, 5, 1])
    given = learnt(3, torch.tensor([8, 8]), batch=batch, share=share)
    expected = 2 / 7 + 2 * share
    logits = SCORES - expected.log()
    found = loss(term(number=2, in_batch=True, correction="log_q"), given)
    torch.testing.assert_close(found, -logits[[3, 5, 1, 8, 8]].log_softmax(0)[0])
    refined = torch.cat([SCORES[[3]], logits[[5, 1, 8, 8]]])
    found = loss(term(number=2, in_batch=True), given)
    torch.testing.assert_close(found, -refined.log_softmax(0)[0])


def test_the_refined_gradient_weighs_the_target_by_one_minus_its_probability() -> None:
    """As the abstract of arXiv 2507.09331 says; the weight itself has no gradient."""
    negative = drawn(20, 3)
    state = STATE.clone().requires_grad_()
    loss(term(number=20), learnt(3, negative, state)).backward()
    published = STATE.clone().requires_grad_()
    scores = (published @ ITEMS.T)[0]
    of_sample = scores[negative] - torch.tensor(20 / 7).log()
    probability = torch.cat([scores[[3]], of_sample]).softmax(0)[0].detach()
    (-(1 - probability) * (scores[3] - of_sample.logsumexp(0))).backward()
    torch.testing.assert_close(state.grad, published.grad)


def test_a_temperature_divides_the_scores_and_may_be_learned() -> None:
    negative = torch.tensor([5, 1, 1])
    expected = -(SCORES / 0.5)[[3, 5, 1, 1]].log_softmax(0)[0]
    fixed = term(number=3, correction="none", temperature=0.5)
    assert not list(fixed.parameters())
    torch.testing.assert_close(loss(fixed, learnt(3, negative)), expected)
    made = term(number=3, correction="none", temperature=0.5, learned_temperature=True)
    torch.testing.assert_close(loss(made, learnt(3, negative)), expected)
    (learned,) = made.parameters()
    for _ in range(3):
        learned.grad = None
        loss(made, learnt(int(SCORES[1:].argmax()) + 1, torch.arange(1, 9))).backward()
        assert learned.grad > 0  # the best item is more probable when it is colder
        learned.data -= learned.grad
    assert 0.01 < made.temperature().item() < 0.5
    learned.data -= 1000
    assert made.temperature().item() == pytest.approx(0.01)


def test_every_process_counts_the_targets_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    of_another = torch.tensor([0.0, 0, 2, 0, 0, 1, 0, 0, 0])
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda times: times.add_(of_another))
    share, none = torch.full((9,), 0.125), torch.zeros(0, dtype=torch.int64)
    made = term(number=0, in_batch=True)
    given = learnt(3, none, batch=torch.tensor([3, 5, 4]), share=share)
    sample = made.sample(SimpleNamespace(**{**vars(given), "n_processes": 2}))
    whole = made.sample(learnt(3, none, batch=torch.tensor([3, 5, 4, 2, 2, 5]), share=share))
    assert all(torch.equal(one, other) for one, other in zip(sample, whole))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"number": 0}, r"^losses\.number: with 0 and without in_batch there are no negatives"),
        (
            {"temperature": 0.01, "learned_temperature": True},
            r"^losses\.temperature: a learned one begins above 0\.01, not at 0\.01$",
        ),
        ({"correction": "logq"}, r"^losses\.correction: expected one of none, log_q, refined"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        term(**settings)
