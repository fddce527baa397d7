"""What may be tried: as typed, in a file, by default; one line for what is not understood."""

import pytest

import kenspeckle as ks
from kenspeckle.errors import ConfigError
from kenspeckle.recipes.catalog import RECIPES
from kenspeckle.searching.space import (
    Choices,
    Range,
    cells,
    configured,
    default_space,
    read_space,
    require_possible,
    typed,
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("optimizer.rate=0.001..0.1(log)", Range(low=0.001, high=0.1, log=True)),
        ("optimizer.rate=1e-4..1", Range(low=1e-4, high=1)),
        ("train.batch_size=16..128", Range(low=16, high=128)),
        ("train.batch_size=64,128", Choices(values=("64", "128"))),
        ("optimizer.name=adam, adamw", Choices(values=('"adam"', '"adamw"'))),
        ("model.widths=[4, 8],[8, 16]", Choices(values=("[4, 8]", "[8, 16]"))),
        ("optimizer.nesterov=true,false", Choices(values=("true", "false"))),
        ("threads=1", Choices(values=("1",))),
    ],
)
def test_what_is_typed_is_understood(text, values):
    assert typed([text]) == {text.partition("=")[0]: values}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate", "expected KEY=a,b,c or KEY=low..high(log), got 'rate'; for example "
                 "optimizer.rate=0.001..0.1(log)"),
        ("a=2..1", "a must go from a number to a larger one, got 2..1"),
        ("a=x..y", "a must go from a number to a larger one, got x..y"),
        ("a=0..1(log)", "a must begin above 0 to be searched by factors, got 0..1(log)"),
        ("a=1,1", "a must have values that differ, got 1,1"),
        ("a=1..nan", "a must go from a number to a larger one, got 1..nan"),
        ("a=1..inf", "a must go from a number to a larger one, got 1..inf"),
    ],
)  # fmt: skip
def test_what_is_typed_wrongly_is_one_line(text, message):
    with pytest.raises(ConfigError) as caught:
        typed([text])
    assert str(caught.value) == message


def test_a_setting_that_is_given_twice_is_refused():
    with pytest.raises(ConfigError, match="a is given twice; give all its values at once"):
        typed(["a=1,2", "a=3"])


def test_a_file_says_the_same(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(
        'threads = 1\n[optimizer]\nname = ["adam", "adamw"]\n'
        "rate = { low = 0.001, high = 0.1, log = true }\n"
    )
    assert read_space(path) == typed(
        ["threads=1", "optimizer.name=adam,adamw", "optimizer.rate=0.001..0.1(log)"]
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = ", "cannot be read as a space"),
        ("a = { low = 2, high = 1 }", "a must go from a number to a larger one"),
        ("a = []", "a must have values that differ, got none"),
        ("a = [2026-01-01]", "a must be numbers, words, true or false, or lists"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path, content, message):
    path = tmp_path / "space.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_space(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_value_of_a_default_space_is_possible(recipe):
    base = ks.build_recipe(recipe)
    space = default_space(base)
    require_possible(base, space)
    for end in (0, -1):
        configured(base, {key: values.ends[end] for key, values in space.items()})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizer.rat=0.1,0.2", "did you mean 'optimizer.rate'"),
        ("optimizer.rate=0.1,-1", "optimizer.rate must be above 0, got -1"),
        ("augment.strength=0..1000", "augment.strength must be in 0..100"),
        ("train.batch_size=1.5,2", "train.batch_size must be a whole number, got 1.5"),
    ],
)
def test_a_value_that_is_impossible_is_known_before_any_training(text, message):
    with pytest.raises(ConfigError, match=message):
        require_possible(ks.build_recipe("swift"), typed([text]))


def test_settings_of_another_optimizer_can_be_tried():
    space = typed(["optimizer.momentum=0.5,0.9", "optimizer.name=sgd"])
    require_possible(ks.build_recipe("swift"), space)
    found = configured(ks.build_recipe("swift"), {"optimizer.momentum": "0.9",
                                                  "optimizer.name": '"sgd"'})  # fmt: skip
    assert (found.optimizer.name, found.optimizer.momentum) == ("sgd", 0.9)


def test_strength_multiplies_all_amounts_and_no_probability():
    found = configured(ks.build_recipe("photos"), {"augment.strength": "0.5"})
    assert (found.augment.rotation, found.augment.zoom) == (5, 0.075)
    assert found.augment.flip_horizontal == 0.5


def test_a_grid_is_every_combination():
    assert cells(typed(["a=1,2", "b=x,y"])) == [
        {"a": "1", "b": '"x"'}, {"a": "1", "b": '"y"'},
        {"a": "2", "b": '"x"'}, {"a": "2", "b": '"y"'},
    ]  # fmt: skip


def test_a_grid_of_a_range_says_what_to_write_instead():
    with pytest.raises(ConfigError, match=r"a grid needs values, and a is the range 1..2; list"):
        cells(typed(["a=1..2"]))
