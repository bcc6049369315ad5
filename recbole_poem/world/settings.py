"""The dials of the world, in one tree: a block of settings for each part."""

from dataclasses import dataclass, field, fields
from typing import Any, Dict, Mapping

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.settings import FROM_0, at_least, default_of, made, one_of, setting
from recbole_poem.world.catalogue import CatalogueSettings
from recbole_poem.world.clock import ClockSettings
from recbole_poem.world.clues import CluesSettings
from recbole_poem.world.history import LABELS
from recbole_poem.world.people import PeopleSettings
from recbole_poem.world.ranking_stage import RankingStageSettings
from recbole_poem.world.reactions import ReactionSettings
from recbole_poem.world.retrieval import SourcesSettings


@dataclass(frozen=True)
class ListSettings:
    """What becomes of a ranking."""

    candidates: int = setting(50, at_least(2), "N: the best that the ranking keeps")
    shown: int = setting(10, at_least(1), "videos of a list")
    penalty: float = setting(
        0.0, FROM_0, "what the re-ranker takes off for each video of the category on the list"
    )


@dataclass(frozen=True)
class WorldSettings:
    """All dials of a world.

    Attributes
    ----------
    seed : int
        Of every chance in it.
    retrieval : str
        Who finds candidates before a test, and for a data set.
    """

    seed: int = setting(0, at_least(0), "of every chance in it")
    retrieval: str = setting(
        "everything",
        one_of("everything", "own"),
        "who finds candidates before a test, and for a data set: nobody, all videos are ranked; or "
        "the platform's own sources",
    )
    people: PeopleSettings = field(default_factory=PeopleSettings)
    catalogue: CatalogueSettings = field(default_factory=CatalogueSettings)
    ranking_stage: RankingStageSettings = field(default_factory=RankingStageSettings)
    sources: SourcesSettings = field(default_factory=SourcesSettings)
    list: ListSettings = field(default_factory=ListSettings)
    reactions: ReactionSettings = field(default_factory=ReactionSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)
    clues: CluesSettings = field(default_factory=CluesSettings)


PARTS: Dict[str, Any] = {
    "people": PeopleSettings,
    "catalogue": CatalogueSettings,
    "ranking_stage": RankingStageSettings,
    "sources": SourcesSettings,
    "list": ListSettings,
    "reactions": ReactionSettings,
    "clock": ClockSettings,
    "clues": CluesSettings,
}


def world_settings(given: Mapping[str, Any]) -> WorldSettings:
    """Read the dials.

    Parameters
    ----------
    given : mapping
        ``seed``, ``retrieval``, and for each part a mapping of its settings:
        ``{people: {users: 100}}``, or ``{people.users: 100}``. Others keep their defaults.

    Raises
    ------
    InputError
        Naming the part or setting, for one that is unknown or out of its range, and for parts that
        do not fit each other.
    """
    given = laid(given)
    known = {each.name: each for each in fields(WorldSettings)}
    for name in given:
        if name not in known:
            raise InputError(f"{name}: the world has no such dial{nearest(name, known)}")
    values: Dict[str, Any] = {}
    for name, each in known.items():
        if name in PARTS:
            values[name] = made(PARTS[name], given.get(name, {}), name)
            continue
        values[name] = given.get(name, default_of(each))
        of = each.metadata["range"]
        if not of.holds(values[name]):
            raise InputError(f"{name}: expected {of.words}, not {values[name]!r}")
    return _fitting(WorldSettings(**values))


def laid(*levels: Mapping[str, Any]) -> Dict[str, Any]:
    """Lay dials over each other, the lowest first: each dial is changed alone.

    Parameters
    ----------
    *levels : mapping
        Blocks, as `world_settings` has them, or dotted dials: ``{"people.users": 100}``.

    Returns
    -------
    dict
        Blocks.

    Raises
    ------
    InputError
        For a block that is no mapping.
    """
    blocks: Dict[str, Any] = {}
    for level in levels:
        for name, value in level.items():
            part, _, dial = str(name).partition(".")
            changes = {dial: value} if dial else value
            if part not in PARTS:
                blocks[part] = changes
            elif isinstance(changes, Mapping):
                blocks[part] = {**blocks.get(part, {}), **changes}
            else:
                raise InputError(f"{part}: expected a mapping of settings, not {value!r}")
    return blocks


def _fitting(settings: WorldSettings) -> WorldSettings:
    """Return the settings, or refuse what cannot be."""
    shown, candidates = settings.list.shown, settings.list.candidates
    items, categories = settings.catalogue.items, settings.catalogue.categories
    if shown > candidates:
        raise InputError(f"list.shown: {shown} videos cannot be shown of {candidates} candidates")
    if candidates > items:
        raise InputError(f"list.candidates: {candidates} cannot be ranked of {items} videos")
    if categories > items:
        raise InputError(f"catalogue.categories: {items} videos cannot fill {categories}")
    for name in LABELS:
        if name in settings.reactions.others:
            raise InputError(
                f"reactions.others: '{name}' follows from the watch time in every world; leave it "
                "out, or give it another name"
            )
    return settings
