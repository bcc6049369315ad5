"""Plans: what is asked for, checked and written out; the runs that follow from it."""

import re

import pytest
import recbole.utils
import yaml

from recbole_poem.benchmark.checking import check_configurations, check_folder
from recbole_poem.benchmark.effective import effective_keys
from recbole_poem.benchmark.plan import (
    SHARED,
    as_yaml,
    fixed_keys,
    make_plan,
    read_plan,
    test_jobs,
    trial_job,
)
from recbole_poem.benchmark.rows import Row, ablations, row_of
from recbole_poem.benchmark.runner import _configurations
from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.properties import PROPERTIES

jobs_of = test_jobs  # under its own name pytest takes it for a test
del test_jobs


def test_a_row_is_a_name_or_a_mapping():
    assert row_of("SASRec") == Row("SASRec", "SASRec", {}, "SASRec")
    assert row_of("Upstream-lag0") == Row("Upstream-lag0", "Upstream", {"request_lag": 0}, None)
    assert row_of({"model": "Pop", "row": "popular"}) == Row("popular", "Pop", {}, None)
    blind = {
        "row": "blind",
        "model": "POEM",
        "tuned_as": "POEM",
        "keys": {"shuffle_rankings": True},
    }
    assert row_of(blind) == Row("blind", "POEM", {"shuffle_rankings": True}, "POEM")
    wide = row_of({"model": "POEM", "row": "wide", "keys": {"ranking_source.n_candidates": 200}})
    assert wide == Row("wide", "POEM", {"ranking_source.n_candidates": 200}, "wide")
    by_hand = {"model": "POEM", "tuned_as": None, "keys": {"learning_rate": 0.01}}
    assert row_of(by_hand) == Row("POEM", "POEM", {"learning_rate": 0.01}, None)
    assert row_of({"model": "POEM", "datasets": ["a"]}).datasets == ["a"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rows": ["POEM", "POEM"]}, "rows: 'POEM' is there twice"),
        ({"datasets": ["a", "b", "a"]}, "datasets: 'a' is there twice"),
        ({"seeds": [1, 2, 2]}, "seeds: 2 is there twice"),
        ({"rows": []}, "rows: expected at least one"),
        ({"rows": ["POEM", {"row": "b", "model": "POEM", "tuned_as": "c"}]}, "tuned as 'c'"),
        ({"rows": ["Pop"], "ablate": True}, "ablate: there is no POEM among the rows"),
        ({"rows": [3]}, "rows: expected names of models and mappings, not 3"),
        ({"rows": "POEM"}, "rows: expected a list of names of models and mappings, not 'POEM'"),
        ({"rows": [{"model": 3}]}, "neither a model's name nor"),
        ({"rows": [{"model": "POEM", "keys": [1]}]}, "keys: expected a mapping of keys to values"),
        ({"datasets": "a"}, "datasets: expected a list of names, not 'a'"),
        ({"rows": [{"model": "POEM", "datasets": "a"}]}, "'POEM': datasets: expected a list of na"),
        ({"rows": [{"model": "POEM", "datasets": ["b"]}]}, "there is no data set 'b' in the plan"),
        (
            {
                "datasets": ["a", "b"],
                "rows": [
                    {"model": "POEM", "datasets": ["a"]},
                    {"model": "POEM", "row": "blind", "tuned_as": "POEM"},
                ],
            },
            "rows: 'blind' is a variant of 'POEM', which is not on 'b'; name the same 'datasets'",
        ),
        ({"worlds": {"b": {}}}, "worlds: 'b' is none of the plan's 'datasets'"),
        ({"worlds": {"a": {"dial": {}}}}, "worlds: a: unknown key 'dial'; did you mean 'dials'?"),
        ({"worlds": ["a"]}, "worlds: expected a mapping of keys to values"),
        ({"seeds": ["2020"]}, "seeds: expected whole numbers, not '2020'"),
        ({"seeds": True}, "seeds: expected a list of whole numbers, not True"),
        ({"config_files": "a.yaml"}, "config_files: expected a list of paths, not 'a.yaml'"),
        ({"tune": True}, "tune: expected a number of trials"),
        ({"rows": [{"row": "x"}]}, "neither a model's name nor"),
        ({"rows": [{"model": "POEM", "key": 1}]}, "unknown key 'key'; did you mean 'keys'"),
        ({"datasets": []}, "datasets: expected at least one"),
        ({"seeds": 0}, "seeds: expected at least one"),
        ({"seeds": "5"}, "seeds: expected a list of whole numbers, not '5'"),
        ({"tune": -1}, "tune: expected a number of trials"),
        ({"time_limit": 0}, "^time_limit: expected a number of seconds"),
        (
            {"rows": [{"model": "POEM", "keys": {"stopping_step": 30}}]},
            "rows: 'POEM': stopping_step has to be the same for all rows; give it in the plan's",
        ),
        (
            {"rows": ["POEM", {"model": "SASRec", "keys": {"threads": 4}}]},
            "rows: 'SASRec': threads has to be the same",
        ),
        ({"tune_time_limit": 0}, "tune_time_limit: expected a number of seconds"),
        ({"keys": {"nproc": 2}}, "^keys: nproc: each run begins anew, in one process; leave it o"),
        (
            {"rows": [{"model": "POEM", "keys": {"resume": "latest"}}]},
            "^rows: POEM: resume: each run begins anew",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(arguments, words):
    with pytest.raises(InputError, match=words):
        make_plan(**{"rows": ["POEM"], "datasets": ["ml-100k"], **arguments})


def test_every_row_runs_on_every_data_set_with_every_seed():
    plan = make_plan(["POEM", "Pop"], ["a", "b"], seeds=[7, 8], keys={"epochs": 3})
    jobs = jobs_of(plan, {})
    assert len(jobs) == len({job.id for job in jobs}) == 8
    assert {(job.row, job.dataset, job.seed) for job in jobs} == {
        (row, dataset, seed) for row in ("POEM", "Pop") for dataset in "ab" for seed in (7, 8)
    }
    for job in jobs:
        assert job.given == {**SHARED, "epochs": 3}
        assert job.purpose == "test"
    assert make_plan(["POEM"], ["a"], seeds=3).seeds == [2020, 2021, 2022]


def test_another_configuration_is_another_run_and_another_limit_is_not():
    plan = make_plan(["POEM"], ["a"])
    (job,) = jobs_of(plan, {})
    assert job.id == jobs_of(plan._replace(time_limit=5.0), {})[0].id
    assert job.id != jobs_of(plan._replace(keys={"grouping.n_groups": 2}), {})[0].id
    assert job.id != trial_job(plan, plan.rows[0], "a", {}).id
    hasty = plan._replace(tune_time_limit=5.0)
    assert trial_job(hasty, plan.rows[0], "a", {}).time_limit == 5.0
    assert jobs_of(hasty, {})[0].time_limit == plan.tune_time_limit == plan.time_limit
    strange = job._replace(row="POEM: a/b & ../c")
    assert "/" not in strange.id and " " not in strange.id


def test_ablations_take_the_tuned_keys_of_their_row_and_change_what_the_model_knows():
    plan = make_plan(["POEM"], ["a"], ablate=True)
    tuned = {("a", "POEM"): {"learning_rate": 0.5, "grouping.n_groups": 10}}
    jobs = {job.row: job.given for job in jobs_of(plan, tuned)}
    assert len(jobs) == len(plan.rows) == 1 + len(ablations(plan.rows[0])) > 10
    assert all(given["learning_rate"] == 0.5 for given in jobs.values())
    assert jobs["POEM: one group"]["grouping.n_groups"] == 1
    changed = [tuple(sorted(row.keys.items())) for row in ablations(plan.rows[0])]
    assert len(set(changed)) == len(changed)
    defaults = Config("POEM", "ml-100k")
    for row in ablations(plan.rows[0]):
        config = Config("POEM", "ml-100k", config_dict=row.keys)  # a value out of range raises
        assert config.unknown_keys() == []
        assert any(defaults[key] != config[key] for key in row.keys), row.name


def test_a_run_that_two_trials_draw_is_listed_once():
    plan = make_plan(["POEM"], ["a"])
    trials = [trial_job(plan, plan.rows[0], "a", keys) for keys in ({}, {"embedding_size": 64})]
    assert trials[0].id == trials[1].id
    assert yaml.safe_load(as_yaml(plan, trials))["runs"] == [trials[0].id]


def test_the_first_row_of_poem_alone_is_ablated():
    paper = {"row": "paper", "model": "POEM", "keys": {"preset": "paper"}}
    names = [row.name for row in make_plan(["Pop", "POEM", paper], ["a"], ablate=True).rows]
    assert names[:2] == ["Pop", "POEM"]
    assert names[-1] == "paper"
    assert all(name.startswith("POEM: ") for name in names[2:-1])


def test_ablations_of_a_row_that_is_not_tuned_are_its_variants():
    by_hand = {"row": "by hand", "model": "POEM", "tuned_as": None}
    base, *variants = make_plan([by_hand], ["a"], ablate=True).rows
    assert base.tuned_as is None
    assert {row.tuned_as for row in variants} == {"by hand"}


@pytest.mark.parametrize(
    ("rows", "keys", "words"),
    [
        (["Pop", "PEOM"], {}, "PEOM: model: there is no model named 'PEOM'.*nearest name is POEM"),
        (["Pop", "POEM"], {"learning_rat": 3}, "Pop: .* no such key .*'learning_rate'"),
        (["Pop", "POEM"], {"groupin.n_groups": 3}, "Pop: groupin.n_groups: .*'grouping'"),
        (["Pop", "POEM"], {"n_groups": 3}, "Pop: n_groups: .* name now; write grouping.n_groups"),
        (
            ["Pop", "POEM"],
            {"grouping.n_group": 3},
            "POEM: grouping.n_group: there is no such setting; the nearest is 'n_groups'",
        ),
        (["Pop", "BPR"], {"grouping.n_groups": 3}, "of the rows has a key 'grouping.n_groups'"),
        (["Pop", "BPR"], {"grouping": {"n_groups": 3}}, "rows has a key 'grouping.n_groups'"),
        (["Pop", "BPR"], {"ranking_reader": "none"}, "of the rows has a key 'ranking_reader'"),
        (
            [{"model": "Pop", "keys": {"grouping.n_groups": 3}}],
            {},
            "Pop: Pop has no key 'grouping.n_groups'",
        ),
        (
            [{"model": "Pop", "keys": {"grouping": {"n_groups": 3}}}],
            {},
            "Pop: Pop has no key 'grouping.n_groups'",
        ),
        (["POEM"], {"grouping.n_groups": 0}, "POEM: grouping.n_groups: expected a whole number"),
        (["POEM"], {"item_table": "sharded"}, "POEM: item_table: sharded makes no list of all"),
    ],
)
def test_a_slip_of_the_pen_is_found_before_any_run(rows, keys, words):
    with pytest.raises(InputError, match=words):
        check_configurations(make_plan(rows, ["ml-100k"], keys=keys))


@pytest.mark.parametrize("row", ["MultiTaskRanker", {"row": "own", "model": "MultiTaskRanker"}])
def test_a_ranker_is_no_row(row):
    with pytest.raises(InputError, match=r"^rows: MultiTaskRanker orders exposures .*rankers\.py"):
        make_plan(["Pop", row], ["ml-100k"])


def test_a_model_that_lacks_a_package_does_not_hold_up_the_others(monkeypatch):
    def without_package(name):
        if name == "LDiffRec":
            raise ModuleNotFoundError("No module named 'kmeans_pytorch'", name="kmeans_pytorch")
        return found(name)

    found = recbole.utils.get_model
    monkeypatch.setattr(recbole.utils, "get_model", without_package)
    check_configurations(make_plan(["LDiffRec", "Pop"], ["ml-100k"]))
    check_configurations(make_plan(["LDiffRec"], ["ml-100k"], keys={"epochs": 3}))
    with pytest.raises(InputError, match=r"no model of the rows has a key 'grouping\.n_groups'"):
        check_configurations(
            make_plan(["LDiffRec", "Pop"], ["ml-100k"], keys={"grouping.n_groups": 3})
        )
    (job,) = jobs_of(make_plan(["LDiffRec"], ["ml-100k"]), {})
    with pytest.raises(InputError, match="LDiffRec needs the package 'kmeans_pytorch'"):
        effective_keys(job)  # with which its run begins


def test_a_data_set_that_is_not_there_is_found_before_any_run():
    with pytest.raises(InputError, match="datasets: there is no folder dataset/ml-100kk"):
        check_configurations(make_plan(["Pop"], ["ml-100kk"]))


def test_a_folder_that_nobody_named_keeps_its_rows(tmp_path):
    small, large = (make_plan(rows, ["a"]) for rows in (["POEM"], ["POEM", "Pop"]))
    check_folder(small, tmp_path)
    (tmp_path / "plan.yaml").write_text(as_yaml(small, []))
    check_folder(large, tmp_path)  # more rows: an extension
    (tmp_path / "plan.yaml").write_text(as_yaml(large, []))
    with pytest.raises(InputError, match=r"holds a benchmark with other rows .Pop.*give .* --name"):
        check_folder(small, tmp_path)


def test_a_key_of_some_rows_is_no_slip():
    check_configurations(make_plan(["Pop", "POEM"], ["ml-100k"], keys={"grouping.n_groups": 3}))


def test_a_model_gets_the_keys_that_it_has_a_use_for_and_its_job_keeps_all():
    plan = make_plan(
        ["SASRec", "GRU4Rec", "Pop", "Upstream"], ["ml-100k"], keys={"grouping.n_groups": 3}
    )
    jobs = {job.row: job for job in jobs_of(plan, {})}
    lacks = {row: set(job.given) - set(effective_keys(job)) for row, job in jobs.items()}
    assert lacks == {
        "SASRec": {"embedding_size"},
        "GRU4Rec": set(),
        "Pop": {"embedding_size", "epochs"},
        "Upstream": {"embedding_size", "epochs"},
    }
    assert all(job.given == {**SHARED, "grouping.n_groups": 3} for job in jobs.values())
    for job in (jobs["Upstream"], jobs["Pop"]):
        rarely = job._replace(given={**job.given, "eval_step": 5})
        config = Config(job.model, job.dataset, config_dict=effective_keys(rarely))
        assert config["eval_step"] == 1
    job = jobs["Upstream"]
    assert Config(job.model, job.dataset, config_dict=effective_keys(job))["epochs"] == 1


def test_an_embedding_size_of_all_rows_holds_for_a_model_that_calls_it_hidden_size():
    rows = ["SASRec", "POEM", "GRU4Rec", "BPR", {"model": "BERT4Rec", "keys": {"hidden_size": 8}}]
    jobs = {}
    for size in (64, 128):
        plan = make_plan(rows, ["ml-100k"], keys={"embedding_size": size})
        jobs[size] = {job.row: effective_keys(job) for job in jobs_of(plan, {})}
    sizes = {row: keys.get("hidden_size") for row, keys in jobs[128].items()}
    assert sizes == {"SASRec": 128, "POEM": 128, "GRU4Rec": None, "BPR": None, "BERT4Rec": 8}
    known = {row for row, keys in jobs[128].items() if "embedding_size" in keys}
    assert known == {"GRU4Rec", "BPR"}
    for row in ("SASRec", "POEM"):  # as long as nobody asks for another
        assert jobs[64][row]["hidden_size"] == Config(row, "ml-100k")["hidden_size"] == 64


def test_an_embedding_size_is_no_slip_where_it_holds_as_hidden_size():
    check_configurations(make_plan(["SASRec"], ["ml-100k"], keys={"embedding_size": 32}))
    with pytest.raises(InputError, match="no model of the rows has a key 'embedding_size'"):
        check_configurations(make_plan(["Pop"], ["ml-100k"], keys={"embedding_size": 32}))


def test_the_id_of_a_run_stays_what_it_was():
    """Results of former versions are found by it."""
    (job,) = jobs_of(make_plan(["SASRec"], ["ml-100k"]), {})
    assert job.id == "ml-100k-SASRec-2020-9096576a"


def test_a_plan_is_written_out_and_a_file_is_read(tmp_path):
    plan = make_plan(["POEM"], ["a"], seeds=[1], ablate=True)
    written = yaml.safe_load(as_yaml(plan, jobs_of(plan, {})))
    assert [row["row"] for row in written["rows"]] == [row.name for row in plan.rows]
    assert written["shared"] == SHARED
    assert written["runs"] == [job.id for job in jobs_of(plan, {})]
    path = tmp_path / "mine.yaml"
    path.write_text("rows: [POEM, {model: SASRec, row: small, keys: {hidden_size: 8}}]\nseeds: 2\n")
    assert make_plan(datasets=["a"], **read_plan(path)).rows[1].keys == {"hidden_size": 8}
    path.write_text("rwos: [POEM]\n")
    with pytest.raises(InputError, match=r"unknown key 'rwos'; did you mean 'rows'\? known"):
        read_plan(path)
    path.write_text("zzz: 1\n")
    with pytest.raises(InputError, match="unknown key 'zzz'; known are"):
        read_plan(path)
    path.write_text("- POEM\n")
    with pytest.raises(InputError, match="holds no mapping"):
        read_plan(path)
    path.write_text("keys: [epochs]\n")
    with pytest.raises(InputError, match=r"keys: expected a mapping of keys .* not \['epochs'\]"):
        read_plan(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(tmp_path / "nothing.yaml")
    assert (PROPERTIES / "benchmark" / "ablations.yaml").is_file()


def test_what_was_chosen_by_hand_or_by_a_preset_is_not_tuned():
    paper = {
        "row": "POEM paper",
        "model": "POEM",
        "keys": {"preset": "paper", "grouping.n_groups": 2},
    }
    plan = make_plan([paper, "POEM", "SASRec"], ["ml-100k"], tune=8, keys={"n_layers": 1})
    preset = {"history_encoder", "state_fusion", "ranking_training", "logit_terms"}
    preset |= {"ranking_reader.n_layers", "ranking_reader.mask"}
    preset |= {"request_weight", "ema_decay", "row_features"}
    assert fixed_keys(plan, plan.rows[0]) == preset | {"preset", "grouping.n_groups", "n_layers"}
    spaces = {row.name: {key for tried in _configurations(plan, row) for key in tried}
              for row in plan.rows}  # fmt: skip
    assert spaces["POEM"] - spaces["POEM paper"] == {"grouping.n_groups"}
    assert "hidden_dropout_prob" in spaces["POEM paper"]
    assert "learning_rate" in spaces["SASRec"] and "n_layers" not in spaces["SASRec"]
    nothing_left = make_plan(["BPR"], ["ml-100k"], tune=8, keys={"learning_rate": 0.01})
    assert _configurations(nothing_left, nothing_left.rows[0]) == [{}]


def test_what_does_nothing_in_a_row_is_not_tuned_in_it(caplog):
    rows = [
        {"row": "fair", "model": "POEM", "keys": {"preset": "fair"}},
        {"row": "esasrec", "model": "POEM", "keys": {"preset": "esasrec"}},
    ]
    plan = make_plan(rows, ["ml-100k"], tune=8)
    fair, esasrec = (_configurations(plan, row) for row in plan.rows)
    assert len(fair) == 8
    assert {key for tried in fair for key in tried} == {"learning_rate", "hidden_dropout_prob"}
    assert esasrec == [{}]  # it sets the rest, and reads no groups
    assert "esasrec: of the search space of POEM nothing is left that its keys" in caplog.text


def test_more_trials_than_there_are_configurations_are_refused():
    fixed = {"learning_rate": 0.001, "hidden_dropout_prob": 0.1, "ranking_reader": "none"}
    row = {"row": "few", "model": "POEM", "keys": {**fixed, "losses.margin": "none"}}
    words = "^tune: few, beside its defaults: the search space of losses.system.weight has 4 conf"
    plan = make_plan([row], ["ml-100k"], tune=6)
    with pytest.raises(InputError, match=words):
        _configurations(plan, plan.rows[0])
    assert len(_configurations(plan._replace(trials=5), plan.rows[0])) == 5


def test_what_a_preset_changes_in_any_data_set_is_not_tuned_either():
    row = {"row": "POEM d2co", "model": "POEM", "keys": {"preset": "d2co"}}
    plan = make_plan([row], ["ml-100k"], tune=8)
    assert fixed_keys(plan, plan.rows[0]) == {"preset", "ranking_source", "targets.watch_time"}


def test_settings_of_a_component_that_was_chosen_by_hand_are_not_tuned():
    rows = [
        {"row": "all", "model": "POEM"},
        {"row": "no cache", "model": "POEM", "keys": {"ranking_reader": "none"}},
        {"row": "no margin", "model": "POEM", "keys": {"losses.margin": "none"}},
        {"row": "one loss", "model": "POEM", "keys": {"losses": "feedback"}},
        {"row": "its groups", "model": "POEM", "keys": {"grouping": {"n_groups": 3}}},
    ]
    plan = make_plan(rows, ["ml-100k"], tune=8)
    space, *others = (
        {key for tried in _configurations(plan, row) for key in tried} for row in plan.rows
    )
    assert [space - left for left in others] == [
        {"ranking_reader.group_samples", "grouping.n_groups"},  # it groups nothing
        {"losses.margin.weight"},
        {"losses.margin.weight", "losses.system.weight"},
        {"grouping.n_groups"},
    ]
    for row in plan.rows:
        job = trial_job(plan, row, "ml-100k", _configurations(plan, row)[-1])
        config = Config("POEM", "ml-100k", config_dict=effective_keys(job))
        parts = {"losses.margin", "losses.system", "ranking_reader"}
        off = {part for part in parts if config.component(part) is None}
        assert off == {
            "no cache": {"ranking_reader"},
            "no margin": {"losses.margin"},
            "one loss": {"losses.margin", "losses.system"},
        }.get(row.name, set())


def test_what_a_config_file_holds_is_part_of_the_run_and_its_name_is_not(tmp_path):
    files = [tmp_path / name for name in ("a.yaml", "b.yaml")]
    for file in files:
        file.write_text("learning_rate: 1e-2\nepochs: 3\ngrouping.n_groups: 4\n")
    one, two = (make_plan(["POEM"], ["a"], config_files=[str(file)], tune=2) for file in files)
    assert one.config_files == [{"learning_rate": 0.01, "epochs": 3, "grouping.n_groups": 4}]
    (job,) = jobs_of(one, {})
    assert job.id == jobs_of(two, {})[0].id
    files[1].write_text("learning_rate: 1e-2\nepochs: 4\ngrouping.n_groups: 4\n")
    assert job.id != jobs_of(make_plan(["POEM"], ["a"], config_files=[str(files[1])]), {})[0].id
    keys = effective_keys(job._replace(dataset="ml-100k"))
    assert (keys["epochs"], keys["learning_rate"]) == (3, 0.01)  # what all rows share is behind it
    assert fixed_keys(one, one.rows[0]) == {"learning_rate", "epochs", "grouping.n_groups"}
    both = make_plan(["POEM"], ["a"], config_files=[str(files[0])], keys={"epochs": 9})
    assert jobs_of(both, {})[0].keys["epochs"] == 9
    written = yaml.safe_load(as_yaml(one, []))
    assert written["config_files"] == one.config_files
    with pytest.raises(InputError, match=r"config_files: .*none.yaml cannot be read"):
        make_plan(["POEM"], ["a"], config_files=[str(tmp_path / "none.yaml")])


def test_a_date_without_quotes_is_refused_by_the_name_of_its_key(tmp_path):
    path = tmp_path / "mine.yaml"
    content = "eval_args: {split: {split_by_time: {valid: 2022-05-01, test: 2022-05-02}}}\n"
    words = r"eval_args: .*2022, 5, 1.* is not made of text, .*; put a date in quotes"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"mine\.yaml: {words}"):
        make_plan(["POEM"], ["a"], config_files=[str(path)])
    keys = yaml.safe_load(content)
    with pytest.raises(InputError, match=f"^keys: {words}"):
        make_plan(["POEM"], ["a"], keys=keys)
    with pytest.raises(InputError, match=f"^rows: x: {words}"):
        make_plan([{"model": "POEM", "row": "x", "keys": keys}], ["a"])
    path.write_text(re.sub("(2022-05-0.)", r"'\1'", content))
    (job,) = jobs_of(make_plan(["POEM"], ["a"], config_files=[str(path)]), {})
    assert job.keys["eval_args"]["split"]["split_by_time"]["valid"] == "2022-05-01"
