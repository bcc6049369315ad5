"""Extras: what is no part of POEM is given to every row, and gains are stated between equals."""

import re
from pathlib import Path
from typing import Any, Dict

import pytest
import yaml
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark.extras import extras_of
from recbole_poem.benchmark.plan import as_yaml, make_plan, test_jobs
from recbole_poem.benchmark.report.writing import write_report
from recbole_poem.benchmark.results import read_plan
from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config

jobs_of = test_jobs  # under its own name pytest takes it for a test
del test_jobs

TREND = {"hours": [3, 24], "weights": [0.6, 0.8]}
EXTRAS = {"trend": {"popularity_trend": TREND}, "hour": {"hour_of_day": None}}
TERM, HOUR = "logit_terms.popularity_trend", "logit_terms.hour_of_day"


def test_each_sequential_row_is_there_without_and_once_more_with_each_extra() -> None:
    blind = {"row": "blind", "model": "POEM", "tuned_as": "POEM", "keys": {"n_layers": 1}}
    plan = make_plan(["POEM", blind, "SASRec", "BPR", "Pop", "Upstream"], ["a"], extras=EXTRAS)
    rows = {row.name: row for row in plan.rows}
    assert list(rows) == [
        *("POEM", "POEM + trend", "POEM + hour", "blind", "blind + trend", "blind + hour"),
        *("SASRec", "SASRec + trend", "SASRec + hour", "BPR", "Pop", "Upstream"),
    ]
    assert rows["SASRec"].keys == {TERM: "none", HOUR: "none"}
    assert rows["SASRec + trend"].keys == {TERM: TREND, HOUR: "none"}
    assert rows["blind + hour"].keys == {"n_layers": 1, TERM: "none", HOUR: True}
    assert rows["SASRec + trend"].tuned_as == "SASRec"
    assert rows["BPR"].keys == {}


def test_rows_with_and_without_differ_in_the_extra_alone() -> None:
    keys = {"dataset": "ml-100k", "train_neg_sample_args": None}
    plan = make_plan(["POEM", "SASRec"], ["ml-100k"], extras=EXTRAS)
    for job in jobs_of(plan, {}):
        own = keys if job.model == "SASRec" else {}
        config = Config(job.model, job.dataset, config_dict={**job.keys, **own})
        expected = {"trend": ("popularity_trend",), "hour": ("hour_of_day",)}
        extra = job.row.partition(" + ")[2]
        assert extras_of(config.final_config_dict) == expected.get(extra, ())
        if extra == "trend":
            assert config["logit_terms.popularity_trend.weights"] == [0.6, 0.8]


def test_a_row_with_an_extra_is_no_variant_of_the_one_without(tmp_path: Path) -> None:
    blind = {"row": "blind", "model": "POEM", "tuned_as": "POEM", "keys": {"n_layers": 1}}
    plan = make_plan(["POEM", blind], ["a"], extras={"trend": {"popularity_trend": TREND}})
    (tmp_path / "plan.yaml").write_text(as_yaml(plan, []))
    assert read_plan(tmp_path).variant_of == {"blind": "POEM", "blind + trend": "POEM + trend"}


@pytest.mark.parametrize(
    ("rows", "extras", "words"),
    [
        (["POEM"], {"x": 3}, "extras: x: expected a mapping of keys to values, not 3"),
        (["POEM"], {"x": {"popularity": {}}}, "extras: x: there is no 'popularity'; the nearest"),
        (["POEM"], {"x": {"repeat": {}}}, "extras: x: repeat is learned with POEM, and no other"),
        (
            [{"model": "POEM", "keys": {f"{TERM}.hours": [3]}}],
            EXTRAS,
            f"rows: 'POEM': {TERM}.hours is an extra of this plan, which every row gets; leave it",
        ),
    ],
)
def test_what_is_no_extra_is_refused(rows: Any, extras: Any, words: str) -> None:
    with pytest.raises(InputError) as error:
        make_plan(rows, ["a"], extras=extras)
    assert str(error.value).startswith(words)


SKILLS = {"POEM": 0.8, "CORE": 0.5, "POEM + trend": 1.1, "CORE + trend": 0.9}


def report(folder: Path, skills: Dict[str, float], **machines: str) -> str:
    rows = []
    for name, skill in skills.items():
        model, _, extra = name.partition(" + ")
        terms = {"repeat": {}, **({"popularity_trend": TREND} if extra else {})}
        config = {"MODEL_TYPE": "ModelType.SEQUENTIAL", "logit_terms": terms}
        machine = {"processor": machines.get(model, "toy"), "cores": 2}
        write_run(folder, name, model, 0, toy_ranks(skill, 0), config=config, machine=machine)
        rows.append({"row": name, "model": model, "tuned_as": model, "extra": extra or None})
    (folder / "plan.yaml").write_text(yaml.safe_dump({"datasets": ["toy"], "rows": rows}))
    write_report(folder)
    return (folder / "report.md").read_text()


def test_a_gain_is_stated_between_rows_with_the_same_extras(tmp_path: Path) -> None:
    text = report(tmp_path, SKILLS)
    assert "last: POEM + trend wins with NDCG@10" in text
    assert " on CORE + trend, the best baseline with popularity_trend (95 % interval +" in text
    assert re.search(r"^- POEM against the best baseline, CORE: \+", text, re.MULTILINE)
    assert "⁺ has what every row might have (POEM + trend: popularity_trend; CORE + trend" in text
    masked = text.split("\n### Seen items ranked ")[1]
    heads = re.findall(r"#### (Against the best baseline.*)", masked)
    assert heads == [
        "Against the best baseline, CORE: NDCG@10",
        "Against the best baseline with popularity_trend, CORE + trend: NDCG@10",
    ]
    for head, rows in zip(heads, (["CORE", "POEM"], ["CORE + trend", "POEM + trend"])):
        table = masked.split(f"#### {head}")[1].split("\n\n")[1]
        assert re.findall(r"^\| (\w+(?: \+ trend)?) ", table, re.MULTILINE)[1:] == rows
    assert "tested against each other where they have the same extras" in text


def test_no_gain_is_stated_of_a_row_that_alone_has_an_extra(tmp_path: Path) -> None:
    text = report(tmp_path, {name: SKILLS[name] for name in ("CORE", "POEM + trend")})
    assert re.search(
        r"no gain is stated: POEM \+ trend is first with NDCG@10 0\.\d{4}, has popularity_trend, "
        "and no baseline that has the same has finished",
        text,
    )
    assert "POEM + trend against" not in text
    told = text.split(
        "<summary>No gain is stated: rows with popularity_trend beside CORE, which has "
    )
    assert len(told) == 5  # two metrics under two protocols
    core, poem = told[1].split("\n\n")[1].splitlines()[2:4]
    assert core.startswith("| CORE ᴾ |") and poem.startswith("| POEM + trend ᴾ⁺ |")
    assert poem.endswith("| unequal extras |")


def test_unequal_machines_are_told(tmp_path: Path) -> None:
    words = "### What was unequal"
    assert words not in report(tmp_path / "a", SKILLS)
    text = report(tmp_path / "b", SKILLS, CORE="slow").split(words)[1]
    assert "| row | machine |" in text
    assert "| POEM + trend | `toy, 2 cores` |" in text and "| CORE | `slow, 2 cores` |" in text


@pytest.mark.parametrize(
    ("former", "expected"),
    [
        ({"trend_windows": [24, 72]}, ("popularity_trend",)),
        ({"trend_windows": [[3, 0.63], [3, 0.5, 14]]}, ("hour_of_day", "popularity_trend")),
        ({"trend_windows": [], "diversity_penalty": 0.02}, ("category_penalty",)),
        ({"trend_windows": None, "trend_step": 24, "diversity_penalty": 0}, ()),
    ],
)
def test_records_of_when_extras_were_flat_keys_are_read(former: Any, expected: Any) -> None:
    assert extras_of(former) == expected
