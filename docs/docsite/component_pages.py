"""The pages of the cascade: one for each stage, and one for each component that is registered."""

import inspect
import re
import sys
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple, Type

from docsite.docstrings import markdown
from docsite.effects import Measured
from recbole_poem.cli.component_tables import defaults_of, places_of, settings_rows
from recbole_poem.cli.pages import MarkdownPage
from recbole_poem.core.stage import NONE, Form, Stage, source_of
from recbole_poem.core.stages import NESTED

#: key of a stage and component to what is known of it
Effects = Mapping[Tuple[str, str], Measured]
Presets = Mapping[Tuple[str, str], List[str]]

_NOT_MEASURED = (
    "No effect of it is recorded in [the table of components](/docs/components.md). What the parts "
    "of the default are worth stands in [the results](/docs/results.md#what-are-its-parts-worth)."
)
_MODULE = re.compile(r"`(recbole_poem\.[\w.]+)`")


def component_pages(
    stages: Mapping[str, Stage], effects: Effects, presets: Presets
) -> Dict[str, str]:
    """Return the Markdown of all pages by their paths.

    Parameters
    ----------
    stages : mapping
        Keys to stages, in the order of a request.
    effects : mapping
        What was measured, of those of which something was.
    presets : mapping
        The presets that choose each, of those that any chooses.
    """
    defaults, homes = defaults_of("POEM", stages), _homes(stages)
    pages = {"index.md": _index(stages)}
    for key, stage in stages.items():
        pages[f"{key}/index.md"] = _stage_page(stage, stages, defaults)
        for name, component in stage.components().items():
            page = MarkdownPage()
            page.heading(1, name)
            page.paragraph(_summary(component))
            page.paragraph(f"A component of the stage [`{key}`](index.md): {stage.meaning}.")
            _add_idea(page, component, homes)
            _add_choice(page, stage, name, stages)
            if name in defaults.get(key, NONE).split(", "):
                page.paragraph("POEM's default has it.")
            if (key, name) in presets:
                page.paragraph(_presets(presets[key, name]))
            _add_settings(page, component.Settings)
            _add_effect(page, effects.get((key, name)))
            _add_file(page, component)
            pages[f"{key}/{name}.md"] = page.text() + "\n"
    return pages


# -- the page of all stages, and that of one --------------------------------------------------


def _index(stages: Mapping[str, Stage]) -> str:
    page = MarkdownPage()
    page.heading(1, "Stages and components")
    page.paragraph(
        "A stage is a place of the cascade where components plug in. Each row is a stage, in the "
        "order of a request. Each component has a page: its idea, its equations, its settings, "
        "what was measured, and its file."
    )
    rows = [
        [f"[`{key}`]({key}/index.md)", stage.meaning, _links(stage, f"{key}/")]
        for key, stage in stages.items()
    ]
    page.paragraph(_table(["stage", "what a component does", "components"], rows))
    page.paragraph(_toctree([f"{key} <{key}/index>" for key in stages]))
    return page.text() + "\n"


def _links(stage: Stage, folder: str) -> str:
    return ", ".join(f"[`{name}`]({folder}{name}.md)" for name in stage.components())


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose cells are Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    joined = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |" for line in joined)


def _toctree(names: Sequence[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])


def _stage_page(stage: Stage, stages: Mapping[str, Stage], defaults: Mapping[str, str]) -> str:
    page = MarkdownPage()
    page.heading(1, stage.key)
    page.paragraph(f"{stage.meaning[0].upper()}{stage.meaning[1:]}.")
    page.paragraph(_place(stage, stages, defaults))
    rows = [
        [f"[`{name}`]({name}.md)", markdown(_summary(component))]
        for name, component in stage.components().items()
    ]
    page.paragraph(_table(["component", "what it is"], rows))
    page.heading(2, "What a component offers")
    room = sys.modules[f"recbole_poem.{stage.room}"]
    page.paragraph(markdown(inspect.getdoc(room) or ""))
    for name, protocol in _protocols(room):
        page.heading(3, name)
        page.paragraph(f"```python\n{inspect.getsource(protocol).strip()}\n```")
    page.paragraph("[How to add one](/CONTRIBUTING.md#adding-a-component).")
    page.paragraph(_toctree(list(stage.components())))
    return page.text() + "\n"


def _protocols(room: Any) -> Iterator[Tuple[str, Type[Any]]]:
    for name, value in vars(room).items():
        if getattr(value, "_is_protocol", False) and value.__module__ == room.__name__:
            yield name, value


def _place(stage: Stage, stages: Mapping[str, Stage], defaults: Mapping[str, str]) -> str:
    """Say where the stage is chosen, and what POEM has there."""
    places = [f"`{place}`" for place in places_of(stage, stages)]
    if stage.key in defaults:
        return f"Its key is `{stage.key}`. POEM has there: {defaults[stage.key]}."
    if places:
        return f"It is a setting of other components: {', '.join(places)}."
    return f"Its key is `{stage.key}`. POEM names no component there."


# -- the parts of a component's page ----------------------------------------------------------


def _summary(component: Type[Any]) -> str:
    return (inspect.getdoc(component) or "").partition("\n")[0]


def _add_idea(page: MarkdownPage, component: Type[Any], homes: Mapping[str, str]) -> None:
    """Add what the docstrings of the file and of the class say, with their sources."""
    of_file = inspect.getdoc(sys.modules[component.__module__]) or ""
    of_class = (inspect.getdoc(component) or "").partition("\n")[2]
    page.heading(2, "Idea and equations")
    for text in filter(None, [markdown(of_file), markdown(of_class)]):
        page.paragraph(_linked(text, homes))
    functions = [f"- `{name}`: {markdown(doc)}" for name, doc in _functions(component)]
    if functions:
        page.heading(3, "What its functions compute")
        page.paragraph("\n".join(text.replace("\n", "\n  ") for text in functions))


def _functions(component: Type[Any]) -> Iterator[Tuple[str, str]]:
    """Yield the public functions of a component's file, and what they say of themselves."""
    for name, value in vars(sys.modules[component.__module__]).items():
        is_own = inspect.isfunction(value) and value.__module__ == component.__module__
        if is_own and not name.startswith("_"):
            yield name, inspect.getdoc(value) or ""


def _linked(text: str, homes: Mapping[str, str]) -> str:
    """Return a text in which the module of another component is a link to its page."""

    def link(name: "re.Match[str]") -> str:
        return f"[{name[0]}]({homes[name[1]]})" if name[1] in homes else name[0]

    return _MODULE.sub(link, text)


def _homes(stages: Mapping[str, Stage]) -> Dict[str, str]:
    """Return the pages of components by their modules."""
    return {
        component.__module__: f"/components/{key}/{name}.md"
        for key, stage in stages.items()
        for name, component in stage.components().items()
    }


def _add_choice(page: MarkdownPage, stage: Stage, name: str, stages: Mapping[str, Stage]) -> None:
    """Add how it is chosen on a command line."""
    page.heading(2, "How to choose it")
    keys = (places_of(stage, stages) if stage in NESTED else []) or [stage.key]
    lines = [_argument(stage, key, name) for key in keys]
    page.paragraph("```text\n" + "\n".join(lines) + "\n```")


def _argument(stage: Stage, key: str, name: str) -> str:
    return {
        Form.ONE: f"--{key}={name}",
        Form.SEVERAL: f"--{key}.{name}=True",
        Form.NAMED: f"--{key}.YOURS={{{stage.word}: {name}}}",
    }[stage.form]


def _presets(names: Sequence[str]) -> str:
    words = ", ".join(f"`--preset={name}`" for name in names)
    return f"[Presets](/docs/components.md#presets) with it: {words}."


def _add_settings(page: MarkdownPage, settings: Type[Any]) -> None:
    page.heading(2, "Settings")
    rows = list(settings_rows(settings))
    if rows:
        page.table(["setting", "default", "range", "meaning"], rows)
    else:
        page.paragraph("It has no settings.")


def _add_effect(page: MarkdownPage, measured: "Measured | None") -> None:
    page.heading(2, "What was measured")
    if measured is None:
        page.paragraph(_NOT_MEASURED)
        return
    page.paragraph("\n".join(f"- **{head}**: {cell}" for head, cell in measured.cells.items()))
    page.paragraph(
        f"The row, its neighbours and what they mean: [{measured.section}](/docs/components.md"
        f"#{_anchor(measured.section)})."
    )


def _anchor(heading: str) -> str:
    kept = "".join(sign for sign in heading.lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def _add_file(page: MarkdownPage, component: Type[Any]) -> None:
    source = inspect.getsource(sys.modules[component.__module__]).strip()
    page.heading(2, "The file")
    page.paragraph(f"{source_of(component)}, {len(source.splitlines())} lines.")
    page.paragraph("<details><summary>Read it</summary>")
    page.paragraph(f"````python\n{source}\n````")
    page.paragraph("</details>")
