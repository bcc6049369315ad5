"""The two levels of the history, and a world where only the actions in it tell."""

from typing import Tuple

import numpy as np
import pytest
import torch
from torch import nn
from toy_components import target_losses, targets_of

from recbole_poem.rankers.action_history import ActionHistory
from recbole_poem.rankers.feature_fields import Field
from recbole_poem.rankers.features import RankingFeatures, RankingRequests
from recbole_poem.rankers.measures import auc
from recbole_poem.rankers.networks.shared_bottom import SharedBottom

D = 6
NAN = torch.nan


def encoder(*actions: int) -> ActionHistory:
    torch.manual_seed(0)
    return ActionHistory(D, list(actions))


def test_only_actions_that_were_taken_change_an_item() -> None:
    pooling, history = encoder(0, 2), torch.randn(1, 1, D)

    def item(*labels: float) -> torch.Tensor:
        return pooling.items(history, torch.tensor([[labels]]))

    nothing = item(0, 0, 0)
    assert torch.equal(nothing, item(NAN, 7, NAN))  # unknown; not an action
    first, last, both = item(1, 0, 0), item(0, 0, 1), item(1, 0, 1)
    for one, other in ((nothing, first), (first, last), (last, both), (both, nothing)):
        assert not torch.allclose(one, other)


def test_an_item_is_attended_to_by_itself_and_its_actions() -> None:
    pooling, history = encoder(0, 1), torch.randn(1, 1, D)
    found = pooling.items(history, torch.tensor([[[0.0, 1]]]))
    tokens = pooling.in_item.read(torch.stack([history[0, 0], pooling.action[1]]))
    present = torch.ones(1, 2, dtype=torch.bool)
    state = pooling.in_item(history[0], history[0], tokens, present)
    assert torch.allclose(found[0], history[0] + pooling.of_item(state), atol=1e-6)


def test_without_a_history_there_is_no_interest() -> None:
    pooling, candidates = encoder(0), torch.randn(2, 3, D)
    for n_recent in (0, 4):
        history, labels = torch.randn(2, n_recent, D), torch.ones(2, n_recent, 1)
        absent = torch.zeros(2, n_recent, dtype=torch.bool)
        assert torch.equal(pooling(history, absent, candidates, labels), torch.zeros(2, 3, D))


def test_targets_without_actions_leave_the_items() -> None:
    pooling, history = encoder(), torch.randn(2, 4, D)
    present, candidates = torch.ones(2, 4, dtype=torch.bool), torch.randn(2, 3, D)
    found = [pooling(history, present, candidates, torch.full((2, 4, 1), v)) for v in (0.0, 1.0)]
    assert torch.equal(*found)


TAG = torch.cat([torch.zeros(1), torch.arange(60) % 2 + 1]).long()
LIKE = targets_of({"like": {"feedback": {"is_like": "[1,1]"}}})


def exposures(n_rows: int, generator: torch.Generator) -> Tuple[RankingRequests, torch.Tensor]:
    """Histories of both tags, of which one is liked, then and now."""
    likes = torch.randint(1, 3, (n_rows, 1), generator=generator)  # a tag
    tags = torch.tensor([1, 1, 2, 2]).expand(n_rows, -1)
    liked = (tags == likes).float()
    label = torch.rand(n_rows, 1, generator=generator).round()

    def some(tag: torch.Tensor) -> torch.Tensor:
        return tag + 2 * torch.randint(30, tag.shape, generator=generator)

    zeros = torch.zeros(n_rows, dtype=torch.int64)
    candidates = some(torch.where(label == 1, likes, 3 - likes))
    history = some(tags)
    return RankingRequests(zeros, candidates, history, zeros, zeros, liked.unsqueeze(2)), label


@pytest.mark.parametrize(("pooling", "low", "high"), [("attention", 0.4, 0.6), ("actions", 0.9, 1)])
def test_the_actions_tell_what_the_items_do_not(pooling: str, low: float, high: float) -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    features = RankingFeatures(
        [Field("user_id", "token", torch.arange(9))], [Field("tag", "token", TAG)],
        4, 8, pooling, 0, [0],
    )  # fmt: skip
    nn.init.normal_(features.items.fields[0].embedding.weight)  # no plateau at the beginning
    ranker = SharedBottom(SharedBottom.Settings([16], [], 0.0), features.output_size, 1)
    optimizer = torch.optim.Adam([*features.parameters(), *ranker.parameters()], lr=0.01)
    for _ in range(100):
        asked, label = exposures(128, generator)
        (loss,), _ = target_losses(ranker(features(asked))[:, 0], label, LIKE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    asked, label = exposures(1000, generator)
    scores = ranker(features(asked)).detach().flatten().numpy()
    assert low <= auc(label.flatten().numpy().astype(np.float64), scores) <= high
