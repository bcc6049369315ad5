"""What lists as diverse as another model's would cost: a trained model's heads, chosen as a whole.

The likeliest ten items resemble each other more than ten that people deal with. The re-ranker
``category_penalty`` buys diversity@10 (the share of pairs that share no category) with NDCG@10.
The penalty is the smallest one of a grid with which lists of *validation* rows are as diverse as
asked for; test rows are read with that one and with none. Seen items are ranked last.
"""

from typing import Any, Dict, NamedTuple

import measure
import numpy as np
import torch
from tqdm import tqdm

from recbole_poem import load
from recbole_poem.benchmark.evaluation import rank_last
from recbole_poem.benchmark.ranking import coverage, diversity, user_values
from recbole_poem.benchmark.statistics import paired_test
from recbole_poem.core.errors import InputError
from recbole_poem.data.categories import read_categories
from recbole_poem.rerankers.category_penalty import order_of

K, POOL = 10, 50
PENALTIES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)


class Heads(NamedTuple):
    """What a model puts on top for n rows.

    Attributes
    ----------
    user, target : (n,) int64
    item : (n, `POOL`) int64
        Best first.
    logit : (n, `POOL`)
        Theirs.
    """

    user: torch.Tensor
    target: torch.Tensor
    item: torch.Tensor
    logit: torch.Tensor


@torch.no_grad()
def read(experiment: Any, phase: str) -> Heads:
    """Run a trained model over its ``valid`` or ``test`` rows."""
    model, loader = experiment.model.eval(), getattr(experiment, f"{phase}_data")
    parts = []
    for batch, seen, row, target in tqdm(loader, f"{phase} rows"):
        logits = model.full_sort_predict(batch).view(len(batch), -1)
        rank_last(logits, seen, row, target)
        logits[:, 0] = -torch.inf
        top = logits.topk(POOL)
        parts.append((batch[model.USER_ID][row], target, top.indices[row], top.values[row]))
    return Heads(*(torch.cat(column) for column in zip(*parts)))


def chosen(heads: Heads, category: torch.Tensor, penalty: float) -> torch.Tensor:
    """Fill lists as the last stage does, (n, K) item ids."""
    order = order_of(category, penalty, K, heads.item, heads.logit)
    return heads.item.gather(1, order[:, :K])


def ndcg(lists: torch.Tensor, target: torch.Tensor) -> np.ndarray:
    """Return NDCG@K of each row, (n,)."""
    hit = lists == target.unsqueeze(1)
    rank = torch.where(hit.any(dim=1), 1 + hit.int().argmax(dim=1), K + 1)
    return user_values(rank.numpy(), f"NDCG@{K}")


def main() -> None:
    """Trade the NDCG@10 of one checkpoint for diversity@10."""
    parser = measure.parser(__doc__)
    parser.add_argument("checkpoint", help="of any model, of a data set with a category_field")
    parser.add_argument("--aim", type=float, required=True, help="diversity@10 of validation rows")
    options = parser.parse_args()
    torch.set_num_threads(1)
    experiment = load(options.checkpoint, {"mask_seen": True})
    known = read_categories(experiment.config, experiment.dataset)
    if known is None:
        raise InputError(f"category_field: {experiment.config['dataset']} names none")
    category = torch.from_numpy(known)
    found: Dict[str, Any] = {
        "dataset": experiment.config["dataset"],
        "model": experiment.config["model"],
        "aim": options.aim,
        "valid": [],
    }
    valid, penalty = read(experiment, "valid"), None
    for trial in PENALTIES:
        lists = chosen(valid, category, trial)
        diverse = float(diversity(lists.numpy(), known, K).mean())
        value = float(ndcg(lists, valid.target).mean())
        found["valid"].append({"penalty": trial, "NDCG@10": value, "diversity@10": diverse})
        if diverse >= options.aim:
            penalty = trial
            break
    if penalty is None:
        raise InputError(f"--aim: {options.aim} is more than a penalty of {PENALTIES[-1]} reaches")
    test = read(experiment, "test")
    plain, diverse_lists = (chosen(test, category, of) for of in (0.0, penalty))
    of_plain, of_diverse = (ndcg(lists, test.target) for lists in (plain, diverse_lists))
    for name, lists, values in (
        ("test", plain, of_plain),
        ("test_with_penalty", diverse_lists, of_diverse),
    ):
        found[name] = {
            "NDCG@10": float(values.mean()),
            "diversity@10": float(diversity(lists.numpy(), known, K).mean()),
            "coverage@10": coverage(lists.numpy(), K, len(known)),
        }
    found["penalty"] = penalty
    found["p"] = paired_test(of_diverse, of_plain, test.user.numpy())
    measure.record(f"diverse_lists_{found['dataset']}", found, options.quick)


if __name__ == "__main__":
    measure.main(globals())
