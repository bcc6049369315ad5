"""What a report says of what rows pass on to a ranking stage."""

from pathlib import Path
from typing import Any, Dict

from test_oracles import line
from toy_results import toy_ranks, write_plan, write_run

from recbole_poem.benchmark.report.document import DASH
from recbole_poem.benchmark.report.writing import write_report

TITLE = "What the ranking stage likes best, and a retrieval passes on"


def judged(overlap: float, requests: int = 80) -> Dict[str, Any]:
    """Return what a run says; seen items make it a tenth."""
    of = {"overlap@10": 0.9, "overlap@50": overlap, "overlap@50:click": 0.25, "regret@50": 0.125}
    masked = {"requests": requests, **of}
    recbole = {"requests": requests, **{name: value / 10 for name, value in of.items()}}
    return {
        "row": "POEM",
        "masked": {"test": masked, "valid": {"requests": 0}},
        "recbole": {"test": recbole, "valid": {"requests": 0}},
    }


def written(folder: Path, stages: Dict[str, Any]) -> str:
    """Write two seeds of each row; of the second one the overlap is larger by 0.2."""
    write_plan(folder, {name: name for name in stages})
    for row, stage in stages.items():
        for seed in (0, 1):
            changed = {} if stage is None else {"ranking_stage": judged(stage + 0.2 * seed)}
            write_run(folder, row, row, seed, toy_ranks(0.5, seed), **changed)
    write_report(folder)
    return (folder / "report.md").read_text()


def test_each_row_has_its_share_and_one_without_a_dash(tmp_path: Path) -> None:
    text = written(tmp_path, {"POEM": 0.5, "SASRec": None})
    masked, recbole = (part.partition("\n\n## ")[0] for part in text.split(TITLE)[1:])
    assert "of POEM" in masked and "80 test rows" in masked
    assert line(masked, "row") == ["row", "seeds", "overlap@50", "overlap@50:click", "regret@50"]
    assert line(masked, "POEM ᴾ")[1:] == ["2", "0.6000 ± 0.1414", "0.2500 ± 0.0000",
                                          "0.1250 ± 0.0000"]  # fmt: skip
    assert line(recbole, "POEM ᴾ")[2] == "0.0600 ± 0.0141"
    assert line(masked, "SASRec ᴾ")[1:] == [DASH] * 4


def test_without_a_ranking_stage_nothing_is_said(tmp_path: Path) -> None:
    assert TITLE not in written(tmp_path, {"SASRec": None, "BPR": None})


def test_a_run_that_nobody_could_judge_is_a_dash(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM", "SASRec": "SASRec"})
    write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.5, 0), ranking_stage=judged(0.5))
    write_run(tmp_path, "SASRec", "SASRec", 0, toy_ranks(0.4, 0), ranking_stage=None)
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text().partition(TITLE)[2]
    assert line(text, "SASRec ᴾ")[1:] == [DASH] * 4
