"""The first line of an atomic file: which columns it has, and of which types."""

import codecs
from pathlib import Path
from typing import Any, List, Mapping, NamedTuple

from recbole_poem.core.errors import InputError

TYPES = ("token", "token_seq", "float", "float_seq")
#: what files that are separated otherwise are separated by, as a rule
_SEPARATORS = {"\t": "a tab", ",": "','", ";": "';'", "|": "'|'", "::": "'::'", " ": "a blank"}


class Column(NamedTuple):
    """A column of an atomic file: its name, and its type, one of `TYPES`."""

    name: str
    type: str


class Format(NamedTuple):
    """How the atomic files of a data set are written.

    Attributes
    ----------
    separator : str
        Between columns; taken literally, one character or more.
    seq_separator : str
        Inside a sequence.
    encoding : str
        A codec of Python.
    types : mapping of str to str
        The types that some columns need to have, for the words of errors.
    """

    separator: str = "\t"
    seq_separator: str = " "
    encoding: str = "utf-8-sig"
    types: Mapping[str, str] = {}

    @classmethod
    def of(cls, config: Any) -> "Format":
        """Return the format that a configuration names.

        Raises
        ------
        InputError
            For an empty separator, and an encoding that Python does not know.
        """
        columns, inside = (
            _separator(key, config[key]) for key in ("field_separator", "seq_separator")
        )
        if columns == inside:
            raise InputError(
                f"seq_separator: {inside!r} separates the columns already; name another"
            )
        types = {
            config["USER_ID_FIELD"]: "token",
            config["ITEM_ID_FIELD"]: "token",
            config["TIME_FIELD"]: "float",
        }
        return cls(columns, inside, _codec(config["encoding"] or "utf-8"), types)


def _separator(key: str, value: Any) -> str:
    if not isinstance(value, str) or value in ("", "\n", "\r"):
        raise InputError(f"{key}: expected a character such as ',', not {value!r}")
    return value.replace("\\t", "\t")  # a shell hands over two characters


def _codec(name: Any) -> str:
    """Return the codec of Python that skips a byte-order mark where the encoding may have one."""
    try:
        known = codecs.lookup(str(name)).name
        "".encode(known)  # base64 and the like are no encodings of text
    except LookupError as error:
        raise InputError(f"encoding: Python knows no encoding of text {name!r}") from error
    return "utf-8-sig" if known == "utf-8" else str(name)


def parse_header(path: Path, line: str, form: Format) -> List[Column]:
    """Read the columns from the first line of a file.

    Raises
    ------
    InputError
        Naming the file and the column: another separator, a name or type that is missing, unknown
        or surrounded by blanks or quotes, a name that is there twice.
    """
    if not line:
        raise InputError(f"{path}: line 1 is empty; it has to name the columns, as user_id:token")
    if line.startswith("\ufeff"):
        raise InputError(
            f"{path}: line 1 begins with a second byte-order mark; take it out, or name the "
            "encoding without its order of bytes, such as --encoding=utf-16"
        )
    fields = line.split(form.separator)
    other = looks_separated(line, form.separator)
    if len(fields) == 1 and other:
        raise InputError(f"{path}: line 1: '{line[:80]}' is one column; {other}")
    if "" in fields:
        place = fields.index("") + 1
        raise InputError(
            f"{path}: line 1: column {place} of {len(fields)} is empty; name it, or take out the "
            "separator"
        )
    columns = [_column(path, field, form) for field in fields]
    for place, column in enumerate(columns):
        if column.name in [earlier.name for earlier in columns[:place]]:
            raise InputError(f"{path}: line 1: column '{column.name}' is there twice")
    return columns


def looks_separated(line: str, separator: str) -> str:
    """Say by what a line seems to be separated, if not by `separator`; empty if by nothing."""
    for other, words in _SEPARATORS.items():
        if other != separator and len(line.split(other)) > 1:
            shown = "'\\t'" if other == "\t" else f"'{other}'"
            return f"it looks separated by {words}; if so, set --field_separator={shown}"
    return ""


def _column(path: Path, field: str, form: Format) -> Column:
    name, colon, kind = field.rpartition(":")
    where = f"{path}: line 1: column '{field}'"
    if '"' in field or "'" in field:
        bare = field.replace('"', "").replace("'", "")
        raise InputError(f"{where} has quotes, and atomic files know none; write {bare}")
    if not colon or not kind:
        bare = (name or field).strip()
        known = form.types.get(bare)
        hint = f"{bare}:{known}" if known else f"{bare}:token, or {bare}:float for numbers"
        raise InputError(f"{where} has no type; write {hint}")
    if name != name.strip() or kind != kind.strip():
        raise InputError(f"{where} has a blank too many; write {name.strip()}:{kind.strip()}")
    if not name:
        raise InputError(f"{where} has no name; write it in front of the colon")
    if kind not in TYPES:
        known = form.types.get(name)
        hint = f"write {name}:{known}" if known else f"known are {', '.join(TYPES)}"
        raise InputError(f"{where} has the unknown type '{kind}'; {hint}")
    if form.types.get(name, kind) != kind:
        raise InputError(f"{where} is declared as {kind}; write {name}:{form.types[name]}")
    return Column(name, kind)
