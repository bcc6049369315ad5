"""The input item_statistics: its numbers, when items came, and rankers that read it."""

from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np
import pytest
import torch
import yaml
from toy_exposures import TINY, TINY_NETWORK, exposure_log, write_exposures
from toy_log import log_at

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.rankers.inputs import Found, Known, States
from recbole_poem.rankers.inputs.item_statistics import ItemStatistics
from recbole_poem.rankers.ranking_requests import RankingRequests
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import load, run_recbole_poem

HOUR, DAY = 3600, 86400
BEGIN = 1_600_000_000
NOTHING = torch.empty(1, 0)


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    ranker = {"model": "MultiTaskRanker", **TINY, "ranker": TINY_NETWORK}
    return {
        **write_exposures(write_dataset, exposure_log()),
        **ranker,
        "ranker_input": "item_statistics",
    }


def statistics(
    rows: List[Any], training: Optional[List[bool]] = None, **settings: Any
) -> ItemStatistics:
    """Make the input of rows (item, hours since the beginning, click); items are 1 to 4."""
    item, hours, click = (np.array(column) for column in zip(*rows))
    seconds = BEGIN + (hours * HOUR).astype(np.int64)
    log = log_at(seconds, item.astype(np.int64), 5, training)
    uploaded = np.array([np.nan, BEGIN - DAY, np.nan, BEGIN + 9 * DAY, np.nan])
    known = Known(log, seconds, click > 0, click[:, None], [], [], len, lambda name: uploaded, 0)
    return ItemStatistics(ItemStatistics.Settings(**settings), known, 4)


def features(of: ItemStatistics, items: List[int], hours: float) -> torch.Tensor:
    """Return the features of candidates of one request, (N, F)."""
    time = torch.tensor([BEGIN + int(hours * HOUR)])
    asked = RankingRequests(
        torch.ones(1, dtype=torch.int64), torch.tensor([items]), NOTHING, time, time, NOTHING
    )
    states = torch.zeros(1, len(items), 4)
    of_none = Found(NOTHING, NOTHING)
    return of(asked, States(states, states, NOTHING, NOTHING, NOTHING, of_none))[0]


ROWS = [(1, 0, 1), (1, 1, 0), (2, 2, 0), (1, 30, 1), (1, 31, 1), (3, 31.5, 0)]


def test_counts_are_compared_with_the_usual() -> None:
    of = statistics(ROWS, hours=[24], smoothing=2)
    assert of.output_size == 6
    found = features(of, [1, 2, 4], 32)
    lately, ever = 3 / 4, 6 / 4  # rows an item: of 4 items, in the last day and in all
    volumes = [[3 / (1 + lately), 5 / (1 + ever)], [1 / (1 + lately), 2 / (1 + ever)]]
    assert torch.allclose(found[:2, :2].exp(), torch.tensor(volumes))
    usual_lately, usual = 3 / 5, 4 / 8  # (yes + 1) / (answers + 2)
    rates = [
        [(2 + 2 * usual_lately) / 4 / usual_lately, (3 + 2 * usual) / 6 / usual],
        [1, (0 + 2 * usual) / 3 / usual],
    ]
    assert torch.allclose(found[:2, 2:4].exp(), torch.tensor(rates))
    ages = torch.tensor([[32 / 24, 0], [30 / 24, 0], [0, 1]])
    assert torch.allclose(found[:, 4].expm1(), ages[:, 0])
    assert found[:, 5].tolist() == ages[:, 1].tolist()
    # an item without rows has the rate of all
    assert not found[2, 2:5].any()
    assert torch.allclose(found[2, :2].exp(), torch.tensor([1 / (1 + lately), 1 / (1 + ever)]))


def test_only_training_rows_before_the_request_count() -> None:
    expected = features(statistics(ROWS), [1, 2, 3, 4], 31)
    assert torch.equal(features(statistics(ROWS[:4]), [1, 2, 3, 4], 31), expected)
    changed = [*ROWS[:4], (4, 31, 1), (2, 40, 1), (3, 900, 1)]
    assert torch.equal(features(statistics(changed), [1, 2, 3, 4], 31), expected)
    known = [True] * 4 + [False] * 2
    held_out = features(statistics(ROWS, known), [1, 2, 3, 4], 32)
    assert torch.equal(held_out[:, :-2], expected[:, :-2])  # the age alone goes on
    assert not torch.equal(features(statistics(ROWS), [1, 2, 3, 4], 32)[:, :-2], expected[:, :-2])


def test_counters_stand_still_where_the_log_ends() -> None:
    of = statistics(ROWS, hours=[24])
    assert torch.equal(features(of, [1, 2], 32)[:, :-2], features(of, [1, 2], 9999)[:, :-2])


def test_the_age_is_that_of_the_upload_where_it_is_told() -> None:
    found = features(statistics(ROWS, uploaded="came"), [1, 2, 3], 48)
    # a day before the log; not told, so by the first row; and 9 days later than the request
    assert torch.allclose(found[:, -2].expm1(), torch.tensor([3, 46 / 24, 0]))
    assert found[:, -1].tolist() == [0, 0, 0]


# -- a ranker that reads it ------------------------------------------------------------------------


def test_it_counts_the_answers_of_training_rows(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config(config_dict=keys))
    log, of = experiment.dataset.log, experiment.model.features.inputs["item_statistics"]
    assert not log.training.all()
    counts = of.counts(torch.arange(log.n_items).unsqueeze(0), torch.tensor([2_000_000_000]))
    item = np.where(log.training, log.item, 0)
    assert counts.shown[0, 1:, -1].tolist() == np.bincount(item, minlength=log.n_items)[1:].tolist()
    labels = experiment.train_data.exposures.labels[log.training]
    assert counts.answered[0, 0, -1].tolist() == (~np.isnan(labels[:, :2])).sum(axis=0).tolist()
    assert counts.yes[0, 0, -1].tolist() == np.nansum(labels[:, :2], axis=0).tolist()
    assert of.output_size == 3 * 3 + 2  # three windows of rows and two answers: seconds are none


def test_unexposed_items_are_looked_up_at_the_time_of_the_exposure(keys: Dict[str, Any]) -> None:
    model = assemble(Config(config_dict={**keys, "unexposed_negatives": 2})).model
    time = torch.tensor([1_600_003_000, 1_600_009_000])
    items = torch.tensor([[3, 5, 7], [3, 5, 7]])
    counts = model.features.inputs["item_statistics"].counts
    together = counts(items, time)
    for row in range(2):
        for place in range(3):
            alone = counts(items[row : row + 1, place : place + 1], time[row : row + 1])
            assert torch.equal(together.shown[row, place], alone.shown[0, 0])


@pytest.mark.parametrize("more", ["item_statistics", ["item_statistics", "rar"]])
def test_a_run_saves_and_loads(keys: Dict[str, Any], more: Any) -> None:
    result = run_recbole_poem(config_dict={**keys, "epochs": 1, "ranker_input": more})
    loaded = load(result["model_file"])
    names = [more] if isinstance(more, str) else more
    assert list(loaded.model.features.inputs) == names
    assert loaded.evaluate("test") == result["test_result"]
    # the numbers are made of the data, and nothing of them is saved
    state = torch.load(result["model_file"], weights_only=True)["state_dict"]
    assert not [name for name in state if "item_statistics" in name]


def test_its_settings_are_searched(keys: Dict[str, Any]) -> None:
    pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")
    Path("space.hyper").write_text("ranker_input.item_statistics.smoothing choice [1,100]\n")
    given = [f"--{key}={value}" for key, value in {**keys, "epochs": 1}.items()]
    assert main(["tune", "--params_file=space.hyper", "--algo=exhaustive", *given]) == 0
    best = yaml.safe_load(Path("tune/MultiTaskRanker-toy/best.yaml").read_text())
    assert best["ranker_input.item_statistics.smoothing"] in (1, 100)


def test_it_tells_what_is_liked_of_items_that_have_no_other_feature(write_dataset: Any) -> None:
    """Every third item is clicked; the ranker knows no item, and its statistics alone tell."""
    log = exposure_log(n_users=60, n_items=30, length=30)
    log["click"] = (log["item_id"].str[1:].astype(int) % 3 == 0).astype(float)
    keys = {**write_exposures(write_dataset, log), "model": "MultiTaskRanker"}
    path = Path(keys["data_path"], "toy", "toy.item")
    path.write_text("item_id:token\tkind:token\n" + "".join(f"i{i}\tk\n" for i in range(30)))
    keys["load_col"]["item"] = ["item_id", "kind"]
    keys.update(embedding_size=8, hidden_size=8, MAX_ITEM_LIST_LENGTH=0, id_features=False)
    keys["ranker"] = {"name": "mmoe", "n_experts": 2, "expert_sizes": [16], "tower_sizes": []}
    keys.update(targets={"click": keys["targets"]["click"]}, learning_rate=0.02, epochs=4)
    keys["train_batch_size"] = 128
    found = {
        name: run_recbole_poem(config_dict={**keys, "ranker_input": name}, saved=False)
        for name in ("none", "item_statistics")
    }
    assert found["none"]["test_result"]["auc click"] < 0.6
    assert found["item_statistics"]["test_result"]["auc click"] > 0.95


# -- when items came -------------------------------------------------------------------------------


def with_column(keys: Dict[str, Any], header: str, value: str) -> Dict[str, Any]:
    path = Path(keys["data_path"], "toy", "toy.item")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{lines[0]}\t{header}", *(f"{x}\t{value}" for x in lines[1:])]))
    keys["load_col"]["item"] = ["item_id", "tags", header.partition(":")[0]]
    return {**keys, "ranker_input": {"item_statistics": {"uploaded": header.partition(":")[0]}}}


@pytest.mark.parametrize(
    ("header", "value", "more"),
    [
        ("came:float", "1590000000", {}),
        ("came:token", "2020-05-21", {"utc_offset": 28_800}),
    ],
)
def test_the_upload_is_a_time_or_a_date(
    keys: Dict[str, Any], header: str, value: str, more: Dict[str, Any]
) -> None:
    expected = 1_590_000_000 if header == "came:float" else 1_590_019_200 - 28_800
    model = assemble(Config(config_dict={**with_column(keys, header, value), **more})).model
    uploaded = model.features.inputs["item_statistics"].uploaded
    assert uploaded[1:].tolist() == pytest.approx([expected] * (len(uploaded) - 1), abs=64)


@pytest.mark.parametrize(
    ("header", "value", "words"),
    [
        ("came:token", "soon", r"'soon' in 'came' is no date such as 2022-04-10$"),
        ("came:token", "31", r"'31' in 'came' is no date such as 2022-04-10$"),
        (
            "long:float",
            "31",
            r"the numbers of 'long', from 31 to 31, are no times like those of th",
        ),
        (
            "came:float",
            "1590000000000",
            r"the numbers .* which go from 2020-.*\(time_unit: s\); name a column of times in that",
        ),
        ("came:token_seq", "a b", r"'came' is a token_seq; name a float, or a date a token$"),
    ],
)
def test_what_is_no_time_is_refused(
    keys: Dict[str, Any], header: str, value: str, words: str
) -> None:
    with pytest.raises(InputError, match=r"^ranker_input\.item_statistics\.uploaded: " + words):
        assemble(Config(config_dict=with_column(keys, header, value)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"uploaded": "lengths"}, r"uploaded: no column 'lengths' of .* the nearest is 'length'"),
        ({"hours": []}, r"hours: expected a list of hours above 0, nothing twice, not \[\]$"),
        (
            {"hours": [24, 24]},
            r"hours: expected a list of hours above 0, nothing twice, not \[24",
        ),
        ({"hours": [0]}, r"hours: expected a list of hours above 0, nothing twice, not \[0\]$"),
        ({"smoothing": 0}, r"smoothing: expected a number above 0, not 0$"),
    ],
)
def test_bad_settings_end_in_one_sentence(
    keys: Dict[str, Any], change: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=r"^ranker_input\.item_statistics\." + words):
        assemble(Config(config_dict={**keys, "ranker_input": {"item_statistics": change}}))
