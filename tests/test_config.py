import dataclasses
import json

import numpy as np
import pytest

from ibgan_tf import config
from ibgan_tf.config import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    width: int = setting(help="Channels.")
    rate: float = setting(1e-3, "Step size.")
    trunk: str = setting("separate", "Trunk.", choices=("separate", "shared"))
    normalize: bool = setting(True, "Normalise.")
    sizes: tuple[int, ...] = setting((32, 64), "Widths.")
    limit: float | None = setting(None, "Limit.")
    mode: str | None = setting(None, "Mode.", choices=("a", "b"))
    pair: tuple[int, float] = setting((1, 2.0), "A pair.")

    def __post_init__(self):
        config.check_settings(self)
        if self.rate <= 0:
            raise ValueError(f"rate must be > 0. Received: rate={self.rate}.")


def test_settings_come_back_from_json_as_they_were():
    settings = Settings(width=8, sizes=(1, 2, 3), limit=0.5)
    values = json.loads(json.dumps(config.to_json(settings)))
    assert config.from_json(Settings, values) == settings


def test_json_has_lists_for_tuples():
    assert config.to_json(Settings(width=8))["sizes"] == [32, 64]


def test_values_that_json_lacks_have_their_defaults():
    assert config.from_json(Settings, {"width": 8}) == Settings(width=8)


def test_a_value_without_default_must_be_given():
    with pytest.raises(ValueError, match="width must be given"):
        config.from_json(Settings, {"rate": 1.0})


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"Received: setting='witdh'. Did you mean 'width'\?"):
        config.from_json(Settings, {"witdh": 8})


def test_settings_must_be_a_mapping():
    with pytest.raises(TypeError, match="Settings must be a mapping"):
        config.from_json(Settings, [1, 2])


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("width", 1.5, "a whole number"),
        ("width", True, "a whole number"),
        ("width", "8", "a whole number"),
        ("width", None, "a whole number"),
        ("rate", "fast", "a number"),
        ("rate", True, "a number"),
        ("normalize", 1, "true or false"),
        ("trunk", 3, "a text"),
        ("sizes", 3, "a list"),
        ("limit", "x", "a number or none"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(name, value, kind):
    with pytest.raises(TypeError) as error:
        config.override(Settings(width=8), {name: value})
    assert str(error.value) == f"{name} must be {kind}. Received: {name}={value!r}."


def test_an_element_of_the_wrong_type_is_refused_by_its_place():
    with pytest.raises(TypeError, match=r"sizes\[1\] must be a whole number"):
        config.override(Settings(width=8), {"sizes": [1, "x"]})


def test_a_tuple_of_fixed_length_keeps_it():
    assert config.override(Settings(width=8), {"pair": [3, 4]}).pair == (3, 4.0)
    with pytest.raises(ValueError, match="pair must have 2 values"):
        config.override(Settings(width=8), {"pair": [3]})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_must_be_finite(value):
    with pytest.raises(ValueError, match="rate must be finite. Received: rate="):
        config.override(Settings(width=8), {"rate": value})


def test_override_changes_what_is_named_and_no_more():
    changed = config.override(Settings(width=8), {"rate": 2, "limit": None})
    assert changed == Settings(width=8, rate=2.0)
    assert isinstance(changed.rate, float)


def test_override_checks_ranges():
    with pytest.raises(ValueError, match="rate must be > 0"):
        config.override(Settings(width=8), {"rate": -1.0})


def test_numbers_of_numpy_become_those_of_python():
    changed = config.override(Settings(width=8), {"width": np.int64(4), "rate": np.float32(0.5)})
    assert (type(changed.width), type(changed.rate)) == (int, float)


def test_a_value_that_is_no_choice_is_refused_with_the_nearest():
    with pytest.raises(ValueError) as error:
        Settings(width=8, trunk="sharde")
    assert str(error.value) == (
        "trunk must be one of: separate, shared. Received: trunk='sharde'. Did you mean 'shared'?"
    )


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("normalize", "false", "normalize must be true or false. Received: normalize='false'."),
        ("rate", True, "rate must be a number. Received: rate=True."),
        ("width", 2.5, "width must be a whole number. Received: width=2.5."),
        ("sizes", 32, "sizes must be a list. Received: sizes=32."),
    ],
)
def test_settings_made_in_python_are_checked_by_type_too(name, value, error):
    with pytest.raises(TypeError) as refusal:
        Settings(**{"width": 8, name: value})
    assert str(refusal.value) == error


def test_settings_made_in_python_are_put_in_their_types():
    settings = Settings(width=np.int64(8), rate=1, sizes=[1, 2])
    assert (settings.rate, settings.sizes) == (1.0, (1, 2))
    assert (type(settings.width), type(settings.rate)) == (int, float)


def test_none_is_a_choice_where_the_type_allows_it():
    assert Settings(width=8, mode=None).mode is None


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("8", int, 8),
        ("1e-4", float, 1e-4),
        ("TRUE", bool, True),
        ("0", bool, False),
        ("none", float | None, None),
        ("none", str, "none"),
        ("32, 64", tuple[int, ...], [32, 64]),
        ("", tuple[int, ...], []),
        ("x", int, "x"),
    ],
)
def test_a_text_becomes_what_its_type_says(text, annotation, value):
    assert config.from_text(text, annotation) == value


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (None, "none"), ((1, 2), "1,2"), (0.5, "0.5"), ("a", "a")]
)
def test_a_value_is_shown_as_one_writes_it(value, text):
    assert config.to_text(value) == text


def test_a_union_of_several_types_is_no_setting():
    with pytest.raises(TypeError, match=r"must be X or X \| None"):
        config.split_optional(int | str)
