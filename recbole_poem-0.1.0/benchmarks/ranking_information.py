"""What the cached rankings can tell beside the history: a head fitted on validation rows.

A model's own head is trained where its history encoder has learned the answers by heart, and may
trust either too much. Here another one of the same form is fitted on the validation rows of four
fifths of the users and judged on those of the others, which is as well as such a head can be
calibrated. What it adds to the history alone bounds what a better training of it could.
"""

from typing import Any, Dict, NamedTuple

import measure
import torch
from tqdm import tqdm

from recbole_poem import load
from recbole_poem.benchmark.evaluation import rank_last, rank_targets
from recbole_poem.benchmark.statistics import paired_test
from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, REQUEST_ID
from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.logits.scoring import all_logits
from recbole_poem.logits.terms.candidate_head import CandidateHead

FOLDS, EPOCHS, BATCH, LEARNING_RATE = 5, 8, 512, 0.003


class Rows(NamedTuple):
    """Validation rows: what is known of n of them.

    Attributes
    ----------
    user, target : (n,) int64
    logits : (n, n_items)
        Of the history alone, -inf for seen items.
    items, valid, features, fused
        Of the rankings; see `recbole_poem.fusion.fused_ranking.FusedRanking`.
    of_model : (n,)
        NDCG@10 of the model as it is.
    """

    user: torch.Tensor
    target: torch.Tensor
    logits: torch.Tensor
    items: torch.Tensor
    valid: torch.Tensor
    features: torch.Tensor
    fused: torch.Tensor
    of_model: torch.Tensor


def ndcg(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return NDCG@10 of each row, (n,)."""
    rank = rank_targets(logits, target)
    return (rank <= 10) / torch.log2(rank + 1.0)


def mask(logits: torch.Tensor, seen: Any, target: torch.Tensor) -> torch.Tensor:
    """Rank the items of `seen` (row, item) and padding last, but not the targets."""
    rank_last(logits, seen, torch.arange(len(target)), target)
    logits[:, 0] = -torch.inf
    return logits


@torch.no_grad()
def read(experiment: Any) -> Rows:
    """Run a trained model over its validation rows."""
    model = experiment.model.eval()
    table = model.scoring_items()
    parts = []
    for batch, seen, _, target in tqdm(experiment.valid_data, "validation rows"):
        ranked = [batch[field] for field in (CACHE_ITEM, CACHE_SCORE, REQUEST_ID)]
        ranking = model.ranking_side(model.item_embedding.weight, ranked).ranking
        of_model = ndcg(mask(all_logits(model.forward(batch), table), seen, target), target)
        batch[CACHE_ITEM] = torch.zeros_like(batch[CACHE_ITEM])  # an empty ranking
        logits = mask(all_logits(model.forward(batch), table), seen, target)
        parts.append(
            (batch[model.USER_ID], target, logits, ranking.items, ranking.valid,
             ranking.features, ranking.fused, of_model)
        )  # fmt: skip
    return Rows(*(torch.cat(column) for column in zip(*parts)))


def correct(head: CandidateHead, rows: Rows, own: torch.Tensor) -> torch.Tensor:
    """Return the head's corrections of the candidates' logits, (n, N)."""
    ranking = FusedRanking(rows.items, rows.valid, rows.features, rows.fused)
    return head.correction(ranking, own)


def candidates(rows: Rows) -> torch.Tensor:
    """Return the candidates' own logits, (n, N); 0 where there is none or it was seen."""
    own = rows.logits.gather(1, rows.items)
    return torch.where(rows.valid & own.isfinite(), own, 0)


def fit(head: CandidateHead, rows: Rows) -> None:
    """Fit the head to the targets of rows by the cross-entropy over the catalogue."""
    optimizer = torch.optim.Adam(head.parameters(), LEARNING_RATE)
    own, total = candidates(rows), rows.logits.logsumexp(1)
    logit = rows.logits.gather(1, rows.target.unsqueeze(1)).squeeze(1)
    is_target = rows.valid & (rows.items == rows.target.unsqueeze(1))
    share = torch.where(rows.valid, (own - total.unsqueeze(1)).exp(), 0)
    for _ in range(EPOCHS):
        for some in torch.randperm(len(rows.target)).split(BATCH):
            batch = Rows(*(column[some] for column in rows))
            added = correct(head, batch, own[some])
            # the normaliser moves by what the corrected candidates gain
            moved = (share[some] * torch.expm1(added)).sum(1).clamp_min(-1 + 1e-6)
            right = logit[some] + (added * is_target[some]).sum(1)
            loss = (total[some] + torch.log1p(moved) - right).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@torch.no_grad()
def judge(head: CandidateHead, rows: Rows) -> torch.Tensor:
    """Return NDCG@10 of each row with the head's corrections."""
    added = correct(head, rows, candidates(rows))
    return ndcg(rows.logits.scatter_add(1, rows.items, added), rows.target)


def cross_fitted(rows: Rows, seed: int) -> torch.Tensor:
    """Return NDCG@10 of each row by a head that was fitted without its user's fold."""
    torch.manual_seed(seed)
    users, fold_of_row = rows.user.unique(return_inverse=True)
    fold = torch.randperm(len(users))[fold_of_row] % FOLDS
    found = torch.empty(len(rows.target))
    for held_out in tqdm(range(FOLDS), "folds of users"):
        usual = LOGIT_TERMS.choose("candidate_head", "logit_terms")["candidate_head"]
        head = usual.make(rows.features.shape[-1], rows.items.shape[1])
        head.reset_parameters(0.02)
        fit(head, Rows(*(column[fold != held_out] for column in rows)))
        found[fold == held_out] = judge(head, Rows(*(c[fold == held_out] for c in rows)))
    return found


def main() -> None:
    """Judge the history alone, the model, and the history with a head of other users."""
    parser = measure.parser(__doc__)
    parser.add_argument("checkpoint", help="of a POEM that reads a cache; its cache is at hand")
    options = parser.parse_args()
    torch.set_num_threads(1)
    experiment = load(options.checkpoint, {"mask_seen": True})
    rows = read(experiment)
    alone, fitted = ndcg(rows.logits, rows.target), cross_fitted(rows, seed=0)
    user = rows.user.numpy()
    found: Dict[str, Any] = {
        "dataset": experiment.config["dataset"],
        "keys": {key: experiment.config[key] for key in ("history_encoder", "ranking_training")},
        "rows": len(user),
        "target_is_candidate": ((rows.items == rows.target.unsqueeze(1)) & rows.valid).any(1),
        "history_alone": alone,
        "model": rows.of_model,
        "head_of_other_users": fitted,
    }
    found = {k: v.double().mean().item() if torch.is_tensor(v) else v for k, v in found.items()}
    found["p"] = paired_test(fitted.double().numpy(), alone.double().numpy(), user)
    measure.record(f"ranking_information_{found['dataset']}", found, options.quick)


if __name__ == "__main__":
    measure.main(globals())
