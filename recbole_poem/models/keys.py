"""The flat keys of POEM, and of the ranking stage alone, which is what feeds POEM."""

from dataclasses import dataclass
from typing import Any, Mapping, Optional

import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_whole_number
from recbole_poem.core.settings import (
    ABOVE_0,
    FLAG,
    PROBABILITY,
    TEXT,
    Range,
    at_least,
    one_of,
    or_nothing,
    setting,
)
from recbole_poem.encoders.history.tokens import require_read
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.fusion.learned import learns
from recbole_poem.log.row_features import features_of
from recbole_poem.models.table_fit import check_table

#: stages of the rankers that a source of rankings may train
OF_RANKERS = ("targets", "ranker", "ranker_input", "ranker_optimizer")


@dataclass(frozen=True)
class POEMKeys:
    """Their defaults, ranges and meanings; RecBole's names where RecBole has them."""

    preset: str = setting("best", TEXT, "best, or a file of properties/preset/, such as paper")

    # sizes
    MAX_ITEM_LIST_LENGTH: int = setting(50, at_least(1), "L, the user's latest items that are read")
    n_layers: int = setting(2, at_least(1), "Transformer layers of the history encoder")
    n_heads: int = setting(2, at_least(1), "attention heads of the encoders")
    hidden_size: int = setting(64, at_least(1), "d, size of embeddings and states")
    inner_size: int = setting(256, at_least(1), "width of the feed-forward layers")
    hidden_dropout_prob: float = setting(0.3, PROBABILITY, "dropout of embeddings and residuals")
    attn_dropout_prob: float = setting(0.3, PROBABILITY, "dropout of attention weights")
    initializer_range: float = setting(0.02, ABOVE_0, "standard deviation of the initial weights")

    # reading rankings
    request_cache_dir: Optional[str] = setting(
        None, or_nothing(TEXT), "where built caches are kept; ~ = <checkpoint_dir>/request_cache"
    )
    request_lag: int = setting(
        1, at_least(0), "requests between a ranking and its reader; 0 re-ranks (an ablation)"
    )
    n_rankings: int = setting(
        1,
        Range(lambda v: is_whole_number(v) and 1 <= v <= 3, "a whole number from 1 to 3"),
        "previous rankings that a request reads, the one request_lag ago and those before it",
    )
    requests_per_window: int = setting(
        5, at_least(1), "positions of a training window that carry a ranking"
    )
    ranking_training: str = setting(
        "stacked",
        one_of("stacked", "joint"),
        "joint: one loss moves all; stacked: what reads rankings learns on top of the history",
    )
    request_weight: float = setting(
        9, ABOVE_0, "omega, of a position with a ranking against others; joint training alone"
    )

    # controls
    shuffle_scores: bool = setting(
        False, FLAG, "candidates take each other's scores at random (a control)"
    )
    shuffle_rankings: bool = setting(
        False, FLAG, "requests read the rankings of others, drawn by the seed (a control)"
    )
    hide_target: bool = setting(
        False, FLAG, "evaluated rankings lose the target (a control by an oracle: never for use)"
    )

    # the softmax
    full_softmax_limit: int = setting(
        50000, at_least(0), "items up to which the softmax is exact; above, sampled with logQ"
    )
    sampled_negatives: int = setting(2000, at_least(1), "negatives of the sampled softmax")
    negative_distribution: str = setting(
        "popularity", one_of("uniform", "popularity"), "of the sampled softmax's negatives"
    )


def check_poem(config: Any) -> None:
    """Refuse keys and components that do not fit each other.

    Raises
    ------
    InputError
        Naming one of them.
    """
    losses = config.component("losses")
    _check_losses(losses)
    _check_encoders(config)
    fusion = config.component("state_fusion")
    stacked = config["ranking_training"] == "stacked" and config.component("ranking_reader")
    if fusion is not None and stacked and not fusion.component.is_on_top:
        raise InputError(
            f"ranking_training: stacked needs a state_fusion that stands on top of the history "
            f"state, such as residual, and {fusion.name} has no such part; set ranking_training: "
            "joint"
        )
    _check_fusion(config, losses or {})
    check_table(config)
    acting = {name: term for name, term in (losses or {}).items() if _weighs(term)}
    if acting and config.component("ranking_reader"):
        _check_reading_is_taught(acting)
    if acting and stacked:
        _check_history_is_taught(acting)


def _check_losses(losses: Optional[Mapping[str, Any]]) -> None:
    """Refuse terms of which none tells items from each other, or one replaces another one."""
    if losses is None:  # the ranking alone has no such stage
        return
    if not losses:
        raise InputError("losses: there is nothing to learn from; name feedback at least")
    for name, term in losses.items():
        for other in getattr(term.component, "stands_in_place_of", ()):
            if other in losses:
                raise InputError(
                    f"losses.{name}: it stands in the place of {other}; leave one of them out"
                )
    telling = [name for name, term in losses.items() if term.component.stands_alone]
    if not telling:
        raise InputError(
            f"losses: {' and '.join(losses)} goes beside a loss of the next item, and there is "
            "none; add feedback"
        )
    if not any(_weighs(losses[name]) for name in telling):
        raise InputError(f"losses.{telling[0]}.weight: with 0 there is nothing to learn items from")


def _weighs(term: Any) -> bool:
    """Tell whether the weight of a chosen term is above 0; one from outside may have none."""
    return bool(getattr(term.settings, "weight", 1))


def _check_reading_is_taught(losses: Mapping[str, Any]) -> None:
    """Refuse to read rankings where no term would teach how: the history alone would learn."""
    terms = [term.component for term in losses.values()]
    if not any(term.teaches_state and term.stands_alone for term in terms):
        raise InputError(
            f"losses: {' and '.join(losses)} acts on the history alone, and what reads rankings "
            "would learn nothing; add feedback, or set ranking_reader: none"
        )


def _check_history_is_taught(losses: Mapping[str, Any]) -> None:
    """Refuse stacked training in which no term would teach the history to tell items."""
    terms = [term.component for term in losses.values()]
    if not any(term.teaches_history and term.stands_alone for term in terms):
        raise InputError(
            "losses: with ranking_training stacked the history learns from a loss of its own, such "
            "as feedback, and none of a weight above 0 is among them; add it, or set "
            "ranking_training: joint"
        )


def _check_encoders(config: Any) -> None:
    """Refuse encoders that cannot be made of the keys, before data are read and rankings made.

    Each is made once and thrown away: so it has its say, whatever it refuses.
    """
    encoder, reader = (config.component(key) for key in ("history_encoder", "ranking_reader"))
    if encoder is None:
        return
    size, heads = config["hidden_size"], config["n_heads"]
    if size % heads and any(map(_has_heads, (encoder, reader))):
        raise InputError(f"hidden_size: {size} is no multiple of n_heads, {heads}")
    position = getattr(encoder.settings, "position", None)
    if position is not None:
        there = config.component("row_features") or {}
        require_read(position.name, position.component.reads, there)
    sizes = Sizes.of(config, config["MAX_ITEM_LIST_LENGTH"])
    with torch.random.fork_rng(devices=[]):  # no later draw notices
        encoder.make(sizes, features_of(config))
        if reader is not None:
            reader.make(sizes, 1, config.component("grouping").make())


def _has_heads(encoder: Any) -> bool:
    """Tell whether a history encoder or a ranking reader, None if there is none, reads n_heads."""
    return encoder is not None and "n_heads" not in getattr(encoder.component, "unread_keys", ())


def _check_fusion(config: Any, losses: Mapping[str, Any]) -> None:
    """Refuse a score fusion that would never learn, and a loss that has none to teach."""
    fusion, reader = config.component("score_fusion"), config.component("ranking_reader")
    learned = reader is not None and learns(fusion.component)
    if learned and "fusion" not in losses:
        raise InputError(
            f"losses: the score_fusion {fusion.name} learns by the loss 'fusion', which is not "
            "among them; add losses.fusion: True"
        )
    if learned and not _weighs(losses["fusion"]):
        raise InputError(
            f"losses.fusion.weight: with 0 the score_fusion {fusion.name} learns nothing; give a "
            "number above 0"
        )
    if learned and config["n_rankings"] > 1:
        raise InputError(
            f"n_rankings: the score_fusion {fusion.name} learns who asks, and requests share older "
            "rankings; set n_rankings: 1"
        )
    if "fusion" in losses and not learned:
        missing, instead = f"the score_fusion {fusion.name}", "score_fusion: umre"
        if reader is None:
            missing, instead = "no ranking_reader", "a ranking_reader"
        raise InputError(
            f"losses.fusion: with {missing} there is no fusion that learns; leave the loss out, or "
            f"take {instead}"
        )


def check_preset(config: Any) -> None:
    """Refuse a preset that changes the ranker where no ranker makes the rankings.

    Raises
    ------
    InputError
        Naming the preset and the source of the rankings.
    """
    source = config.component("ranking_source")
    is_of_rankers = not config.keys_of_preset().isdisjoint(OF_RANKERS)
    if is_of_rankers and not getattr(source.component, "trains_rankers", False):
        raise InputError(
            f"preset: {config['preset']} changes the ranker, and the ranking_source {source.name} "
            "trains none; add ranking_source: time_blocks, or take another preset"
        )
