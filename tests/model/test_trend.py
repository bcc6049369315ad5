"""The trend of an item at a step of time, as part of one dot product."""

import torch

from recbole_poem.model.trend import Trend


def test_a_dot_product_adds_the_trend_of_the_step_and_nothing_before_the_first() -> None:
    torch.manual_seed(0)
    logit, items, states = torch.randn(5, 3), torch.randn(5, 4), torch.randn(2, 2, 4)
    trend = Trend(logit)
    step = torch.tensor([[0, 1], [3, 2]])
    assert torch.equal(trend.at(step), torch.zeros(2, 2, 3))  # the weight starts at zero
    torch.nn.init.constant_(trend.weight, -0.5)
    scores = torch.cat([states, trend.at(step)], dim=-1) @ trend.beside(items).T
    added = scores - states @ items.T
    for place in ((0, 0), (0, 1), (1, 0), (1, 1)):
        s = int(step[place])
        expected = -0.5 * logit[:, s - 1] if s else torch.zeros(5)
        torch.testing.assert_close(added[place], expected)


def test_trends_are_no_weights() -> None:
    """They are counted from the log; a checkpoint keeps what was learned."""
    assert list(Trend(torch.randn(5, 3)).state_dict()) == ["weight"]
