"""YAML files of keys: what they may hold, and which line is wrong."""

from pathlib import Path

import pytest

from recbole_poem.core.config_files import read_config_file, read_yaml
from recbole_poem.core.errors import InputError


def test_numbers_and_merged_mappings_are_yamls(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("\ufeffrate: 1e-3\nx: &a {epochs: 3}\ny:\n  <<: *a\n  epochs: 4\n")
    assert read_config_file(str(path)) == {"rate": 0.001, "x": {"epochs": 3}, "y": {"epochs": 4}}


def test_a_file_names_no_other_files(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("config_files: other.yaml\n")
    with pytest.raises(InputError, match=f"^config_files: {path} names other files, which are not"):
        read_config_file(str(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "epochs: 3\nseed: 1\nepochs: 4\n",
            r"cannot be read: line 3: the key 'epochs' is there",
        ),
        ("load_col:\n  inter: [a]\n  inter: [b]\n", r"line 3: the key 'inter' is there twice"),
        (
            "b: 1\na: [1, 2\n",
            r"cannot be read: line 2: expected ',' or '\]', but got '<stream end>'$",
        ),
        (
            "mask_seen: [\n",
            r"cannot be read: line 1: expected the node content, but found '<stream end>'$",
        ),
        ("mask_seen: {a: 1,\n\n", r"line 2: expected the node content, but found '<stream end>'$"),
        ("inter:[a]\n", r"holds no mapping .*; write a blank behind the colon in line 1"),
        ("- 1\n", r"holds no mapping of keys to values$"),
        (
            "a: 1\nb: [5,inf)\nc: 2\n",
            r"line 2: .*; put quotes around the interval: .\[5,inf",
        ),
        ("ids: [1, 010]\n", r"line 1: 010 begins with 0; put quotes around a token"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"^config_files: {path} .*{words}"):
        read_config_file(str(path))
    with pytest.raises(InputError, match=f"^{path} .*{words}"):
        read_yaml(path)
