"""What was read of a configuration: keys, components by their names, settings one by one."""

import dataclasses
import pickle
from typing import Any

from conftest import random_log

from recbole_poem.training.config import Config
from recbole_poem.tune.config_view import ConfigView


def config(**keys: Any) -> Config:
    return Config("Pop", "ml-100k", config_dict={"inner_size": 1, **keys})


def test_what_was_read_and_how_decides() -> None:
    view = ConfigView(config(**{"grouping.n_groups": 1}))
    assert view["inner_size"] == 1
    assert view.fits(config(**{"grouping.n_groups": 2}))
    assert not view.fits(config(inner_size=2))
    assert not view.fits(config(inner_size=1.0))
    assert not view.fits(config(inner_size=True))


def test_a_key_that_was_missing_decides_as_well() -> None:
    for look in (lambda v: v["n_heads"], lambda v: "n_heads" in v, lambda v: hasattr(v, "n_heads")):
        view = ConfigView(config())
        look(view)
        assert view.fits(config())
        assert not view.fits(config(n_heads=1))


def test_a_value_that_was_changed_in_place_is_not_shared() -> None:
    view = ConfigView(config(objectives=[1]))
    view["objectives"].append(2)
    assert not view.fits(config(objectives=[1]))
    assert not view.fits(config(objectives=[1, 2]))


def test_what_is_written_is_written_again_and_is_no_dependency() -> None:
    view, other = ConfigView(config()), config()
    view["name"] = "x"
    assert view["name"] == "x"
    assert view.fits(other)
    view.turn_to(other)
    assert other["name"] == "x"


def test_after_the_turn_other_keys_are_read_from_the_new_configuration() -> None:
    view = ConfigView(config(n_layers=1))
    assert view["inner_size"] == 1
    view.turn_to(config(n_layers=2))
    assert view["n_layers"] == 2
    assert not view.fits(config(n_layers=1))


def test_data_that_depend_on_who_gave_a_key_are_not_shared(write_dataset: Any) -> None:
    keys = write_dataset(random_log(0))
    given, preset = Config("BPR", config_dict=keys), Config("BPR", config_dict=keys)
    del preset.external_config_dict["load_col"]
    view = ConfigView(given)
    assert view.is_given("load_col") and not view.is_given("threads_of_nobody")
    assert view.fits(given) and not view.fits(preset)


# -- components ------------------------------------------------------------------------------------


def poem(**keys: Any) -> Config:
    return Config("POEM", "ml-100k", config_dict=keys)


def test_of_a_component_its_name_decides_and_the_settings_that_were_read() -> None:
    view = ConfigView(poem())
    margin = view.component("losses")["margin"]
    assert view.fits(poem(**{"losses.margin.weight": 0.5}))
    assert not view.fits(poem(**{"losses.margin": "none"}))
    assert margin.settings.negatives.settings.alpha == 1.0
    assert view.fits(poem(**{"losses.margin.negatives.number": 2}))
    assert not view.fits(poem(**{"losses.margin.negatives.alpha": 2}))
    assert not view.fits(poem(**{"losses.margin.negatives": "uniform"}))


def test_an_optional_stage_decides_by_being_there() -> None:
    view = ConfigView(poem())
    assert view.component("ranking_reader") is not None
    assert view.fits(poem(**{"ranking_reader.group_samples": 1}))
    assert not view.fits(poem(ranking_reader="none"))
    off = ConfigView(poem(ranking_reader="none"))
    assert off.component("ranking_reader") is None
    assert not off.fits(poem())


def test_after_the_turn_settings_are_those_of_the_new_configuration() -> None:
    view = ConfigView(poem())
    term = view.component("losses")["system"]
    made = term.make()
    view.turn_to(poem(**{"losses.system": {"n_positives": 7, "weight": 0.5}}))
    assert term.settings.n_positives == 7
    assert (made.weight, term.make().weight) == (0.1, 0.5)
    assert not view.fits(poem())


def test_settings_are_settings_in_another_process_too() -> None:
    view = ConfigView(poem())
    seen = view.component("losses.margin").settings
    plain = poem().component("losses.margin").settings
    assert isinstance(seen, type(plain))
    assert dataclasses.fields(seen) == dataclasses.fields(plain)
    there = pickle.loads(pickle.dumps(seen))
    assert type(there) is type(plain)
    assert there == plain


def test_names_of_users_decide_by_their_settings() -> None:
    named = {"objectives": {"a-b": {"similarity": "cosine"}}}
    view = ConfigView(poem(**named))
    assert view.component("objectives")["a-b"].settings.history == 10
    assert view.fits(poem(**named))
    assert view.fits(poem(objectives={"a-b": {"similarity": "cosine", "decay": 0.5}}))  # not read
    assert not view.fits(poem(objectives={"a-b": {"similarity": "cosine", "history": 5}}))
