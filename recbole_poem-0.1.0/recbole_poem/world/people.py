"""The people of the world: what they like in the long term, and what they are up to just now.

The utility of a video for a user is ours, after RecSim's and SARDINE's::

    x = taste <u, v> + context <z, v> + q + b - boredom * bored[category]

u is the long-term taste, z the context of the request, v and q the video's vector and quality. The
context drifts from request to request: z' = drift z + sqrt(1 - drift^2) e. A category that was
just shown bores: bored' = recovery bored + 1 for each exposure.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recbole_poem.core.settings import FROM_0, SHARE, at_least, setting
from recbole_poem.world.catalogue import Catalogue
from recbole_poem.world.chance import Chance, Draw


@dataclass(frozen=True)
class PeopleSettings:
    """Who asks."""

    users: int = setting(1500, at_least(1), "people")
    taste: float = setting(0.5, FROM_0, "weight of the long-term taste")
    context: float = setting(0.75, FROM_0, "weight of the context of the moment")
    drift: float = setting(0.9, SHARE, "correlation of the contexts of two requests in a row")
    activity: float = setting(0.817, FROM_0, "standard deviation of how much a user watches at all")
    boredom: float = setting(0.05, FROM_0, "what each recent exposure of a category costs")
    recovery: float = setting(0.8, SHARE, "share of the boredom that is left at the next request")


class People(NamedTuple):
    """What does not change of the users.

    Attributes
    ----------
    settings : PeopleSettings
    taste : (U, d) float
    activity : (U,) float
        b, which all utilities of a user have in common.
    """

    settings: PeopleSettings
    taste: np.ndarray
    activity: np.ndarray

    def utility(
        self,
        catalogue: Catalogue,
        user: np.ndarray,
        context: np.ndarray,
        bored: np.ndarray,
        items: np.ndarray,
    ) -> np.ndarray:
        """Return what videos are worth to users at this moment.

        Parameters
        ----------
        catalogue : Catalogue
        user : (B,) int
        context : (B, d) float
        bored : (B, C) float
        items : (B, N) int

        Returns
        -------
        (B, N) float
        """
        wish = self.settings.taste * self.taste[user] + self.settings.context * context
        liked = np.einsum("bd,bnd->bn", wish, catalogue.vector[items])
        tired = np.take_along_axis(bored, catalogue.category[items], axis=1)
        worth: np.ndarray = (
            liked
            + catalogue.quality[items]
            + self.activity[user][:, None]
            - self.settings.boredom * tired
        )
        return worth


def make_people(settings: PeopleSettings, dimensions: int, chance: Chance) -> People:
    """Draw the users."""
    user = np.arange(settings.users)
    return People(
        settings,
        taste=chance.normal(Draw.TASTE, user[:, None], np.arange(dimensions)[None, :]),
        activity=settings.activity * chance.normal(Draw.ACTIVITY, user),
    )


def next_context(
    settings: PeopleSettings, chance: Chance, user: np.ndarray, request: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Return the contexts of the users' requests, from those of the requests before.

    Parameters
    ----------
    settings : PeopleSettings
    chance : Chance
    user : (B,) int
    request : (B,) int
        Number of the request among the user's, from 0.
    z : (B, d) float
        Contexts of the requests before; what they hold for request 0 does not matter.

    Returns
    -------
    (B, d) float
    """
    fresh = chance.normal(
        Draw.CONTEXT, user[:, None], request[:, None], np.arange(z.shape[1])[None, :]
    )
    drift = np.where(request > 0, settings.drift, 0.0)[:, None]
    drifted: np.ndarray = drift * z + np.sqrt(1 - drift**2) * fresh
    return drifted
