"""The quick way to read a file against RecBole's."""

from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from conftest import random_log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recbole.data.dataset import Dataset
from recbole.utils.enum_type import FeatureType

from recbole_poem.config import Config
from recbole_poem.data import reading
from recbole_poem.data.reading import FastReadingMixin


class Ours(FastReadingMixin, Dataset):
    """RecBole's data set with the plugin's reader."""


class Reader(Dataset):
    """A data set that has read its file and done nothing else."""

    def _data_processing(self) -> None:
        self.inter_feat = self.inter_feat.astype(
            {f: object for f, kind in self.field2type.items() if kind == FeatureType.TOKEN}
        )


class OurReader(FastReadingMixin, Reader):
    """The same with the plugin's reader."""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PART_ROWS", 3)


def assert_same(ours: Dataset, reference: Dataset) -> None:
    assert ours.inter_feat.equals(reference.inter_feat)
    for name in ("field2type", "field2source", "field2seqlen", "field2bucketnum"):
        assert getattr(ours, name) == getattr(reference, name)
    for field, tokens in reference.field2id_token.items():
        assert ours.field2id_token[field].tolist() == tokens.tolist()
        assert ours.field2token_id[field] == reference.field2token_id[field]


words = st.sampled_from(
    ["a", "b", "NA", "null", "", " ", "1", "01", "1.0", '"q u"', "é", "-", "x,y"]
)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**53), 2**53).map(str),
    st.sampled_from(["", "nan", "1e5", "1.6e9", "0.1", " 3", "1600000000.123456"]),
)
rows = st.lists(st.tuples(words, words, numbers, words), min_size=1, max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_any_file(write_dataset: Any, rows: List[Tuple[str, ...]]) -> None:
    keys = {**write_dataset(random_log(0)), "load_col": None}
    config = Config(model="SASRec", config_dict=keys)
    file = Path(keys["data_path"]) / "toy" / "toy.inter"
    head = "user_id:token\titem_id:token\ttimestamp:float\tquery:token\n"
    file.write_text(head + "u\ti\t1.5\tq\n" + "".join("\t".join(row) + "\n" for row in rows))
    assert_same(OurReader(config), Reader(config))


@pytest.mark.parametrize(
    "keys",
    [
        {"user_inter_num_interval": "[3,inf)", "item_inter_num_interval": "[3,inf)"},
        {"rm_dup_inter": "last"},
        {"val_interval": {"rating": "[3,inf)", "item_id": ["i1", "i2", "i3"]}},
        {"filter_inter_by_user_or_item": True},
        {"unload_col": {"inter": ["rating"]}, "load_col": None},
        {"threshold": {"rating": 3}},
        {"normalize_all": True},
        {"alias_of_item_id": ["query"]},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_filters_and_other_files(write_dataset: Any, keys: Dict[str, Any]) -> None:
    log = random_log(1, n_users=30).assign(query=lambda log: log["item_id"].str.upper())
    users = "user_id:token\tage:float\n" + "".join(f"u{u}\t{u}\n" for u in range(5, 40))
    given = write_dataset(log, user=users, item="item_id:token\ttags:token_seq\ni9\ta b\ni3\tc\n")
    given["load_col"] = {"inter": list(log.columns), "user": "*", "item": "*"}
    file = Path(given["data_path"]) / "toy" / "toy.inter"
    file.write_text(file.read_text().replace("query:float", "query:token"))
    config = Config(model="SASRec", config_dict={**given, **keys})
    assert_same(Ours(config), Dataset(config))


def test_sequences_are_left_to_recbole(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(0)), "load_col": None}
    file = Path(keys["data_path"]) / "toy" / "toy.inter"
    file.write_text("user_id:token\titem_id:token\ttags:token_seq\nu\ti\ta b\nu\tj\tc\n")
    config = Config(model="SASRec", config_dict=keys)
    assert [list(tags) for tags in Ours(config).inter_feat["tags"]] == [[1, 2], [3]]


@pytest.mark.parametrize("line", ["u\ti\tsoon", "u\ti\tTrue", "u\ti\t0x1"])
def test_what_cannot_be_read_gets_recboles_words(write_dataset: Any, line: str) -> None:
    keys = {**write_dataset(random_log(0)), "load_col": None}
    file = Path(keys["data_path"]) / "toy" / "toy.inter"
    file.write_text(f"user_id:token\titem_id:token\ttimestamp:float\nu\ti\t1\n{line}\n")
    config = Config(model="SASRec", config_dict=keys)
    outcomes = []
    for dataset_class in (OurReader, Reader):
        try:
            outcomes.append(dataset_class(config).inter_feat.to_dict())
        except ValueError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
