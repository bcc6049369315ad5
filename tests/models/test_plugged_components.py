"""At every stage of POEM a new component is one small class: it trains, and it answers."""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from conftest import random_log
from torch import nn
from toy_poem import SMALL

from recbole_poem import Ranking, Recommender, run_recbole_poem
from recbole_poem.core import stages
from recbole_poem.core.settings import ABOVE_0, at_least, setting
from recbole_poem.encoders.sizes import initialise
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.scores import Fused
from recbole_poem.logits.terms import Named
from recbole_poem.rerankers import Placed

CALLS: List[str] = []


def called(name: str) -> None:
    CALLS.append(name)


class Plain:
    @dataclass(frozen=True)
    class Settings:
        scale: float = setting(1.0, ABOVE_0, "of what it gives")


class MeanScore(Plain, nn.Module):
    """Scores as they are, and their mean."""

    reads_ranks_alone, gives_weights = False, True

    def __init__(self, settings: Any, n_objectives: int, context_size: int = 0) -> None:
        super().__init__()
        self.n_features, self.n_objectives = 1, n_objectives

    @classmethod
    def of_cache(cls, settings: Any, n_objectives: int) -> "MeanScore":
        return cls(settings, n_objectives)

    def forward(self, scores: torch.Tensor, valid: torch.Tensor, context: Any = None) -> Fused:
        called("score_fusion")
        mean = scores.mean(-1).sigmoid() * valid
        return Fused(mean.unsqueeze(-1), mean)

    def fingerprint(self) -> Dict[str, Any]:
        return {"name": "mean"}

    def gains(self, n: int) -> np.ndarray:
        return np.tile(1 / np.arange(1, n + 1, dtype=np.float32), (self.n_objectives, 1))


class Odd(Plain):
    """Two groups: odd item ids first."""

    n_groups, reads_stages = 2, False

    def __init__(self, settings: Any) -> None:
        pass

    def __call__(self, ranking: FusedRanking) -> torch.Tensor:
        called("grouping")
        return torch.where(ranking.valid, 1 - ranking.items % 2, 2)


class MeanReader(Plain, nn.Module):
    """The mean of the candidates' embeddings, by fused score."""

    def __init__(self, settings: Any, sizes: Any, n_features: int, grouping: Any) -> None:
        super().__init__()

    def reset_parameters(self, std: float) -> None:
        pass

    def forward(self, embeddings: torch.Tensor, ranking: Any, draws: Any) -> torch.Tensor:
        called("ranking_reader")
        return (F.embedding(ranking.items, embeddings) * ranking.fused.unsqueeze(-1)).sum(1)


class LastTwo(Plain, nn.Module):
    """Two interests: the last item, and the mean of all up to it."""

    n_interests = 2

    def __init__(self, settings: Any, sizes: Any, features: Any) -> None:
        super().__init__()
        self.map = nn.Linear(sizes.hidden_size, sizes.hidden_size)

    def reset_parameters(self, std: float) -> None:
        initialise(self, std)

    def forward(self, items: torch.Tensor, rows: Any) -> torch.Tensor:
        called("history_encoder")
        count = torch.arange(1, items.shape[1] + 1).view(1, -1, 1)
        return torch.stack([self.map(items), items.cumsum(1) / count], dim=2)

    def at(self, items: torch.Tensor, rows: Any, place: torch.Tensor) -> torch.Tensor:
        return self(items, rows)[torch.arange(len(place)), place]

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        return items


class Nearness(Plain, nn.Module):
    """Says nothing of places but that near ones count more."""

    reads = ()

    def __init__(self, settings: Any, sizes: Any) -> None:
        super().__init__()

    def add(self, tokens: torch.Tensor, rows: Any) -> torch.Tensor:
        return tokens

    def rotate(self, query: Any, key: Any, rows: Any, at: Any) -> Any:
        return query, key

    def bias(self, query: Any, key: Any, rows: Any, at: Optional[torch.Tensor]) -> torch.Tensor:
        called("position")
        place = torch.arange(key.shape[2])
        mine = place.view(1, -1) if at is None else at.view(-1, 1)
        return -0.1 * (mine.unsqueeze(-1) - place).abs().unsqueeze(1).float()


class Uniform(Plain, nn.Module):
    """Every value that may be attended to counts the same."""

    def __init__(self, settings: Any, sizes: Any) -> None:
        super().__init__()

    def forward(self, query: Any, key: Any, value: Any, may_attend: Any, bias: Any) -> Any:
        called("attention")
        if may_attend is None:
            may_attend = torch.ones(query.shape[2], key.shape[2]).tril().bool()
        weight = may_attend.float().expand(*query.shape[:3], key.shape[2])
        return (weight / weight.sum(-1, keepdim=True)) @ value


class Hour(Plain):
    """The hour of a row, as a slot."""

    n_slots, dropout = 25, 0.0

    def __init__(self, settings: Any) -> None:
        pass

    def of_log(self, log: Any, per_second: float) -> np.ndarray:
        return self.of_request(log.time, log.position == 0, per_second)

    def of_request(self, time: np.ndarray, first: np.ndarray, per_second: float) -> np.ndarray:
        called("row_features")
        hour = time // (3600 * per_second) % 24
        return np.nan_to_num(1 + hour, nan=0).astype(np.uint8)


class Sum(Plain, nn.Module):
    """The sum of both states."""

    is_on_top = True

    def __init__(self, settings: Any, size: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))

    def reset_parameters(self, std: float) -> None:
        nn.init.zeros_(self.scale)

    def forward(self, history: Any, ranking: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        called("state_fusion")
        return history + (self.scale * ranking * known).unsqueeze(1)

    def without_ranking(self, history: torch.Tensor) -> torch.Tensor:
        return history


class Last(Plain, nn.Module):
    """One learned number for the first item of the window."""

    reads_ranking = False

    def __init__(self, settings: Any, n_features: int, n_candidates: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(()))

    def reset_parameters(self, std: float) -> None:
        pass

    def forward(self, asked: Any) -> Named:
        called("logit_terms")
        first = asked.seen[:, :1]
        return Named(first, self.logit * (first > 0))


class Small(Plain):
    """Keeps the user states small."""

    teaches_history = True
    teaches_state = True
    stands_alone = True

    def __init__(self, settings: Any) -> None:
        self.scale = settings.scale

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, Any]:
        return {"one": lambda requests, draws, batch: torch.ones_like(requests)}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        return False

    def positives(self, learnt: Any) -> torch.Tensor:
        return learnt.target.new_zeros(len(learnt.target), 0)

    def __call__(self, learnt: Any, log_probability: torch.Tensor) -> torch.Tensor:
        called("losses")
        assert bool((learnt.batch["one"] == 1).all())
        return self.scale * 1e-3 * learnt.asking.state.square().mean()


class First(Plain):
    """Item 1, for everybody."""

    @dataclass(frozen=True)
    class Settings:
        number: int = setting(1, at_least(1), "copies of it")

    def __init__(self, settings: Any, data: Any) -> None:
        self.number = settings.number

    def draw(self, requests: torch.Tensor, draws: Any, preferred: Any) -> torch.Tensor:
        called("negatives")
        return torch.ones(*requests.shape, self.number, dtype=torch.int64)


class Backwards(Plain):
    """The best two, the other way round."""

    pool, reads_states = 2, False

    def __init__(self, settings: Any, config: Any, dataset: Any) -> None:
        pass

    def rerank(self, context: Any, item: torch.Tensor, score: torch.Tensor) -> Placed:
        called("rerankers")
        order = torch.arange(item.shape[1]).flip(0).expand_as(item)
        return Placed(order, score)


TOYS = [
    (
        "score_fusion",
        stages.SCORE_FUSIONS,
        MeanScore,
        {"score_fusion": "toy", "ranking_source.raw_scores": True},
    ),
    ("grouping", stages.GROUPINGS, Odd, {"grouping": "toy"}),
    ("ranking_reader", stages.RANKING_READERS, MeanReader, {"ranking_reader": "toy"}),
    ("history_encoder", stages.HISTORY_ENCODERS, LastTwo, {"history_encoder": "toy"}),
    ("position", stages.POSITIONS, Nearness, {"history_encoder.position": "toy"}),
    ("attention", stages.ATTENTIONS, Uniform, {"history_encoder.attention": "toy"}),
    ("row_features", stages.ROW_FEATURES, Hour, {"row_features": ["gap", "toy"]}),
    ("state_fusion", stages.STATE_FUSIONS, Sum, {"state_fusion": "toy"}),
    ("logit_terms", stages.LOGIT_TERMS, Last, {"logit_terms.toy": True}),
    ("losses", stages.LOSSES, Small, {"losses.toy.scale": 2.0}),
    ("negatives", stages.NEGATIVES, First, {"losses.margin.negatives": "toy"}),
    ("rerankers", stages.RERANKERS, Backwards, {"rerankers": "toy"}),
]
#: of training alone
UNSERVED = ("losses", "negatives")


@pytest.fixture(params=TOYS, ids=lambda toy: toy[0])
def toy(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    name, stage, component, keys = request.param
    stage.components()
    monkeypatch.setitem(stage._components, "toy", component)
    CALLS.clear()
    yield name, keys


def test_it_trains_is_evaluated_and_answers(toy: Any, write_dataset: Any) -> None:
    name, keys = toy
    log = random_log(3, n_users=20, n_items=12, longest=10)
    given = {**write_dataset(log), **SMALL, "epochs": 1, "show_progress": False}
    for key in [key for key in given if key.startswith(f"{name}.")]:
        given.pop(key)  # settings of the usual component
    result = run_recbole_poem(config_dict={**given, **keys})
    assert 0 <= result["test_result"]["ndcg@5"] <= 1
    assert name in CALLS
    CALLS.clear()
    recommender = Recommender.load(result["model_file"], {"show_progress": False})
    tokens = recommender.similar_items(recommender._vocabulary.tokens[1], 2)["item"]
    names = recommender.objectives
    ranking = Ranking.of(list(tokens), names, np.ones((len(tokens), len(names))).tolist())
    answer = recommender.recommend(
        [list(tokens)], k=3, rankings=[ranking], item_times=[[1.6e9, 1.6e9 + 7200]]
    )
    assert isinstance(answer, pd.DataFrame)
    assert len(answer) == 3
    assert (name in CALLS) is (name not in UNSERVED)
