"""The dials of the world, in one tree: ``world.yaml`` has a block for each part."""

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.settings import FROM_0, at_least, made, setting
from recbole_poem.world.catalogue import CatalogueSettings
from recbole_poem.world.clock import ClockSettings
from recbole_poem.world.people import PeopleSettings
from recbole_poem.world.ranking_stage import RankingStageSettings
from recbole_poem.world.reactions import ReactionSettings


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
    """

    seed: int = 0
    people: PeopleSettings = field(default_factory=PeopleSettings)
    catalogue: CatalogueSettings = field(default_factory=CatalogueSettings)
    ranking_stage: RankingStageSettings = field(default_factory=RankingStageSettings)
    list: ListSettings = field(default_factory=ListSettings)
    reactions: ReactionSettings = field(default_factory=ReactionSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)


PARTS: Dict[str, Any] = {
    "people": PeopleSettings,
    "catalogue": CatalogueSettings,
    "ranking_stage": RankingStageSettings,
    "list": ListSettings,
    "reactions": ReactionSettings,
    "clock": ClockSettings,
}


def world_settings(given: Mapping[str, Any]) -> WorldSettings:
    """Read the dials.

    Parameters
    ----------
    given : mapping
        ``seed``, and for each part a mapping of its settings: ``{people: {users: 100}}``. Others
        keep their defaults.

    Raises
    ------
    InputError
        Naming the part or setting, for one that is unknown or out of its range, and for lists
        that are longer than the ranking.
    """
    for name in given:
        if name not in PARTS and name != "seed":
            raise InputError(f"{name}: the world has no such part{nearest(name, PARTS)}")
    seed = given.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"seed: expected a whole number from 0, not {seed!r}")
    parts = {}
    for name, of in PARTS.items():
        block = given.get(name, {})
        if not isinstance(block, Mapping):
            raise InputError(f"{name}: expected a mapping of settings, not {block!r}")
        parts[name] = made(of, block, name)
    shown, candidates = parts["list"].shown, parts["list"].candidates
    if shown > candidates:
        raise InputError(f"list.shown: {shown} videos cannot be shown of {candidates} candidates")
    return WorldSettings(seed=seed, **parts)
