"""How a data set reads its files: what RecBole says of them, without what it loses."""

from pathlib import Path
from typing import Any, Dict, List, Tuple

import pandas as pd
import pytest
from conftest import random_log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recbole.data.dataset import Dataset, KnowledgeBasedDataset
from recbole.utils.enum_type import FeatureType

from recbole_poem.core.atomic import lines
from recbole_poem.core.errors import InputError
from recbole_poem.data.reading import ReadingMixin
from recbole_poem.training.config import Config


class Ours(ReadingMixin, Dataset):
    """RecBole's data set with the plugin's reader."""


class Reader(Dataset):
    """A data set that has read its file and done nothing else."""

    def _data_processing(self) -> None:
        self.inter_feat = self.inter_feat.astype(
            {f: object for f, kind in self.field2type.items() if kind == FeatureType.TOKEN}
        )


class OurReader(ReadingMixin, Reader):
    """The same with the plugin's reader."""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_CHARACTERS", 40)


def assert_same(ours: Dataset, reference: Dataset) -> None:
    # RecBole's parser cuts digits behind the thirteenth
    pd.testing.assert_frame_equal(ours.inter_feat, reference.inter_feat, rtol=1e-12, atol=0)
    for name in ("field2type", "field2source", "field2seqlen", "field2bucketnum"):
        assert getattr(ours, name) == getattr(reference, name)
    for field, tokens in reference.field2id_token.items():
        assert ours.field2id_token[field].tolist() == tokens.tolist()
        assert ours.field2token_id[field] == reference.field2token_id[field]


words = st.sampled_from(["a", "b", "", " ", "1", "01", "1.0", "é", "-", "x,y"])
numbers = st.one_of(
    st.floats(-1e38, 1e38).map(repr),
    st.integers(-(2**53), 2**53).map(str),
    st.sampled_from(["", "nan", "1e5", "1.6e9", "0.1", " 3", "1600000000.123456"]),
)
rows = st.lists(st.tuples(words, words, numbers, words), min_size=1, max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_as_recbole_where_it_reads_exactly(write_dataset: Any, rows: List[Tuple[str, ...]]) -> None:
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
        {"alias_of_item_id": ["clicks"]},
        {"seq_len": {"clicks": 1, "tags": 1}},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_what_follows_is_as_in_recbole(write_dataset: Any, keys: Dict[str, Any]) -> None:
    log = random_log(1, n_users=30).assign(query=lambda log: log["item_id"].str.upper())
    log = log.assign(clicks=log["item_id"] + " " + log["item_id"].shift(fill_value=""))
    users = "user_id:token\tage:float\n" + "".join(f"u{u}\t{u}\n" for u in range(5, 40))
    given = write_dataset(log, user=users, item="item_id:token\ttags:token_seq\ni9\ta b\ni3\tc\n")
    given["load_col"] = {"inter": list(log.columns), "user": "*", "item": "*"}
    file = Path(given["data_path"]) / "toy" / "toy.inter"
    file.write_text(
        file.read_text().replace("query:float", "query:token").replace("clicks:fl", "clicks:token_")
        .replace("token_oat", "token_seq")
    )  # fmt: skip
    config = Config(model="SASRec", config_dict={**given, **keys})
    ours, reference = Ours(config), Dataset(config)
    for dataset in (ours, reference):
        dataset.inter_feat["clicks"] = dataset.inter_feat["clicks"].map(list)
    assert_same(ours, reference)
    assert [list(tags) for tags in ours.item_feat["tags"]] == [
        list(tags) for tags in reference.item_feat["tags"]
    ]


def test_a_file_is_read_as_it_stands(write_dataset: Any) -> None:
    """No token opens a quote, and none is missing but the empty one."""
    keys = {**write_dataset(random_log(0)), "load_col": None}
    file = Path(keys["data_path"]) / "toy" / "toy.inter"
    file.write_text(
        "\ufeffuser_id:token\titem_id:token\ttimestamp:float\r\n"
        'u\t"i2\t1\r\nu\tNA\t2\r\nv\tnull\t3\r\nv\t"i2\t4\r\n'
    )
    dataset = Ours(Config(model="SASRec", config_dict=keys))
    assert dataset.field2id_token["item_id"].tolist() == ["[PAD]", '"i2', "NA", "null"]
    assert dataset.inter_feat["item_id"].tolist() == [1, 2, 3, 1]


@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_files_that_are_split_beforehand_have_all_ids(write_dataset: Any, name: str) -> None:
    keys = {
        **write_dataset(random_log(0)),
        "load_col": None,
        "benchmark_filename": ["train", "valid", "test"],
    }
    for part in ("train", "valid", "test"):
        lost = "" if part == name else "i1"
        text = f"user_id:token\titem_id:token\nu1\ti1\nu2\t{lost}\n"
        (Path(keys["data_path"]) / "toy" / f"toy.{part}.inter").write_text(text)
    with pytest.raises(InputError, match=rf"toy\.{name}\.inter: line 3: .*'item_id' has no tok"):
        Ours(Config(model="BPR", config_dict=keys))


def test_knowledge_graphs_are_read_by_the_same_rules(write_dataset: Any) -> None:
    kg = 'head_id:token\trelation_id:token\ttail_id:token\n"e1\tr\te2\nNA\tr\te3\n'
    link = 'item_id:token\tentity_id:token\ni1\t"e1\ni2\tNA\n'
    keys = write_dataset(random_log(0), kg=kg, link=link)
    keys["load_col"].update(kg=["head_id", "relation_id", "tail_id"], link=["item_id", "entity_id"])
    dataset = KnowledgeOurs(Config(model="KGAT", config_dict=keys))
    assert dataset.item2entity == {"i1": '"e1', "i2": "NA"} and len(dataset.kg_feat) == 2
    folder = Path(keys["data_path"]) / "toy"
    (folder / "toy.kg").write_text(kg + "e4\t\te5\n")
    with pytest.raises(InputError, match=r"toy\.kg: line 4: column 'relation_id' has no to"):
        KnowledgeOurs(Config(model="KGAT", config_dict=keys))


class KnowledgeReader(KnowledgeBasedDataset):
    """A knowledge-based data set that has read its files and done nothing else."""

    def _data_processing(self) -> None:
        pass


class KnowledgeOurs(ReadingMixin, KnowledgeReader):
    """The same with the plugin's reader."""


@pytest.mark.parametrize(
    ("files", "load_col", "words"),
    [
        (
            {"item": "item_id:token\trating:token\ni1\tgood\n"},
            {"item": "*"},
            r"toy\.item: column 'rating' is in .*toy\.inter as well, and RecBole knows one column",
        ),
        (
            {"user": "user_id:token\tcity:token\nu1\ta\n", "item": "item_id:token\tcity:token\n"},
            {"user": "*", "item": "*"},
            r"toy\.item: column 'city' is in .*toy\.user as well",
        ),
        (
            {},
            {"itme": ["item_id"]},
            r"load_col: there is no kind of file 'itme'; .* is item",
        ),
        (
            {"item": "item_id:token\tprice:float\ni1\t1\n"},
            {"item": ["price"]},
            r"toy\.item: column 'item_id' is missing or not named in load_col \(loaded: price\)",
        ),
    ],
)
def test_columns_that_cannot_stand_beside_each_other_are_refused(
    write_dataset: Any, files: Dict[str, str], load_col: Dict[str, Any], words: str
) -> None:
    keys = write_dataset(random_log(0), **files)
    keys["load_col"].update(load_col)
    with pytest.raises(InputError, match=words):
        Ours(Config(model="SASRec", config_dict=keys))


def test_files_that_are_split_beforehand_have_the_same_columns(write_dataset: Any) -> None:
    parts = ["train", "valid", "test"]
    keys = {**write_dataset(random_log(0)), "load_col": None, "benchmark_filename": parts}
    for part in parts:
        kind = "token" if part == "test" else "float"
        file = Path(keys["data_path"]) / "toy" / f"toy.{part}.inter"
        file.write_text(f"user_id:token\titem_id:token\trating:{kind}\nu1\ti1\t1\n")
    words = r"toy\.test\.inter: its columns are not those .*: rating:float, rating:token"
    with pytest.raises(InputError, match=words):
        Ours(Config(model="BPR", config_dict=keys))
