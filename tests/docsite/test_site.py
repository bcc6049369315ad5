"""The site as it is built: no warning, nothing fetched from elsewhere, everything found."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from docsite.layout import lay_out, with_stages

from recbole_poem.core.stages import STAGES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as ``make docs`` does, where a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    path = os.pathsep.join([str(ROOT / "docs"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "docsite", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def read(site: Path, *name: str) -> str:
    return site.joinpath(*name).read_text(encoding="utf-8")


def fetched(page: str) -> Iterator[str]:
    """Yield the addresses from which a page fetches scripts, styles and pictures."""
    tags = re.findall(r"<(?:script|link|img|iframe)[^>]*>", page)
    yield from (address for tag in tags for address in re.findall(r'(?:src|href)="([^"]+)"', tag))


def test_the_first_page_leads_to_every_part(site: Path) -> None:
    assert "url=docs/index.html" in read(site, "index.html")
    page = read(site, "docs", "index.html")
    for name in ("start", "cascade", "evaluation", "results", "serving", "world", "api"):
        assert f'href="{name}.html"' in page, name


def test_every_component_has_its_page_with_its_equations(site: Path) -> None:
    for key, stage in STAGES.items():
        for name in stage.components():
            assert (site / "components" / key / f"{name}.html").exists(), name
    page = read(site, "components", "targets", "cwm.html")
    assert "r = exp(-c / (w^c + 1)),    w^c = -c / log r - 1." in page
    assert "<strong>paper</strong>: Zhao et al., KDD 2024" in page  # a cell of docs/components.md
    primes = "G = D D', whose steps"  # as they are, and no quotation marks
    assert primes in read(site, "components", "ranker_optimizer", "pub.html")


def test_the_cascade_leads_to_its_stages(site: Path) -> None:
    link = "[`losses`](../components/losses/index.md)"
    assert with_stages("`losses` of `loss`") == f"{link} of `loss`"
    page = read(site, "docs", "cascade.html")
    for key in STAGES:
        assert f'href="../components/{key}/index.html"' in page, key


def test_docstrings_of_public_names_are_pages(site: Path) -> None:
    page = read(site, "generated", "recbole_poem.POEM.html")
    assert "Train on a table of events" in page and "Parameters" in page
    settings = read(site, "generated", "recbole_poem.core.settings.html")
    assert 'id="recbole_poem.core.settings.setting_of"' in settings


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 100
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert [each for each in fetched(text) if re.match(r"(\w+:)?//", each)] == [], path
    assert list(fetched('<script src="https://a/b.js"></script><a href="//c">')) == [
        "https://a/b.js"
    ]


def test_the_search_knows_components_and_prose(site: Path) -> None:
    index = read(site, "searchindex.js")
    assert '"components/losses/gbce"' in index and '"docs/evaluation"' in index


def test_what_is_gone_leaves_the_source(tmp_path: Path) -> None:
    lay_out(tmp_path)
    readme, page = tmp_path / "README.md", tmp_path / "components" / "losses" / "gbce.md"
    assert readme.read_text(encoding="utf-8") == (ROOT / "README.md").read_text(encoding="utf-8")
    written = page.stat().st_mtime_ns
    old = tmp_path / "components" / "losses" / "former.md"
    old.write_text("# A component that is no more\n")
    lay_out(tmp_path)
    assert not old.exists() and page.stat().st_mtime_ns == written
