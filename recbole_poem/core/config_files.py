"""YAML files of keys and values, in which a key stands once."""

import re
from pathlib import Path
from typing import Any, Dict, List

import recbole.config
import yaml

from recbole_poem.core.errors import InputError

_INTERVAL = re.compile(r"(?<!\")[\[(][^,\[\]()]+,[^,\[\]()]+\)|\([^,\[\]()]+,[^,\[\]()]+\]")
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(recbole.config.Config._build_yaml_loader(None)):  # type: ignore[misc]
    """RecBole's loader, for which ``1e-3`` is a number; it refuses a key that is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Dict[Any, Any]:
        """Return a mapping as YAML does."""
        seen: List[Any] = []
        for name, _ in node.value:
            key = None if name.tag == _MERGE else self.construct_object(name, deep=True)
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} is there twice", problem_mark=name.start_mark
                )
            seen.append(key)
        found: Dict[Any, Any] = super().construct_mapping(node, deep)
        return found

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number; one that begins with 0 would be read in octal digits."""
        if re.fullmatch(r"[-+]?0[0-9_]+", node.value):
            raise yaml.constructor.ConstructorError(
                problem=f"{node.value} begins with 0; put quotes around a token, or take the 0 out",
                problem_mark=node.start_mark,
            )
        found: int = super().construct_yaml_int(node)
        return found


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def parsed(text: str) -> Any:
    """Return what YAML text spells, as in a file: ``1e-3`` is a number.

    Raises
    ------
    yaml.YAMLError
        If it is no YAML, or gives a key twice.
    """
    return yaml.load(text, Loader=_Loader)


def read_config_file(path: str) -> Dict[str, Any]:
    """Read a file of the key ``config_files``; see `read_yaml`.

    Raises
    ------
    InputError
        And if it names further files, which RecBole passes over.
    """
    content = read_yaml(Path(path), "config_files: ")
    if "config_files" in content:
        raise InputError(
            f"config_files: {path} names other files, which are not read; name all of them in "
            "--config_files"
        )
    return content


def read_yaml(path: Path, key: str = "") -> Dict[str, Any]:
    """Read a YAML file of keys and values, ``1e-3`` as the number that RecBole takes it for.

    Parameters
    ----------
    path : Path
    key : str
        What names the file, for the beginning of an error.

    Raises
    ------
    InputError
        If it cannot be read, is no mapping, or gives a key twice, of which YAML takes the last.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        content = parsed(text)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"{key}{path} cannot be read: {_words(error, text)}{_missing_blank(text)}"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{key}{path} holds no mapping of keys to values{_missing_blank(text)}")
    return content


def _words(error: Exception, text: str) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", error)
    if mark is None:
        return " ".join(str(error).split())
    if "',' or" in str(problem):  # found behind the list that it is about
        mark = getattr(error, "context_mark", None) or mark
    lines = text.splitlines() or [""]
    place = min(mark.line, len(lines) - 1)  # the end of the text lies behind its last line
    has_interval = _INTERVAL.search(lines[place])
    hint = f'; put quotes around the interval: "{has_interval[0]}"' if has_interval else ""
    return f"line {place + 1}: {problem}{hint}"


def _missing_blank(text: str) -> str:
    """Return a hint at the first line of a YAML file whose colon has no blank behind it."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*\w+:[^\s/]", line):
            return f"; write a blank behind the colon in line {number}"
    return ""
