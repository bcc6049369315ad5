"""What a world says could be known, in the report: shares and curves that a hand can compute."""

import json
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import yaml
from toy_results import N_USERS, toy_ranks, write_plan, write_run

from recbole_poem.benchmark.report.document import DASH
from recbole_poem.benchmark.report.oracles import Bounds
from recbole_poem.benchmark.report.writing import write_report
from recbole_poem.benchmark.worlds import read_oracle
from recbole_poem.core.errors import InputError

MINUS = "\u2212"


def oracle(knowledge: float, previous: float = 0.75, seed: int = 0) -> Dict[str, Any]:
    """Return what a world writes: taste 0.25, the previous context as given, now 0.9."""
    scores = {"taste": 0.25, "previous": previous, "now": 0.9}
    of = {name: {"NDCG@10": score, "Hit@50": score} for name, score in scores.items()}
    world = {"seed": seed, "ranking_stage": {"knowledge": knowledge, "noise": 0.3}}
    return {
        "oracle": {"test": of, "valid": of}, "requests": 30,
        "world": world,
    }  # fmt: skip


def found_by(share: float) -> Dict[str, np.ndarray]:
    """Return ranks of which a share is 1, and the others are beyond every list: NDCG = share."""
    rank = np.where(np.arange(N_USERS) < share * N_USERS, 1, 60).astype(np.int32)
    return {**toy_ranks(0.0, 0), "rank_masked": rank, "rank_recbole": rank}


def write_world(folder: Path, dataset: str, shares: Dict[str, float], said: Dict[str, Any]) -> None:
    for row, share in shares.items():
        model = "Upstream" if row == "Upstream" else "POEM"
        write_run(folder, row, model, 0, found_by(share), dataset, oracle=said)


def write_worlds(folder: Path, said: List[Dict[str, Any]]) -> str:
    """Write two worlds: the cache is worth a half in the one, nothing in the other."""
    rows = {"POEM": "POEM", "no cache": "POEM", "Upstream": "Upstream"}
    variants = {"no cache": "POEM"}
    write_plan(folder, rows, ("blind", "knows"), variants)
    write_world(folder, "blind", {"POEM": 0.2, "no cache": 0.2, "Upstream": 0.05}, said[0])
    write_world(folder, "knows", {"POEM": 0.5, "no cache": 0.25, "Upstream": 0.8}, said[1])
    report = write_report(folder)
    text = (folder / "report.md").read_text()
    assert ("gains over" in report.in_short) == ("What is gained over" in text)
    return text


def line(text: str, begin: str) -> List[str]:
    """Return the cells of the first line that begins so."""
    (found, *_) = (each for each in text.splitlines() if each.startswith(f"| {begin} |"))
    return [cell.strip().replace("\u00a0", " ") for cell in found.strip("|").split("|")]


def test_a_share_is_the_place_between_two_oracles(tmp_path: Path) -> None:
    text = write_worlds(tmp_path, [oracle(0.0), oracle(1.0)])
    shares = text.partition("\n## knows")[2].partition("Share of what could be known")[2]
    # (0.5 - 0.25) / (0.75 - 0.25), (0.25 - 0.25) / 0.5, (0.8 - 0.25) / 0.5
    assert line(shares, "POEM ᴾ")[1:3] == ["0.5000", "50.0 %"]
    assert line(shares, "no cache ᴾ")[1:3] == ["0.2500", "0.0 %"]
    assert line(shares, "Upstream ᴾ")[1:3] == ["0.8000", "110.0 %"]
    previous = "**oracle previous** knows the context of the request before as well"
    assert line(shares, previous)[1:] == ["0.7500", "100.0 %", DASH, "0.7500", "100.0 %", DASH]
    table = shares.partition("| ---")[2].partition("\n\n")[0].splitlines()[1:]
    first = ["**oracle now**", "Upstream", "**oracle previous**", "POEM", "no cache"]
    assert [row.startswith(f"| {name}") for row, name in zip(table, first)] == [True] * 5
    assert line(text.partition("\n## blind")[2], "Upstream ᴾ")  # there as well
    interval = line(shares, "POEM ᴾ")[3].split(" to ")
    low, high = (float(bound.removesuffix(" %").replace(MINUS, "-")) for bound in interval)
    assert low < 50 < high and high - low == pytest.approx(36, abs=3)  # 2 * 1.96 * 2 * 0.0456


def test_who_passes_an_oracle_is_said(tmp_path: Path) -> None:
    text = write_worlds(tmp_path, [oracle(0.0), oracle(1.0)])
    words = "Upstream passed the oracle of the previous context in NDCG@10 (0.7500)."
    assert text.count(words) == 1
    assert "POEM passed" not in text


def test_the_curve_is_what_a_row_gains_over_its_variant(tmp_path: Path) -> None:
    text = write_worlds(tmp_path, [oracle(0.0), oracle(1.0)])
    curve = text.partition("## What is gained over ranking_stage.knowledge")[2]
    assert line(curve, "0")[1:7] == [
        "blind", "0.2500", "0.7500", "+0.0000", "+0.0 %", "+0.0000 to +0.0000",
    ]  # fmt: skip
    assert line(curve, "1")[1:6] == ["knows", "0.2500", "0.7500", "+0.2500", "+50.0 %"]
    low, high = map(float, line(curve, "1")[6].split(" to "))
    # of 120 users a quarter gain 1: two standard errors of sqrt(3/16/120) to each side
    assert (low, high) == (pytest.approx(0.175, abs=0.01), pytest.approx(0.325, abs=0.01))
    said = text.split("\n\n")[1]
    assert said.startswith("**POEM gains over no cache in NDCG@10: +0.2500 (+0.1")
    assert said.endswith("where ranking_stage.knowledge is 0.**")


@pytest.mark.parametrize("second", [oracle(1.0, seed=1), oracle(0.0, previous=0.7)])
def test_worlds_that_differ_in_no_one_dial_have_no_curve(
    tmp_path: Path, second: Dict[str, Any]
) -> None:
    text = write_worlds(tmp_path, [oracle(0.0), second])
    assert "What is gained over" not in text and "Share of what could be known" in text


def test_the_lines_of_the_oracles_are_drawn(tmp_path: Path) -> None:
    write_worlds(tmp_path, [oracle(0.0), oracle(1.0)])
    page = (tmp_path / "report.html").read_text()
    assert page.count('"oracle previous"') == 2 * 2  # of each world: the contest, and variants
    assert '"reachable: oracles, previous \\u2212 taste"' in page


def test_no_world_no_shares(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM"})
    write_run(tmp_path, "POEM", "POEM", 0, found_by(0.5))
    write_report(tmp_path)
    assert "could be known" not in (tmp_path / "report.md").read_text()


def test_runs_of_two_worlds_are_no_row(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM"})
    write_run(tmp_path, "POEM", "POEM", 0, found_by(0.5), oracle=oracle(0.0))
    write_run(tmp_path, "POEM", "POEM", 1, found_by(0.5), oracle=oracle(1.0))
    with pytest.raises(InputError, match="their data set is not of the same world"):
        write_report(tmp_path)


def test_a_row_is_listed_where_it_is_run(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM", "SASRec": "SASRec"}, ("blind", "knows"))
    plan = yaml.safe_load((tmp_path / "plan.yaml").read_text())
    plan["rows"][1]["datasets"] = ["knows"]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    for dataset in ("blind", "knows"):
        write_run(tmp_path, "POEM", "POEM", 0, found_by(0.5), dataset)
    write_report(tmp_path)
    blind, knows = (tmp_path / "report.md").read_text().split("\n## knows")
    assert "| SASRec |" in knows and "| SASRec |" not in blind


@pytest.mark.parametrize("previous", [0.25, 0.2])
def test_a_context_that_helps_nobody_leaves_no_share(tmp_path: Path, previous: float) -> None:
    scores = {"taste": {"NDCG@10": 0.25}, "previous": {"NDCG@10": previous}}
    assert np.isnan(Bounds(scores, {}).share(0.5, "NDCG@10"))
    text = write_worlds(tmp_path, [oracle(0.0, previous), oracle(0.0, previous)])
    shares = text.partition("\n## knows")[2].partition("Share of what could be known")[2]
    assert line(shares, "POEM ᴾ")[1:4] == ["0.5000", DASH, DASH]
    assert "In NDCG@10 and HR@50 the oracle of the previous context is not better" in shares


def test_the_file_of_a_world_is_read(tmp_path: Path) -> None:
    assert read_oracle(tmp_path) is None
    path = tmp_path / "oracle.json"
    path.write_text(json.dumps({**oracle(1.0), "more": 1}))
    assert read_oracle(tmp_path) == oracle(1.0)
    path.write_text("{}")
    with pytest.raises(InputError, match=r"oracle.json: damaged or of a former version"):
        read_oracle(tmp_path)
