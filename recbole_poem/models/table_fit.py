"""What does not go with an item table of which a step reads the rows of its batch alone."""

from typing import Any

from recbole.evaluator.register import metric_information

from recbole_poem.core.errors import InputError
from recbole_poem.encoders.history import KnowsItemGraph
from recbole_poem.logits.terms import is_constant

#: flat keys, the value that goes with it, and why no other does
_KEYS = (
    ("learner", "adam", "its rows move by a lazy Adam"),
    ("weight_decay", 0, "rows that are not touched do not decay"),
    ("clip_grad_norm", None, "no process sees the gradients of all rows"),
    ("enable_scaler", False, "the gradients of its rows are not scaled"),
)


def is_sharded(config: Any) -> bool:
    """Tell whether a configuration shares the rows of items out."""
    table = config.component("item_table")
    return table is not None and bool(table.component.is_sharded)


def check_table(config: Any) -> None:
    """Refuse what needs all items in one place, where the item table is sharded.

    Raises
    ------
    InputError
        Naming the key.
    """
    if not is_sharded(config):
        return
    _check_components(config)
    for key, value, why in _KEYS:
        given = config[key]
        given = given.lower() if isinstance(given, str) else given
        if given != value and (given or value):
            raise InputError(f"{key}: with item_table sharded it is {value}, since {why}")
    modes = config["eval_args"]["mode"]
    if {modes} != {"full"} if isinstance(modes, str) else set(modes.values()) != {"full"}:
        raise InputError(
            "eval_args: item_table sharded ranks a target among all items, shard by shard; set "
            "mode: full"
        )
    for name in config["metrics"]:
        if not {"rec.meanrank", "rec.score"}.isdisjoint(metric_information[name.lower()]):
            raise InputError(
                "metrics: item_table sharded knows the ranks of targets and the heads of lists; "
                f"leave out {name}, which is of all scores"
            )


def _check_components(config: Any) -> None:
    instead = "leave it out, or set item_table: dense"
    encoder = config.component("history_encoder")
    if issubclass(encoder.component, KnowsItemGraph):
        raise InputError(
            f"history_encoder: {encoder.name} mixes the rows of all items, which item_table "
            "sharded has in no place; take another one, or set item_table: dense"
        )
    for name, term in config.component("logit_terms").items():
        if is_constant(term.component):
            raise InputError(
                f"logit_terms.{name}: it has a weight for each item, all of which a step moves, "
                f"and item_table sharded is there to spare that; {instead}"
            )
    for name, term in config.component("losses").items():
        if not getattr(term.component, "reads_rows_alone", False):
            raise InputError(
                f"losses.{name}: it reads more of items than the rows of its batch, which are all "
                f"that item_table sharded brings; {instead}"
            )
    for name in config.component("rerankers"):
        raise InputError(
            f"rerankers.{name}: it reads the scores of all items, and item_table sharded makes no "
            f"such list; {instead}"
        )


def require_sampled(config: Any, n_items: int) -> None:
    """Refuse the exact softmax where the item table is sharded, before rankings are made.

    Parameters
    ----------
    config : Config
    n_items : int
        Of the data set, with the padding.

    Raises
    ------
    InputError
        If a loss asks for it.
    """
    limit = config["full_softmax_limit"]
    if not is_sharded(config) or n_items > limit:
        return
    asking = [n for n, t in config.component("losses").items() if t.component.asks_softmax]
    if asking:
        raise InputError(
            f"full_softmax_limit: up to {limit:,} items losses.{asking[0]} is the exact softmax, "
            "which item_table sharded has not; set full_softmax_limit: 0 for the sampled one"
        )
