"""The key ``objectives``: its defaults, and what is refused by name."""

import pytest
from recbole_poem.retrieval.objectives import Objective, parse_objectives

from recbole_poem.core.errors import InputError


def test_defaults_of_every_similarity():
    parsed = parse_objectives(
        {"a": None, "b": {"similarity": "transition"}, 3: {"similarity": "session"}}
    )
    shrinkage, steps = {"shrinkage": 10.0}, {"discount": 0.9, "within": None}
    assert parsed == [
        Objective("a", "cosine", {}, shrinkage, None, 10, 0.9),
        Objective("b", "transition", {**steps, "steps": 1}, shrinkage, None, 10, 0.9),
        Objective(
            "3", "session", {**steps, "steps": 30, "discount": 1.0}, shrinkage, None, 10, 0.9
        ),
    ]


def test_what_is_given_is_taken_and_the_order_kept():
    given = {
        "liked": {"feedback": {"rating": "[4,inf)"}, "history": 3, "decay": 1, "shrinkage": 0},
        "soon": {"similarity": "transition", "steps": 5, "discount": 0.5, "within": 600},
    }
    assert parse_objectives(given) == [
        Objective("liked", "cosine", {}, {"shrinkage": 0}, {"rating": "[4,inf)"}, 3, 1.0),
        Objective(
            "soon",
            "transition",
            {"steps": 5, "discount": 0.5, "within": 600},
            {"shrinkage": 10.0},
            None,
            10,
            0.9,
        ),
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"similarity": "jaccard"},
            "^objectives.x.similarity: .*'jaccard'.*cosine, ease, session, tran",
        ),
        ({"similarity": ["cosine"]}, "^objectives.x.similarity: there is no similarity"),
        ({"histroy": 3}, "^objectives.x: unknown setting 'histroy'; did you mean 'history'"),
        ({"steps": 3}, "^objectives.x: unknown setting 'steps'; known are feedback, history"),
        ({7: 3}, "^objectives.x: unknown setting '7'"),
        ({"history": 0}, "^objectives.x.history: expected a whole number from 1, not 0"),
        ({"history": 2.5}, "^objectives.x.history: .* not 2.5"),
        ({"history": True}, "^objectives.x.history: .* not True"),
        ({"decay": 0}, r"^objectives.x.decay: expected a number in \(0, 1\], not 0"),
        ({"decay": 1.1}, "^objectives.x.decay: .* not 1.1"),
        ({"decay": "1e-1"}, "^objectives.x.decay: .* not '1e-1'"),
        ({"decay": float("nan")}, "^objectives.x.decay: .* not nan"),
        ({"shrinkage": -1}, "^objectives.x.shrinkage: expected a number from 0, not -1"),
        ({"shrinkage": None}, "^objectives.x.shrinkage: .* not None"),
        ({"similarity": "session", "steps": 0}, "^objectives.x.steps: .* from 1, not 0"),
        ({"similarity": "session", "discount": -0.5}, "^objectives.x.discount: .* not -0.5"),
        ({"similarity": "session", "within": "1h"}, "^objectives.x.within: .* not '1h'"),
        ([1], r"^objectives.x: expected a mapping, not \[1\]"),
        (0, "^objectives.x: expected a mapping, not 0"),
    ],
)
def test_what_is_wrong_is_named(settings, words):
    with pytest.raises(InputError, match=words):
        parse_objectives({"fine": {}, "x": settings})


@pytest.mark.parametrize("config", [None, {}, [], "cosine"])
def test_there_must_be_objectives(config):
    with pytest.raises(InputError, match=r"^objectives: expected a mapping from a name"):
        parse_objectives(config)
