"""Text that spells a value, as a command line has it."""

import ast
from typing import Any

import yaml

from recbole_poem.core.config_files import parsed


def literal(value: Any) -> Any:
    """Return the Python or YAML literal that a string spells, ``true`` and ``false`` included."""
    if not isinstance(value, str):
        return value
    if value == "~":  # YAML's nothing
        return None
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass
    if value.startswith(("{", "[")):  # as a YAML file would write it: {rating: "[4,inf)"}
        try:
            return parsed(value)
        except yaml.YAMLError:
            pass
    return value
