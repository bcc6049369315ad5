"""The input request_context: its columns, those that it refuses, and rankers that read it."""

from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from toy_exposures import TINY, TINY_NETWORK, TINY_POEM, exposure_log, write_with_context
from toy_log import log_at

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_CONTEXT
from recbole_poem.rankers.feature_fields import Field
from recbole_poem.rankers.inputs import Found, Known, States
from recbole_poem.rankers.inputs.request_context import RequestContext
from recbole_poem.rankers.ranking_requests import RankingRequests
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import load, run_recbole_poem

CONTEXT = {"request_context": {"columns": ["tab", "battery"]}}
GIVES_WAY = {"target": "stcrank", "feedback": {"click": "[1,1]"}, "other": {"battery": "[1,9]"}}
NAN = float("nan")


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    ranker = {"model": "MultiTaskRanker", **TINY, "ranker": TINY_NETWORK}
    return {**write_with_context(write_dataset, exposure_log()), **ranker, "ranker_input": CONTEXT}


def made(fields: Sequence[Field], training: List[bool]) -> RequestContext:
    torch.manual_seed(0)
    n = len(training)
    log = log_at(np.arange(n), np.ones(n, dtype=int), 2, training)
    empty = np.empty((n, 0))
    known = Known(
        log, log.time.astype(int), empty, empty, [], fields, lambda name: 3, lambda name: empty, 0
    )
    columns = [field.name for field in fields]
    return RequestContext(RequestContext.Settings(columns=columns), known, 4)


def features(of: RequestContext, context: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    user = torch.ones(len(context), dtype=torch.int64)
    nothing = torch.empty(len(context), 0)
    asked = RankingRequests(user, user[:, None], nothing, user, user, nothing, context)
    assert [each.shape[1] for each in of.find(asked)] == [0, 0]
    of_none = Found(nothing, nothing)
    return of(asked, States(candidates, nothing, nothing, nothing, nothing, of_none))


# -- the numbers -----------------------------------------------------------------------------------


def test_all_candidates_of_a_request_are_told_the_same() -> None:
    fields = [
        Field("tab", "token", torch.tensor([1, 2, 2])),
        Field("battery", "float", torch.tensor([5.0, 7.0, NAN])),
    ]
    of = made(fields, [True] * 3)
    candidates = torch.randn(2, 3, 4)
    found = features(of, torch.tensor([[2, 7.0], [0, NAN]]), candidates)
    assert found.shape == (2, 3, of.output_size) == (2, 3, 8)
    context = found[..., :4]
    assert torch.equal(context, context[:, :1].expand(-1, 3, -1))
    assert torch.allclose(found[..., 4:], context * candidates)
    # no token is the zero vector, and a number that is not told has a vector of its own
    unknown = torch.cat([torch.zeros(4), of.columns[1].missing])
    assert torch.allclose(context[1, 0], of.projection(unknown), atol=1e-6)
    assert not torch.allclose(context[0, 0], context[1, 0], atol=1e-3)


def test_numbers_are_standardised_by_the_training_rows_that_tell_them() -> None:
    values = torch.tensor([0.0, np.expm1(2.0), NAN, 1e9])
    of = made([Field("battery", "float", values)], [True, True, True, False]).columns[0]
    standard = of.direction(torch.tensor([[-1.0], [1.0], [-3.0]]))
    context = torch.tensor([0.0, np.expm1(2.0), -np.expm1(2.0)], dtype=torch.float64)
    assert torch.allclose(of(context), standard, atol=1e-5)
    constant = made([Field("battery", "float", torch.full((3,), 7.3))], [True] * 3).columns[0]
    assert torch.isfinite(constant(torch.tensor([7.3, 8.0], dtype=torch.float64))).all()


def test_a_request_that_tells_nothing_is_refused() -> None:
    of = made([Field("tab", "token", torch.tensor([1, 2]))], [True] * 2)
    with pytest.raises(InputError, match=r"^ranker_input\.request_context: the ranker reads tab"):
        features(of, torch.empty(2, 0), torch.randn(2, 3, 4))


# -- a ranker that reads it ------------------------------------------------------------------------


def test_a_row_has_its_own_values(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config(config_dict=keys))
    log, batch = experiment.dataset.log, next(iter(experiment.train_data))
    file = pd.read_csv(Path(keys["data_path"], "toy", "toy.inter"), sep="\t")
    file = file.sort_values("timestamp:float").set_index(["user_id:token", "timestamp:float"])
    users = experiment.dataset.id2token("user_id", log.user[batch["request_id"]])
    expected = file.loc[list(zip(users, log.time[batch["request_id"]]))]
    tabs = experiment.dataset.id2token("tab", batch[REQUEST_CONTEXT][:, 0].long().numpy())
    assert list(tabs) == expected["tab:token"].tolist()
    battery = batch[REQUEST_CONTEXT][:, 1].numpy()
    assert np.array_equal(battery, expected["battery:float"], equal_nan=True)
    assert np.isnan(battery).any()


def test_a_run_saves_and_loads(keys: Dict[str, Any]) -> None:
    several = {**CONTEXT, "item_statistics": {"hours": [1]}}
    result = run_recbole_poem(config_dict={**keys, "epochs": 1, "ranker_input": several})
    loaded = load(result["model_file"])
    assert list(loaded.model.features.inputs) == ["request_context", "item_statistics"]
    assert loaded.evaluate("test") == result["test_result"]


def test_a_token_that_is_gone_from_the_data_leaves_a_checkpoint_as_it_is(
    keys: Dict[str, Any],
) -> None:
    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    path = Path(keys["data_path"], "toy", "toy.inter")
    tokens = load(file).dataset.field2id_token["tab"]
    path.write_text(path.read_text().replace(f"\t{tokens[-1]}\t", f"\t{tokens[1]}\t"))
    again = load(file)
    assert again.train_data.exposures.context[:, 0].max() == len(tokens) - 2
    assert again.evaluate("test")["gauc"] > 0


def test_it_tells_who_clicks_what_now(write_dataset: Any) -> None:
    """Tabs want items of their own third, whoever asks: nothing else tells a click."""
    log = exposure_log(n_users=60, n_items=30, length=30)
    tab = np.random.default_rng(3).integers(0, 3, len(log))
    log["click"] = (log["item_id"].str[1:].astype(int) % 3 == tab).astype(float)
    log["tab"] = [f"t{each}" for each in tab]
    keys = {**write_with_context(write_dataset, log), "model": "MultiTaskRanker", "epochs": 8}
    keys.update(embedding_size=8, hidden_size=8, MAX_ITEM_LIST_LENGTH=0, train_batch_size=128)
    keys["ranker"] = {"name": "mmoe", "n_experts": 2, "expert_sizes": [16], "tower_sizes": []}
    keys.update(targets={"click": keys["targets"]["click"]}, learning_rate=0.02)
    found = {
        name: run_recbole_poem(config_dict={**keys, "ranker_input": given}, saved=False)
        for name, given in (("none", "none"), ("context", CONTEXT))
    }
    assert found["none"]["test_result"]["auc click"] < 0.6
    assert found["context"]["test_result"]["auc click"] > 0.9


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "more", "words"),
    [
        (["like"], {}, r"like \(see targets\.like\) says what came of a row, which no request "),
        (["tab", "click", "follow"], {}, r"click, follow \(see targets\.click, targets\.like\) "),
        (["play"], {}, r"play \(see watch_time\) says what came of a row"),
        (["duration"], {}, r"duration \(see watch_time\) says what came of a row"),
        (["battery"], {"targets.gives_way": GIVES_WAY}, r"battery \(see targets\.gives_way\) says"),
        (["battery"], {"positive_feedback": {"battery": "[1,90]"}}, r"battery \(see positive_feed"),
        (["tabs"], {}, r"the .inter file has no token or float column 'tabs' .* nearest is 'tab'"),
        (["user_id"], {}, r"the .inter file has no token or float column 'user_id' among"),
        (
            [],
            {},
            r"expected a list of columns of .inter that a request knows, such as \[tab\], noth",
        ),
        (None, {}, r"expected a list of columns of .inter that a request knows"),
    ],
)
@pytest.mark.parametrize("model", ["MultiTaskRanker", "POEM"])
def test_a_column_that_no_request_knows_is_refused(
    keys: Dict[str, Any], columns: Any, more: Dict[str, Any], words: str, model: str
) -> None:
    given = {**keys, **more, "ranker_input": {"request_context": {"columns": columns}}}
    if model == "POEM":
        given = {**given, **TINY_POEM, "model": model}
    where = r"^ranker_input\.request_context\.columns: "
    with pytest.raises(InputError, match=where + words) as caught:
        run_recbole_poem(config_dict=given)
    assert "\n" not in str(caught.value)


def test_a_column_that_tells_the_item_is_refused(write_dataset: Any) -> None:
    log = exposure_log()
    log["tab"] = "t" + log["item_id"].str[1:]
    keys = {
        **write_with_context(write_dataset, log),
        "model": "MultiTaskRanker",
        "ranker_input": CONTEXT,
    }
    with pytest.raises(InputError, match=r"columns: 'tab' has one value for all rows of an item"):
        assemble(Config(config_dict=keys))
