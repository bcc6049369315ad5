"""Tokens keep the ids of a training: columns that share them, lists, knowledge graphs."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.data.known_tokens import KnownTokens, are_same, named, packed
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

ITEMS = "item_id:token\tbrand:token\ttags:token_seq\n"
LOG = pd.DataFrame(
    {
        "user_id": ["b", "b", "a", "a", "c", "c"],
        "item_id": ["y", "x", "x", "z", "z", "y"],
        "timestamp": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    }
)
COLUMNS = {
    "inter": ["user_id", "item_id", "timestamp"],
    "item": ["item_id", "brand", "tags"],
    "user": ["user_id", "age"],
}


@pytest.fixture
def read(write_dataset: Any) -> Any:
    """Return a function that writes files and reads them as a data set, by known tokens or none."""

    def _read(
        log: pd.DataFrame, known: Any = None, model: str = "SASRec", more: Any = None, **files: str
    ) -> Any:
        load_col = {kind: COLUMNS[kind] for kind in COLUMNS if kind in ("inter", *files)}
        keys = {**write_dataset(log, **files), "load_col": load_col, **(more or {})}
        return create_dataset(Config(model, config_dict=keys), known)

    return _read


def items_file(rows: List[str]) -> str:
    return ITEMS + "".join(f"{row}\n" for row in rows)


BRANDS = ["x\tred\tbig old", "y\tblue\tnew", "z\tred\told"]
AGES = "user_id:token\tage:token\n"
FILES = {"item": items_file(BRANDS), "user": f"{AGES}b\t30\na\t40\nc\t30\n"}


def known_of(dataset: Any) -> KnownTokens:
    return KnownTokens("then.pth", packed(dataset))


def rows_of(dataset: Any) -> List[Any]:
    """What the rows say in tokens, whatever their ids."""
    feat = dataset.inter_feat
    tokens = [dataset.id2token(f, feat[f].to_numpy()) for f in ("user_id", "item_id")]
    return sorted(zip(*tokens, feat["timestamp"]))


def brands_of(dataset: Any) -> Dict[str, Any]:
    found = {}
    for row in dataset.item_feat[1:].itertuples():
        tags = dataset.id2token("tags", row.tags).tolist()
        brand = str(dataset.id2token("brand", int(row.brand)))
        found[str(dataset.id2token("item_id", row.item_id))] = (brand, tags)
    return found


@pytest.mark.parametrize("model", ["SASRec", "POEM", "BPR"])
def test_files_in_another_order_get_the_same_ids_and_mean_the_same(read: Any, model: str) -> None:
    then = read(LOG, model=model, **FILES)
    files = {"item": items_file(BRANDS[::-1]), "user": f"{AGES}c\t30\na\t40\nb\t30\n"}
    other = read(LOG[::-1], model=model, **files)
    assert other.field2id_token["user_id"].tolist() != then.field2id_token["user_id"].tolist()
    now = read(LOG[::-1], known_of(then), model, **files)
    for field, tokens in then.field2id_token.items():
        assert now.field2id_token[field].tolist() == tokens.tolist(), field
        assert now.field2token_id[field] == then.field2token_id[field], field
    assert rows_of(now) == rows_of(then) == rows_of(other)
    assert brands_of(now) == brands_of(then)
    assert brands_of(now)["x"] == ("red", ["big", "old"])
    pd.testing.assert_frame_equal(now.user_feat, then.user_feat)
    assert are_same(packed(now), packed(then))
    assert not any(map(len, [*now.newcomers.values(), *now.absentees.values()]))


def test_new_users_come_behind_and_missing_ones_keep_their_places(read: Any) -> None:
    known = known_of(read(LOG, **FILES))
    new = pd.DataFrame({"user_id": "0", "item_id": ["x", "y"], "timestamp": [7.0, 8.0]})
    log = pd.concat([new, LOG[LOG["user_id"] != "a"]])
    now = read(log, known, item=FILES["item"], user=f"{AGES}0\t50\nc\t30\nb\t30\n")
    assert now.field2id_token["user_id"].tolist() == ["[PAD]", "b", "a", "c", "0"]
    assert now.newcomers["user_id"].tolist() == ["0"]
    assert now.absentees["user_id"].tolist() == ["a"]
    assert now.newcomers["age"].tolist() == ["50"]
    assert now.field2id_token["age"].tolist() == ["[PAD]", "30", "40", "50"]
    assert rows_of(now) == sorted(log.itertuples(index=False, name=None))
    assert now.token2id("user_id", "0") == 4


def test_columns_that_share_their_tokens_share_their_ids(read: Any) -> None:
    more = {
        "alias_of_item_id": ["liked"],
        "load_col": {"inter": [*COLUMNS["inter"]], "user": ["user_id", "liked"]},
    }
    users = "user_id:token\tliked:token_seq\na\tz y\nb\tx\nc\ty x\n"
    then = read(LOG, more=more, user=users)
    now = read(LOG[::-1], known_of(then), more=more, user=users)
    assert now.field2id_token["liked"] is now.field2id_token["item_id"]
    assert now.field2id_token["liked"].tolist() == then.field2id_token["item_id"].tolist()
    of_a = now.user_feat["liked"][now.token2id("user_id", "a")]
    assert now.id2token("liked", of_a).tolist() == ["z", "y"]


def test_other_items_are_told_both_ways(read: Any) -> None:
    known = known_of(read(LOG, **FILES))
    without = LOG[LOG["item_id"] != "z"]
    with pytest.raises(InputError) as gone:
        read(without, known, item=items_file(BRANDS[:2]))
    assert "toy 1 item is missing: z; give the files that have the missing ones" in str(gone.value)
    more = pd.DataFrame({"user_id": "a", "item_id": [f"n{i}" for i in range(7)], "timestamp": 9.0})
    with pytest.raises(InputError) as new:
        more_items = [f"n{i}\tred\told" for i in range(7)]
        read(pd.concat([LOG, more]), known, item=items_file([*BRANDS, *more_items]))
    words = "toy 7 items are unknown to the model: n0, n1, n2, n3, n4 and 2 more; leave the rows"
    assert str(new.value).startswith("then.pth: in ")
    assert words in str(new.value)
    with pytest.raises(InputError) as both:
        read(LOG.replace("z", "w"), known, item=items_file([*BRANDS[:2], "w\tred\told"]))
    words = "toy 1 item is missing: z, and 1 item is unknown to the model: w; give the files that"
    assert words in str(both.value)


def test_other_names_of_the_columns_are_no_way_around(read: Any) -> None:
    then = read(LOG)
    path = Path(then.dataset_path, "toy.inter")
    path.write_text(path.read_text().replace("user_id:token", "who:token"))
    keys = {"dataset": "toy", "data_path": str(path.parent.parent), "USER_ID_FIELD": "who"}
    keys["load_col"] = {"inter": ["who", "item_id", "timestamp"]}
    words = "then.pth: USER_ID_FIELD is 'who' now, .*; name one of user_id, item_id, as it did"
    with pytest.raises(InputError, match=words):
        create_dataset(Config("SASRec", config_dict=keys), known_of(then))


def test_a_column_that_the_model_reads_is_missed(read: Any) -> None:
    more = {"selected_features": ["brand"]}
    then = read(LOG, model="SASRecF", more=more, **FILES)
    Path(then.dataset_path, "toy.item").unlink()
    with pytest.raises(InputError, match=r"then.pth: the model reads brand, which .*toy lacks"):
        read(LOG, known_of(then), "SASRecF", more)


def test_any_token_survives_packing(read: Any) -> None:
    log = LOG.replace({"user_id": {"a": "ä b", "b": '"', "c": "\\n"}})
    dataset = read(log)
    known = known_of(dataset)
    assert known.packed["user_id"].dtype == torch.uint8
    assert known.of("user_id").tolist() == dataset.field2id_token["user_id"][1:].tolist()
    assert are_same(known.packed, packed(dataset))
    assert not are_same(known.packed, packed(read(log[::-1])))
    assert not are_same(known.packed, {"user_id": known.packed["user_id"]})


@pytest.mark.parametrize("damaged", [torch.arange(9, dtype=torch.uint8), 5])
def test_damaged_tokens_are_named(damaged: Any) -> None:
    with pytest.raises(InputError, match=r"a.pth: the tokens of 'brand' are damaged; train"):
        KnownTokens("a.pth", {"brand": damaged}).of("brand")


def test_the_first_five_are_named() -> None:
    assert named(np.array(list("abcde"))) == "a, b, c, d, e"
    assert named(np.array(list("abcdefg"))) == "a, b, c, d, e and 2 more"


def test_a_split_by_chance_of_changed_files_is_warned_of(
    read: Any, caplog: pytest.LogCaptureFixture
) -> None:
    by_chance = {"split": {"RS": [0.5, 0.25, 0.25]}, "order": "RO", "mode": "full"}
    more = {"eval_args": by_chance}
    known = known_of(read(LOG, model="BPR", more=more))
    read(LOG, known, "BPR", more)
    assert "by chance" not in caplog.text
    read(LOG[::-1], known, "BPR", more)
    assert "its test rows may have been trained on" in caplog.text


KG_COLUMNS = {
    "load_col": {
        "inter": COLUMNS["inter"],
        "kg": ["head_id", "relation_id", "tail_id"],
        "link": ["item_id", "entity_id"],
    }
}
TRIPLES = ["m.y\tby\tm.p", "m.x\tby\tm.q", "m.z\tlike\tm.x", "m.q\tknows\tm.p"]
LINKS = ["x\tm.x", "y\tm.y", "z\tm.z"]


def graph_files(triples: List[str], links: List[str]) -> Dict[str, str]:
    kg = "\n".join(["head_id:token\trelation_id:token\ttail_id:token", *triples, ""])
    return {"kg": kg, "link": "\n".join(["item_id:token\tentity_id:token", *links, ""])}


def test_a_knowledge_graph_in_another_order_gets_the_same_ids(read: Any) -> None:
    then = read(LOG, model="CKE", more=KG_COLUMNS, **graph_files(TRIPLES, LINKS))
    other = graph_files(TRIPLES[::-1], LINKS[::-1])
    assert not are_same(packed(read(LOG[::-1], None, "CKE", KG_COLUMNS, **other)), packed(then))
    now = read(LOG[::-1], known_of(then), "CKE", KG_COLUMNS, **other)
    assert are_same(packed(now), packed(then))
    entities = now.field2id_token["entity_id"]
    heads, tails = (entities[now.kg_feat[f].to_numpy()] for f in ("head_id", "tail_id"))
    relations = now.id2token("relation_id", now.kg_feat["relation_id"].to_numpy())
    assert sorted(map("\t".join, zip(heads, relations, tails))) == sorted(TRIPLES)


def test_another_knowledge_graph_is_refused(read: Any) -> None:
    files = graph_files(TRIPLES, LINKS)
    known = known_of(read(LOG, model="CKE", more=KG_COLUMNS, **files))
    words = "then.pth: the knowledge graph in .*toy gives '{}' other ids than at the training"
    swapped = graph_files(TRIPLES, ["x\tm.y", "y\tm.x", "z\tm.z"])
    with pytest.raises(InputError, match=words.format("entity_id")):
        read(LOG, known, "CKE", KG_COLUMNS, **swapped)
    more = graph_files([*TRIPLES, "m.x\tnew\tm.y"], LINKS)
    with pytest.raises(InputError, match=words.format("relation_id")):
        read(LOG, known, "CKE", KG_COLUMNS, **more)
