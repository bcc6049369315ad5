"""The documents: links that lead somewhere, short sentences, and figures that the reports have."""

import re
from itertools import chain
from pathlib import Path
from statistics import mean
from typing import Dict, Iterator, List, Set, Tuple

import pytest

from recbole_poem.cli.verbs import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]
#: pages that were written before their sentences had a limit
LONG = {"datasets.md", "ranking_stage.md", "scaling.md", "keys.md"}
PLAIN = [page for page in DOCS.rglob("*.md") if page.name not in LONG]
LINES, WORDS, MEAN_WORDS = 170, 25, 20
BEFORE, AFTER = "<!-- components -->\n", "\n<!-- /components -->"

_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"``?[^`]+``?")
_LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]+)\)")
_BEGIN = re.compile(r"^(?:[-*]|\d+\.)\s+")
_END = re.compile(r"(?<=[.!?])[*)”\"]*\s+")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors_of(text: str) -> Set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found: Dict[str, int] = {}
    anchors = set()
    for line in _FENCED.sub("", text).splitlines():
        if re.match(r"#{1,6} ", line):
            heading = _LINK.sub(r"\1", line.lstrip("#").strip().lower())
            anchor = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
            anchors.add(f"{anchor}-{found[anchor]}" if anchor in found else anchor)
            found[anchor] = found.get(anchor, 0) + 1
    return anchors


def has_anchor(page: Path, anchor: str) -> bool:
    return not anchor or anchor in anchors_of(page.read_text(encoding="utf-8"))


def broken_links(page: Path) -> List[str]:
    """Return the relative links of a page that lead to no file, or to no heading of one."""
    broken = []
    for _, link in _LINK.findall(_CODE.sub("", _FENCED.sub("", page.read_text(encoding="utf-8")))):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / target) if target else page
        if not (file.exists() and has_anchor(file, anchor)):
            broken.append(link)
    return broken


def paragraphs(text: str) -> Iterator[Tuple[str, bool]]:
    """Yield the paragraphs, items and cells of a page, each with whether it is a cell."""
    lines = _CODE.sub("code", _LINK.sub(r"\1", _COMMENT.sub("", _FENCED.sub("\n", text))))
    gathered: List[str] = []
    for line in chain(map(str.strip, lines.splitlines()), [""]):
        is_apart = not line or line.startswith(("#", "|"))
        if gathered and (is_apart or _BEGIN.match(line)):
            yield " ".join(gathered), False
            gathered = []
        if line.startswith("|"):
            yield from ((cell.strip(), True) for cell in line.strip("|").split("|"))
        elif not is_apart:
            gathered.append(_BEGIN.sub("", line))


def lengths(text: str, cells: bool) -> Dict[str, int]:
    """Return the sentences of a page with their numbers of words."""
    kept = (paragraph for paragraph, is_cell in paragraphs(text) if cells or not is_cell)
    sentences = (sentence for paragraph in kept for sentence in _END.split(paragraph) if sentence)
    return {each: sum(bool(re.search(r"\w", word)) for word in each.split()) for each in sentences}


def too_long(page: Path) -> Dict[str, int]:
    text = page.read_text(encoding="utf-8")
    found = lengths(text, cells=True).items()
    return {each: n for each, n in found if n > WORDS and not each.startswith("{")}  # a mapping


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["components", *arguments, "--markdown"]) == 0
    return capsys.readouterr().out


def test_sentences_are_told_apart() -> None:
    text = (
        "# A heading that counts for nothing\n\nOne two, [three](a.md)\nfour `five six`. Seven!\n"
        "- Eight (nine 0.5) - ten.\n- Eleven\n\n```bash\nno words\n```\n| a b | c. d |\n|---|---|\n"
    )
    prose = {"One two, three four code.": 5, "Seven!": 1, "Eight (nine 0.5) - ten.": 4, "Eleven": 1}
    assert lengths(text, cells=False) == prose
    assert lengths(text, cells=True) == {**prose, "a b": 2, "c.": 1, "d": 1, "---": 0}


def test_a_link_has_to_lead_to_a_heading(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# One (1 %), `two`\n## Same\n## Same\n")
    links = "[a](b.md#one-1--two) [a](b.md#same-1) [a](https://x/y#z) [a](#here) `[a](code)`"
    page = tmp_path / "a.md"
    page.write_text(f"# Here\n{links} [a](b.md#same-2) [a](c.md) ![a](d.svg)\n")
    assert broken_links(page) == ["b.md#same-2", "c.md", "d.svg"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PLAIN, ids=named)
def test_sentences_are_short(page: Path) -> None:
    assert too_long(page) == {}


def test_the_readme_is_short_and_plain() -> None:
    text = README.read_text(encoding="utf-8")
    assert broken_links(README) == []
    assert too_long(README) == {}
    assert mean(lengths(text, cells=False).values()) <= MEAN_WORDS
    assert len(text.splitlines()) <= LINES


def test_the_readme_has_the_components(capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8")
    fragment = text.partition(BEFORE)[2].partition(AFTER)[0]
    assert fragment.strip() == printed(capsys, "--short").strip()


def test_every_preset_is_listed() -> None:
    presets = sorted(path.stem for path in (ROOT / "properties" / "preset").iterdir())
    text = (DOCS / "components.md").read_text(encoding="utf-8").partition("## Presets")[2]
    listed = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(listed))) == sorted({*presets, "best"})


def test_the_page_of_the_keys_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # recbole-poem components --all --keys --markdown > docs/keys.md
    assert (DOCS / "keys.md").read_text(encoding="utf-8") == printed(capsys, "--all", "--keys")


_REPORT = re.compile(r"\]\(\.\./benchmarks/results/([\w-]+)/report\.md\)")
_FIGURE = re.compile(r"0\.\d{4}(?: ± 0\.\d{4})?")


def rows_with_figures() -> Iterator[Tuple[str, str, List[str]]]:
    """Yield report, row and figures of the tables of results whose first cell is a row's name."""
    for section in (DOCS / "results.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        lines = [line for line in section.splitlines() if line.startswith("| `")]
        of_section = _REPORT.findall(section)
        for line in lines:
            name = line.split("`")[1]
            (report,) = _REPORT.findall(line) or of_section
            yield report, name, _FIGURE.findall(line)


def test_every_row_of_the_results_is_in_its_report() -> None:
    rows = list(rows_with_figures())
    assert len(rows) > 50
    for report, name, figures in rows:
        text = (ROOT / "benchmarks" / "results" / report / "report.md").read_text(encoding="utf-8")
        pattern = rf"^\| {re.escape(name)}(?: [⁰¹²³⁴⁵⁶⁷⁸⁹⁺ᵀᴱᴾ]+)* \|.*$"
        known = " ".join(re.findall(pattern, text, re.MULTILINE)).replace("*", "")
        assert known, f"{report} has no row {name}"
        assert [each for each in figures if each not in known] == [], f"{report}: {name}"
