"""Which columns of a table are users, items and times: as they are named, or as is usual."""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.data.convert.table.source import Table

#: part -> what it is called in the atomic files
FIELDS = {"user": "user_id", "item": "item_id", "time": "timestamp"}
#: part -> how its column is usually called, without case and signs
_USUAL = {
    "user": "user userid uid customer customerid visitor visitorid client clientid account "
    "accountid member memberid buyer buyerid reviewer reviewerid",
    "item": "item itemid iid sku product productid article articleid movie movieid video videoid "
    "track trackid song songid book bookid isbn asin news newsid content contentid stockcode "
    "listing listingid",
    "time": "timestamp ts time datetime date timems timestampms unixtime unixtimestamp eventtime "
    "eventtimestamp createdat occurredat purchasedate orderdate invoicedate reviewtime "
    "unixreviewtime tdat",
}
_LISTED = 12  # columns


class Named(NamedTuple):
    """The columns of a conversion, by their names in the table.

    Attributes
    ----------
    user, item, time : str
    feedback : list of str
        Numbers that make an objective each.
    weight : list of str
        Numbers that are kept beside.
    guessed : list of str
        The parts that nobody named: of ``user``, ``item``, ``time``.
    """

    user: str
    item: str
    time: str
    feedback: List[str]
    weight: List[str]
    guessed: List[str]

    @property
    def all(self) -> List[str]:
        """Return the names of all of them."""
        return [self.user, self.item, self.time, *self.numbers]

    @property
    def numbers(self) -> List[str]:
        """Return the names of the columns of numbers."""
        return [*self.feedback, *self.weight]


def chosen_columns(
    table: Table,
    given: Dict[str, Optional[str]],
    feedback: Sequence[str],
    weight: Sequence[str],
) -> Named:
    """Choose the columns of a table.

    Parameters
    ----------
    table : Table
    given : dict
        ``user``, ``item`` and ``time`` -> the name of the column, None = a usual name is looked
        for.
    feedback, weight : sequence of str

    Raises
    ------
    InputError
        For a column that is not there (names the nearest), for one that is named twice, where no
        column has a usual name or several have, and for a name that atomic files cannot hold.
    """
    options = [(f"--{part}", name) for part, name in given.items() if name is not None]
    options += [("--feedback", name) for name in feedback]
    options += [("--weight", name) for name in weight]
    _check(table, options)
    for option, name in options:
        if option in ("--feedback", "--weight"):
            _check_kept(option, name)
    taken = {name for _, name in options}
    free = [name for name in table.columns if name not in taken]
    parts = {part: given[part] or _guessed(table, part, free) for part in FIELDS}
    guessed = [part for part in FIELDS if given[part] is None]
    return Named(**parts, feedback=list(feedback), weight=list(weight), guessed=guessed)


def _check(table: Table, options: List[Tuple[str, str]]) -> None:
    for place, (option, name) in enumerate(options):
        if name not in table.columns:
            near = nearest(name, table.columns, n_listed=0)
            raise InputError(
                f"{option}: {table.name} has no column '{name}'{near}; it has "
                f"{listed(table.columns)}"
            )
        for other, same in options[:place]:
            if name == same:
                raise InputError(f"{option}: column '{name}' is named by {other} already")


def _check_kept(option: str, name: str) -> None:
    """Refuse a column whose name says something else in the atomic files, or cannot stand there."""
    where = f"{option}: a column '{name}' cannot keep its name"
    if name in FIELDS.values() or name == "item_length" or name.endswith("_list"):
        raise InputError(f"{where}, which means another thing in a data set; rename it")
    if name != name.strip() or re.search("[\t\r\n\0:.'\"]", name):
        raise InputError(
            f"{where} in an atomic file: it holds a colon, dot, quote, tab or outer blank; "
            "rename it"
        )


def _guessed(table: Table, part: str, free: List[str]) -> str:
    usual = _USUAL[part].split()
    found = [name for name in free if re.sub(r"[\W_]", "", name).lower() in usual]
    if len(found) == 1:
        return found[0]
    if found:
        words = " or ".join(f"'{name}'" for name in found)
        raise InputError(f"{table.name}: the {part} may be {words}; name one with --{part}")
    raise InputError(
        f"{table.name}: no column has a usual name of the {part}; name it with --{part}, one of "
        f"{listed(table.columns)}"
    )


def listed(names: Sequence[str]) -> str:
    """Return names for a message, the first of many."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
