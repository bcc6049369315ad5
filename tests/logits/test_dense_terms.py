"""The dense terms: what they add to the logits of all items, and when."""

from typing import Any, List, NamedTuple

import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.logits.added import LogitTerms
from recbole_poem.logits.scoring import Items, all_logits, of_state


class Drawn(NamedTuple):
    """Trends of two kinds at three steps."""

    logit: torch.Tensor
    now: int


def terms_of(**settings: Any) -> LogitTerms:
    generator = torch.Generator().manual_seed(0)
    trends = {
        field: Drawn(torch.randn(shape, generator=generator), now)
        for field, shape, now in (("trend_step", (2, 4, 5), 3), ("hour_step", (1, 25, 5), 1))
    }
    for each in trends.values():
        each.logit[:, 0] = 0
    chosen = LOGIT_TERMS.choose(settings, "logit_terms")
    return LogitTerms(chosen, 0, 0, trends, 5)


def added(terms: LogitTerms, **steps: List[int]) -> torch.Tensor:
    """Return what is added to the logits of requests at these steps."""
    n, batch = len(next(iter(steps.values()))), {k: torch.tensor(v) for k, v in steps.items()}
    embedding, state = torch.randn(5, 3), torch.randn(n, 3)
    asked = of_state(state.unsqueeze(1), terms.steps(batch, torch.zeros(n, dtype=torch.long)))
    return all_logits(asked, Items(embedding, terms.calendars)) - state @ embedding.T


LATELY, NOW = {"hours": [3, 24]}, {"weight": 0.4}


def test_every_window_adds_its_trend_of_the_step_by_its_own_weight() -> None:
    terms = terms_of(popularity_trend=LATELY)
    assert not added(terms, trend_step=[0, 3, 2]).any()  # weights from zero
    term: Any = terms["popularity_trend"]
    term.weight.data = torch.tensor([-0.5, 2.0])
    expected = torch.stack([-0.5 * term.logit[0, b] + 2 * term.logit[1, b] for b in (0, 3, 2)])
    torch.testing.assert_close(added(terms, trend_step=[0, 3, 2]), expected)
    assert not expected[0].any()
    terms.reset_parameters(0.02)
    assert not added(terms, trend_step=[1, 2]).any()


def test_evaluation_takes_given_weights_and_alone_knows_the_hours() -> None:
    terms = terms_of(popularity_trend={**LATELY, "weights": [0.5, 0.25]}, hour_of_day=NOW)
    assert terms.fields == ["trend_step"]
    assert not added(terms, trend_step=[1, 2]).any()
    terms.eval()
    assert terms.fields == ["trend_step", "hour_step"]
    lately, hours = (terms[name].logit for name in ("popularity_trend", "hour_of_day"))
    expected = 0.5 * lately[0, [1, 2]] + 0.25 * lately[1, [1, 2]] + 0.4 * hours[0, [24, 0]]
    torch.testing.assert_close(added(terms, trend_step=[1, 2], hour_step=[24, 0]), expected)


def test_from_now_on_are_the_steps_in_which_somebody_may_still_ask() -> None:
    terms = terms_of(popularity_trend=LATELY, hour_of_day=NOW).eval()
    items = Items(torch.randn(5, 3), terms.calendars)
    assert items.from_now_on().shape == (5, 3 + 2 * 1 + 24)


def test_trends_are_no_weights() -> None:
    """They are counted from the log; a checkpoint keeps what was learned."""
    terms = terms_of(popularity_trend={**LATELY, "weights": [1, 2]}, hour_of_day={})
    assert list(terms.state_dict()) == ["popularity_trend.weight"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hours": 3}, "x.popularity_trend.hours: expected a list of hours above 0, such as"),
        ({"hours": []}, "x.popularity_trend.hours: expected a list of hours above 0"),
        ({"hours": [0]}, "x.popularity_trend.hours: expected a list of hours above 0"),
        ({"hours": [[3, 0.6]]}, "x.popularity_trend.hours: expected a list of hours above 0"),
        ({"weights": [-1]}, "x.popularity_trend.weights: expected a list of numbers from 0, or ~"),
        (
            {"hours": [3, 24], "weights": [1]},
            "x.popularity_trend.weights: expected one for each window, 2 for hours [3, 24], not",
        ),
        ({"step": 0}, "x.popularity_trend.step: expected a number above 0"),
    ],
)
def test_windows_are_hours_and_have_a_weight_each_or_none(settings: Any, words: str) -> None:
    with pytest.raises(InputError) as error:
        LOGIT_TERMS.choose({"popularity_trend": settings}, "x")
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    "settings", [{"hours": 2}, {"hours": 25}, {"hours": 3.0}, {"days": 0}, {"weight": -1}]
)
def test_the_window_of_the_day_is_odd(settings: Any) -> None:
    (name,) = settings
    with pytest.raises(InputError, match=rf"x.hour_of_day.{name}: expected an? "):
        LOGIT_TERMS.choose({"hour_of_day": settings}, "x")
