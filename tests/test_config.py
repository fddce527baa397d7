"""The strict door between text and configuration."""

import dataclasses
import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenspeckle import config
from kenspeckle.errors import ConfigError
from kenspeckle.optim_config import SgdConfig
from kenspeckle.recipes.catalog import RECIPES, build_recipe
from kenspeckle.settings import RunConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    word: str = ""
    number: float = 0.0
    choice: Literal["a", "b"] = "a"
    many: tuple[int, ...] = ()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_a_round_trip_through_toml(name):
    recipe = build_recipe(name)
    assert config.loads(RunConfig, config.dumps(recipe)) == recipe


@given(
    st.builds(
        Text,
        word=st.text(),
        number=st.floats(allow_nan=False, allow_subnormal=False),
        choice=st.sampled_from(["a", "b"]),
        many=st.lists(st.integers(-(2**60), 2**60)).map(tuple),
    )
)
def test_any_values_survive_a_round_trip_through_toml(value):
    assert config.loads(Text, config.dumps(value)) == value


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.epoch=3", "unknown setting 'train.epoch'; did you mean 'train.epochs'?"),
        ("trian.epochs=3", "unknown setting 'trian.epochs'"),
        ("train.batch_size=1.5", "train.batch_size must be int, got 1.5"),
        ("seed=true", "seed must be int, got True"),
        ("train.batch_size=-1", "train.batch_size must be at least 0, got -1"),
        (
            "train.epochs=0",
            "train.epochs or steps must be above 0 and the other 0, "
            "such as epochs=3 and steps=0; got epochs=0 and steps=0",
        ),
        (
            "train.steps=5",
            "train.epochs or steps must be above 0 and the other 0, "
            "such as epochs=3 and steps=0; got epochs=2.8 and steps=5",
        ),
        ("train.epochs", "expected KEY=VALUE, got 'train.epochs'; for example train.epochs=3"),
        ("precision=fp64", "precision must be one of auto, fp32, bf16, got 'fp64'"),
        ("model.widths=3", "model.widths must be a list, got 3"),
        ("model.widths=[16, 1.5]", "model.widths[1] must be int, got 1.5"),
        (
            "model.name=resent",
            "unknown model.name 'resent'; did you mean 'resnet'? "
            "(known: convnet, efficientnet-lite, hf, mlp, resnet, timm)",
        ),
        ("optimizer.rate=-1", "optimizer.rate must be above 0, got -1.0"),
        ("optimizer.rate=nan", "optimizer.rate must be above 0, got nan"),
        ("model.name=[1]", "unknown model.name '[1]'"),
        ("train=3", "train must be a table of settings, got 3"),
        ("optimizer.momentum=0.9", "unknown setting 'optimizer.momentum'"),
    ],
)
def test_a_bad_override_says_what_to_write_instead(assignment, message):
    with pytest.raises(ConfigError) as error:
        config.override(build_recipe("swift"), [assignment])
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_an_override_changes_one_value_and_nothing_else():
    before = build_recipe("swift")
    after = config.override(before, ["train.epochs=7", "source=digits", "train.gradient_clip=inf"])
    changed = dataclasses.replace(before.train, epochs=7.0, gradient_clip=math.inf)
    assert after == dataclasses.replace(before, source="digits", train=changed)


def test_another_variant_starts_from_its_own_defaults():
    after = config.override(build_recipe("swift"), ["optimizer.name=sgd", "optimizer.momentum=0.9"])
    assert after.optimizer == SgdConfig(momentum=0.9)
    assert config.override(build_recipe("swift"), ["model.name=mlp"]).model.hidden == (300,)


def test_another_name_of_the_same_variant_keeps_its_settings():
    after = config.override(build_recipe("swift"), ["optimizer.name=adam"])
    assert after.optimizer.rate == build_recipe("swift").optimizer.rate


DEPTH = 10_000
TOO_DEEP = {
    "lists": "seed = " + "[" * DEPTH + "]" * DEPTH,
    "tables in braces": "seed = " + "{a = " * DEPTH + "1" + "}" * DEPTH,
    "tables in dotted names": "seed" + ".a" * DEPTH + " = 1",
    "tables with a heading": "[model.name" + ".a" * DEPTH + "]",
    "tables where a number belongs": "[train.epochs" + ".a" * DEPTH + "]",
}


@pytest.mark.parametrize("text", TOO_DEEP.values(), ids=list(TOO_DEEP))
def test_a_file_that_is_nested_too_deep_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(RunConfig, path)
    assert str(caught.value).startswith(f"{path}: tables or lists are nested too deep; ")


def test_an_unknown_table_is_named_however_deep_it_is(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[trian" + ".a" * DEPTH + "]")
    with pytest.raises(ConfigError, match="unknown setting 'trian'; did you mean 'train'"):
        config.load(RunConfig, path)


@pytest.mark.parametrize("value", ["[" * DEPTH + "]" * DEPTH, "{a" + ".a" * DEPTH + " = 1}"])
def test_an_override_that_is_nested_too_deep_is_refused_in_one_line(value):
    with pytest.raises(ConfigError, match=r"^tables or lists are nested too deep; "):
        config.override(build_recipe("swift"), [f"seed={value}"])


def test_a_file_that_is_no_toml_is_named(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("recipe = ")
    with pytest.raises(ConfigError, match=f"{path}: not valid TOML"):
        config.load(RunConfig, path)
    with pytest.raises(ConfigError, match="cannot be read as a configuration"):
        config.load(RunConfig, tmp_path / "missing.toml")
