"""The videos of the world: vectors, quality, length, category, and when each comes and goes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recbole_poem.core.settings import ABOVE_0, FROM_0, SHARE, at_least, setting
from recbole_poem.world.chance import Chance, Draw


@dataclass(frozen=True)
class CatalogueSettings:
    """What there is to watch."""

    items: int = setting(1500, at_least(10), "videos in all")
    dimensions: int = setting(16, at_least(1), "numbers that describe a video")
    categories: int = setting(20, at_least(1), "kinds of videos")
    cohesion: float = setting(0.5, SHARE, "share of a vector's variance that its category explains")
    quality: float = setting(0.4, FROM_0, "standard deviation of a video's appeal to everybody")
    log_duration: float = setting(4.174, FROM_0, "mean of the logarithm of the seconds")
    log_duration_spread: float = setting(1.088, FROM_0, "standard deviation of that logarithm")
    turnover: float = setting(0.0, SHARE, "share of the videos that a day replaces")
    days: float = setting(30.0, ABOVE_0, "days over which videos arrive, with turnover")


class Catalogue(NamedTuple):
    """The videos; an id is a place in these arrays.

    Attributes
    ----------
    vector : (I, d) float
        So that its product with a standard normal vector has variance 1 in the mean.
    quality : (I,) float
    duration : (I,) float
        Seconds.
    category : (I,) int
    centre : (C, d) float
        The middle of each category.
    arrival, departure : (I,) float
        Seconds since the world began; a video is there from the first, and gone at the second.
    """

    vector: np.ndarray
    quality: np.ndarray
    duration: np.ndarray
    category: np.ndarray
    centre: np.ndarray
    arrival: np.ndarray
    departure: np.ndarray

    def there(self, items: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Tell which videos can be shown at a time; both broadcast against each other."""
        now: np.ndarray = (self.arrival[items] <= time) & (time < self.departure[items])
        return now


def make_catalogue(settings: CatalogueSettings, chance: Chance) -> Catalogue:
    """Draw the videos."""
    n, d = settings.items, settings.dimensions
    item, dimension = np.arange(n)[:, None], np.arange(d)[None, :]
    centre = chance.normal(Draw.CENTRE, np.arange(settings.categories)[:, None], dimension)
    category = np.arange(n) % settings.categories
    own = chance.normal(Draw.ITEM_VECTOR, item, dimension)
    vector = np.sqrt(settings.cohesion) * centre[category] + np.sqrt(1 - settings.cohesion) * own
    duration = np.exp(
        settings.log_duration
        + settings.log_duration_spread * chance.normal(Draw.ITEM_DURATION, np.arange(n))
    )
    arrival, departure = _lives(settings, chance)
    return Catalogue(
        vector=vector / np.sqrt(d),
        quality=settings.quality * chance.normal(Draw.ITEM_QUALITY, np.arange(n)),
        duration=np.clip(duration, 3.0, 1800.0),
        category=category,
        centre=centre / np.sqrt(d),
        arrival=arrival,
        departure=departure,
    )


def _lives(settings: CatalogueSettings, chance: Chance) -> "tuple[np.ndarray, np.ndarray]":
    """Return when each video comes and goes; without turnover all are always there."""
    n = settings.items
    if settings.turnover == 0:
        return np.full(n, -np.inf), np.full(n, np.inf)
    life = 1 / settings.turnover
    drawn = chance.uniform(Draw.ITEM_ARRIVAL, np.arange(n))
    arrival = (drawn * (settings.days + life) - life) * 86_400  # some were there before the start
    return arrival, arrival + life * 86_400
