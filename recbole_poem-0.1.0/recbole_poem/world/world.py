"""What does not change while people watch: the videos, the people, and all dials."""

import copy
from typing import List

from recbole_poem.world.catalogue import Catalogue, make_catalogue
from recbole_poem.world.chance import Chance
from recbole_poem.world.history import LABELS
from recbole_poem.world.people import People, make_people
from recbole_poem.world.retrieval import Everything, Retrieval, Sources
from recbole_poem.world.settings import WorldSettings


class World:
    """A world at rest; `recbole_poem.world.loop.Lives` sets it going.

    Parameters
    ----------
    settings : WorldSettings

    Attributes
    ----------
    settings : WorldSettings
    chance : Chance
        Of all that happens in it.
    catalogue : Catalogue
    people : People
    """

    def __init__(self, settings: WorldSettings) -> None:
        self.settings = settings
        self.chance = Chance(settings.seed)
        self.catalogue: Catalogue = make_catalogue(settings.catalogue, self.chance)
        self.people: People = make_people(
            settings.people, settings.catalogue.dimensions, self.chance
        )

    def with_chances_of(self, seed: int) -> "World":
        """Return a world of the same videos and people where other things happen."""
        other = copy.copy(self)
        other.chance = Chance(seed)
        return other

    @property
    def n_users(self) -> int:
        """U."""
        return self.settings.people.users

    @property
    def n_items(self) -> int:
        """I."""
        return self.settings.catalogue.items

    @property
    def objectives(self) -> List[str]:
        """Names of the M scores of a ranking."""
        return list(self.settings.ranking_stage.objectives)

    @property
    def reactions(self) -> List[str]:
        """Names of the K reactions to a video."""
        return [*LABELS, *self.settings.reactions.others]

    def sources(self) -> Sources:
        """Return the platform's own retrieval, as its dials have it."""
        return Sources(self.settings.sources, self.people, self.catalogue, self.chance)

    def usual_retrieval(self) -> Retrieval:
        """Return what finds candidates before a test, and for a data set; the dial `retrieval`."""
        if self.settings.retrieval == "own":
            return self.sources()
        return Everything(self.n_items)
