"""The command on a toy log: it finds, keeps, continues, and hands its result to the other one."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from conftest import successor_log

from recbole_poem import run_recbole_poem
from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import alone
from recbole_poem.training.search_space import read_space, space_file
from recbole_poem.tune.searching import Search, TrialObjective

pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")


def tune(arguments: List[str]) -> int:
    return main(["tune", *arguments])


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    """Return keys with which SASRec learns the toy world in a few epochs, or not at all."""
    keys = write_dataset(successor_log())
    keys.update(MAX_ITEM_LIST_LENGTH=6, hidden_size=16, inner_size=16, epochs=3, topk=[1, 5])
    keys.update(valid_metric="NDCG@1", train_batch_size=64, metric_decimal_place=10)
    return keys


@pytest.fixture
def toy(keys: Dict[str, Any], tmp_path: Path) -> List[str]:
    (tmp_path / "space.hyper").write_text(
        "learning_rate choice [1e-9,0.02]\nattn_dropout_prob choice [0.1,0.2]\n"
    )
    given = [f"--{key}={value}" for key, value in keys.items()]
    return ["--model=SASRec", "--params_file=space.hyper", "--algo=exhaustive", *given]


def test_the_best_is_found_written_and_taken_by_the_other_command(
    toy: List[str], capsys: pytest.CaptureFixture
) -> None:
    assert tune(toy) == 0
    folder = Path("tune/SASRec-toy")
    out, err = capsys.readouterr()
    assert re.search(r"best \d\.\d{4}, this one \d\.\d{4} after epoch 2", err)
    assert "in 4 trials (0 failed)" in out
    assert "learning_rate: 0.02" in out
    assert f"--config_files={folder / 'best.yaml'}" in out
    best = yaml.safe_load((folder / "best.yaml").read_text())
    assert best["learning_rate"] == 0.02
    assert (best["model"], best["dataset"], best["topk"]) == ("SASRec", "toy", [1, 5])
    assert main([f"--config_files={folder / 'best.yaml'}"]) == 0
    scores = [json.loads(line)["score"] for line in (folder / "trials.jsonl").open()]
    again = run_recbole_poem(config_file_list=[str(folder / "best.yaml")], saved=False)
    assert again["best_valid_score"] == max(scores) > min(scores)
    assert "parcoords" in (folder / "trials.html").read_text()

    before = (folder / "trials.jsonl").read_bytes()
    assert tune(toy) == 0
    assert (folder / "trials.jsonl").read_bytes() == before


def test_no_trial_writes_a_checkpoint(toy: List[str], keys: Dict[str, Any]) -> None:
    assert tune([*toy, "--trials=1"]) == 0
    assert not list(Path(keys["checkpoint_dir"]).glob("*.pth"))


def test_model_and_data_may_stand_in_a_file_whose_tuned_keys_are_replaced(
    toy: List[str], keys: Dict[str, Any]
) -> None:
    fixed = {**keys, "model": "SASRec", "learning_rate": 0.5}
    Path("fixed.yaml").write_text(yaml.safe_dump(fixed))
    command = ["--config_files=fixed.yaml", "--params_file=space.hyper", "--algo=random"]
    assert tune([*command, "--trials=1", "--output=elsewhere", "--epochs=1"]) == 0
    best = yaml.safe_load(Path("elsewhere/best.yaml").read_text())
    assert best["learning_rate"] in (1e-9, 0.02)
    assert best["epochs"] == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--learning_rate=0.1"], "learning_rate: given for all trials, and tuned in space.hyper"),
        (["--hidden_sise=3"], "hidden_sise: there is no such key of SASRec or RecBole; the nea"),
        (["--resume=a.pth"], "resume: a search continues by itself"),
        (["--nproc=2"], "nproc: a trial runs in one process; leave this key out"),
        (["--seed"], "cannot read the argument '--seed'; write --key=value"),
        (["--n_heads=3", "--output=o"], "all 4 trials failed, the first: SASRec cannot be made"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    toy: List[str], more: List[str], words: str, capsys: pytest.CaptureFixture
) -> None:
    assert tune([*toy, *more]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"recbole_poem: {words}")


def test_a_tuned_key_that_does_nothing_is_refused(
    toy: List[str], capsys: pytest.CaptureFixture
) -> None:
    Path("space.hyper").write_text("learning_rat uniform 0,1\n")
    assert tune(toy) == 2
    words = "space.hyper: 'learning_rat' is not a key of SASRec; the nearest known key is 'learn"
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "tuned", "part"),
    [
        ("--losses.margin=none", "losses.margin.weight", "losses.margin"),
        ("--ranking_reader=none", "ranking_reader.group_samples", "ranking_reader"),
    ],
)
def test_a_setting_of_what_is_left_out_is_not_tuned(given: str, tuned: str, part: str) -> None:
    Path("space.hyper").write_text(f"{tuned} choice [0.1,0.2]\n")
    keys = {"model": "POEM", "dataset": "ml-100k", given[2:].split("=")[0]: "none"}
    with pytest.raises(InputError, match=f"^{tuned}: tuned in space.hyper, and {part} is left out"):
        Search(keys, [], "space.hyper")


@pytest.mark.parametrize(
    ("chosen", "tuned", "component"),
    [
        ({"ranking_reader": "ridge"}, "ranking_reader.group_samples", "ranking_reader ridge"),
        (
            {"ranking_reader": "sum"},
            "ranking_reader.second.penalty",
            "ranking_reader.second partial_order",
        ),
        ({"grouping": "by_stage"}, "grouping.n_groups", "grouping by_stage"),
    ],
)
def test_a_setting_that_the_chosen_component_has_not_is_not_tuned(
    chosen: Dict[str, Any], tuned: str, component: str
) -> None:
    Path("space.hyper").write_text(f"{tuned} choice [2,3]\n")
    words = f"^{tuned}: tuned in space.hyper, and the {component} has no such setting; take"
    with pytest.raises(InputError, match=words):
        Search({"model": "POEM", "dataset": "ml-100k", **chosen}, [], "space.hyper")


@pytest.mark.parametrize(
    "lines",
    [
        "ranking_reader choice ['ridge']\nranking_reader.penalty choice [0.5]",
        "ranking_reader.name choice ['ridge']\nranking_reader.penalty choice [0.5]",
        "targets.click.target choice ['binary']\ntargets.click.weight choice [0.5]",
        "losses.system_order.weight choice [0.5]\nranking_reader.attention.name choice ['softmax']",
    ],
)
def test_a_setting_of_a_component_that_is_tuned_itself_is_left_to_the_trials(lines: str) -> None:
    Path("space.hyper").write_text(f"{lines}\n")
    keys = {"targets": {"click": {"feedback": {"rating": "[4,5]"}}}}
    search = Search({"model": "POEM", "dataset": "ml-100k", **keys}, [], "space.hyper")
    assert len(search.space) == 2


def test_a_setting_of_what_a_preset_leaves_out_is_not_tuned() -> None:
    with pytest.raises(
        InputError, match=r"^ranking_reader\.group_samples: tuned in .*POEM.hyper, a"
    ):
        keys = {"model": "POEM", "dataset": "ml-100k", "preset": "comirec"}
        Search(keys, [], str(space_file("POEM")))


def test_a_preset_without_a_ranking_reader_has_a_file_of_its_own() -> None:
    search = Search({"model": "POEM", "dataset": "ml-100k", "preset": "comirec"}, [])
    assert search.space.keys() == read_space(str(space_file("POEM", "none"))).keys()


def test_a_former_key_is_named_with_the_new_one() -> None:
    Path("space.hyper").write_text("margin_weight choice [0.1,0.2]\n")
    with pytest.raises(InputError, match=r"'margin_weight' is not a key of POEM; write losses\.m"):
        Search({"model": "POEM", "dataset": "ml-100k"}, [], "space.hyper")


def test_a_date_without_quotes_is_named(toy: List[str], capsys: pytest.CaptureFixture) -> None:
    Path("fixed.yaml").write_text("wandb_project: 2024-01-31\n")
    assert tune([*toy, "--config_files=fixed.yaml"]) == 2
    words = (
        "wandb_project: datetime.date(2024, 1, 31) is not made of text, numbers, lists and "
        "mappings alone; put a date in quotes"
    )
    assert capsys.readouterr().err.splitlines()[-1] == f"recbole_poem: {words}"


def test_another_search_needs_another_folder(toy: List[str], capsys: pytest.CaptureFixture) -> None:
    assert tune([*toy, "--trials=1"]) == 0
    for change, words in [
        (["--epochs=1"], "its keys, epochs is 3, not 1"),
        (["--seed=1"], "its seed is 2020, not 1"),
    ]:
        rest = [word for word in toy if not word.startswith(change[0].split("=")[0] + "=")]
        assert tune([*rest, *change]) == 2
        assert f"holds another search: {words}; name another" in capsys.readouterr().err
    Path("space.hyper").write_text("learning_rate choice [0.02]\n")
    assert tune(toy) == 2
    assert "its space, learning_rate is choice [1e-09, 0.02], not choice" in capsys.readouterr().err


def test_two_searches_never_work_in_one_folder(
    toy: List[str], capsys: pytest.CaptureFixture
) -> None:
    with alone(Path("o/.lock"), "the test works"):
        assert tune([*toy, "--output=o"]) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith("recbole_poem: o: another search is at work here; wait for it")
    )
    assert not Path("o/search.yaml").exists()


def test_a_folder_that_cannot_be_made_is_named(
    toy: List[str], capsys: pytest.CaptureFixture
) -> None:
    Path("file").write_text("")
    assert tune([*toy, "--output=file/o"]) == 2
    words = "recbole_poem: file/o cannot be written: Not a directory"
    assert capsys.readouterr().err.splitlines()[-1].startswith(words)


@pytest.mark.parametrize("name", ["best.yaml", "trials.html"])
def test_a_file_that_cannot_be_written_is_named(
    toy: List[str], name: str, capsys: pytest.CaptureFixture
) -> None:
    Path("o", name).mkdir(parents=True)
    assert tune([*toy, "--trials=1", "--output=o"]) == 2
    words = f"recbole_poem: o/{name} cannot be written: Is a directory; once it can, the"
    assert capsys.readouterr().err.splitlines()[-1].startswith(words)


def test_a_file_that_cannot_be_written_hides_nothing_that_came_before(
    toy: List[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = TrialObjective.__call__

    def interrupted_at_the_second(objective: TrialObjective, params: Dict[str, Any]) -> Any:
        if Path("o/trials.jsonl").exists():
            raise KeyboardInterrupt
        return trial(objective, params)

    monkeypatch.setattr(TrialObjective, "__call__", interrupted_at_the_second)
    Path("o/trials.html").mkdir(parents=True)
    assert tune([*toy, "--output=o"]) == 130


def test_ctrl_c_before_a_trial_is_over_promises_no_best(
    toy: List[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def interrupted(objective: TrialObjective, params: Dict[str, Any]) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(TrialObjective, "__call__", interrupted)
    assert tune(toy) == 130
    words = "recbole_poem: no trial has ended with a score; the same command goes on"
    assert capsys.readouterr().err.splitlines()[-2] == words


def test_ctrl_c_keeps_what_is_finished_and_the_command_continues(toy: List[str]) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "recbole_poem", "tune", *toy]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # a runner in the background may have SIGINT ignored, which children inherit
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    trials = Path("tune/SASRec-toy/trials.jsonl")
    while not trials.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "kept in tune/SASRec-toy, with the best one in best.yaml; the same command" in errors
    finished = trials.read_text()
    assert 1 <= finished.count("\n") < 4
    assert trials.with_name("trials.html").exists()
    assert main([f"--config_files={trials.with_name('best.yaml')}"]) == 0
    assert tune(toy) == 0
    assert trials.read_text().startswith(finished)
    assert trials.read_text().count("\n") == 4


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_end_is_no_death_of_the_trial(toy: List[str], how: signal.Signals) -> None:
    endless = [word for word in toy if not word.startswith("--epochs=")]
    endless += ["--epochs=1000000", "--stopping_step=1000000"]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "recbole_poem", "tune", *endless],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    started = Path("tune/SASRec-toy/started.json")
    while not started.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "no trial has ended with a score; the same command goes on" in errors
    assert not started.exists()


def test_a_search_loads_no_ray() -> None:
    code = "import sys, recbole_poem.tune.searching\nassert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_settings_of_components_are_searched_by_their_dotted_keys(
    keys: Dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "space.hyper").write_text(
        "history_encoder.n_interests choice [1,3]\n"
        "history_encoder.routing choice ['self_attention','dynamic']\n"
    )
    given = [f"--{key}={value}" for key, value in {**keys, "epochs": 1}.items()]
    command = ["--model=POEM", "--preset=comirec", "--params_file=space.hyper", *given]
    assert tune([*command, "--algo=exhaustive"]) == 0
    lines = Path("tune/POEM-toy/trials.jsonl").read_text().splitlines()
    tried = {tuple(sorted(json.loads(line)["params"].items())) for line in lines}
    assert len(tried) == 4
    best = yaml.safe_load(Path("tune/POEM-toy/best.yaml").read_text())
    assert best["preset"] == "comirec"
    assert best["history_encoder.n_interests"] in (1, 3)
    assert main(["--config_files=tune/POEM-toy/best.yaml"]) == 0
