"""The trends of the items, as a part of what scores them."""

import torch
from torch.nn.init import constant_

from recbole_poem.logits.popularity_trend import Trend, scored_by
from recbole_poem.logits.scoring import all_logits, of_state


def test_every_window_adds_its_trend_of_the_step_by_its_own_weight() -> None:
    torch.manual_seed(0)
    logit, embedding, states = torch.randn(2, 4, 5), torch.randn(5, 3), torch.randn(3, 3)
    logit[:, 0] = 0  # before the first step
    trend, asked = Trend(logit), of_state(states.unsqueeze(1), torch.tensor([[0], [3], [2]]))
    plain = all_logits(asked, scored_by(embedding, None))
    assert torch.equal(all_logits(asked, scored_by(embedding, trend)), plain)  # from zero
    constant_(trend.weight[:1].detach(), -0.5)
    constant_(trend.weight[1:].detach(), 2.0)
    added = all_logits(asked, scored_by(embedding, trend)) - plain
    expected = torch.stack([-0.5 * logit[0, b] + 2 * logit[1, b] for b in (0, 3, 2)])
    torch.testing.assert_close(added, expected)


def test_evaluation_alone_knows_the_hours() -> None:
    torch.manual_seed(0)
    logit, hours, embedding, states = (
        torch.randn(n) for n in ((2, 4, 5), (1, 25, 5), (5, 3), (6, 3))
    )
    trend = Trend(logit, [0.5, 0.25], hours, [0.4])
    learns, asks = torch.randint(0, 4, (6, 1)), torch.randint(0, 25, (6, 1))
    in_training = all_logits(of_state(states.unsqueeze(1), learns), scored_by(embedding, trend))
    torch.testing.assert_close(in_training, states @ embedding.T)  # weights from zero
    trend.eval()
    asked = of_state(states.unsqueeze(1), torch.cat([learns, asks], dim=1))
    lately = torch.einsum("p,pbi->bi", torch.tensor([0.5, 0.25]), logit[:, learns[:, 0]])
    expected = states @ embedding.T + lately + 0.4 * hours[0, asks[:, 0]]
    torch.testing.assert_close(all_logits(asked, scored_by(embedding, trend)), expected)


def test_from_now_on_are_the_last_step_and_all_hours() -> None:
    torch.manual_seed(0)
    trend = Trend(torch.randn(2, 4, 5), None, torch.randn(2, 25, 5), [0.4, 0.1]).eval()
    assert scored_by(torch.randn(5, 3), trend).from_now_on().shape == (5, 3 + 2 + 2 * 24)
    assert scored_by(torch.randn(5, 3), None).from_now_on().shape == (5, 3)


def test_trends_are_no_weights() -> None:
    """They are counted from the log; a checkpoint keeps what was learned."""
    trend = Trend(torch.randn(2, 4, 5), [1.0, 2.0], torch.randn(1, 25, 5), [0.4])
    assert list(trend.state_dict()) == ["weight"]
