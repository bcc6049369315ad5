"""The tables of stages and components, on toy stages and on those there are."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

import pytest

from recbole_poem.cli import component_tables
from recbole_poem.cli.pages import WIDTH, MarkdownPage, TextPage
from recbole_poem.cli.verbs import main
from recbole_poem.core import stages as real
from recbole_poem.core.settings import SHARE, at_least, or_nothing, setting, setting_of
from recbole_poem.core.stage import Choice, Form, Stage

SPICES = Stage("spice", "fusion", "what is put in last")
SOUPS = Stage("soup", "fusion", "something hot", is_optional=True)
SIDES = Stage("sides", "fusion", "what lies beside", Form.SEVERAL)
GUESTS = Stage("guests", "fusion", "who comes", Form.NAMED, word="seat", usual="stool")
STAGES = {stage.key: stage for stage in (SOUPS, SIDES, GUESTS, SPICES)}


@SPICES.register("salt")
class Salt:
    """White grains."""

    @dataclass(frozen=True)
    class Settings:
        pass


@SOUPS.register("pea")
class Pea:
    """Soup of peas | green ones.

    What follows is for those who read on.
    """

    @dataclass(frozen=True)
    class Settings:
        peas: int = setting(100, at_least(1), "peas, of which there have to be many " * 3)
        heat: Optional[float] = setting(None, or_nothing(SHARE), "share of the boiling heat")
        spice: Choice = setting_of(SPICES, "salt", "what is put in last")


@SIDES.register("bread")
class Bread(Salt):
    @dataclass(frozen=True)
    class Settings:
        spice: Choice = setting_of(SPICES, "salt", "on top")


@GUESTS.register("stool")
class Stool(Salt):
    """Something to sit on."""


@GUESTS.register("bench")
class Bench(Salt):
    """Something longer to sit on."""


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(real, "STAGES", STAGES)
    monkeypatch.setattr(component_tables, "PROPERTIES", tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "POEM.yaml").write_text(
        "epochs: 3\nsoup: {name: pea, peas: 3}\nguests: {Ann: {seat: bench}, Bob: {}, Cyd: {}}\n"
    )


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> List[str]:
    assert main(["components", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_without_a_stage_each_is_a_row(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys) == [
        "Stages",
        "======",
        "",
        "stage   what a component does  components    default of POEM",
        "------  ---------------------  ------------  --------------------------------",
        "soup    something hot          pea, none     pea",
        "sides   what lies beside       bread         -",
        "guests  who comes              bench, stool  bench, stool",
        "spice   what is put in last    salt          in soup.spice, sides.bread.spice",
    ]


def test_the_short_list_is_a_table_of_names_alone(
    toy: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "--short", "--markdown") == [
        "| stage | default of POEM | components |",
        "| --- | --- | --- |",
        "| `soup` | pea | pea, none |",
        "| `sides` | - | bread |",
        "| `guests` | bench, stool | bench, stool |",
        "| `spice` | in soup.spice, sides.bread.spice | salt |",
    ]


def test_a_stage_shows_its_components_with_their_settings(
    toy: None, capsys: pytest.CaptureFixture[str]
) -> None:
    module = Pea.__module__
    assert said(capsys, "soup") == [
        "soup: something hot",
        "-------------------",
        "",
        "One: `--soup=NAME`. A setting: `--soup.SETTING=VALUE`. `--soup=none` leaves it out.",
        "",
        "Default of POEM: pea.",
        "",
        "pea",
        "~~~",
        "",
        f"Soup of peas | green ones. ({module})",
        "",
        "setting  default  range                       meaning",
        f"-------  -------  --------------------------  {'-' * 54}",
        "peas     100      a whole number from 1       peas, of which there have to be many peas, "
        "of which",
        f"{' ' * 46}there have to be many peas, of which there have to be",
        f"{' ' * 46}many",
        "heat     ~        a number from 0 to 1, or ~  share of the boiling heat",
        "spice    salt     components of spice: salt   what is put in last",
    ]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("sides", "Several: `--sides=[NAME,NAME]`. A setting: `--sides.NAME.SETTING=VALUE`. "
                  "`--sides.NAME=none` takes one away."),
        ("guests", "Several, by names of yours: `--guests.YOURS={seat: NAME}`. A setting: "
                   "`--guests.YOURS.SETTING=VALUE`. Without `seat` it is stool."),
        ("spice", "One: `--soup.spice=NAME`. A setting: `--soup.spice.SETTING=VALUE`."),
        ("spice", "One: `--sides.bread.spice=NAME`. A setting: "
                  "`--sides.bread.spice.SETTING=VALUE`."),
    ],
)  # fmt: skip
def test_how_a_stage_is_written_depends_on_its_form(
    toy: None, stage: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in " ".join(said(capsys, stage))


def test_markdown_says_the_same(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "soup", "spice", "--markdown")
    assert lines[0] == "## soup: something hot"
    assert "### pea" in lines
    assert f"Soup of peas | green ones. ({Pea.__module__})" in lines
    assert "| `heat` | ~ | a number from 0 to 1, or ~ | share of the boiling heat |" in lines
    assert lines[-1] == "It has no settings."
    assert said(capsys, "--markdown")[2:5] == [
        "| stage | what a component does | components | default of POEM |",
        "| --- | --- | --- | --- |",
        "| `soup` | something hot | pea, none | pea |",
    ]


def test_a_bar_is_no_end_of_a_cell() -> None:
    page = MarkdownPage()
    page.table(["a"], [["x | y"]])
    assert page.text().splitlines()[-1] == "| `x \\| y` |"


def test_a_bracket_begins_no_tag() -> None:
    page = MarkdownPage()
    page.table(["a", "b"], [["<x>", "<y>"]])
    assert page.text().splitlines()[-1] == "| `<x>` | \\<y> |"


def test_all_is_the_list_and_every_stage(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "--all", "--markdown")
    assert component_tables.HOW_KEYS_ARE_WRITTEN in lines
    headings = [line for line in lines if line.startswith(("# ", "## "))]
    assert headings == ["# Stages", *(f"## {key}: {s.meaning}" for key, s in STAGES.items())]
    assert lines.count("It has no settings.") == 3  # bench, stool, salt


def test_an_unknown_stage_is_refused(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components", "soop"]) == 2
    words = "recbole_poem: STAGE: there is no stage 'soop'; the nearest is 'soup'\n"
    assert capsys.readouterr().err == words


def _is_there(stage: Stage) -> bool:
    found = importlib.util.find_spec(f"recbole_poem.{stage.room}")
    return found is not None and found.submodule_search_locations is not None


def test_every_component_says_what_it_is_in_a_page_that_fits() -> None:
    stages = {key: stage for key, stage in real.STAGES.items() if _is_there(stage)}
    page = TextPage()
    component_tables.add_stages(page, stages, component_tables.defaults_of("POEM", stages))
    for stage in stages.values():
        component_tables.add_components(page, stage, stages, {})
        for name, component in stage.components().items():
            assert component.__doc__, f"{stage.key}: {name}"
    assert max(map(len, page.text().splitlines())) <= WIDTH


def test_the_flat_keys_are_listed_with_their_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components", "--keys"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("Keys of")] == [
        "Keys of every model",
        "Keys of POEM",
        "Keys of MultiTaskRanker",
    ]
    (lag,) = (line for line in lines if line.startswith("request_lag "))
    assert lag.split()[1:6] == ["1", "a", "whole", "number", "from"]
