"""Data sets of a plan that worlds write, and what their files say could be known of the rows."""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from recbole_poem.benchmark.asked import check_mapping
from recbole_poem.benchmark.rows import refuse_unknown
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import ORACLE

#: what a plan may say of a world: dials, and how long it lives
ASKED = {"dials", "requests"}


def check_worlds(worlds: Any, datasets: List[str]) -> Dict[str, Dict[str, Any]]:
    """Return what a plan asks of worlds, by data set; the dials themselves are not looked at.

    Raises
    ------
    InputError
        For what is no mapping, an unknown key, or a world that is no data set of the plan.
    """
    check_mapping("worlds", worlds)
    for name, asked in worlds.items():
        check_mapping(f"worlds: {name}", asked)
        refuse_unknown(f"worlds: {name}", asked, ASKED)
        if name not in datasets:
            raise InputError(f"worlds: '{name}' is none of the plan's 'datasets'; name it there")
    return {str(name): dict(asked) for name, asked in worlds.items()}


def read_oracle(folder: Union[str, Path]) -> Optional[Dict[str, Any]]:
    """Return what a data set says could be known of its rows; None if it says nothing.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = Path(folder, ORACLE)
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: content[name] for name in ("oracle", "requests", "world")}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: damaged or of a former version ({error!r}); write the data set anew with "
            "`recbole-poem simulate data`"
        ) from error
