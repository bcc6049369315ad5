"""Q values: of single actions as of all, and the aims of double Q-learning."""

import pytest
import torch

from recbole_poem.losses.q_values import Critic, QHead, aims, best_values

ONE_STATE = torch.ones(1, 1, 1)


def head_of(*values: float) -> QHead:
    """Make a head that says the same of every state of size 1; of the padding it says much."""
    head = QHead(1 + len(values), 1, 0.5)
    with torch.no_grad():
        head.table.copy_(torch.tensor([[0.0, 99.0], *([0.0, value] for value in values)]))
    return head


def test_values_of_single_actions_are_those_of_a_linear_layer() -> None:
    head, states = QHead(6, 4, 0.5), torch.randn(5, 1, 4)
    torch.nn.init.normal_(head.table)
    dense = states[:, 0] @ head.table[:, :4].T + head.table[:, 4]  # (5, 6)
    actions = torch.randint(1, 6, (5, 3))
    torch.testing.assert_close(head.of(states, actions), dense.gather(1, actions))
    some = torch.tensor([4, 2])
    torch.testing.assert_close(head.of_shared(states, some), dense[:, some])


def test_of_several_states_the_one_counts_that_says_most() -> None:
    head, states = QHead(6, 4, 0.5), torch.randn(5, 3, 4)
    torch.nn.init.normal_(head.table)
    dense = (states @ head.table[:, :4].T).amax(dim=1) + head.table[:, 4]
    torch.testing.assert_close(head.of_shared(states, torch.arange(6)), dense)


def test_the_bias_begins_at_zero_and_the_weights_do_not() -> None:
    head = QHead(500, 3, 0.5)
    assert (head.table[:, -1] == 0).all()
    assert head.table[:, :-1].std().item() == pytest.approx(0.5, rel=0.1)


def test_the_target_values_what_the_main_network_prefers() -> None:
    main, target = (Critic(ONE_STATE, head_of(*v)) for v in ((0, 5, 1), (10, 20, 30)))
    assert best_values(main, target, torch.arange(1, 4)).tolist() == [20]
    assert best_values(main, target, torch.tensor([1, 3])).tolist() == [30], "among these alone"


def test_nothing_is_earned_behind_an_end_and_nothing_is_known_behind_a_cut() -> None:
    there = torch.tensor([[True, True, True], [True, True, False]])
    ends = torch.tensor([[False, True, False], [False, True, False]])
    reward = torch.tensor([[1.0, 2, 3], [4, 5, 0]])
    value = torch.tensor([[7.0, 10, 20], [30, 40, 0]])
    aim, known = aims(reward, ends, there, value, 0.5)
    assert aim[known].tolist() == [1 + 0.5 * 10, 2, 4 + 0.5 * 40, 5]
    assert known.tolist() == [[True, True, False], [True, True, False]]
