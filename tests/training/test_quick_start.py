"""From the configuration to a result: run, save, load, resume, mask, tune, several processes."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np
import pytest
import torch
from conftest import random_log, successor_log
from toy_training import Unmade, killed_after

from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.training import checkpoint
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import load, objective_function, run_recbole_poem
from recbole_poem.training.registry import get_trainer

SMALL = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "inner_size": 8,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "requests_per_window": 3,
    "epochs": 4,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 8,
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    return {**write_dataset(log), **SMALL, "model": "POEM"}


STOCK = ["SASRec", "GRU4Rec", "BPR", "Pop", "ItemKNN", "EASE", "FEARec", "BERT4Rec"]


@pytest.mark.parametrize("model", ["POEM", "Upstream", *STOCK])
def test_every_kind_of_model_runs_saves_and_loads(keys: Dict[str, Any], model: str) -> None:
    keys = {**keys, "model": model, "epochs": 1, "k": 5, "train_batch_size": 64}
    result = run_recbole_poem(config_dict=keys)
    torch.load(result["model_file"], weights_only=True)
    loaded = load(result["model_file"])
    assert loaded.evaluate("test") == result["test_result"]
    assert loaded.evaluate("valid") == result["best_valid_result"]
    assert not torch.is_anomaly_enabled()


def test_knowledge_based_models_run_save_and_load() -> None:
    """Their loader holds two others, for interactions and for triples."""
    keys = {"model": "CKE", "dataset": "ml-100k", "epochs": 1, "threads": 1}
    keys.update(val_interval={"user_id": [str(u) for u in range(1, 40)]}, show_progress=False)
    result = run_recbole_poem(config_dict=keys)
    assert load(result["model_file"]).evaluate("test") == result["test_result"]


@pytest.mark.parametrize("model", ["POEM", "SASRec", "BPR"])
@pytest.mark.parametrize("killed", [0, 2])
def test_a_resumed_run_equals_an_uninterrupted_one(
    keys: Dict[str, Any], model: str, killed: int
) -> None:
    keys = {**keys, "model": model, "train_batch_size": 64, "learning_rate": 0.02}
    whole = run_recbole_poem(config_dict=keys)

    file = killed_after(killed, keys)
    resumed = run_recbole_poem(config_dict={"resume": file})
    for part in ("best_valid_score", "best_valid_result", "test_result"):
        assert resumed[part] == whole[part]
    assert resumed["model_file"] == file
    ours, theirs = (checkpoint.read(result["model_file"]) for result in (whole, resumed))
    for name, weight in ours["last_state_dict"].items():
        assert torch.equal(weight, theirs["last_state_dict"][name]), name


def test_a_resumed_run_knows_its_best_epoch_whatever_its_steps(keys: Dict[str, Any]) -> None:
    def trained(scores: List[float], resume: Optional[str] = None, **more: Any) -> Any:
        config = Config(config_dict={**keys, **more})
        experiment = assemble(config)
        trainer = get_trainer(config)(config, experiment.model)
        trainer._valid_epoch = lambda *_, **__: (scores.pop(0), {})
        if resume is not None:
            trainer.resume_checkpoint(resume)
        trainer.fit(experiment.train_data, experiment.valid_data)
        assert not scores
        return trainer

    first = trained([0.3, 0.2], epochs=4, eval_step=2)
    assert first.best_epoch == 1
    again = trained([0.2, 0.1], epochs=6, eval_step=1, resume=first.saved_model_file)
    assert again.best_epoch == 1
    assert checkpoint.read(again.saved_model_file)["best_epoch"] == 1
    better = trained([0.4], epochs=7, eval_step=1, resume=again.saved_model_file)
    assert better.best_epoch == 6


def test_a_score_does_not_outlive_its_weights(keys: Dict[str, Any]) -> None:
    """Epochs that no validation follows replace the weights that were the best."""
    keys = {**keys, "train_batch_size": 64}
    file = run_recbole_poem(config_dict={**keys, "epochs": 2})["model_file"]
    assert checkpoint.read(file)["best_valid_result"] is not None
    blind = run_recbole_poem(config_dict={"resume": file, "epochs": 3, "eval_step": 0})
    assert blind["best_valid_result"] is None and blind["best_valid_score"] == -np.inf
    state = checkpoint.read(file)
    assert state["best_epoch"] == 2 and state["best_valid_score"] == -np.inf
    seen = run_recbole_poem(config_dict={"resume": file, "epochs": 4, "eval_step": 1})
    assert checkpoint.read(file)["best_epoch"] == 3
    assert seen["best_valid_result"] == load(file).evaluate("valid")


def test_keys_of_a_file_hold_over_those_of_the_checkpoint(keys: Dict[str, Any]) -> None:
    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    Path("more.yaml").write_text(f"epochs: 2\nresume: {file}\n")
    run_recbole_poem(config_file_list=["more.yaml"])
    assert checkpoint.read(file)["epoch"] == 1
    run_recbole_poem(config_file_list=["more.yaml"], config_dict={"resume": file, "epochs": 3})
    assert checkpoint.read(file)["epoch"] == 2
    Path("more.yaml").write_text("resume: latest\ncheckpoint_dir: elsewhere\n")
    with pytest.raises(InputError, match=r"^checkpoint: none lies in elsewhere; train one"):
        run_recbole_poem(config_file_list=["more.yaml"])


def test_the_number_of_processes_may_stand_in_a_file(keys: Dict[str, Any]) -> None:
    Path("two.yaml").write_text("nproc: 2\nworld_size: 1\n")
    with pytest.raises(InputError, match=r"^world_size: expected a whole number from 2"):
        run_recbole_poem(config_file_list=["two.yaml"], config_dict=keys)


@pytest.mark.parametrize("given", [["epochs", 1], "epochs=1"])
def test_keys_that_are_no_mapping_are_refused(keys: Dict[str, Any], given: Any) -> None:
    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    words = "^config_dict: expected keys and their values, not "
    with pytest.raises(InputError, match=words):
        run_recbole_poem("POEM", "toy", config_dict=given)
    with pytest.raises(InputError, match=words):
        load(file, given)


@pytest.mark.parametrize(
    "change",
    [
        {"valid_metric": "MRR@5"},
        {"mask_seen": True},
        {"eval_args": {"mode": "uni3"}},
        {"rerankers": "reloop2"},
        {"logit_terms": "none"},
        {"hide_target": True},
    ],
)
def test_a_run_is_not_resumed_under_another_evaluation(
    keys: Dict[str, Any], change: Dict[str, Any]
) -> None:
    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    (key,) = change
    with pytest.raises(InputError, match=f"^{key}: the run that is resumed was validated with"):
        run_recbole_poem(config_dict={"resume": file, "epochs": 2, **change})


def test_a_run_is_not_resumed_with_another_model(keys: Dict[str, Any]) -> None:
    """Said before the keys that the other model has another value of, which nobody gave."""
    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    with pytest.raises(InputError, match="holds weights of POEM, not of GRU4Rec; leave the key"):
        run_recbole_poem(config_dict={"resume": file, "epochs": 2, "model": "GRU4Rec"})


def test_resuming_a_finished_run_repeats_its_result_and_keeps_its_file(
    keys: Dict[str, Any],
) -> None:
    whole = run_recbole_poem(config_dict={**keys, "stopping_step": 0, "learning_rate": 0.1})
    before = Path(whole["model_file"]).read_bytes()
    assert run_recbole_poem(config_dict={"resume": whole["model_file"]}) == whole
    assert Path(whole["model_file"]).read_bytes() == before


def test_same_seed_same_numbers_other_seed_other_numbers(keys: Dict[str, Any]) -> None:
    first, again, other = (
        run_recbole_poem(config_dict={**keys, "seed": seed}, saved=False)["test_result"]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_without_saving_nothing_is_written(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict=laid(keys, {"ranking_reader": "none"}), saved=False)
    assert result["model_file"] is None
    assert not list(Path(keys["checkpoint_dir"]).glob("*.pth"))


@pytest.mark.parametrize("model", ["POEM", "SASRec"])
def test_mask_seen_masks_exactly_what_the_user_consumed(keys: Dict[str, Any], model: str) -> None:
    masked = assemble(Config(config_dict={**keys, "model": model, "mask_seen": True})).test_data
    log = masked._dataset.log
    seen = 0
    for interaction, (row, item), positive_u, positive_i in masked:
        for b, request in enumerate(interaction["request_id"].tolist()):
            mine = set(log.item[log.first[request] : request].tolist())
            target = int(positive_i[positive_u == b])
            assert set(item[row == b].tolist()) == mine - {target}
            seen += len(mine)
    assert seen > 100
    stock = assemble(Config(config_dict={**keys, "model": model})).test_data
    assert all(history is None for _, history, _, _ in stock)


def test_masked_items_leave_the_recommendations(keys: Dict[str, Any]) -> None:
    config = Config(config_dict={**keys, "mask_seen": True})
    experiment = assemble(config)
    trainer = get_trainer(config)(config, experiment.model.eval())
    trainer.tot_item_num = experiment.dataset.item_num
    for batch in experiment.test_data:
        _, scores, _, _ = trainer._full_sort_batch_eval(batch)
        assert torch.isneginf(scores[batch[1]]).all()
        assert torch.isfinite(scores[batch[2], batch[3]]).all()


def test_metrics_that_need_more_than_tensors(keys: Dict[str, Any]) -> None:
    """RecBole's collector calls .cpu() on counters (evaluator/collector.py:227)."""
    metrics = ["NDCG", "ItemCoverage", "GiniIndex", "AveragePopularity", "ShannonEntropy"]
    result = run_recbole_poem(config_dict={**keys, "metrics": metrics, "epochs": 2})
    assert 0 < result["test_result"]["itemcoverage@5"] <= 1
    assert load(result["model_file"]).evaluate("test") == result["test_result"]


@pytest.mark.parametrize("mode", ["uni5", "pop5"])
def test_sampled_evaluation_works(keys: Dict[str, Any], mode: str) -> None:
    split = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": mode}
    result = run_recbole_poem(config_dict={**keys, "eval_args": split, "epochs": 1})
    assert 0 < result["test_result"]["hit@5"] <= 1


def test_two_processes_measure_each_row_once(keys: Dict[str, Any]) -> None:
    metrics = ["NDCG", "Hit", "GAUC", "ItemCoverage", "GiniIndex"]
    result = run_recbole_poem(config_dict={**keys, "nproc": 2, "epochs": 2, "metrics": metrics})
    assert checkpoint.read(result["model_file"])["epoch"] == 1
    alone = load(result["model_file"])
    assert len(alone.test_data._dataset) % 2, "one row has to be given out twice"
    assert result["test_result"] == pytest.approx(alone.evaluate("test"), abs=1e-6)
    assert result["best_valid_result"] == pytest.approx(alone.evaluate("valid"), abs=1e-6)


def test_two_processes_tell_which_values_count_twice(keys: Dict[str, Any]) -> None:
    by_value = {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "labeled"}
    more = {"metrics": ["AUC"], "valid_metric": "AUC", "threshold": {"rating": 3}}
    more.update(model="SASRec", loss_type="BPR", train_neg_sample_args={"distribution": "uniform"})
    more.update(nproc=2, epochs=1, state="WARNING", eval_args=by_value)
    result = run_recbole_poem(config_dict={**keys, **more})
    rows = len(load(result["model_file"]).test_data._dataset)
    assert rows % 2, "one row has to be given out twice"
    log = "".join(path.read_text() for path in Path("log", "SASRec").glob("*.log"))
    assert f"nproc: 1 of {rows} test rows count twice" in log


@pytest.mark.parametrize(("preset", "n_parts"), [("best", 4), ("umre", 5), ("harmonrank", 5)])
def test_two_processes_learn_what_one_does(
    keys: Dict[str, Any], caplog: Any, preset: str, n_parts: int
) -> None:
    """At equal global batch, losses and weights agree up to rounding; dropout alone is theirs."""
    more: Dict[str, Any] = {"hidden_dropout_prob": 0.0, "attn_dropout_prob": 0.0, "state": "INFO"}
    if preset != "best":
        more["score_fusion.labels"] = {"all": {}, "liked": {"rating": "[4,inf)"}}
    more["preset"] = preset
    more.update(**{"history_encoder.item_dropout": 0.0}, train_batch_size=48)
    losses, weights = [], []
    caplog.set_level("INFO")
    for nproc in (1, 2):
        result = run_recbole_poem(config_dict={**keys, **more, "nproc": nproc})
        weights.append(checkpoint.read(result["model_file"])["last_state_dict"])
        # pytest catches what this process logs; other processes write their file
        files = "".join(path.read_text() for path in Path("log", "POEM").glob("*.log"))
        log = caplog.text if nproc == 1 else files
        lines = re.findall(r"epoch \d+ training.*", log)[:4]
        losses.append([[float(x) for x in re.findall(r" loss: ([\d.]+)", line)] for line in lines])
    assert len(losses[0]) == 4
    assert len(losses[0][0]) == n_parts
    assert torch.allclose(*map(torch.tensor, losses), atol=2e-4)  # four decimals are logged
    for name, weight in weights[0].items():
        assert torch.allclose(weight, weights[1][name], atol=1e-4), name


def test_two_processes_report_bad_input_as_one_does(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^ranking_source: there is no .oracle."):
        run_recbole_poem(config_dict={**keys, "nproc": 2, "ranking_source": "oracle"})


def test_two_processes_report_the_failure_and_not_its_echo(keys: Dict[str, Any]) -> None:
    with pytest.raises(
        RuntimeError, match=r"^process [01] of 2 failed\n(.*\n)*ValueError: not made"
    ):
        run_recbole_poem(model=Unmade, config_dict={**keys, "nproc": 2})  # type: ignore[arg-type]


def test_two_processes_report_what_recboles_model_refuses(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^SASRec cannot be made: .*heads .3."):
        run_recbole_poem(model="SASRec", config_dict={**keys, "nproc": 2, "n_heads": 3})


FOUR = {"world_size": 4, "ip": "localhost", "port": 29_500}


@pytest.mark.parametrize("table", ["dense", "sharded"])
def test_two_machines_train_what_two_processes_do(keys: Dict[str, Any], table: str) -> None:
    keys = {**keys, "item_table": table, "epochs": 1, "hidden_dropout_prob": 0.0}
    if table == "sharded":
        more = {"losses": ["feedback"], "full_softmax_limit": 0, "ranking_reader": "none"}
        keys = laid(keys, more)
    expected = run_recbole_poem(config_dict={**keys, "nproc": 2})
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    machines = {**keys, "world_size": 2, "ip": "localhost", "port": port}
    theirs = {**machines, "group_offset": 1}
    code = f"from recbole_poem import run_recbole_poem\nrun_recbole_poem(config_dict={theirs!r})"
    second = subprocess.Popen([sys.executable, "-c", code])
    found = run_recbole_poem(config_dict={**machines, "group_offset": 0})
    assert second.wait(timeout=60) == 0
    assert found["test_result"] == expected["test_result"]
    assert len(list(Path(keys["checkpoint_dir"]).glob("*.pth"))) == 2, "one of each run"
    alone = load(found["model_file"])
    assert found["test_result"] == pytest.approx(alone.evaluate("test"), abs=1e-6)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"world_size": 4}, "ip: world_size 4 is more than nproc 2, so there are other machines"),
        ({"world_size": 1}, "world_size: expected a whole number from 2, not 1"),
        ({"group_offset": 1}, "group_offset: 1 processes on the machines before, and 2 on this"),
        ({**FOUR, "port": "x"}, "port: expected a whole number from 1, not 'x'"),
        ({**FOUR, "group_offset": 3}, "group_offset: 3 processes on the machines before, and 2"),
    ],
)
def test_machines_that_do_not_fit_each_other_are_refused(
    keys: Dict[str, Any], more: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        run_recbole_poem(config_dict={**keys, "nproc": 2, **more})


@pytest.mark.parametrize("nproc", [0, -1, 1.5, "two"])
def test_processes_are_at_least_one(keys: Dict[str, Any], nproc: Any) -> None:
    with pytest.raises(InputError, match="nproc: expected a whole number from 1, not"):
        run_recbole_poem(config_dict={**keys, "nproc": nproc})


def test_recboles_tuning_finds_the_better_value(write_dataset: Any, tmp_path: Path) -> None:
    """A model outside RecBole: https://github.com/RUCAIBox/RecBole/issues/1600."""
    pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")
    from recbole.trainer import HyperTuning

    # a world in which there is something to learn, and at a rate of 1e-9 nothing is learned
    keys = {**write_dataset(successor_log()), **SMALL, "model": "POEM", "train_batch_size": 60}
    config_file = tmp_path / "fixed.yaml"
    config_file.write_text("\n".join(f"{key}: {value!r}" for key, value in keys.items()))
    (tmp_path / "space.hyper").write_text("learning_rate choice [1e-9, 0.05]\n")
    tuning = HyperTuning(
        objective_function,
        params_file=str(tmp_path / "space.hyper"),
        fixed_config_file_list=[str(config_file)],
        algo="exhaustive",
    )
    tuning.run()
    assert tuning.best_params == {"learning_rate": 0.05}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "SASRecc"}, "model: there is no model named 'SASRecc'.*nearest name is sasrec"),
        ({"model": "sasrec"}, "model: did you mean SASRec, not 'sasrec'"),
        ({"model": "poem"}, "model: did you mean POEM"),
        (
            {
                "model": "FM",
                "positive_feedback": {"rating": "[4,5]"},
                "valid_metric": "AUC",
                "metrics": ["AUC"],
                "threshold": {"rating": 4},
            },
            "FM learns the labels of all rows",
        ),
        ({"model": "Pop", "mask_seen": "maybe"}, "mask_seen: expected True or False"),
        (
            {"preset": "fastest"},
            "preset: expected best or one of a2gen, cape, comirec, cwm, d2co, ektm, esasrec, ",
        ),
        ({"threads": 0}, "threads: expected a whole number from 1"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"valid_metric": "Foo@5"}, "valid_metric: Foo@5 is none of metrics"),
        ({"topk": [3]}, r"at topk \[3\]; give one that is, such as \w+@3$"),
        ({"topk": [5, 1000]}, "asks for more than 25 items"),
        ({"ranking_source.folds": 99}, "99 folds are too many for 40 users"),
        (
            {"eval_args": {"split": {"LS": "valid_and_test"}, "order": "RO", "mode": "full"}},
            "eval_args: .*has to be 'TO'",
        ),
        ({"model": "LightGBM"}, "model: LightGBM needs the package 'lightgbm' as well"),
        ({"model": "os.system"}, "there is no model named 'os.system'"),
        ({"dataset": "nowhere"}, "data_path: there is no folder .*nowhere"),
        ({"grouping.n_groups": 0}, r"^grouping\.n_groups: expected a whole number from 1, not 0"),
        (
            {"state_fusion": "gate"},
            "^ranking_training: stacked needs a state_fusion .*, such as residual",
        ),
        ({"hidden_size": 9}, "hidden_size: 9 is no multiple of n_heads, 2"),
        (
            {"ranking_source": "oracle"},
            r"^ranking_source: there is no 'oracle'; known are item_to_item, log",
        ),
        ({"ranking_source": "logged"}, r"toy.cand: the ranking source 'logged' needs this file"),
        ({"metrics": ["NDGC"]}, "NDGC"),
        (
            {"ranking_reader.mask": "some"},
            r"^ranking_reader\.mask: expected one of better, all, not 'some'",
        ),
        (
            {"positive_feedback": {"stars": "[4,5]"}},
            "positive_feedback: .* no float column 'stars'",
        ),
        ({"resume": "nowhere.pth"}, "nowhere.pth: there is no such checkpoint"),
        ({"resume": "data"}, "data is a folder, not a checkpoint; there is none in it"),
        (
            {"dataset": "toy", "data_path": "data/toy"},
            "there is no folder .*toy/toy; put toy.inter",
        ),
    ],
)
def test_bad_input_ends_in_one_sentence(
    keys: Dict[str, Any], change: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        run_recbole_poem(config_dict={**keys, **change})
    assert "\n" not in str(caught.value)


def test_weights_of_another_size_are_refused(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "epochs": 1})
    with pytest.raises(InputError, match="its weights do not fit the POEM"):
        load(result["model_file"], {"hidden_size": 16})


def test_a_phase_that_is_none_is_named(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config(config_dict={**keys, "model": "Pop"}))
    for phase in ("tst", "train", None):
        with pytest.raises(InputError, match=f"phase: expected 'valid' or 'test', not {phase!r}"):
            experiment.evaluate(phase)  # type: ignore[arg-type]


def test_rankings_of_other_objectives_are_refused(keys: Dict[str, Any]) -> None:
    """Their scores would be read as what they are not."""
    liked, near = {"liked": {}, "near": {"similarity": "session"}}, {"near": {}, "liked": {}}
    file = run_recbole_poem(config_dict={**keys, "epochs": 1, "objectives": liked})["model_file"]
    words = "on the objectives liked, near, and the rankings of the data set have near, liked"
    for continues in (
        lambda: load(file, {"objectives": near}),
        lambda: run_recbole_poem(config_dict={"resume": file, "objectives": near}),
    ):
        with pytest.raises(InputError, match=words):
            continues()


def test_a_key_given_at_resumption_holds(keys: Dict[str, Any]) -> None:
    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    run_recbole_poem(config_dict={"resume": file, "epochs": 2, "learning_rate": 0.5})
    assert checkpoint.read(file)["optimizer"]["param_groups"][0]["lr"] == 0.5


def test_a_hostile_configuration_inside_a_checkpoint_executes_nothing(keys: Dict[str, Any]) -> None:
    """RecBole would eval() every string (config/configurator.py:131)."""
    result = run_recbole_poem(config_dict={**keys, "epochs": 1})
    state = checkpoint.read(result["model_file"])
    state["keys"]["aggregator"] = "__import__('os').mkdir('executed')"
    state.pop("format")
    checkpoint.write(result["model_file"], state)
    load(result["model_file"])
    assert not Path("executed").exists()


def test_a_run_leaves_no_trace_in_home_and_loads_no_ray(tmp_path: Path) -> None:
    """Import everything, and one of RecBole's models, where HOME cannot be written."""
    home = tmp_path / "home"
    home.mkdir()
    script = (
        "import sys, torch, recbole_poem\n"
        "from recbole_poem.training.registry import get_model\n"
        "recbole_poem.run_recbole_poem, get_model('SASRec')\n"
        "assert 'ray' not in sys.modules\n"
        "assert not torch.is_anomaly_enabled()\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DGLBACKEND"}
    environment.update(HOME=str(home))
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], env=environment, check=True)
    assert list(home.iterdir()) == []
