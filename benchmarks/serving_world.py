"""A catalogue of any size with an untrained checkpoint, which the service benchmarks load.

Weights are random, which changes no time; those of the head and the residual are too, so that
nothing that a ranking says is a product with zero.
"""

from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import numpy as np
import pandas as pd
import torch

from recbole_poem.serving.ranking import Ranking
from recbole_poem.training import checkpoint
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.training.restoring import data_of

OBJECTIVES = ["watched", "liked", "shared", "soon", "order"]
N_CANDIDATES = 100
LENGTH = 50  # of a history


class World(NamedTuple):
    """Where the data set and the checkpoint are.

    Attributes
    ----------
    checkpoint : str
    keys : dict
        Of the configuration.
    n_items : int
    """

    checkpoint: str
    keys: Dict[str, Any]
    n_items: int

    def history(self, rng: np.random.Generator) -> List[str]:
        """Return a history of 50 items, of which a long tail is rare."""
        return [f"i{item}" for item in self._items(rng, LENGTH)]

    def ranking(self, rng: np.random.Generator) -> Ranking:
        """Return a ranking of 100 candidates by five objectives."""
        items = dict.fromkeys(f"i{item}" for item in self._items(rng, 2 * N_CANDIDATES))
        tokens = list(items)[:N_CANDIDATES]
        return Ranking.of(tokens, OBJECTIVES, rng.random((len(tokens), len(OBJECTIVES))))

    def _items(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return (self.n_items * rng.power(3, n)).astype(int)


def make(folder: Path, n_items: int, **more: Any) -> World:
    """Write a data set in which every item occurs, and a checkpoint of POEM.

    Parameters
    ----------
    folder : Path
        Exists.
    n_items : int
        At least 1,000.
    """
    name = f"items{n_items}"
    item = np.random.default_rng(0).permutation(n_items)
    log = pd.DataFrame(
        {
            "user_id:token": [f"u{row}" for row in np.arange(n_items) // 100],
            "item_id:token": [f"i{number}" for number in item],
            "timestamp:float": np.arange(n_items),
        }
    )
    (folder / name).mkdir()
    log.to_csv(folder / name / f"{name}.inter", sep="\t", index=False)
    keys = {
        "data_path": str(folder),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "checkpoint_dir": str(folder / "saved"),
        "MAX_ITEM_LIST_LENGTH": LENGTH,
        "losses.system": "none",
        "losses.margin": "none",
        "use_gpu": False,
        "state": "ERROR",
        "show_progress": False,
        **more,
    }
    config = Config("POEM", name, config_dict=keys)
    train = create_dataset(config).build()[0]
    train.objectives = tuple(OBJECTIVES)
    torch.manual_seed(0)
    model = config.model_class(config, train)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    weights = {name: value.detach() for name, value in model.state_dict().items()}
    path = folder / f"{name}.pth"
    state = {
        "keys": checkpoint.plain(config.given(), "keys"),
        "state_dict": weights,
        "other_parameter": checkpoint.plain(model.other_parameter(), "other_parameter"),
        "last_state_dict": weights,
        "optimizer": {},
        "more_optimizers": [],
        "epoch": 0,
        "cur_step": 0,
        "best_epoch": 0,
        "best_valid_score": 0.0,
        "best_valid_result": None,
        **data_of(train),
    }
    checkpoint.write(path, state)
    return World(str(path), keys, n_items)
