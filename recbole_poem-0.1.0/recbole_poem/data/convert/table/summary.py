"""What a conversion read, guessed, dropped and wrote: a table in words."""

from pathlib import Path
from typing import List, Tuple

from recbole_poem.core.atomic.alike_tokens import alike_tokens
from recbole_poem.core.times import doubt, in_words
from recbole_poem.data.convert.table.events import Events
from recbole_poem.data.convert.table.facts import Facts
from recbole_poem.data.convert.table.naming import Named, listed
from recbole_poem.data.convert.table.preset import REPEATS
from recbole_poem.data.convert.table.source import Table


def summary_of(
    output: Path, table: Table, named: Named, events: Events, facts: Facts, stays: str
) -> str:
    """Return the summary of a conversion, a fact a line.

    Parameters
    ----------
    output : Path
        The folder that was written.
    table : Table
    named : Named
    events : Events
    facts : Facts
    stays : str
        What is said of a file of keys that was not written; maybe nothing.
    """
    name = output.resolve().name
    read = f"{events.n_read:,} read from {table.name}, {facts.n_rows:,} written"
    rows: List[Tuple[str, str]] = [("rows", read)]
    rows += [("", note) for note in events.notes]
    rows += [("columns", table.note)] if table.note else []
    middle = f"{facts.median_rows:,} rows each in the median"
    rows.append(("users", f"{facts.n_users:,} ({_of('user', named)}), {middle}"))
    if facts.n_short:
        words = f"{facts.n_short:,} of them have fewer than three rows, and are not tested"
        rows.append(("", words))
    rows.append(("items", f"{facts.n_items:,} ({_of('item', named)})"))
    for what, ids in (("user", events.user), ("item", events.item)):
        for one, other, number in alike_tokens([ids.tokens]):
            words = f"the {what}s '{one}' and '{other}' count as two ({number:,} such pairs)"
            rows.append(("", words))
    unit = events.times.unit
    first, last = (in_words(time, unit) for time in (facts.first, facts.last))
    rows.append(("times", f"{events.times.words} ({_of('time', named)})"))
    rows.append(("", f"from {first} to {last} UTC"))
    odd = doubt(facts.first, facts.last, unit)
    if odd:
        rows.append(("", f"warning: {odd}".replace("say time_unit: ", "say --time_unit=")))
    for column in named.feedback:
        rows.append(("feedback", _feedback(column, facts)))
    hint = "; recommend --keep_seen offers them" if facts.repeats >= REPEATS else ""
    words = f"{facts.repeats:.1%} of the rows repeat an earlier item of the user{hint}"
    rows.append(("repeats", words))
    left = [column for column in table.columns if column not in named.all]
    rows += [("left out", listed(left))] if left else []
    rows.append(("written", stays or f"{name}.inter, and {name}.yaml with the keys it needs"))
    return "\n".join([str(output), *(f"  {head:9} {words}" for head, words in rows)])


def _of(part: str, named: Named) -> str:
    how = ", by its name" if part in named.guessed else ""
    return f"column {getattr(named, part)}{how}"


def _feedback(column: str, facts: Facts) -> str:
    found = facts.feedback[column]
    if found.above is None:
        return f"{column}: says the same in all rows, and makes no objective"
    return f"{column}: an objective, {found.share:.0%} of the rows have {found.above:.15g} or more"
