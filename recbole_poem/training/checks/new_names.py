"""Names of components that users name, where one may be another one misspelt."""

from difflib import get_close_matches
from typing import Any, List, Tuple

from recbole_poem.core.blocks import block_of, laid
from recbole_poem.core.stage import Form


def new_names(config: Any) -> List[Tuple[str, str]]:
    """List the dotted keys that add a component whose name resembles one that is there.

    ``targets.lik.feedback`` beside a target ``like`` may mean that one, or another one.

    Parameters
    ----------
    config : Config

    Returns
    -------
    list of (str, str)
        The key as far as the name, such as ``targets.lik``, and the name that it resembles.
    """
    external, found = config.external_config_dict, {}
    for stage in config.stages():
        if stage.form is not Form.NAMED:
            continue
        whole = {key: external[key] for key in (stage.key,) if key in external}
        there = block_of(stage, laid(config.internal_config_dict, whole))
        for head, name in (key.split(".")[:2] for key in external if "." in str(key)):
            near = get_close_matches(name, there, n=1)
            if head == stage.key and name not in there and near:
                found[f"{head}.{name}"] = near[0]
    return list(found.items())
