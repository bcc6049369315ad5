"""Stages: what is registered, chosen and refused, and how keys lie over each other."""

from dataclasses import dataclass
from typing import Any, Dict

import pytest

from recbole_poem.core.blocks import block_of, stacked
from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import SHARE, at_least, setting, setting_of
from recbole_poem.core.stage import Choice, Form, Stage, written

SPICES = Stage("spice", "fusion", "a nested stage")
SOUPS = Stage("soup", "fusion", "one component", is_optional=True)
SIDES = Stage("sides", "fusion", "several", Form.SEVERAL)
GUESTS = Stage("guests", "fusion", "named by users", Form.NAMED, word="seat", usual="stool")
STAGES = {stage.key: stage for stage in (SPICES, SOUPS, SIDES, GUESTS)}


@SPICES.register("salt")
class Salt:
    @dataclass(frozen=True)
    class Settings:
        grains: int = setting(3, at_least(0), "grains of salt")


@SPICES.register("none_at_all")
class Unspiced:
    @dataclass(frozen=True)
    class Settings:
        pass


@SOUPS.register("pea")
class Pea:
    @dataclass(frozen=True)
    class Settings:
        peas: int = setting(100, at_least(1), "peas")
        heat: float = setting(0.5, SHARE, "share of the boiling heat")
        spice: Choice = setting_of(SPICES, "salt", "what is put in last")

        def check(self, where: str) -> None:
            if self.peas > 10 and self.heat == 0:
                raise InputError(f"{where}.heat: so many peas need some")

    def __init__(self, settings: Any, bowl: str) -> None:
        self.settings, self.bowl = settings, bowl


@SOUPS.register("miso")
class Miso(Pea):
    @dataclass(frozen=True)
    class Settings:
        depth: int = setting(1, at_least(1), "centimetres")


@SIDES.register("bread")
class Bread:
    @dataclass(frozen=True)
    class Settings:
        slices: int = setting(2, at_least(1), "slices")
        spice: Choice = setting_of(SPICES, "none_at_all", "on top")


@SIDES.register("salad")
class Salad:
    @dataclass(frozen=True)
    class Settings:
        pass


@GUESTS.register("stool")
class Stool:
    @dataclass(frozen=True)
    class Settings:
        legs: int = setting(3, at_least(3), "legs")


def chosen(key: str, *levels: Dict[str, Any]) -> Any:
    keys: Dict[str, Any] = {}
    for level in levels:
        keys = stacked(keys, level, STAGES)
    return written(STAGES[key], STAGES[key].choose(block_of(STAGES[key], keys), key))


PEA = {"name": "pea", "peas": 100, "heat": 0.5, "spice": {"name": "salt", "grains": 3}}


def test_a_word_is_short_for_a_block_and_the_defaults_fill_it() -> None:
    assert chosen("soup", {"soup": "pea"}) == PEA
    assert chosen("soup", {"soup": {"name": "pea", "peas": 7}}) == {**PEA, "peas": 7}
    assert chosen("soup", {"soup": "none"}) == "none" == chosen("soup", {"soup": None})


def test_a_choice_makes_its_component_with_the_settings_first() -> None:
    choice = SOUPS.choose({"name": "pea", "peas": 5}, "soup")
    soup = choice.make("blue")
    assert (soup.settings.peas, soup.bowl, choice.component) == (5, "blue", Pea)
    assert soup.settings.spice.component is Salt


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        # a value replaces what stands below it, a dotted key changes it
        ([{"soup": {"name": "pea", "peas": 7}}, {"soup": "pea"}], PEA),
        ([{"soup": "pea", "soup.peas": 7}, {"soup.heat": 0.1}], {**PEA, "peas": 7, "heat": 0.1}),
        ([{"soup": "pea", "soup.peas": 7}, {"soup": "miso"}], {"name": "miso", "depth": 1}),
        # a block without a name changes, too
        ([{"soup": "pea", "soup.peas": 7}, {"soup": {"heat": 0}, "soup.peas": 2}],
         {**PEA, "peas": 2, "heat": 0}),
        # in one mapping the order does not matter
        ([{"soup.peas": 7, "soup": "pea"}], {**PEA, "peas": 7}),
        # nested stages
        ([{"soup": {"name": "pea", "spice": {"grains": 9}}}],
         {**PEA, "spice": {"name": "salt", "grains": 9}}),
        ([{"soup": "pea"}, {"soup.spice.grains": 9}],
         {**PEA, "spice": {"name": "salt", "grains": 9}}),
        ([{"soup": "pea", "soup.spice.grains": 9}, {"soup.spice": "none_at_all"}],
         {**PEA, "spice": {"name": "none_at_all"}}),
    ],
)  # fmt: skip
def test_keys_lie_over_each_other(levels: Any, expected: Any) -> None:
    assert chosen("soup", *levels) == expected


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([{"sides": "salad"}], {"salad": {}}),
        ([{"sides": ["salad", {"name": "bread", "slices": 5}]}, {"sides.salad": "none"}],
         {"bread": {"slices": 5, "spice": {"name": "none_at_all"}}}),
        ([{"sides": {"bread": {"slices": 5}, "salad": {}}}, {"sides.bread.slices": 6}],
         {"bread": {"slices": 6, "spice": {"name": "none_at_all"}}, "salad": {}}),
        ([{"sides": {"bread": {}}}, {"sides.salad": True, "sides.bread.spice": "salt"}],
         {"bread": {"slices": 2, "spice": {"name": "salt", "grains": 3}}, "salad": {}}),
        ([{"sides": ["bread"]}, {"sides.bread": "none"}, {"sides.bread.slices": 4}],
         {"bread": {"slices": 4, "spice": {"name": "none_at_all"}}}),
        ([{"sides": ["salad"]}, {"sides": {"bread": {}}}],
         {"bread": {"slices": 2, "spice": {"name": "none_at_all"}}}),
        ([{"sides": ["salad"]}, {"sides": "none"}], {}),
        ([{"sides": ["salad"]}, {"sides": []}], {}),
        ([{}], {}),
    ],
)  # fmt: skip
def test_several_components_are_listed_added_changed_and_taken_away(
    levels: Any, expected: Any
) -> None:
    assert chosen("sides", *levels) == expected


def test_components_under_names_of_the_users() -> None:
    given = {"guests": {"Ann": {"seat": "stool", "legs": 4}, "Bob": None}}
    assert chosen("guests", given) == {
        "Ann": {"seat": "stool", "legs": 4},
        "Bob": {"seat": "stool", "legs": 3},
    }
    assert chosen("guests", given, {"guests.Bob.legs": 5})["Bob"]["legs"] == 5
    assert list(chosen("guests", given, {"guests": {"Cyd": {}}})) == ["Cyd"]


@pytest.mark.parametrize(
    ("key", "keys", "words"),
    [
        ("soup", {"soup": "pee"}, "soup: there is no 'pee'; the nearest is 'pea'"),
        ("soup", {"soup": "xyz"}, "soup: there is no 'xyz'; known are miso, pea"),
        ("soup", {"soup": 3}, "soup: expected the name of a component or a block {name: ...}, "
                              "not 3"),
        ("soup", {"soup": "pea", "soup.pea": 1},
         "soup.pea: there is no such setting; the nearest is 'peas'"),
        ("soup", {"soup": "pea", "soup.heat": 2},
         "soup.heat: expected a number from 0 to 1, not 2"),
        ("soup", {"soup": "pea", "soup.heat": 0}, "soup.heat: so many peas need some"),
        ("soup", {"soup": "pea", "soup.peas.size": 2},
         "soup.peas: it has no settings of its own, such as 'size'; give it whole, as "),
        ("soup", {"soup": "pea", "soup.bean.size": 2},
         "soup.bean: there is no such setting; known are "),
        ("soup", {"soup.peas": 2}, "soup.peas: soup is none, and has no settings"),
        ("spice", {"spice": {"grains": 2}}, "spice.name: the name of a component is missing"),
        ("soup", {"soup": "pea", "soup.spice.grains": -1},
         "soup.spice.grains: expected a whole number from 0, not -1"),
        ("sides", {"sides": ["salat"]}, "sides.salat: there is no 'salat'; the nearest is 'salad'"),
        ("sides", {"sides": {"bread": 3}}, "sides.bread: expected a mapping of settings, not 3"),
        ("sides", {"sides": 3}, "sides: expected names of components, or a mapping"),
        ("sides", {"sides": ["bread"], "sides.salat": "none"},
         "sides.salat: there is no 'salat'; the nearest is 'salad'"),
        ("sides", {"sides": {"bread": {}, "salat": "none"}}, "sides.salat: there is no 'salat'"),
        ("sides", {"sides": ["bread", {"name": "bread", "slices": 3}]},
         "sides: 'bread' is there twice; leave one out"),
        ("sides", {"sides": {"bread": {"name": "salad"}}},
         "sides.bread.name: 'salad' is another component; write it as sides.salad"),
        ("sides", {"sides": ["bread"], "sides.bread": "none", "sides.bread.slices": 3},
         "sides.bread: it is taken away, and sides.bread.slices changes it; leave one out"),
        ("guests", {"guests": {"Ann": {}}, "guests.Anne.legs": 4},
         "guests.Anne: there is no 'Anne'; the nearest is 'Ann'"),
        ("guests", {"guests": {"Ann": {}}, "guests.Anne": "none"}, "guests.Anne: there is no"),
        ("guests", {"guests": {"a.b": {}}}, "guests: 'a.b' is no name; take one without dots"),
        ("guests", {"guests": {"Ann": {"legs": 1}}},
         "guests.Ann.legs: expected a whole number from 3, not 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(key: str, keys: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        chosen(key, keys)
    assert str(error.value).startswith(words)


def test_two_components_of_one_name_are_refused() -> None:
    stage = Stage("course", "fusion", "another stage")
    stage.register("a")(Pea)
    other = type("Pea", (), {"__module__": "elsewhere"})
    with pytest.raises(InputError, match=f"course: elsewhere and {Pea.__module__} both register"):
        stage.register("a")(other)


def test_what_was_laid_can_be_laid_again_as_one_mapping() -> None:
    levels = [{"sides": ["bread"]}, {"sides.bread": "none"}, {"sides.bread.slices": 4}]
    keys: Dict[str, Any] = {}
    for level in levels:
        keys = stacked(keys, level, STAGES)
    assert chosen("sides", keys) == chosen("sides", *levels)
