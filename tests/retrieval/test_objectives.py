"""The key ``objectives``: its defaults, and what is refused by name."""

import pytest
from toy_components import objectives_of

from recbole_poem.core.errors import InputError
from recbole_poem.core.stage import written
from recbole_poem.core.stages import OBJECTIVES

SHARED = {"feedback": None, "history": 10, "decay": 0.9}
PAIRS = {"shrinkage": 10.0, "within": None}


def plain(given):
    return written(OBJECTIVES, objectives_of(given))


def test_defaults_of_every_similarity():
    names = ("cosine", "ease", "transition", "session")
    given = {name: {"similarity": name} for name in names}
    assert plain({**given, "bare": None, "word": "ease"}) == {
        "cosine": {"similarity": "cosine", **SHARED, "shrinkage": 10.0},
        "ease": {"similarity": "ease", **SHARED, "ridge": 500.0},
        "transition": {
            "similarity": "transition", **SHARED, **PAIRS, "steps": 1, "discount": 0.9,
        },
        "session": {"similarity": "session", **SHARED, **PAIRS, "steps": 30, "discount": 1.0},
        "bare": {"similarity": "cosine", **SHARED, "shrinkage": 10.0},
        "word": {"similarity": "ease", **SHARED, "ridge": 500.0},
    }  # fmt: skip


def test_what_is_given_is_taken_and_the_order_kept():
    given = {
        "liked": {"feedback": {"rating": "[4,inf)"}, "history": 3, "decay": 1, "shrinkage": 0},
        "soon": {"similarity": "transition", "steps": 5, "discount": 0.5, "within": 600},
    }
    found = plain(given)
    assert list(found) == ["liked", "soon"]
    assert found["liked"] == {"similarity": "cosine", **given["liked"]}
    assert found["soon"] == {**SHARED, "shrinkage": 10.0, **given["soon"]}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"similarity": "jaccard"}, "^objectives.x: .*'jaccard'; known are cosine, ease, session"),
        ({"similarity": ["cosine"]}, "^objectives.x: there is no"),
        ({"histroy": 3}, "^objectives.x.histroy: there is no such setting; .* is 'history'"),
        ({"steps": 3}, "^objectives.x.steps: there is no such setting; known are decay, feedback"),
        ({7: 3}, "^objectives.x: expected a mapping from names .*, not {7: 3}"),
        ({"history": 0}, "^objectives.x.history: expected a whole number from 1, not 0"),
        ({"history": 2.5}, "^objectives.x.history: .* not 2.5"),
        ({"history": True}, "^objectives.x.history: .* not True"),
        ({"decay": 0}, "^objectives.x.decay: expected a number above 0, up to 1, not 0"),
        ({"decay": 1.1}, "^objectives.x.decay: .* not 1.1"),
        ({"decay": "1e-1"}, "^objectives.x.decay: .* not '1e-1'"),
        ({"decay": float("nan")}, "^objectives.x.decay: .* not nan"),
        ({"feedback": "[4,inf)"}, "^objectives.x.feedback: expected a mapping .*, or ~ for all"),
        ({"shrinkage": -1}, "^objectives.x.shrinkage: expected a number from 0, not -1"),
        ({"shrinkage": None}, "^objectives.x.shrinkage: .* not None"),
        ({"similarity": "ease", "ridge": 0}, "^objectives.x.ridge: .* above 0, not 0"),
        ({"similarity": "session", "steps": 0}, "^objectives.x.steps: .* from 1, not 0"),
        ({"similarity": "session", "discount": -0.5}, "^objectives.x.discount: .* not -0.5"),
        ({"similarity": "session", "within": "1h"}, "^objectives.x.within: .* not '1h'"),
        ([1], r"^objectives.x: expected a mapping from names .*, not \[1\]"),
        (3, "^objectives.x: expected a mapping from names .*, not 3"),
    ],
)
def test_what_is_wrong_is_named(settings, words):
    with pytest.raises(InputError, match=words):
        objectives_of({"fine": {}, "x": settings})


@pytest.mark.parametrize("given", [["cosine"], "cosine", 3])
def test_what_is_no_mapping_is_refused(given):
    with pytest.raises(InputError, match=r"^objectives: expected a mapping from names of your own"):
        objectives_of(given)
