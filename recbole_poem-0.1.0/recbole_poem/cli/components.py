"""``recbole-poem components history_encoder``: what can be chosen at a stage, and its settings."""

import argparse
from typing import List

from recbole_poem.cli.command import show, verb_parser
from recbole_poem.cli.pages import MarkdownPage, Page, TextPage
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError, nearest


def parse(arguments: List[str]) -> argparse.Namespace:
    """Read a command line."""
    parser = verb_parser(
        "components",
        "List the stages and their components; with STAGE, all components of that stage and their "
        "settings. Components of installed packages are among them.",
    )
    add = parser.add_argument
    add("stages", nargs="*", metavar="STAGE", help="key of a stage, such as history_encoder")
    add("--all", action="store_true", help="the list, and the components of every stage")
    add("--keys", action="store_true", help="the keys that are no stages, instead of the list")
    add("--short", action="store_true", help="the list without what a component does")
    add("--markdown", action="store_true", help="as Markdown, for documents")
    return parser.parse_args(arguments)


def run(arguments: List[str]) -> int:
    """Print the tables, and return the exit status."""
    options = parse(arguments)
    stack.require()
    # torch and the rest are loaded now, after their versions have been checked
    from recbole_poem.cli import component_tables as tables
    from recbole_poem.core.stages import STAGES

    for key in options.stages:
        if key not in STAGES:
            raise InputError(f"STAGE: there is no stage '{key}'{nearest(key, STAGES)}")
    page: Page = MarkdownPage() if options.markdown else TextPage()
    defaults = tables.defaults_of("POEM", STAGES)
    if options.short:
        tables.add_names(page, STAGES, defaults)
    elif options.all or not (options.stages or options.keys):
        tables.add_stages(page, STAGES, defaults)
    if options.all:
        page.paragraph(tables.HOW_KEYS_ARE_WRITTEN)
    if options.keys:
        tables.add_keys(page)
    for key in STAGES if options.all else options.stages:
        tables.add_components(page, STAGES[key], STAGES, defaults)
    show(page.text())
    return 0
