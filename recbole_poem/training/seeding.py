"""One seed for all that draws."""

import sys
from typing import Any

from recbole.utils import init_seed

from recbole_poem.core.processes import place_of
from recbole_poem.training.loaders import loaders_of


def seed_everything(seed: int, reproducibility: bool) -> None:
    """Seed Python, numpy, torch and, if it is loaded, DGL; RecBole's `init_seed` leaves it out."""
    init_seed(seed % 2**32, reproducibility)
    dgl = sys.modules.get("dgl")  # it takes seconds to load, and most models do without
    if dgl is not None:
        dgl.seed(seed % 2**31)


def seed_epoch(config: Any, train_data: Any, epoch: int) -> None:
    """Seed what an epoch draws: by the seed and the epoch, in each process by its number too.

    Loaders have one order in all processes.

    Parameters
    ----------
    config : Config
    train_data : AbstractDataLoader
    epoch : int
        From 0.
    """
    seed = config["seed"] * 1_000_003 + epoch
    seed_everything(seed * 1_009 + place_of(config), config["reproducibility"])
    for loader in loaders_of(train_data):
        loader.generator.manual_seed(seed)
