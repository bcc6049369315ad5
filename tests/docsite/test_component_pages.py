"""The pages of components: of whatever is registered, with no further file."""

from dataclasses import dataclass
from typing import Iterator

import pytest
from docsite.component_pages import component_pages
from docsite.effects import Measured, effects_of
from docsite.presets import presets_of

from recbole_poem.core.settings import FROM_0, setting
from recbole_poem.core.stages import STAGES, STATE_FUSIONS

TABLE = """# Components

No table of components:

| preset | what it is |
|---|---|
| `paper` | `losses` |

## Where they were, and when

| component | stage | effect | cost |
|---|---|---|---|
| `rote`, `cape` | `position` | [toy](world.md#x) or [record](../benchmarks/a.json) | [below](#x) |
| `sqn` | `losses` | [far](https://a/b) | 1.6 times |
"""


@pytest.fixture
def doubled() -> Iterator[None]:
    """Register a component that nobody wrote a page for."""

    @STATE_FUSIONS.register("doubled")
    class Doubled:
        """``u = weight * h``, for a test.

        It has a_b of its own.
        """

        @dataclass(frozen=True)
        class Settings:
            weight: float = setting(2.0, FROM_0, "of h; 1 < 2")

    yield
    del STATE_FUSIONS._components["doubled"]


def test_effects_are_read_by_stage_and_component() -> None:
    cells = {
        "effect": "[toy](/docs/world.md#x) or [record](/benchmarks/a.json)",
        "cost": "[below](/docs/components.md#x)",
    }
    section = "Where they were, and when"
    assert effects_of(TABLE) == {
        ("position", "rote"): Measured(section, cells),
        ("position", "cape"): Measured(section, cells),
        ("losses", "sqn"): Measured(section, {"effect": "[far](https://a/b)", "cost": "1.6 times"}),
    }


def test_a_new_component_has_its_page(doubled: None) -> None:
    pages = component_pages(STAGES, {}, {})
    page = pages["state_fusion/doubled.md"]
    assert page.startswith("# doubled\n\n``u = weight * h``, for a test.\n")
    assert "It has a\\_b of its own." in page
    assert "--state_fusion=doubled" in page
    assert "| `weight` | 2.0 | a number from 0 | of h; 1 \\< 2 |" in page
    assert "No effect of it is recorded" in page
    assert "class Doubled:" in page
    assert (
        "[`doubled`](doubled.md) | ``u = weight * h``, for a test."
        in pages["state_fusion/index.md"]
    )
    assert "[`doubled`](state_fusion/doubled.md)" in pages["index.md"]


def test_a_page_has_what_was_measured_of_its_component() -> None:
    page = component_pages(STAGES, effects_of(TABLE), {})["position/rote.md"]
    assert "- **effect**: [toy](/docs/world.md#x)" in page
    assert "](/docs/components.md#where-they-were-and-when)" in page
    assert "--history_encoder.position=rote" in page
    assert "No effect" not in page


def test_equations_of_functions_are_on_the_page() -> None:
    page = component_pages(STAGES, {}, {})["losses/gbce.md"]
    equation = "- `beta_of`: Return ``beta = alpha (t (1 - 1 / alpha) + 1 / alpha)`` with"
    assert equation in page.partition("## The file")[0]


def test_a_page_names_presets_and_leads_to_other_components() -> None:
    presets = presets_of(STAGES)
    assert presets["attention", "focused"] == ["fair"]  # a setting of its history encoder
    assert "fair" in presets["history_encoder", "transformer"]
    assert ("losses", "margin") not in presets  # nobody has to ask for it
    pages = component_pages(STAGES, {}, presets)
    assert "`--preset=fair`" in pages["attention/focused.md"]
    assert "`--preset=" not in pages["losses/margin.md"]
    assert "(/components/losses/sqn.md)" in pages["losses/sac.md"]


def test_how_it_is_chosen_is_what_the_command_line_takes() -> None:
    pages = component_pages(STAGES, {}, {})
    assert "--losses.gbce=True\n" in pages["losses/gbce.md"]
    assert "--objectives.YOURS={similarity: ease}\n" in pages["objectives/ease.md"]
    assert "POEM's default has it." in pages["losses/margin.md"]
    assert "POEM's default has it." not in pages["losses/gbce.md"]


def test_every_component_has_a_page_and_every_stage_its_protocol() -> None:
    pages = component_pages(STAGES, {}, {})
    names = {f"{key}/{name}.md" for key, stage in STAGES.items() for name in stage.components()}
    assert names | {f"{key}/index.md" for key in STAGES} | {"index.md"} == set(pages)
    assert "class HistoryEncoder(Protocol):" in pages["history_encoder/index.md"]
