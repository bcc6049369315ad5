"""SQN and SAC: known answers, what learns and what does not, and a chain that is solved."""

from types import SimpleNamespace
from typing import Any, List

import numpy as np
import pytest
import torch
from toy_logs import log_of
from toy_windows import learnt, loss_of, term

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import (
    ACTION,
    BATCH_NUMBER,
    FIRST_LEARNS,
    NEXT_ACTION,
    NEXT_ROW,
    REWARD,
    SESSION_END,
)
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.terms.sac import SAC
from recbole_poem.losses.terms.sqn import SQN

#: of items 0 to 3; the state behind item 3 is that of item 1 plus that of item 2
TWO_STATES = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]])
HEADS = ("first_head", "second_head")


def say(head: Any, in_first: List[float], in_second: List[float]) -> None:
    """Let a head say these values of items 1, 2, ... in the states (1, 0) and (0, 1)."""
    with torch.no_grad():
        head.table.zero_()
        head.table[1:, 0], head.table[1:, 1] = torch.tensor(in_first), torch.tensor(in_second)
        head.table[0] = 99


def one_step(first_learns: bool, ends: bool, **settings: Any) -> Any:
    """Make the published example: item 1 is followed by item 2, which earns 1, and that by 1."""
    loss = term("sqn", 4, 2, discount=0.5, **settings)
    main, target = (getattr(loss, h) for h in (HEADS if first_learns else HEADS[::-1]))
    say(main, [1.0, 2, 3], [0, 5, 1])
    say(target, [7.0, 7, 7], [10, 20, 30])
    with torch.no_grad():
        loss.second.item_embedding.weight.copy_(TWO_STATES)
    rows = torch.tensor([[1, 2, 1]])
    reward, end = [[1.0, 0.0]], [[ends, False]]  # what follows the second action is cut
    return loss, learnt(TWO_STATES.clone().requires_grad_(), rows, reward, end, first_learns)


def entropy_of(target: int, state: int) -> float:
    return -float((TWO_STATES[1:] @ TWO_STATES[state]).log_softmax(0)[target - 1])


BOTH_ENTROPIES = (entropy_of(2, 1) + entropy_of(1, 2)) / 2


def test_sac_says_that_it_was_sqn_to_the_end() -> None:
    loss = term("sac", 5, 3, warm_up_steps=1000)
    assert loss.at_end(1001) is None
    words = "losses.sac.warm_up_steps: the weights that are kept come of 1,000 batches, and in the "
    assert loss.at_end(1000) == f"{words}first 1,000 sac is sqn; train longer, or lower it"
    assert "the weights that are kept come of 1 batch, and in" in str(loss.at_end(1))


@pytest.mark.parametrize("first_learns", [True, False])
def test_the_published_example(first_learns: bool) -> None:
    """y = 1 + 20 / 2 = 11, against 2: half of 81; a single network's maximum would give 98."""
    loss, of = one_step(first_learns, ends=False)
    assert loss_of(loss, of).item() == pytest.approx(BOTH_ENTROPIES + 40.5)
    halved, of = one_step(first_learns, ends=False, q_weight=0.5, weight=3)
    assert loss_of(halved, of).item() == pytest.approx(3 * (BOTH_ENTROPIES + 0.5 * 40.5))


def test_behind_the_end_of_a_session_the_aim_is_the_reward() -> None:
    loss, of = one_step(True, ends=True)
    assert loss_of(loss, of).item() == pytest.approx(BOTH_ENTROPIES + 0.5 * (1 - 2) ** 2)


def test_without_a_future_it_is_a_regression_on_rewards() -> None:
    loss = term("sqn", 5, 3, discount=0)
    embedding = torch.randn(5, 3)
    rows, reward = torch.randint(1, 5, (4, 6)), torch.rand(4, 5)
    ends = torch.zeros(4, 5, dtype=torch.bool)
    ends[:, -1] = True  # so that every aim is known
    state, action = embedding[rows[:, :-1]], rows[:, 1:]
    table = loss.first_head.table
    said = (state * table[action][..., :3]).sum(-1) + table[action][..., 3]
    entropy = -(state @ embedding[1:].T).log_softmax(-1).gather(2, action.unsqueeze(2) - 1)
    expected = entropy.mean() + 0.5 * (reward - said).square().mean()
    torch.testing.assert_close(loss_of(loss, learnt(embedding, rows, reward, ends)), expected)


def gradients(loss: Any, of: Any) -> "dict[str, bool]":
    """Tell which weights a loss reaches, the model's embedding among them."""
    embedding = of.items.embedding
    weights = {"model": embedding, **dict(loss.named_parameters())}
    found = torch.autograd.grad(loss_of(loss, of), list(weights.values()), allow_unused=True)
    return {name: grad is not None for name, grad in zip(weights, found)}


def test_the_main_network_alone_is_reached() -> None:
    """The target and the choice of the best action have no gradient, so nothing there moves."""
    second = {"second.item_embedding.weight", "second_head.table"}
    for first_learns, reached in ((True, {"model", "first_head.table"}), (False, second)):
        found = gradients(*one_step(first_learns, ends=False))
        assert {name for name, is_reached in found.items() if is_reached} == reached


def test_the_choice_of_the_best_action_has_no_gradient() -> None:
    """What is preferred in the next state is read and not moved: item 2 is not played there."""
    loss, of = one_step(True, ends=False)
    loss_of(loss, of).backward()
    moved = loss.first_head.table.grad.abs().sum(dim=1) > 0
    assert moved.tolist() == [False, False, True, False], "the action that was played"


def random_windows(number: int, first_learns: bool = True) -> Any:
    torch.manual_seed(3)
    ends = torch.rand(4, 5) < 0.3
    return learnt(
        torch.randn(5, 3).requires_grad_(),
        torch.randint(1, 5, (4, 6)),
        torch.rand(4, 5),
        ends,
        first_learns,
        number,
    )


def test_sac_begins_as_sqn() -> None:
    sqn, sac = term("sqn", 5, 3), term("sac", 5, 3, warm_up_steps=10)
    sac.load_state_dict(sqn.state_dict())
    losses = [[loss_of(loss, random_windows(n)).item() for n in (9, 10)] for loss in (sqn, sac)]
    assert losses[0][0] == losses[0][1] == losses[1][0] != losses[1][1]


@pytest.mark.parametrize("first_learns", [True, False])
def test_sac_weighs_the_cross_entropy_by_values_at_rest(first_learns: bool) -> None:
    loss = term("sac", 5, 3, warm_up_steps=0, q_weight=0)
    of = random_windows(0, first_learns)
    embedding = of.items.embedding if first_learns else loss.second.item_embedding.weight
    table = getattr(loss, HEADS[not first_learns]).table
    state, action = embedding[of.seen], of.batch[ACTION]
    said = (state * table[action][..., :3]).sum(-1) + table[action][..., 3]
    error = -(state @ embedding[1:].T).log_softmax(-1).gather(2, action.unsqueeze(2) - 1)
    expected, found = (said.detach() * error.squeeze(2)).mean(), loss_of(loss, of)
    torch.testing.assert_close(found, expected)
    of_table, of_model = torch.autograd.grad(found, [table, embedding])
    assert (of_table == 0).all()
    torch.testing.assert_close(of_model, torch.autograd.grad(expected, embedding)[0])


def test_padding_changes_nothing() -> None:
    loss, of = term("sqn", 5, 3), random_windows(0)
    rows = torch.cat([of.seen[:, :1], of.batch[ACTION]], dim=1)
    wider = torch.cat([rows, torch.zeros(4, 2, dtype=torch.int64)], dim=1)
    reward, ends = (torch.nn.functional.pad(of.batch[f], (0, 2)) for f in (REWARD, SESSION_END))
    padded = learnt(of.items.embedding, wider, reward, ends)
    torch.testing.assert_close(loss_of(loss, padded), loss_of(loss, of))


def test_on_top_of_a_history_at_rest_it_is_the_cross_entropy() -> None:
    loss = term("sqn", 5, 3, weight=2)
    for first_learns in (True, False):
        on_top = random_windows(0, first_learns)._replace(history=None, others=None)
        found = on_top.log_probability(on_top.asking, on_top.target.unsqueeze(1))
        torch.testing.assert_close(loss_of(loss, on_top), -2 * found.mean())


def test_a_chain_of_three_states_is_solved() -> None:
    """An item leads to its own state, item 3 ends; greed would take 1 from state 1 for ever."""
    reward = torch.tensor([[0.4, 0.0, 0.1], [0.0, 0.2, 2.0], [1.0, 0.3, 0.4]])
    best = torch.zeros(3, 3)
    for _ in range(60):
        behind = torch.where(torch.arange(3) == 2, 0, best.amax(dim=1))
        best = reward + 0.5 * behind
    assert best[0].argmax() == 1, "the way over state 2 is worth more than what is earned at once"

    torch.manual_seed(0)
    one_hot = torch.cat([torch.zeros(1, 3), torch.eye(3)])
    loss = term("sqn", 4, 3, discount=0.5)
    with torch.no_grad():
        loss.second.item_embedding.weight.copy_(one_hot)
    optimizer = torch.optim.Adam([loss.first_head.table, loss.second_head.table], lr=0.05)
    for number in range(500):
        rows = torch.randint(1, 4, (16, 8))
        state, action = rows[:, :-1], rows[:, 1:]
        of = learnt(one_hot, rows, reward[state - 1, action - 1], action == 3, number % 3 == 0)
        optimizer.zero_grad()
        loss_of(loss, of).backward()
        optimizer.step()
    for head in (loss.first_head, loss.second_head):
        found = one_hot[1:] @ head.table[1:, :3].T + head.table[1:, 3]
        assert (found - best).abs().max() < 1e-2


class Data(SimpleNamespace):
    log = log_of([[1, 2, 3, 4], [2, 5]], n_items=6, times=[0, 1, 9, 10, 0, 1], rating=[1, 2] * 3)

    def __init__(self) -> None:
        super().__init__(config={"seed": 5, "time_unit": "s"})


def fields_of(numbers: Any, **settings: Any) -> List[Any]:
    """Make the fields of batches of two windows, the last of them cut."""
    rows = torch.tensor([[1, 2, 3], [5, -1, -1]])
    makers = SQN.fields(term("sqn", 6, 2, **settings).settings, Data())
    batches = [{NEXT_ROW: rows, BATCH_NUMBER: torch.tensor([number])} for number in numbers]
    return [{name: make(None, None, batch) for name, make in makers.items()} for batch in batches]


def test_the_fields_tell_actions_rewards_and_ends() -> None:
    (made,) = fields_of([0], rewards={"rating": 2}, session_gap=5)
    assert made[ACTION].tolist() == [[2, 3, 4], [5, 0, 0]]
    assert made[REWARD].tolist() == [[4, 2, 4], [4, 0, 0]]
    assert made[SESSION_END].tolist() == [[True, False, True], [True, False, False]]
    assert NEXT_ACTION not in made


def test_the_batch_alone_decides_which_network_learns() -> None:
    lots = torch.cat([made[FIRST_LEARNS] for made in fields_of(range(400))])
    again = torch.cat([made[FIRST_LEARNS] for made in fields_of(range(400))])
    assert torch.equal(lots, again)
    assert 160 < lots.sum() < 240


def test_in_a_large_catalogue_next_actions_are_drawn() -> None:
    made = fields_of(range(50), max_actions=3)
    drawn = torch.stack([each[NEXT_ACTION] for each in made])
    assert drawn.shape == (50, 3)
    assert drawn.unique().tolist() == [1, 2, 3, 4, 5]
    loss, of = one_step(True, ends=False)
    of.batch[NEXT_ACTION] = torch.tensor([3])  # of which the target says 30
    assert loss_of(loss, of).item() == pytest.approx(BOTH_ENTROPIES + 98)


def test_rewards_of_a_column_that_is_not_there_are_refused() -> None:
    with pytest.raises(InputError, match=r"^losses\.sac\.rewards: .* no float column 'stars'"):
        SAC.fields(term("sac", 6, 2, rewards={"stars": 1}).settings, Data())


def test_the_length_of_the_history_is_learned_at_the_item_that_follows() -> None:
    loss, of = term("history_length", 5, 3, weight=2), random_windows(0)
    share = torch.rand(4, 5)
    of.batch["history_length"] = share
    action, table = of.batch[ACTION], loss.head.table
    said = (of.history.squeeze(2) * table[action][..., :3]).sum(-1) + table[action][..., 3]
    torch.testing.assert_close(loss_of(loss, of), (share - said).square().mean())
    makers = type(loss).fields(None, Data())
    made = makers["history_length"](None, None, {NEXT_ROW: torch.tensor([[1, 3, -1]])})
    assert np.allclose(made, [[1 / 3, 1, 0]])


def test_the_longest_history_is_that_of_training_rows() -> None:
    """Rows that come later would make every share smaller."""

    class Held(Data):
        log = log_of([[1, 2, 3, 4, 5, 1], [2, 5]], n_items=6, training=[1] * 4 + [0, 0, 1, 1])

    make = LOSSES.component("history_length", "losses").fields(None, Held())["history_length"]
    made = make(None, None, {NEXT_ROW: torch.tensor([[1, 2, 3], [7, -1, -1]])})
    assert np.allclose(made, [[1 / 3, 2 / 3, 1], [1 / 3, 0, 0]])
