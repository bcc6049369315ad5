"""The embedded default: one item-to-item similarity per objective, cross-fitted over users."""

from dataclasses import dataclass
from typing import Any, Optional

from recbole_poem.cache.build import order_of
from recbole_poem.cache.sources import SourceContext, SourceSettings
from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import at_least, or_nothing, setting
from recbole_poem.core.stages import RANKING_SOURCES, SCORE_FUSIONS
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.item_to_item import ItemToItemRanker


@dataclass(frozen=True)
class RetrievalSettings(SourceSettings):
    """Settings of an item-to-item ranking."""

    folds: int = setting(
        5, at_least(2), "folds of users; one is ranked by similarities estimated without it"
    )
    neighbours: int = setting(500, at_least(1), "similar items kept per item and objective")
    max_items_per_user: Optional[int] = setting(
        None,
        or_nothing(at_least(2), "for all"),  # of one there is no pair
        "items counted per user: a sample, or the latest rows where their order counts",
    )
    max_users_per_item: Optional[int] = setting(
        None, or_nothing(at_least(1), "for all"), "users sampled per item, evenly over the folds"
    )


@RANKING_SOURCES.register("item_to_item")
class ItemToItem(ItemToItemRanker):
    """Ranks by the objectives' item-to-item similarities, estimated without the users' fold."""

    @dataclass(frozen=True)
    class Settings(RetrievalSettings):
        """See `RetrievalSettings`."""

    def __init__(self, settings: RetrievalSettings, context: SourceContext) -> None:
        config, log = context.config, context.dataset.log
        by = order_of(config, len(objectives_of(config)))
        super().__init__(**arguments(settings, config, log), fusion=by)


def retrieval(settings: RetrievalSettings, config: Any, log: RequestLog) -> ItemToItemRanker:
    """Return the ranking of a log whose objectives choose the candidates by reciprocal ranks."""
    usual = SCORE_FUSIONS.choose("reciprocal_rank", "score_fusion")
    by = usual.make(len(objectives_of(config)))
    return ItemToItemRanker(**arguments(settings, config, log), fusion=by)


def objectives_of(config: Any) -> Any:
    """Return the objectives of a configuration, names to `Choice`.

    Raises
    ------
    InputError
        If there is none.
    """
    objectives = config.component("objectives")
    if not objectives:
        raise InputError(
            "objectives: an item-to-item ranking needs at least one, such as "
            "{liked: {similarity: cosine, feedback: {rating: '[4,inf)'}}}"
        )
    return objectives


def arguments(settings: RetrievalSettings, config: Any, log: RequestLog) -> Any:
    """Return what an `ItemToItemRanker` is made from, beside the fusion of its objectives."""
    n_users = log.n_users - 1  # one is the padding
    if settings.folds > n_users:
        users = "1 user" if n_users == 1 else f"{n_users} users"
        remedy = f"set at most {n_users}" if n_users > 1 else "two users are the least"
        raise InputError(
            f"ranking_source.folds: {settings.folds} folds are too many for {users}; {remedy}"
        )
    return {
        "log": log,
        "objectives": objectives_of(config),
        "n_candidates": settings.n_candidates,
        "n_folds": settings.folds,
        "top_k": settings.neighbours,
        "seed": config["seed"],
        "max_items_per_user": settings.max_items_per_user,
        "max_users_per_item": settings.max_users_per_item,
    }
