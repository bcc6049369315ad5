"""The report: its numbers, its structure, and whether a browser draws it."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest
from scipy import stats
from toy_results import NASTY, in_another_order, toy_ranks, write_plan, write_run, write_toy_results

from recbole_poem.benchmark import ranking
from recbole_poem.benchmark.gathered import read_records
from recbole_poem.benchmark.report import markdown
from recbole_poem.benchmark.report.document import DASH, Cell, Row, Table
from recbole_poem.benchmark.report.markdown import escape
from recbole_poem.benchmark.report.writing import write_report
from recbole_poem.benchmark.statistics import holm
from recbole_poem.core.errors import InputError

MINUS = "\u2212"
CHARTS = [f"chart-{n}" for n in (1, 2, 3)]  # of one data set
SKILLS = {"POEM": 0.9, "SASRec": 0.5, "Pop": -0.7, "Upstream": 0.88, NASTY: 0.45}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_toy_results(tmp_path_factory.mktemp("results") / "toy <benchmark>")
    write_report(path)
    return path


def tables(text: str) -> List[List[Dict[str, str]]]:
    """Read every table of a Markdown file as a list of rows, without bold."""
    found: List[List[Dict[str, str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = (re.split(r" (?<!\\)\| ?", f" {line[1:]}") for line in block.splitlines())
        found.append(
            [
                {k.strip(): cell.replace("**", "").strip() for k, cell in zip(head, row) if k}
                for row in rows
            ]
        )
    return found


def users(row: str, protocol: str, metric: str) -> np.ndarray:
    """Recompute the users' values, averaged over seeds, from the ranks that the toy drew."""
    ranks = (toy_ranks(SKILLS[row], seed)[f"rank_{protocol}"] for seed in (0, 1))
    return np.mean([ranking.user_values(each, metric) for each in ranks], axis=0)


def section(text: str, protocol: str) -> str:
    masked, recbole = text.split("\n### Seen items ranked ")[1:3]
    return {"masked": masked, "recbole": recbole}[protocol]


@pytest.mark.parametrize("protocol", ["masked", "recbole"])
def test_scores_are_those_of_the_stored_ranks(folder: Path, protocol: str) -> None:
    scores = tables(section((folder / "report.md").read_text(), protocol))[0]
    by_row = {row["row"]: row for row in scores}
    assert len(scores) == 7
    for name, skill in SKILLS.items():
        drawn = [toy_ranks(skill, seed) for seed in (0, 1)]
        seeds = [
            ranking.metrics(d[f"rank_{protocol}"], d[f"top_{protocol}"], d["ks"], 70, d["category"])
            for d in drawn
        ]
        shown = next(row for label, row in by_row.items() if label.startswith(escape(name)))
        for metric in seeds[0]:
            values = [seed[metric] for seed in seeds]
            expected = f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
            assert shown[metric] == expected, (name, metric)


@pytest.mark.parametrize("protocol", ["masked", "recbole"])
@pytest.mark.parametrize(("metric", "table"), [("NDCG@10", 1), ("HR@50", 2)])
def test_tests_are_those_of_the_stored_ranks(
    folder: Path, protocol: str, metric: str, table: int
) -> None:
    shown = tables(section((folder / "report.md").read_text(), protocol))[table]
    values = {row: users(row, protocol, metric) for row in SKILLS}
    reference = max(("SASRec", "Pop", NASTY), key=lambda row: values[row].mean())
    assert shown[0]["row"].startswith(escape(reference)) and shown[0]["difference"] == "reference"
    others = [row for row in SKILLS if row != reference]
    alone = [stats.ttest_rel(values[row], values[reference]).pvalue for row in others]
    alone = [1.0 if np.isnan(p) else p for p in alone]  # scipy's where no user differs
    assert len(shown) == 1 + len(others)
    for row, name, p, corrected in zip(shown[1:], others, alone, holm(np.array(alone))):
        assert row["row"].startswith(escape(name))
        assert row[metric] == f"{values[name].mean():.4f}"
        difference = values[name].mean() - values[reference].mean()
        assert float(row["difference"].replace(MINUS, "-")) == pytest.approx(difference, abs=6e-5)
        for column, expected in (("p alone", p), ("p (Holm)", corrected)):
            if row[column] == "< 0.0001":
                assert expected < 1e-4
            else:
                assert float(row[column]) == pytest.approx(expected, abs=6e-3)
        low, high = (float(x) for x in row["its 95 % interval"].replace(MINUS, "-").split(" to "))
        assert low - 1e-4 < difference < high + 1e-4
        better = "better" if difference > 0 else "worse"
        assert row["verdict"] == (better if corrected < 0.05 else "no difference shown")


def test_poem_is_tested_against_what_feeds_it(folder: Path) -> None:
    shown = tables(section((folder / "report.md").read_text(), "masked"))[3]
    assert [row["row"] for row in shown] == ["Upstream", "POEM ᴾ"]
    p = stats.ttest_rel(users("POEM", "masked", "NDCG@10"), users("Upstream", "masked", "NDCG@10"))
    assert float(shown[1]["p (Holm)"]) == pytest.approx(p.pvalue, abs=6e-3)


def test_the_best_is_bold_and_said_first(folder: Path) -> None:
    whole = (folder / "report.md").read_text()
    text = section(whole, "masked")
    mean = {row: users(row, "masked", "NDCG@10").mean() for row in SKILLS}
    best = max(mean, key=lambda row: mean[row])
    said = whole.split("\n\n")[1]
    assert said.startswith(
        f"**toy, seen items ranked last: {best} wins with NDCG@10 {mean[best]:.4f}"
    )
    difference, interval = best_against(tables(text)[1], best)
    assert f", {difference} (" in said and f"(95 % interval {interval}, p < 0.0001)" in said
    assert said.endswith("the difference is shown.**")
    assert f"| **{mean[best]:.4f}** ±" in text
    shown = [row["NDCG@10"].split(" ")[0] for row in tables(text)[0][: len(SKILLS)]]
    assert shown == sorted(shown, reverse=True)
    assert "Smallest difference in NDCG@10 that 120 test" in text


def best_against(table: List[Dict[str, str]], best: str) -> Tuple[str, str]:
    row = next(row for row in table if row["row"].startswith(best))
    return row["difference"], row["its 95 % interval"]


def test_what_the_first_sentence_must_not_be_read_without_follows_it(folder: Path) -> None:
    verdict, said = (folder / "report.md").read_text().split("\n\n")[1:3]
    assert "on SASRec, the best baseline" in verdict
    assert "- SASRec was stopped by the time limit (2 of 2 seeds) and may be better with" in said
    assert "- Epochs and tuning trials of POEM and SASRec were chosen under RecBole's p" in said
    assert "- Not finished, and so not compared: Broken, Later." in said


def test_a_list_of_contents_leads_to_every_heading(folder: Path) -> None:
    text, page = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    linked = re.findall(r"^ *- \[(.*)\]\(#(.*)\)$", text, re.MULTILINE)
    headings = re.findall(r"^###? (.*)$", text, re.MULTILINE)
    assert [title for title, _ in linked] == headings and len(linked) > 6
    assert ("Seen items ranked last", "seen-items-ranked-last") in linked
    for _, anchor in linked:
        assert f'<a href="#{anchor}">' in page and f' id="{anchor}">' in page


def write_seen(folder: Path, share: float) -> Dict[str, Dict[str, np.ndarray]]:
    """Write POEM, which finds seen targets first, and SASRec, which finds new ones first."""
    write_plan(folder, {"POEM": "POEM", "SASRec": "SASRec"})
    seen = np.arange(120) < 120 * share
    ranks = {}
    for row, own in (("POEM", seen), ("SASRec", ~seen)):
        drawn = toy_ranks(0.5, 0)
        rank = np.where(own, 1, 8 + np.arange(120) % 7)
        known = {"seen": seen, "n_before": np.full(120, 9)}
        ranks[row] = {**drawn, **known, "rank_masked": rank, "rank_recbole": rank + 1}
        write_run(folder, row, row, 0, ranks[row])
    return ranks


def test_with_many_seen_targets_the_headline_is_of_new_ones(tmp_path: Path) -> None:
    ranks = write_seen(tmp_path, 0.6)
    report = write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    caution, verdict = text.split("\n\n")[1:3]
    assert caution.startswith("**60.0 % of the targets of the test rows had been seen before by")
    assert verdict.startswith("**toy, seen items ranked last, new targets: SASRec, a baseline, is")
    assert "### Seen items ranked last: new targets" in text
    new, everything, against = tables(section(text, "masked"))[:3]
    for table, chosen in ((new, slice(72, 120)), (everything, slice(0, 120))):
        for row in table:
            rank = ranks[row["row"].split(" ")[0]]["rank_masked"][chosen]
            for metric in ("NDCG@10", "MRR@50", "HR@10"):
                expected = ranking.user_values(rank, metric).mean()
                assert row[metric] == f"{expected:.4f}"
    assert [row["row"] for row in new] == ["SASRec ᴾ", "POEM ᴾ"]
    assert "**" in section(text, "masked").split("<details>")[0]
    assert "**" not in section(text, "masked").split("<details>")[1]
    assert against[1]["verdict"] == "worse" and "48 test rows show" in text
    assert "60.0\u00a0% of the targets" in report.in_short


def test_few_seen_targets_are_said_and_all_count(tmp_path: Path) -> None:
    write_seen(tmp_path, 0.05)
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "- 5.0 % of the targets of the test rows had been seen before by their users." in text
    assert "120 test rows show" in text and "new targets" not in text


def test_what_was_seen_is_not_guessed_where_no_run_says_it(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    assert "How many targets their users had seen before is not recorded in these runs." in text


def test_no_winner_is_shown_where_chance_may_explain_it(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM", "Pop": "Pop"})
    for seed in (0, 1):
        write_run(tmp_path, "POEM", "POEM", seed, toy_ranks(0.51, seed), stopped="epochs")
        write_run(tmp_path, "Pop", "Pop", seed, toy_ranks(0.5, seed + 7))
    report = write_report(tmp_path)
    first = report.in_short.splitlines()[0]
    assert re.fullmatch(
        r"toy, seen items ranked last: no winner is shown: POEM is first with NDCG@10 0\.\d{4}, "
        r"but \+0\.\d{4} \(\+\d\.\d.%\) on Pop, the best baseline may be chance \(95 % interval "
        r".0\.\d{4} to \+0\.\d{4}, p = 0\.\d+\)\.",
        first,
    )
    assert "POEM was stopped by its number of epochs (2 of 2 seeds) and may be" in report.in_short


def test_in_short_are_the_main_tables(folder: Path) -> None:
    said = write_report(folder).in_short
    scores = tables(section((folder / "report.md").read_text(), "masked"))[0]
    lines = said.split("\n\n")[1].splitlines()
    assert lines[0].split() == ["row", "seeds", "NDCG@10", "HR@50"]
    assert len(lines) == 1 + len(scores)
    for line, row in zip(lines[1:], scores):
        cells = [row["row"].replace("\\", ""), row["seeds"]]
        cells += [row["NDCG@10"], row["HR@50"]] if "±" in row["NDCG@10"] else []
        assert re.sub(" +", " ", line.strip()).startswith(" ".join(cells))
    assert lines[-2].strip().endswith("failed: RuntimeError: out of <memory>")
    assert "ᵀ stopped by the time limit, at least one seed: it may be better with more." in said


def name_of(row: Dict[str, str]) -> str:
    return re.sub(" [ᵀᴱᴾ⁺]+$", "", row["row"])


def test_variants_stand_beside_their_own_row_and_out_of_the_contest(tmp_path: Path) -> None:
    rows = {"POEM": "POEM", "POEM: oracle": "POEM", "POEM: less": "POEM", "SASRec": "SASRec"}
    variant_of = {"POEM: oracle": "POEM", "POEM: less": "POEM"}
    write_plan(tmp_path, {**rows, "Pop": "Pop"}, variant_of=variant_of)
    skills = {"POEM": 0.9, "POEM: oracle": 2.5, "POEM: less": 0.2, "SASRec": 0.5}
    ranks = {row: toy_ranks(skill, 0) for row, skill in skills.items()}
    for row, arrays in ranks.items():
        limit = {"stopped": "time limit"} if row == "SASRec" else {}
        write_run(tmp_path, row, rows[row], 0, arrays, **limit)
    write_report(tmp_path)
    whole = (tmp_path / "report.md").read_text()
    verdict, text = whole[: whole.index("| row")], section(whole, "masked")
    assert (
        "last: POEM wins with" in verdict.split("- [")[0]
        and "oracle" not in verdict.split("- [")[0]
    )
    assert "- One seed a row: what another training would give is not known." in verdict
    assert "- SASRec was stopped by the time limit (1 of 1 seed) and may be better" in verdict
    scores, against_best, against_best_50, own, against_own, _ = tables(text)
    named = [list(map(name_of, table)) for table in (scores, against_best, own)]
    assert named == [["POEM", "SASRec", "Pop"], ["SASRec", "POEM"], ["POEM", *variant_of]]
    assert len(against_best_50) == 2
    assert list(map(name_of, against_own)) == ["POEM", *variant_of]
    values = {
        row: ranking.user_values(arrays["rank_masked"], "NDCG@10") for row, arrays in ranks.items()
    }
    alone = [stats.ttest_rel(values[row], values["POEM"]).pvalue for row in variant_of]
    for row, corrected in zip(against_own[1:], holm(np.array(alone))):
        shown = row["p (Holm)"].replace("< 0.0001", "0")
        assert float(shown) == pytest.approx(corrected, abs=6e-3)
    assert [row["verdict"] for row in against_own[1:]] == ["better", "worse"]
    assert (tmp_path / "report.html").read_text().count('<div id="chart-') == len(CHARTS) + 1


def test_variants_alone_are_no_contest(tmp_path: Path) -> None:
    variant_of = {"POEM: less": "POEM"}
    write_plan(tmp_path, {"POEM": "POEM", "POEM: less": "POEM"}, variant_of=variant_of)
    write_run(tmp_path, "POEM", "POEM", 0)
    write_run(tmp_path, "POEM: less", "POEM", 0, toy_ranks(0.2, 0))
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "no row but variants of others has finished." in text
    assert "| POEM | 0 of 1 | failed" in text


def test_what_did_not_end_well_is_said(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    assert r"| Broken | 0 of 1 | failed: RuntimeError: out of \<memory> |" in text
    assert "| Later | 0 | not run yet |" in text
    assert "| SASRec ᵀ | 2 of 3 |" in text
    assert text.count("SASRec: seed 2 failed: RuntimeError") == 1
    assert text.count("ᵀ stopped by the time limit, at least one seed: it may be better") == 1
    assert text.count("ᴾ ended by its patience, at least one seed: its validation score") == 1


def test_what_was_unequal_is_said(tmp_path: Path) -> None:
    write_plan(tmp_path, {"Pop": "Pop", "SASRec": "SASRec"})
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0), stopped="time limit")
    for seed in (0, 1, 2):
        write_run(tmp_path, "SASRec", "SASRec", seed, toy_ranks(0.5, seed))
    for seed in (3, 4):
        write_run(tmp_path, "SASRec", "SASRec", seed)
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "- SASRec: seeds 3, 4 failed: RuntimeError" in text
    pop, sasrec = tables(text.split("### What was unequal")[1])[0]
    assert pop == {"row": "Pop", "seeds": "`0`", "ended by": "`time limit (1 of 1 seed)`"}
    ended = "`early stopping (3 of 3 seeds)`"
    assert sasrec == {"row": "SASRec", "seeds": "`0, 1, 2`", "ended by": ended}


def test_equal_terms_are_not_listed(tmp_path: Path) -> None:
    write_plan(tmp_path, {"Pop": "Pop", "SASRec": "SASRec"})
    for row in ("Pop", "SASRec"):
        write_run(tmp_path, row, row, 0, toy_ranks(0.5, 0))
    write_report(tmp_path)
    assert "What was unequal" not in (tmp_path / "report.md").read_text()


def test_effort_and_keys_are_said(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    assert re.search(r"^\d+ of \d+ runs finished, tuning trials among them\.", text, re.MULTILINE)
    costs = next(t for t in tables(text) if "best epoch" in t[0])
    row = next(row for row in costs if row["row"].startswith("SASRec"))
    assert (row["tuning trials"], row["epochs"], row["total s"]) == ("3, 3 failed", "12.5", "35.5")
    assert (row["peak memory MiB"], row["peak GPU MiB"]) == ("612", DASH)
    assert (row["parameters"], row["best epoch"]) == ("123,456", "11.5")
    poem, pop = (next(row for row in costs if name_of(row) == name) for name in ("POEM", "Pop"))
    assert poem["validation NDCG@10"].endswith(" (recbole)")
    assert pop["validation NDCG@10"].endswith(" (masked)")
    nothing = [pop[of] for of in ("best epoch", "epochs", "training s", "parameters")]
    assert nothing == [DASH] * 4 and pop["total s"] == "5.0"
    assert "| `epochs: 20` |" in text  # given to every row
    # SASRec's failed seed was run with other keys than those that finished: both are said
    assert "`seed 0, 1: n_layers: 2`" in text
    assert "`seed 2: stopping_step: 10`" in text
    assert "learning_rate" not in text  # a default: every key stands on the page only
    assert "learning_rate" in (folder / "report.html").read_text()


def test_keys_of_files_are_said_beside_those_given_one_by_one(tmp_path: Path) -> None:
    write_plan(tmp_path, {"Pop": "Pop", "POEM": "POEM"})
    files = [{"epochs": 7, "n_layers": 3}, {"n_layers": 4}]
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0), config_files=[{"n_layers": 4}])
    write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.9, 0), config_files=files)
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| `epochs: 20; n_layers: 4; stopping_step: 10` |" in text


def test_the_page_is_whole_and_loads_nothing(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert page.count("plotly.js v") == 1
    assert page.count("Plotly.newPlot(") >= len(CHARTS)
    assert re.findall(r'<div id="(chart-\d+)"', page) == CHARTS
    tags = re.findall(r"<(script|link|img|iframe|source|object|embed)\b([^>]*)", page)
    loading = [(tag, rest) for tag, rest in tags if re.search(r"\b(src|href|data)=", rest)]
    assert loading == [("link", ' rel="icon" href="data:,"')]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]


def test_names_are_text_and_never_markup(folder: Path) -> None:
    page, text = (folder / "report.html").read_text(), (folder / "report.md").read_text()
    outside_code = re.sub(r"^```$.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "<script>alert" not in page and not re.search(r"(?<!\\)<script>", outside_code)
    assert not re.search("&(lt|gt|amp|#)", re.sub("<summary>.*</summary>", "", text))
    assert html.escape(NASTY) in page and escape(NASTY) in text
    for tag in ("<title>", '<h1 id="benchmark-toy-benchmark">'):
        assert f"{tag}Benchmark toy &lt;benchmark&gt;</" in page
    assert "\\u003cscript\\u003ealert" not in page  # as plotly's JSON would say it
    assert escape("a|b\n_c_ d_e <i>") == r"a\|b \_c\_ d_e \<i>"
    assert escape("p < 0.1 & q, &lt; &#60;") == r"p < 0.1 & q, \&lt; \&\#60;"
    assert escape("> x") == r"\> x"


def test_code_in_a_table_is_shown_as_it_is() -> None:
    cells = [Cell(text, code=True) for text in ("a|b <i> &lt;", "`x` ``y", "")]
    line = markdown.render([Table(["h"], [Row([cell]) for cell in cells])]).splitlines()[2:]
    assert line == [r"| `a\|b <i> &lt;` |", "| ``` `x` ``y ``` |", "|  |"]


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in ("report.md", "report.html")}
    assert write_report(folder).page == folder / "report.html"
    assert before == {name: (folder / name).read_bytes() for name in before}
    assert len(read_records(folder / "runs.jsonl")) == 15


def test_a_report_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    write_plan(tmp_path, {"Pop": "Pop"})
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.0, 0))
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report\.html cannot be written: Is a directory"):
        write_report(tmp_path)


def test_a_report_can_be_written_before_anything_finished(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM"}, ["toy", "other"])
    write_run(tmp_path, "POEM", "POEM", 0)
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "0 of 1 runs finished.\n" in text and "## other" in text
    assert "Holm" not in text
    assert "| POEM | failed: RuntimeError" in text and "| POEM | not run yet |" in text
    assert "**toy: no run has finished.**" in text


def test_one_row_one_seed_and_one_user_are_no_evidence(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM", "Pop": "Pop"})
    write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.9, 0, n_users=1, categories=False))
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "there is no baseline to test it against" in text and "there is no pair of rows" in text
    shown = text.split("## How to read")[0]
    assert "±" not in shown and "diversity" not in shown
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0, n_users=1, categories=False))
    write_report(tmp_path)
    assert "no test is possible" in (tmp_path / "report.md").read_text()


def test_a_row_alone_is_said_to_be_alone(tmp_path: Path) -> None:
    write_plan(tmp_path, {"Pop": "Pop"})
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.5, 0))
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert re.search(r"Pop is first with NDCG@10 0\.\d{4}; no other row has finished\.", text)


def test_users_are_paired_by_name_and_not_by_place(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM", "Pop": "Pop"})
    ranks = toy_ranks(0.5, 0)
    write_run(tmp_path, "POEM", "POEM", 0, ranks)
    write_run(tmp_path, "Pop", "Pop", 0, in_another_order(ranks))
    write_report(tmp_path)
    (poem,) = tables((tmp_path / "report.md").read_text())[1][1:]
    assert (poem["difference"], poem["p (Holm)"]) == ("+0.0000", "1.00")
    assert poem["its 95 % interval"] == "+0.0000 to +0.0000"
    assert poem["verdict"] == "no difference shown"


def test_rows_of_one_user_are_not_taken_as_independent(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM", "Pop": "Pop"})
    ranks = {row: toy_ranks(skill, 0) for row, skill in (("POEM", 0.35), ("Pop", 0.2))}
    user = np.array([f"u{n // 3:03}" for n in range(120)])
    for row, arrays in ranks.items():
        write_run(tmp_path, row, row, 0, {**arrays, "user": user})
    write_report(tmp_path)
    text = section((tmp_path / "report.md").read_text(), "masked")
    assert "120 test rows of 40 users show" in text and "clustered by user" in text
    poem = tables(text)[1][1]
    values = [ranking.user_values(ranks[row]["rank_masked"], "NDCG@10") for row in ("POEM", "Pop")]
    sums = (values[0] - values[1]).reshape(40, 3).sum(1)
    # with equally many rows it is the ordinary test of the users' sums
    assert float(poem["p alone"]) == pytest.approx(stats.ttest_1samp(sums, 0).pvalue, abs=6e-3)
    assert float(poem["difference"].replace(MINUS, "-")) == pytest.approx(
        sums.sum() / 120, abs=6e-5
    )


def test_rows_of_other_users_are_not_compared(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM", "Pop": "Pop"})
    write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.9, 0))
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0, n_users=50))
    with pytest.raises(InputError, match=r"toy-POEM-0-0123abcd and .*toy-Pop-0-0123abcd: "):
        write_report(tmp_path)


def test_rows_that_were_measured_by_other_metrics_are_not_compared(tmp_path: Path) -> None:
    write_plan(tmp_path, {"POEM": "POEM", "Pop": "Pop"})
    write_run(tmp_path, "POEM", "POEM", 0, toy_ranks(0.9, 0))
    write_run(tmp_path, "Pop", "Pop", 0, toy_ranks(0.1, 0, categories=False))
    words = r"toy-Pop-0-0123abcd and .*toy-POEM-0-0123abcd: .*measured by HR@10.*the same 'topk'"
    with pytest.raises(InputError, match=words):
        write_report(tmp_path)


def test_a_copy_without_the_records_of_the_runs_gives_the_same_report(
    folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("record.json", "report.*"))
    write_report(copy)
    for name in ("report.md", "report.html", "runs.jsonl"):
        assert (copy / name).read_bytes() == (folder / name).read_bytes()


def test_a_browser_draws_every_chart(folder: Path, tmp_path: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(names)} is installed")
    listen = (
        "<head><script>var errors = [];"
        "addEventListener('error', e => errors.push(e.message || 'failed to load'), true);"
        "console.error = (...said) => errors.push(said.join(' '));</script>"
    )
    # presses 'epochs', then tells what is drawn
    tell = """<script>addEventListener('load', () => setTimeout(() => {
      for (const button of document.querySelectorAll('.updatemenu-button'))
        if (button.textContent.includes('epochs'))
          button.dispatchEvent(new MouseEvent('click', {bubbles: true}));
      setTimeout(() => {
        const charts = [...document.querySelectorAll('.plotly-graph-div')].map(chart => {
          const size = chart.querySelector('svg.main-svg').getBoundingClientRect();
          return {id: chart.id, width: size.width, height: size.height,
                  axis: chart.querySelector('.xtitle').textContent,
                  shapes: chart.querySelectorAll('.trace path').length};
        });
        const told = document.createElement('pre');
        told.id = 'told';
        const scrolled = [...document.querySelectorAll('.scroll')];
        told.textContent = JSON.stringify({errors, charts,
          cut: scrolled.filter(table => table.scrollWidth > table.clientWidth).length,
          loaded: performance.getEntriesByType('resource').length});
        document.body.append(told);
      }, 2000);
    }, 2000));</script></body>"""
    page = (folder / "report.html").read_text()
    path = tmp_path / "page.html"
    path.write_text(page.replace("<head>", listen, 1).replace("</body>", tell))
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000",
        f"--user-data-dir={tmp_path / 'browser'}", "--window-size=1280,900", "--dump-dom",
        path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120
    )
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, "the page's scripts did not run to their end"
    told = json.loads(html.unescape(found[1]))
    assert told["errors"] == [] and told["loaded"] == 0
    assert told["cut"] == 0  # no table is wider than the window
    assert [chart["id"] for chart in told["charts"]] == CHARTS
    for chart in told["charts"]:
        assert chart["width"] > 600 and chart["height"] > 300
        assert chart["shapes"] >= len(SKILLS) - 2  # rows that train nothing have no curve
    assert [chart["axis"] for chart in told["charts"]][1] == "epoch"
