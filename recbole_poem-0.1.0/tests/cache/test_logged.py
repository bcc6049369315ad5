"""Logged rankings: which one a request gets, and the words for a file that is wrong."""

import json
import logging

import numpy as np
import pytest
from toy_caches import cache_of
from toy_logs import log_of

from recbole_poem.cache.opening import open_or_build
from recbole_poem.cache.reading import read_rankings
from recbole_poem.cache.sources.logged import LoggedRanker
from recbole_poem.core.atomic import Format
from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.cascade_stages import STAGES

USERS = {"[PAD]": 0, "ann": 1, "bob": 2, "cy": 3}
ITEMS = {"[PAD]": 0, **{name: i for i, name in enumerate("abcdefgh", start=1)}}
HEADER = "user_id:token\ttimestamp:float\titem_id:token\tclick:float\tlike:float"
LOG = log_of(
    [[1, 2, 3, 4], [5, 6, 7], [8, 1]],
    n_items=9,
    times=[*(5, 10, 15, 30), *(9, 10, 99), *(1, 99)],
)
FOUR_LINES = [
    "ann\t10\ta\t0.9\t0.1",
    "ann\t10\tb\t0.5\t0.2",
    "bob\t10\tc\t0.1\t0.7",
    "bob\t10\td\t0.2\t0.6",
]


def ranker_of(path, lines, header=HEADER, log=LOG, n_candidates=3, **changes):
    path.write_text("\n".join([header, *lines]) + "\n")
    return open_file(path, log=log, n_candidates=n_candidates, **changes)


def open_file(
    path,
    log=LOG,
    n_candidates=3,
    weights=None,
    kappa=0,
    power=1,
    users=USERS,
    items=ITEMS,
    objectives=None,
    time_unit="s",
):
    block = {"name": "reciprocal_rank", "weights": weights, "kappa": kappa, "power": power}
    fusion = SCORE_FUSIONS.choose(block, "score_fusion")
    return LoggedRanker(
        path,
        log,
        users,
        items,
        ("user_id", "timestamp", "item_id"),
        Format(types={"user_id": "token", "item_id": "token", "timestamp": "float"}),
        n_candidates,
        fusion.make,
        objectives,
        time_unit,
    )


@pytest.fixture
def cand(tmp_path):
    return tmp_path / "toy.cand"


def all_rankings(ranker):
    """Return the rankings that are read, by number."""
    return ranker.rank(np.arange(ranker.numbers().max() + 1))


def everything(ranker, log=LOG):
    """Return what each row of the log has of its own ranking, best first, and the scores of that.

    An item that the user consumed from the list is none any more.
    """
    items, scores, _ = all_rankings(ranker)
    cache = cache_of(log, items, scores, ranker.numbers(), ranker.objectives)
    own = read_rankings(cache, log, np.arange(len(log)), lag=0)
    there = own.items > 0
    return (
        [row[kept].tolist() for row, kept in zip(own.items, there)],
        [row[kept].tolist() for row, kept in zip(own.scores, there)],
    )


# -- which ranking ---------------------------------------------------------------------------------


def test_a_request_gets_the_latest_ranking_not_after_its_time(cand):
    ranker = ranker_of(
        cand,
        [
            "bob\t10\te\t0.3\t0.3",
            "ann\t20\td\t0.1\t0.4",
            "ann\t10\ta\t0.9\t0.9",
            "ann\t20\tb\t0.8\t0.5",
            "ann\t10\tc\t0.7\t0.5",
        ],
    )
    items, scores = everything(ranker)
    a, b, c, d, e = (ITEMS[name] for name in "abcde")
    assert ranker.objectives == ("click", "like")
    assert items == [
        *([], [a, c], [a, c], [b, d]),  # ann, at 5, 10, 15 and 30
        *([], [e], [e]),  # bob, at 9, 10 and 99
        *([], []),  # cy has no ranking, bob's is not cy's
    ]
    np.testing.assert_allclose(scores[1], [[0.9, 0.9], [0.7, 0.5]])
    np.testing.assert_allclose(scores[3], [[0.8, 0.5], [0.1, 0.4]])
    assert ranker.numbers().tolist() == [-1, 0, 0, 1, -1, 2, 2, -1, -1]
    assert [(row > 0).sum() for row in all_rankings(ranker).items] == [2, 2, 1]


def test_a_ranking_that_no_row_has_is_none_of_the_cache(cand):
    # ann's list of 20 comes before her row at 30, that of 10 before those at 10 and 15
    lines = [f"ann\t{time}\ta\t1\t1" for time in (6, 7, 10, 20, 31)]
    ranker = ranker_of(cand, lines)
    assert ranker.numbers()[:4].tolist() == [-1, 0, 0, 1]
    assert len(all_rankings(ranker).items) == 2


def test_what_was_consumed_from_a_list_leaves_it(cand):
    # ann consumes b at 10, c at 15 and d at 30; the list of 10 is what she looks at until the end
    lines = [f"ann\t10\t{name}\t{9 - k}\t0" for k, name in enumerate("abcd")]
    ranker = ranker_of(cand, lines, n_candidates=4)
    a, b, c, d = (ITEMS[name] for name in "abcd")
    # a was consumed before the list was made, and stands on it all the same
    assert everything(ranker)[0][:4] == [[], [a, b, c, d], [a, c, d], [a, d]]


def test_rows_of_one_ranking_are_one_request_and_read_the_ranking_before(cand, tmp_path):
    # ann's rows at 5, 10, 15, 30: none, then two from the list of 10, then one from that of 20
    ranker = ranker_of(
        cand,
        [
            f"ann\t{t}\t{name}\t{k}\t0"
            for t, names in ((10, "bcef"), (20, "gh"))
            for k, name in enumerate(reversed(names))
        ],
        n_candidates=4,
    )
    cache = open_or_build(tmp_path / "cache", LOG, ranker)
    assert cache.request_start[:4].tolist() == [0, 1, 1, 3]
    assert cache.n_candidates == 6  # each list is kept once
    b, c, e, f, g, h = (ITEMS[name] for name in "bcefgh")
    own = read_rankings(cache, LOG, np.arange(4), lag=0).items
    before = read_rankings(cache, LOG, np.arange(4), lag=1).items
    assert own.tolist() == [[0] * 4, [b, c, e, f], [0, c, e, f], [g, h, 0, 0]]
    # the request of 10 and 15 reads what was shown before 10: nothing; b and c left the list of 10
    assert before[:3].tolist() == [[0] * 4] * 3
    assert sorted(before[3].tolist()) == [0, 0, e, f]


@pytest.mark.parametrize("seed", range(5))
def test_rankings_equal_a_loop_over_the_lines(cand, seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, 20)
    log = log_of(
        [rng.integers(1, 9, n) for n in lengths],
        n_items=9,
        times=np.concatenate([np.sort(rng.integers(0, 12, n)) for n in lengths]),
    )
    users = {f"u{u}": u for u in range(1, 21)}
    rankings = {
        (u, t): dict(zip(rng.permutation(8) + 1, rng.permutation(80)))
        for u in range(1, 21)
        for t in np.flatnonzero(rng.random(12) < 0.2)
    }
    for ranking in rankings.values():  # of different lengths
        for item in list(ranking)[rng.integers(1, 9) :]:
            del ranking[item]
    tokens = {i: name for name, i in ITEMS.items()}
    lines = [
        f"u{u}\t{t}\t{tokens[item]}\t{score}"
        for (u, t), ranking in rankings.items()
        for item, score in ranking.items()
    ]
    rng.shuffle(lines)
    header = HEADER.rpartition("\t")[0]
    ranker = ranker_of(cand, lines, header, log, n_candidates=4, users=users)

    items, scores = everything(ranker, log)

    assert len(rankings) > 20
    for request in range(len(log)):
        times = [t for u, t in rankings if u == log.user[request] and t <= log.time[request]]
        ranking = dict(rankings[log.user[request], max(times)]) if times else {}
        best = sorted(ranking, key=lambda item, of=ranking: -of[item])[:4]
        since = [
            r for r in range(log.first[request], request) if times and log.time[r] >= max(times)
        ]
        best = [item for item in best if item not in log.item[since]]
        assert items[request] == best
        assert scores[request] == [[ranking[item]] for item in best]


def test_of_a_longer_ranking_the_best_by_fused_score_are_kept(cand):
    # ranks by click: a 1, b 2, c 3, d 4; by like: d 1, c 2, b 3, a 4
    lines = [f"ann\t1\t{name}\t{4 - k}\t{k}" for k, name in enumerate("abcd")]
    for weights, expected in (([0.9, 0.1], "ab"), ([0.1, 0.9], "dc"), ([0.6, 0.4], "ad")):
        ranker = ranker_of(cand, lines, n_candidates=2, weights=weights)
        items, scores, _ = ranker.rank(np.array([0]))
        assert items[0].tolist() == [ITEMS[name] for name in expected]
        assert scores[0].tolist() == [[4 - "abcd".index(x), "abcd".index(x)] for x in expected]


def test_kappa_and_power_decide_too(cand):
    # a: ranks 1 and 4; b: ranks 2 and 2. By 1/rank a is better, by (60 + rank)^-5 b is.
    lines = ["ann\t1\ta\t9\t1", "ann\t1\tb\t8\t8", "ann\t1\tc\t7\t9", "ann\t1\td\t6\t7"]
    ranked = {
        setting: ranker_of(
            cand, lines, n_candidates=4, weights=[0.6, 0.4], kappa=setting[0], power=setting[1]
        ).rank(np.array([0]))[0]
        for setting in ((0, 1), (60, 5))
    }
    order = {setting: items[0].tolist() for setting, items in ranked.items()}
    a, b = ITEMS["a"], ITEMS["b"]
    assert order[0, 1].index(a) < order[0, 1].index(b)
    assert order[60, 5].index(b) < order[60, 5].index(a)


def test_ties_fall_to_the_lower_item_in_whatever_pieces_the_log_is_ranked(cand):
    users = {f"u{u}": u for u in range(1, 41)}
    items = {f"i{i}": i for i in range(1, 61)}
    log = log_of([[1, 2]] * 40, n_items=61)
    rng = np.random.default_rng(0)
    lines = [
        f"u{u}\t0\ti{i}\t{rng.integers(0, 2)}\t0"
        for u in range(1, 41)
        for i in rng.permutation(60)[: 1 + u] + 1
    ]
    ranker = ranker_of(cand, lines, log=log, n_candidates=20, users=users, items=items)
    together, scores, _ = all_rankings(ranker)
    apart = np.concatenate([ranker.rank(np.array([r]))[0] for r in range(len(together))])
    np.testing.assert_array_equal(together, apart)
    for row, click in zip(together, scores[..., 0]):
        found = [(-s, item) for s, item in zip(click[row > 0], row[row > 0])]
        assert found == sorted(found)


def test_unknown_users_and_items_are_dropped_and_counted(cand, caplog):
    lines = [*FOUR_LINES, "dora\t10\ta\t1\t1", "ann\t10\tzebra\t1\t1", "dora\t1\tzebra\t1\t1"]
    items, _ = everything(ranker_of(cand, lines))
    assert items[1] == [ITEMS["a"], ITEMS["b"]]
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert [line.split(maxsplit=3) for line in record.message.split("\n")[1:]] == [
        ["toy.cand", "7", "4", "2 have a user whom the log does not have"],
        ["1", "have", "an", "item that the log does not have"],
    ]


def test_an_item_that_the_log_writes_in_another_way_is_named(cand, caplog):
    lines = ["ann\t10\t5.0\t1\t1", "ann\t10\t6\t1\t1"]
    ranker_of(cand, lines, items={"[PAD]": 0, "5": 1, "6": 2})
    assert (
        "toy.cand, item_id: '5' and '5.0' both occur and count as two (1 such pairs)" in caplog.text
    )
    assert "1 have an item that the log does not have" in caplog.text


def test_a_file_without_unknown_tokens_says_how_many_rows_it_has(cand, caplog):
    with caplog.at_level(logging.INFO):
        ranker_of(cand, FOUR_LINES)
    said, record = caplog.records
    assert record.levelno == logging.INFO
    assert record.message.split("\n")[1].split() == ["toy.cand", "4", "4", "0"]
    assert said.message == (
        f"logged: {cand}: 2 rankings of 4 candidates, from 1970-01-01 00:00:10 to "
        "1970-01-01 00:00:10, by 2 objectives (click, like); 2 of the rankings are read"
    )


def test_columns_that_are_no_objectives_are_named(cand, caplog):
    header = HEADER + "\tpage:token"
    assert ranker_of(cand, ["ann\t1\ta\t1\t1\tx"], header).objectives == ("click", "like")
    assert f"{cand}: no objective is made of page (token)" in caplog.text


def test_stages_are_counted_and_are_no_objectives(cand, caplog):
    header = HEADER + "\tstage:token"
    of_lines = ["rank_rest", "shown", "shown", "coarse_rest"]
    with caplog.at_level(logging.INFO):
        ranker = ranker_of(cand, [f"{a}\t{b}" for a, b in zip(FOUR_LINES, of_lines)], header)
    assert ranker.objectives == ("click", "like")
    items, _, stages = all_rankings(ranker)
    said = [("0abcd"[item], STAGES[stage]) for item, stage in zip(items.flat, stages.flat) if item]
    assert sorted(said) == list(zip("abcd", of_lines))
    without = ranker_of(cand, FOUR_LINES)
    assert all_rankings(without).stages is None
    assert without.depends_on() != ranker.depends_on()
    words = "candidates by stage, best first: shown 2, rank_rest 1, coarse_rest 1"
    assert caplog.records[0].message == f"{cand}: {words}"
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("ranked", "line 3: the stage 'ranked' is none of shown, rerank_top, rank_top, "),
        ("", "line 3: column 'stage' has no token"),
    ],
)
def test_a_stage_that_is_none_is_refused_with_its_line(cand, stage, words):
    lines = [f"{FOUR_LINES[0]}\tshown", f"{FOUR_LINES[1]}\t{stage}"]
    with pytest.raises(InputError, match=f"^{cand}: {words}"):
        ranker_of(cand, lines, HEADER + "\tstage:token")


def test_the_objectives_that_are_asked_for_are_read_in_their_order(cand, caplog):
    header = HEADER + "\tbuy:float"
    lines = [f"{line}\t{number}" for number, line in enumerate(FOUR_LINES)]
    ranker = ranker_of(cand, lines, header, objectives=["buy", "click"])
    assert ranker.objectives == ("buy", "click")
    assert ranker.rank(np.array([0]))[1][0, 0].tolist() in ([1, 0.5], [0, np.float32(0.9)])
    assert "no objective is made of like (float)" in caplog.text
    words = r"^ranking_source\.columns: 'share' is no column in .*toy\.cand, .* are click, like$"
    with pytest.raises(InputError, match=words):
        ranker_of(cand, FOUR_LINES, objectives=["click", "share"])
    words = r"^ranking_source\.columns: 'like' is declared as token in .*, whose .* are click$"
    with pytest.raises(InputError, match=words):
        ranker_of(cand, FOUR_LINES, HEADER.replace("like:float", "like:token"), objectives=["like"])


def test_the_cache_depends_on_the_content_and_the_settings_but_not_on_the_order_of_lines(cand):
    def settings(lines=FOUR_LINES, header=HEADER, **changes):
        return json.dumps(ranker_of(cand, lines, header, **changes).depends_on(), sort_keys=True)

    as_it_is = settings()
    assert settings(FOUR_LINES[::-1]) == as_it_is
    others = [
        settings([line.replace("0.9", "0.8") for line in FOUR_LINES]),
        settings([line.replace("ann\t10", "ann\t11") for line in FOUR_LINES]),
        settings([line.replace("\td\t", "\te\t") for line in FOUR_LINES]),
        settings([line.replace("bob", "cy") for line in FOUR_LINES]),
        settings(FOUR_LINES[:3]),
        settings(header=HEADER.replace("like", "share")),
        settings(n_candidates=2),
        settings(weights=[0.4, 0.6]),
        settings(kappa=1),
        settings(power=2),
    ]
    assert len({as_it_is, *others}) == 1 + len(others)


# -- what is wrong ---------------------------------------------------------------------------------


def refused(path, words, *text, **changes):
    """Assert that the file is refused by a sentence that names it."""
    with pytest.raises(InputError) as caught:
        ranker_of(path, *text, **changes)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert words in message


def test_missing_file(tmp_path):
    with pytest.raises(
        InputError, match=r"nowhere\.cand: the ranking source 'logged' needs this file"
    ):
        open_file(tmp_path / "nowhere.cand")


def test_it_is_read_by_the_rules_of_all_atomic_files(cand):
    cand.write_text("")
    with pytest.raises(InputError, match=r"toy\.cand: the file is empty"):
        open_file(cand)
    items = {'"a': 1, "NA": 2}
    lines = ['ann\t10\t"a\t0.9\t0.1', "ann\t10\tNA\t0.5\t0.2"]
    ranker = ranker_of(cand, lines, "\ufeff" + HEADER, items=items)
    assert ranker.rank(np.array([0]))[0].tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("lines", [[], ["", ""]])
def test_header_only(cand, lines):
    refused(cand, "the file has no candidates", lines)


@pytest.mark.parametrize("field", ["user_id", "timestamp", "item_id"])
def test_missing_column(cand, field):
    header = HEADER.replace(field, "other")
    refused(cand, f"column '{field}' is missing (found: ", FOUR_LINES, header)


def test_column_without_a_type(cand):
    words = "column 'like' has no type; write like:token, or like:float for numbers"
    refused(cand, words, FOUR_LINES, HEADER.replace("like:float", "like"))


@pytest.mark.parametrize(
    ("column", "words"),
    [("like:double", "has the unknown type 'double'"), ("click:float", "'click' is there twice")],
)
def test_column_with_an_unknown_type_or_twice(cand, column, words):
    refused(cand, words, FOUR_LINES, HEADER.replace("like:float", column))


def test_no_objective(cand):
    header = HEADER.replace("click:float", "click:token").replace("like:float", "like:token")
    refused(cand, "no float column holds an objective's score", FOUR_LINES, header)


@pytest.mark.parametrize("score", ["nan", "inf", "-inf", "", "high", "1e39", "1,5"])
@pytest.mark.parametrize("blank", [0, 2])
def test_a_score_that_is_no_finite_number_is_named_by_its_line(cand, score, blank):
    lines = ["ann\t10\ta\t0.9\t0.1", *[""] * blank, "bob\t10\tb\t0.9\t" + score, *FOUR_LINES[2:]]
    text = [HEADER, *lines]
    number = 1 + next(i for i, line in enumerate(text) if line.startswith("bob\t10\tb"))
    assert number == 3 + blank
    words = {
        "nan": " has no number",
        "": " has no number",
        "high": ": 'high' is no number",
        "1,5": ": '1,5' is no number; write 1.5",
        "1e39": ": 1e+39 is beyond what single precision holds",
    }
    reason = words.get(score, f": {score} is beyond what single precision holds")
    refused(cand, f"line {number}: column 'like'{reason}", lines)


def test_a_time_that_is_no_number_is_named_by_its_line(cand):
    lines = [*FOUR_LINES, "ann\tnoon\tc\t1\t1"]
    refused(cand, "line 6: column 'timestamp': 'noon' is no number", lines)
    refused(cand, "line 6: column 'timestamp' has no number", [*FOUR_LINES, "ann\t\tc\t1\t1"])


@pytest.mark.parametrize("blank", [0, 3])
def test_a_candidate_listed_twice_is_named_by_its_second_line(cand, blank):
    lines = [*FOUR_LINES, *[""] * blank, "ann\t11\ta\t1\t1", "ann\t10\ta\t0.3\t0.3"]
    second = 7 + blank
    refused(cand, f"line {second}: the candidate is listed twice in one ranking", lines)


def test_a_line_number_counts_dropped_lines_too(cand):
    lines = ["dora\t1\ta\t1\t1", "ann\t1\tzebra\t1\t1", "ann\t1\ta\t1\t1", "ann\t1\ta\t2\t2"]
    refused(cand, "line 5: the candidate is listed twice", lines)


def test_no_known_user_or_item(cand):
    words = "none of its candidates has a user and an item of the log"
    refused(cand, words, ["dora\t1\ta\t1\t1", "ann\t1\tzebra\t1\t1"])


def test_lines_that_are_longer_than_the_header(cand):
    longer = [line + "\t1" for line in FOUR_LINES]
    refused(cand, "line 2: 6 fields, and the header has 5", longer)
    refused(cand, "line 3: 6 fields, and the header has 5", [FOUR_LINES[0], longer[1]])


@pytest.mark.parametrize(
    ("times", "unit", "hint"),
    [
        ([1_500_000_100_000, 1_500_000_200_000], "s", "one second of the log is 1,000 of the rank"),
        ([4_000_000_000, 4_000_000_001], "s", None),
        ([1_500_000_000_000_000], "s", "one second of the log is 1,000,000 of the rankings"),
    ],
)
def test_rankings_that_come_after_all_requests_are_refused(cand, times, unit, hint):
    log = log_of([[1, 2, 3]], n_items=9, times=[1.5e9, 1.5e9 + 60, 1.5e9 + 120])
    lines = [f"ann\t{time}\ta\t1\t1" for time in times]
    with pytest.raises(InputError) as caught:
        ranker_of(cand, lines, log=log, time_unit=unit)
    words = str(caught.value)
    assert words.startswith(f"{cand}: none of 3 requests has a ranking by its time; the rankings")
    assert "the log is from 2017-07-14 02:40:00 to 2017-07-14 02:42:00" in words
    assert ("so write both in the same unit" in words) == (hint is not None)
    assert hint is None or hint in words


def test_rankings_of_hardly_any_request_are_warned_of(cand, caplog):
    log = log_of([[1, 2, 3] * 10], n_items=9)
    ranker_of(cand, ["ann\t28\ta\t1\t1"], log=log)
    assert f"{cand}: 2 of 30 requests" not in caplog.text
    log = log_of([[1, 2, 3] * 20], n_items=9)
    ranker_of(cand, ["ann\t58\ta\t1\t1"], log=log)
    assert f"{cand}: 2 of 60 requests has a ranking by its time" in caplog.text


def test_rankings_in_another_unit_are_refused_even_where_each_request_has_one(cand):
    log = log_of([[1, 2, 3]], n_items=9, times=[1.5e12, 1.5e12 + 60_000, 1.5e12 + 120_000])
    lines = ["ann\t1500000001\ta\t1\t1"]
    with pytest.raises(InputError, match=r"one second of the rankings is 1,000 of the log, so wri"):
        ranker_of(cand, lines, log=log, time_unit="ms")


def test_candidates_that_no_request_reads_are_counted(cand, caplog):
    lines = [f"ann\t{t}\t{name}\t{k}\t{k}" for t in (8, 9, 99) for k, name in enumerate("abcd")]
    ranker_of(cand, lines, n_candidates=3)
    [table] = [r.message for r in caplog.records if "rows of" in r.message]
    assert [line.split(maxsplit=3)[-1] for line in table.split("\n")[1:2]] == [
        "8 are of rankings that come last before no request"
    ]
    assert "1 are not among the best 3 (n_candidates)" in table
    assert table.split("\n")[1].split()[:3] == ["toy.cand", "12", "3"]


def test_scores_that_single_precision_makes_ties_are_told(cand, caplog):
    lines = [f"ann\t1\t{name}\t{100_000_000 + k}\t{k}" for k, name in enumerate("abc")]
    ranker_of(cand, lines)
    assert "2 scores differ from another one of their ranking by less than single" in caplog.text
    caplog.clear()
    # far apart in one ranking, and as close as that in two
    ranker_of(cand, ["ann\t1\ta\t100000000\t1", "ann\t2\tb\t100000001\t1"])
    assert "single precision" not in caplog.text
