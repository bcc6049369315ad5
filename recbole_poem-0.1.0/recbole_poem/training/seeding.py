"""One seed for all that draws."""

import sys

from recbole.utils import init_seed


def seed_everything(seed: int, reproducibility: bool) -> None:
    """Seed Python, numpy, torch and, if it is loaded, DGL; RecBole's `init_seed` leaves it out."""
    init_seed(seed % 2**32, reproducibility)
    dgl = sys.modules.get("dgl")  # it takes seconds to load, and most models do without
    if dgl is not None:
        dgl.seed(seed % 2**31)
