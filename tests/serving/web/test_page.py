"""The page that describes the service: complete, and in need of nothing else."""

import re
from html import unescape

import pytest
from toy_service import World

from recbole_poem.serving.web.page import page_of


@pytest.fixture(scope="module")
def page() -> str:
    response = World().get("/docs")
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    return response.text


def test_it_needs_no_network_and_runs_no_script(page: str) -> None:
    assert "<script" not in page and "<link" not in page and "<img" not in page
    assert "http" not in page
    assert set(re.findall(r'href="([^#"]*)"', page)) == {"openapi.json"}
    for target in re.findall(r'href="#(\w+)"', page):
        assert f'id="{target}"' in page


def test_every_endpoint_and_field_is_there(page: str) -> None:
    description = World().get("/openapi.json").json()
    for path in description["paths"]:
        assert f"<code>{path}</code></h2>" in page
    for name in ("user", "history_times", "ranking.scores", "items[].score", "k", "observed"):
        assert f"<code>{name}</code>" in page, name
    assert "list of list of number" in page
    assert "default: 10; from 1; to 1000" in page
    assert "too busy to answer in time" in page


def test_the_examples_are_answered(page: str) -> None:
    world = World()
    found = re.findall(r"localhost:8080(/\w+) [^<]* -d '([^<]*)'</pre>", unescape(page))
    assert [path for path, _ in found] == ["/recommend", "/rankings", "/feedback"]
    for path, body in found:
        response = world.post(path, content=body, headers={"content-type": "application/json"})
        assert response.status_code == 200, response.text


def test_what_a_description_says_is_text_and_no_html() -> None:
    description = World().get("/openapi.json").json()
    description["info"]["description"] = "a <b> of `code`"
    assert "<p>a &lt;b&gt; of <code>code</code></p>" in page_of(description)
