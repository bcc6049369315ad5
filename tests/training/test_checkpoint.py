"""Checkpoints: whole or not at all, and nothing in them runs."""

import io
import os
import pickle
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recbole_poem.core.errors import InputError
from recbole_poem.training import checkpoint


def state(value: float = 1.0) -> Dict[str, Any]:
    return {
        "keys": {"model": "POEM", "dataset": "toy"},
        "state_dict": {"weight": torch.full((50, 50), value)},
        "other_parameter": {},
        "last_state_dict": {"weight": torch.full((50, 50), value)},
        "optimizer": {"state": {}, "param_groups": []},
        "more_optimizers": [],
        "epoch": 3,
        "best_epoch": 3,
        "cur_step": 0,
        "best_valid_score": 0.5,
        "best_valid_result": {"ndcg@10": 0.5},
        "tokens": {"item_id": torch.zeros(2, dtype=torch.uint8)},
        "rows": 7,
        "row_hash": "0" * 32,
    }


def test_round_trip_by_plain_torch_load(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "a.pth", state())
    back = torch.load(tmp_path / "a.pth", weights_only=True)
    assert torch.equal(back["state_dict"]["weight"], state()["state_dict"]["weight"])
    assert checkpoint.read(tmp_path / "a.pth")["epoch"] == 3


def test_a_checkpoint_is_as_readable_as_its_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    checkpoint.write(tmp_path / "a.pth", state())
    assert (tmp_path / "a.pth").stat().st_mode & 0o777 == 0o644


def test_the_newest_of_a_data_set_is_the_one_written_last(tmp_path: Path) -> None:
    for name, dataset, written in (("a", "toy", 300), ("b", "toy", 200), ("c", "other", 400)):
        path = tmp_path / f"{name}.pth"
        checkpoint.write(path, {**state(), "keys": {"model": "POEM", "dataset": dataset}})
        os.utime(path, (written, written))
    assert checkpoint.newest(tmp_path, "toy") == tmp_path / "a.pth"
    os.utime(tmp_path / "b.pth", (500, 500))
    assert checkpoint.newest(tmp_path, "toy") == tmp_path / "b.pth"
    assert checkpoint.newest(tmp_path, "other") == tmp_path / "c.pth"
    words = rf"no checkpoint of 'toi' lies in {tmp_path} \(those there are of other, toy\); train"
    with pytest.raises(InputError, match=words):
        checkpoint.newest(tmp_path, "toi")
    with pytest.raises(InputError, match="lies in nowhere; train one first, or name another"):
        checkpoint.newest("nowhere", "toy")


def test_the_word_latest_stands_for_the_youngest_checkpoint(tmp_path: Path) -> None:
    assert checkpoint.located("saved/latest.pth", {}) == "saved/latest.pth"
    with pytest.raises(
        InputError, match=r"^checkpoint: none lies in saved; train one first, or na"
    ):
        checkpoint.located("latest", {})
    folder = tmp_path / "saved"  # in the current folder
    folder.mkdir()
    for name, dataset, written in (("a", "toy", 300), ("b", "other", 400)):
        path = folder / f"{name}.pth"
        checkpoint.write(path, {**state(), "keys": {"model": "POEM", "dataset": dataset}})
        os.utime(path, (written, written))
    (folder / "young.pth").write_text("nothing")
    assert checkpoint.located("latest", {}) == str(Path("saved", "b.pth"))
    assert checkpoint.located("latest", {"dataset": "toy"}) == str(Path("saved", "a.pth"))
    elsewhere = {"checkpoint_dir": str(tmp_path / "empty")}
    with pytest.raises(InputError, match=r"none lies in .*empty; train one first"):
        checkpoint.located("latest", elsewhere)


def test_the_youngest_is_found_by_its_keys_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that are passed over no weight is read; the one that is meant has to be whole."""
    for name, dataset, written in (("a", "toy", 300), ("b", "toy", 400), ("c", "other", 500)):
        path = tmp_path / f"{name}.pth"
        checkpoint.write(path, {**state(), "keys": {"model": "POEM", "dataset": dataset}})
        os.utime(path, (written, written))
    content = (tmp_path / "b.pth").read_bytes()
    weights = torch.full((50, 50), 1.0).numpy().tobytes()
    (tmp_path / "b.pth").write_bytes(content.replace(weights, weights[1:] + weights[:1], 1))
    os.utime(tmp_path / "b.pth", (400, 400))
    whole: List[str] = []
    check = checkpoint.check_sums
    monkeypatch.setattr(
        checkpoint, "check_sums", lambda path: whole.append(path.name) or check(path)
    )
    assert checkpoint.newest(tmp_path, "toy") == tmp_path / "a.pth"
    assert whole == ["b.pth", "a.pth"]


class _Hostile:
    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    ("legacy", "words"),
    [
        (True, "this is not a checkpoint of recbole_poem, and nothing in it was executed"),
        (False, "refused, and nothing in it executed"),
    ],
)
def test_a_hostile_file_is_refused_and_executes_nothing(
    tmp_path: Path, legacy: bool, words: str
) -> None:
    path = tmp_path / "hostile.pth"
    torch.save(
        {**state(), "format": checkpoint.FORMAT, "keys": _Hostile()},
        path,
        _use_new_zipfile_serialization=not legacy,
    )
    with pytest.raises(InputError, match=rf"hostile.pth: {words}"):
        checkpoint.read(path)
    assert not Path("executed").exists()


def test_a_plain_pickle_is_refused_and_executes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pickle.pth"
    path.write_bytes(pickle.dumps({"config": _Hostile()}))
    with pytest.raises(InputError, match=r"pickle.pth"):
        checkpoint.read(path)
    assert not Path("executed").exists()


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "foreign.pth")
    with pytest.raises(InputError, match=r"foreign.pth: this is not a checkpoint of recbole_poem"):
        checkpoint.read(tmp_path / "foreign.pth")
    with pytest.raises(InputError, match=r"there is no such checkpoint"):
        checkpoint.read(tmp_path / "nowhere.pth")
    (tmp_path / "empty.pth").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty.pth: the file is empty; name a checkpoint"):
        checkpoint.read(tmp_path / "empty.pth")
    (tmp_path / "notes.pth").write_text("model: POEM\n")
    with pytest.raises(InputError, match=r"notes.pth: this is not a checkpoint .* a .pth file"):
        checkpoint.read(tmp_path / "notes.pth")
    with pytest.raises(InputError, match="expected the path of a checkpoint, not None"):
        checkpoint.read(None)  # type: ignore[arg-type]


def test_a_folder_names_its_youngest_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    with pytest.raises(InputError, match=r"saved is a folder, not a checkpoint; there is none in"):
        checkpoint.read(folder)
    for name, written in (("a", 300), ("b", 500), ("c", 400)):
        checkpoint.write(folder / f"{name}.pth", state())
        os.utime(folder / f"{name}.pth", (written, written))
    with pytest.raises(InputError, match=rf"name a checkpoint in it, such as {folder}/b.pth$"):
        checkpoint.read(folder)


def test_another_version_is_told_from_a_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save({"format": "recbole_poem checkpoint 1", "tokens": "0" * 32}, path)
    words = r"old.pth: was written by another version of recbole_poem \('recbole_poem checkpoint 1'"
    with pytest.raises(InputError, match=words + ".*train it again"):
        checkpoint.read(path)


def test_the_loader_of_recbole_names_ours(tmp_path: Path) -> None:
    """The steps of its load_data_and_model, whose module loads ray, in a process of their own."""
    checkpoint.write(tmp_path / "a.pth", state())
    script = (
        "import torch\n"
        "from recbole.data import create_dataset\n"
        "from recbole.utils import init_logger, init_seed\n"
        "config = torch.load('a.pth', weights_only=True)['config']\n"
        "init_seed(config['seed'], config['reproducibility'])\n"
        "init_logger(config)\n"
        "create_dataset(config)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    word = "a checkpoint of recbole_poem: open it with recbole_poem.load(path)"
    assert done.stderr.splitlines()[-1] == f"KeyError: '{word}'"


@pytest.mark.parametrize(
    "key",
    ["keys", "state_dict", "optimizer", "more_optimizers", "epoch", "best_valid_score"],
)
def test_a_missing_part_is_named(tmp_path: Path, key: str) -> None:
    checkpoint.write(tmp_path / "a.pth", {k: v for k, v in state().items() if k != key})
    with pytest.raises(InputError, match=f"'{key}' is missing"):
        checkpoint.read(tmp_path / "a.pth")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damage_anywhere_ends_in_one_sentence_or_does_no_harm(data: Any) -> None:
    """Cut the file, or flip a byte: an InputError of one line, or the content unharmed."""
    path = Path("a.pth")
    checkpoint.write(path, state())
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:place]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    try:
        back = checkpoint.read(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert set(state()) <= set(back)
        assert torch.equal(back["state_dict"]["weight"], state()["state_dict"]["weight"])


_DAMAGED = "the checkpoint is cut short or damaged; restore it, or train it again"


@pytest.mark.parametrize("n_bytes", [1, 4000])
def test_changed_weights_are_refused(n_bytes: int) -> None:
    path = Path("a.pth")
    checkpoint.write(path, state())
    content = bytearray(path.read_bytes())
    weights = torch.full((50, 50), 1.0).numpy().tobytes()
    begin = bytes(content).index(weights) + 100
    for place in range(begin, begin + n_bytes):
        content[place] ^= 1
    path.write_bytes(bytes(content))
    torch.load(path, weights_only=True)  # sees nothing
    with pytest.raises(InputError) as error:
        checkpoint.read(path)
    assert str(error.value) == f"a.pth: {_DAMAGED}"


def test_a_file_that_was_cut_short_is_told_in_one_sentence() -> None:
    path = Path("a.pth")
    checkpoint.write(path, state())
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError) as error:
        checkpoint.read(path)
    assert str(error.value) == f"a.pth: {_DAMAGED}"


def test_a_kill_at_any_moment_leaves_the_last_good_file(tmp_path: Path) -> None:
    """Kill a process that writes without pause; the file is always whole."""
    script = textwrap.dedent(
        """
        import sys, torch
        from recbole_poem.training import checkpoint
        from test_checkpoint import state
        value = 0.0
        while True:
            value += 1
            checkpoint.write("kill.pth", {**state(value), "epoch": int(value)})
            print(value, flush=True)
        """
    )
    places = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"}
    for written in (1, 5, 9):
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(written):
            process.stdout.readline()
        process.kill()
        process.wait()
        back = checkpoint.read("kill.pth")
        assert (back["state_dict"]["weight"] == back["epoch"]).all()
        assert back["epoch"] >= written


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.write(tmp_path / "a.pth", state(1.0))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"a.pth cannot be written: No space left on device"):
        checkpoint.write(tmp_path / "a.pth", state(2.0))
    assert (checkpoint.read(tmp_path / "a.pth")["state_dict"]["weight"] == 1).all()
    assert [file.name for file in tmp_path.iterdir()] == ["a.pth"]


@pytest.mark.parametrize("at", [1, 2, 10, 20])
def test_ctrl_c_while_it_is_written_is_no_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Torch makes a RuntimeError of it at most of these writes."""

    class Interrupted(io.BytesIO):
        n_writes = 0

        def write(self, data: Any) -> int:
            self.n_writes += 1
            if self.n_writes == at:
                raise KeyboardInterrupt
            return super().write(data)

    monkeypatch.setattr(checkpoint, "whole_file", lambda _: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        checkpoint.write(tmp_path / "a.pth", state())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real full device: every byte written to /dev/full fails with ENOSPC."""

    def on_full_disk(**_: Any) -> Any:
        return Path("/dev/full").open("wb", buffering=0)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", on_full_disk)
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # /dev/full must stay
    with pytest.raises(InputError, match=r"checkpoint_dir: .*a.pth cannot be written"):
        checkpoint.write(tmp_path / "a.pth", state())
    assert not (tmp_path / "a.pth").exists()


def test_plain_values_come_back() -> None:
    matrix = sparse.random(5, 4, 0.5, format="csr", random_state=0)
    value = {"array": np.arange(6).reshape(2, 3), "sparse": matrix, "list": [1, None, "x"], 3: 2.5}
    kept = checkpoint.plain(value, "value")
    torch.save(kept, "plain.pth")
    back = checkpoint.restore(torch.load("plain.pth", weights_only=True))
    assert np.array_equal(back["array"], value["array"])
    assert (back["sparse"] != matrix).nnz == 0
    assert back["list"] == value["list"]
    assert back[3] == 2.5


def test_a_value_without_a_plain_form_is_named() -> None:
    with pytest.raises(TypeError, match="'ripple_set' of type function"):
        checkpoint.plain([lambda: None], "ripple_set")
