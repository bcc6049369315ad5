"""The preset of GIMIRec: a graph of training rows, used once a step, kept in the checkpoint."""

from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from conftest import random_log
from toy_poem import make, rows

from recbole_poem import Recommender, run_recbole_poem
from recbole_poem.core.fields import TARGET_ID
from recbole_poem.encoders.history.item_graph import ItemGraph
from recbole_poem.graph.co_occurrence import co_occurrences, with_loops

PRESET = {
    "model": "POEM",
    "preset": "gimirec",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "history_encoder.n_interests": 3,
    "topk": [1, 5],
    "valid_metric": "NDCG@5",
    "train_batch_size": 60,
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **PRESET}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> List[int]:
    """Count how often the graph makes a table of all items."""
    found, forward = [], ItemGraph.forward

    def counted(graph: ItemGraph, embedding: torch.Tensor) -> torch.Tensor:
        found.append(len(embedding))
        return forward(graph, embedding)

    monkeypatch.setattr(ItemGraph, "forward", counted)
    return found


def test_the_graph_is_that_of_the_training_rows_and_of_the_settings(keys: Dict[str, Any]) -> None:
    settings = {"window": 2, "hours": 5, "per_user": 2, "neighbours": 3}
    experiment = make(keys, **{f"history_encoder.{name}": v for name, v in settings.items()})
    log = experiment.train_data._dataset.log
    chosen = log.training
    assert 0 < chosen.sum() < len(chosen)
    expected = with_loops(
        co_occurrences(
            log.user[chosen], log.item[chosen], log.time[chosen], log.n_items, 2, 5 * 3600.0, 2, 3
        )
    )
    found = experiment.train_data._dataset.item_graph
    np.testing.assert_array_equal(found.toarray(), expected.toarray())
    assert experiment.valid_data._dataset.item_graph is None


def test_histories_read_a_table_which_is_made_once_a_step_and_embeddings_score(
    keys: Dict[str, Any], passes: List[int]
) -> None:
    experiment = make(keys, initializer_range=0.5)
    model, batch = experiment.model, next(iter(experiment.train_data))
    (loss,) = model.calculate_loss(batch)
    assert passes == [experiment.dataset.item_num]
    table = model.table()
    states = model.history_encoder(F.embedding(batch["item_id_list"], table), model.rows(batch))
    slow = []
    for window, place in (batch[TARGET_ID] > 0).nonzero().tolist():
        target = batch[TARGET_ID][window, place]
        products = states[window, place] @ model.item_embedding.weight.T
        best = int(products[:, target].argmax())
        slow.append(-products[best, 1:].log_softmax(0)[target - 1])
    torch.testing.assert_close(loss, torch.stack(slow).mean())
    passes.clear()
    model.eval().full_sort_predict(rows(experiment))
    assert len(passes) == 1


@pytest.mark.parametrize("training", ["stacked", "joint"])
def test_with_rankings_too_the_table_is_made_once(
    write_dataset: Any, passes: List[int], training: str
) -> None:
    keys = write_dataset(random_log(1, n_users=40, n_items=25, longest=20))
    more = {"history_encoder": "gimirec", "row_features": ["gap", "time"]}
    experiment = make(
        {**keys, "model": "POEM", **more, "ranking_training": training},
        **{"ranking_source.n_candidates": 8, "grouping.n_groups": 2, "topk": [5]},
        valid_metric="NDCG@5",
    )
    parts = experiment.model.calculate_loss(next(iter(experiment.train_data)))
    assert len(passes) == 1
    sum(parts).backward()
    assert experiment.model.item_embedding.weight.grad.abs().sum() > 0


def test_an_item_that_nobody_saw_learns_from_its_neighbours_alone(keys: Dict[str, Any]) -> None:
    """Its embedding gets a gradient where an edge leads to what the loss reads."""
    experiment = make(keys, initializer_range=0.5)
    model, table = experiment.model, experiment.model.table()
    graph = experiment.train_data._dataset.item_graph
    item = int(np.diff(graph.indptr)[1:].argmin()) + 1
    near = (graph @ graph)[item].indices  # two steps
    table[item].sum().backward()
    moved = model.item_embedding.weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert moved == sorted(near)
    assert 1 < len(moved) < graph.shape[0]


def answers(recommender: Recommender, histories: List[List[str]]) -> Tuple[List[str], torch.Tensor]:
    times = [list(1.6e9 + 500.0 * np.arange(len(each))) for each in histories]
    found = recommender.recommend(histories, k=5, filter_seen=False, item_times=times)
    return found["item"].tolist(), torch.tensor(found["score"].to_numpy())


def test_it_is_served_as_it_is_evaluated_exactly_and_by_the_index(
    keys: Dict[str, Any], passes: List[int]
) -> None:
    result = run_recbole_poem(config_dict={**keys, "epochs": 1})
    recommender = Recommender.load(result["model_file"])
    assert recommender.objectives == []
    assert not (Path(keys["checkpoint_dir"]) / "request_cache").exists()
    dataset, model = recommender.loaded.dataset, recommender.model
    history = dataset.id2token(dataset.iid_field, [3, 7, 9]).tolist()
    passes.clear()
    items, scores = answers(recommender, [history])
    assert passes == []  # the table was made when it was loaded
    table = model.table()
    time = torch.tensor([[1.6e9, 1.6e9 + 500, 1.6e9 + 1000]], dtype=torch.float64)
    states = model.history_encoder(table[torch.tensor([[3, 7, 9]])], {"time": time})[0, 2]
    expected = (states @ model.item_embedding.weight[1:].T).amax(0).topk(5)
    tokens = dataset.id2token(dataset.iid_field, expected.indices.numpy() + 1)
    assert items == tokens.tolist()
    torch.testing.assert_close(scores, expected.values)
    by_index = Recommender.load(result["model_file"], approximate=True)
    found, its_scores = answers(by_index, [history])
    assert found == items
    torch.testing.assert_close(its_scores, scores)


def test_a_checkpoint_answers_alike_whatever_became_of_the_log(
    write_dataset: Any, keys: Dict[str, Any], tmp_path: Path
) -> None:
    """The rows are now others, of other users: the graph is that of the training."""
    result = run_recbole_poem(config_dict={**keys, "epochs": 1})
    before = Recommender.load(result["model_file"])
    tokens = [str(token) for token in before.item_tokens[1:]]
    histories = [tokens[:3], tokens[4:9]]
    expected = answers(before, histories)
    graph = before.model.history_encoder.item_graph
    edges, same = len(graph.weight), {"data_path": keys["data_path"]}
    everything = pd.DataFrame({"user_id": "other", "item_id": tokens[::-1]})
    everything["rating"], everything["timestamp"] = 3.0, 1.7e9 + np.arange(len(tokens))
    write_dataset(everything)
    after = Recommender.load(result["model_file"], same)
    items, scores = answers(after, histories)
    assert items == expected[0]
    torch.testing.assert_close(scores, expected[1], rtol=0, atol=0)
    assert len(after.model.history_encoder.item_graph.weight) == edges > 2 * len(tokens)


def test_a_resumed_training_goes_on_as_one_that_was_not_interrupted(keys: Dict[str, Any]) -> None:
    whole = run_recbole_poem(config_dict={**keys, "epochs": 2})
    first = run_recbole_poem(config_dict={**keys, "epochs": 1})
    more = {**keys, "epochs": 2, "resume": first["model_file"]}
    assert run_recbole_poem(config_dict=more)["test_result"] == whole["test_result"]


def test_without_hops_no_graph_is_made(keys: Dict[str, Any]) -> None:
    keys = {**keys, "history_encoder.hops": 0, "epochs": 1}
    assert make(keys).train_data._dataset.item_graph is None
    result = run_recbole_poem(config_dict=keys)
    history = ["i3", "i7"]
    assert len(Recommender.load(result["model_file"]).recommend([history], k=4)) == 4
