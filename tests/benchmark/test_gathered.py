"""Records behind what they share: what is written is what is read."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_poem.benchmark.gathered import read_records, write_records
from recbole_poem.core.errors import InputError

VALUES = st.sampled_from([None, True, False, 0, 1, 1.0, "a", [1], {"x": 1}, {}])
KEYS = st.sampled_from(["id", "seed", "versions", "metrics"])
RECORDS = st.lists(
    st.builds(
        lambda record, config: {**record, **({} if config is None else {"config": config})},
        st.dictionaries(KEYS, VALUES),
        st.none() | st.dictionaries(st.sampled_from("abc"), VALUES),
    ),
    max_size=4,
)


@given(RECORDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, records: List[Dict[str, Any]]) -> None:
    path = tmp_path / "runs.jsonl"
    write_records(path, records)
    back = [record for _, record in read_records(path)]
    assert list(map(written, back)) == list(map(written, records))


def written(record: Dict[str, Any]) -> str:
    """Tell 1, 1.0 and true apart."""
    return json.dumps(record, sort_keys=True)


def test_what_all_share_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    config = {"epochs": 9, "seed": 1}
    records = [
        {"id": "a", "status": "finished", "config": config},
        {"id": "b", "status": "finished", "config": {**config, "seed": 2}},
        {"id": "c", "status": "finished"},  # it failed before it had one
    ]
    write_records(path, records)
    assert list(map(json.loads, path.read_text().splitlines())) == [
        {"shared": {"status": "finished", "config": {"epochs": 9}}},
        {"id": "a", "config": {"seed": 1}},
        {"id": "b", "config": {"seed": 2}},
        {"id": "c"},
    ]
    assert read_records(path)[1] == (f"{path}, line 3", records[1])


@pytest.mark.parametrize("line", ["{}", '{"id": "a"}', '{"shared": 1}', "[]", "", "{"])
def test_a_file_that_does_not_say_what_is_shared_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=r"runs.jsonl, line 1: damaged"):
        read_records(path)
