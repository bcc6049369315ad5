"""The trends of the items, as a part of what scores them."""

import torch
from torch.nn.init import constant_

from recbole_poem.model.scoring import all_logits, of_state
from recbole_poem.model.trend import Trend, scored_by


def test_every_window_adds_its_trend_of_the_step_by_its_own_weight() -> None:
    torch.manual_seed(0)
    logit, embedding, states = torch.randn(2, 4, 5), torch.randn(5, 3), torch.randn(3, 3)
    logit[:, 0] = 0  # before the first step
    trend, asked = Trend(logit), of_state(states, torch.tensor([0, 3, 2]))
    plain = all_logits(asked, scored_by(embedding, None))
    assert torch.equal(all_logits(asked, scored_by(embedding, trend)), plain)  # from zero
    constant_(trend.weight[:1].detach(), -0.5)
    constant_(trend.weight[1:].detach(), 2.0)
    added = all_logits(asked, scored_by(embedding, trend)) - plain
    expected = torch.stack([-0.5 * logit[0, b] + 2 * logit[1, b] for b in (0, 3, 2)])
    torch.testing.assert_close(added, expected)


def test_at_the_last_step_the_score_is_one_product() -> None:
    torch.manual_seed(0)
    trend, embedding, states = Trend(torch.randn(2, 4, 5)), torch.randn(5, 3), torch.randn(6, 3)
    torch.nn.init.normal_(trend.weight)
    items = scored_by(embedding, trend)
    vectors, tail = items.at_the_last_step()
    product = torch.cat([states, tail.expand(6, -1)], dim=1) @ vectors.T
    torch.testing.assert_close(product, all_logits(of_state(states, torch.full((6,), 3)), items))


def test_trends_are_no_weights() -> None:
    """They are counted from the log; a checkpoint keeps what was learned."""
    assert list(Trend(torch.randn(2, 4, 5)).state_dict()) == ["weight"]
