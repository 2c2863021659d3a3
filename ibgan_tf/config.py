"""Frozen dataclasses of settings: to and from JSON, changed by name, checked by type.

A settings class is a `@dataclass(frozen=True, kw_only=True)` whose fields are made by `setting`
and have the types int, float, str, bool, `tuple[int, ...]` or one of these `| None`. Its
`__post_init__` calls `check_settings`, which checks the types too, and then checks the ranges.
"""

import dataclasses
import functools
import math
import numbers
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ibgan_tf import registry

Config = TypeVar("Config")


def setting(
    default: object = dataclasses.MISSING, help: str = "", *, choices: Sequence[str] | None = None
) -> Any:
    """Returns a dataclass field with the help text and the choices of its flag.

    Args:
        default: the class default; without one the field must be given.
        help: one sentence, shown by --help.
        choices: the only values that the field may have.

    Returns:
        A `dataclasses.Field` (typed Any, so that type checkers accept it as any field's default).
    """
    metadata = {"help": help, "choices": None if choices is None else tuple(choices)}
    return dataclasses.field(default=default, metadata=metadata)


@functools.cache
def field_types(config_class: type) -> Mapping[str, Any]:
    """Returns the type of each field of a settings class, in order."""
    hints = typing.get_type_hints(config_class)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class)}


def split_optional(annotation: Any) -> tuple[Any, bool]:
    """Returns (X, True) for the type `X | None`, and (X, False) for any other type X."""
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return annotation, False
    kinds = [kind for kind in typing.get_args(annotation) if kind is not types.NoneType]
    if len(kinds) != 1:
        raise TypeError(f"A setting's type must be X or X | None. Received: type={annotation}.")
    return kinds[0], len(kinds) < len(typing.get_args(annotation))


def to_json(config: object) -> dict[str, object]:
    """Returns the settings as a dict that `json.dumps` takes: tuples as lists.

    Args:
        config: an instance of a settings class.

    Returns:
        Field name -> value, in the order of the fields.
    """
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }


def from_json(config_class: type[Config], values: Mapping[str, object]) -> Config:
    """Returns the settings that `to_json` wrote.

    A field that is not among the values has its class default.

    Args:
        config_class: a settings class.
        values: field name -> value, as JSON has it.

    Returns:
        An instance of `config_class`.

    Raises:
        ValueError: an unknown name, a field without a value, or a value out of its range.
        TypeError: a value of the wrong type, or `values` is no mapping.
    """
    if not isinstance(values, Mapping):
        raise TypeError(
            f"The settings of {config_class.__name__} must be a mapping of names to values. "
            f"Received: {values!r}."
        )
    checked = _checked(config_class, values)
    for field in dataclasses.fields(config_class):
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and field.name not in checked:
            raise ValueError(f"{field.name} must be given. Received: {sorted(values)}.")
    return config_class(**checked)


def override(config: Config, changes: Mapping[str, object]) -> Config:
    """Returns the settings with some of them changed.

    Args:
        config: an instance of a settings class.
        changes: field name -> new value.

    Returns:
        A new instance of the same class.

    Raises:
        ValueError: an unknown name, or a value out of its range.
        TypeError: a value of the wrong type.
    """
    return dataclasses.replace(config, **_checked(type(config), changes))


def from_text(text: str, annotation: Any) -> object:
    """Returns what the text of a flag means; `coerce` checks it.

    Args:
        text: such as "1e-4", "true", "32,64" or "none".
        annotation: the field's type.

    Returns:
        A value of that type where the text can be read as one, and else the text itself.
    """
    kind, optional = split_optional(annotation)
    if optional and text.lower() == "none":
        return None
    if typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        return [from_text(part.strip(), element) for part in text.split(",") if part.strip()]
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


def to_text(value: object) -> str:
    """Returns a setting as one would write it in a flag."""
    if isinstance(value, list | tuple):
        return ",".join(map(to_text, value))
    return str(value).lower() if isinstance(value, bool | None) else str(value)


def check_settings(config: object) -> None:
    """Puts every setting in its type and checks its choices; for a class's `__post_init__`.

    Args:
        config: an instance of a settings class.

    Raises:
        ValueError: a value is not among its choices, or not finite.
        TypeError: a value of the wrong type.
    """
    kinds = field_types(type(config))
    for field in dataclasses.fields(config):
        value = coerce(field.name, getattr(config, field.name), kinds[field.name])
        object.__setattr__(config, field.name, value)  # the class is frozen
        choices = field.metadata.get("choices")
        if choices is None or value is None or value in choices:
            continue
        raise ValueError(
            f"{field.name} must be one of: {', '.join(choices)}. "
            f"Received: {field.name}={value!r}.{registry.suggestion(str(value), choices)}"
        )


def check_names(names: Iterable[str], known: Iterable[str], *, kind: str = "setting") -> None:
    """Checks that every name is known.

    Args:
        names: what was given.
        known: what there is.
        kind: what the names are, for the message.

    Raises:
        ValueError: a name is unknown; the message suggests the nearest.
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise ValueError(
                f"{kind} must be one of: {', '.join(sorted(known)) or '(none)'}. "
                f"Received: {kind}={name!r}.{registry.suggestion(str(name), known)}"
            )


def _checked(config_class: type, values: Mapping[str, object]) -> dict[str, object]:
    """Returns the values in the types of the fields, or raises what `override` says."""
    annotations = field_types(config_class)
    check_names(values, annotations)
    return {name: coerce(name, value, annotations[name]) for name, value in values.items()}


def coerce(name: str, value: object, annotation: Any) -> object:
    """Returns a value in the type of its field: 1 as 1.0 for a float, a list as a tuple.

    Args:
        name: the field's name, for the message.
        value: what was given.
        annotation: the field's type.

    Returns:
        The value as int, float, str, bool, tuple or None.

    Raises:
        TypeError: the value is not of that type.
        ValueError: a float that is not finite.
    """
    kind, optional = split_optional(annotation)
    if value is None and optional:
        return None
    if typing.get_origin(kind) is tuple and isinstance(value, list | tuple):
        return _coerce_tuple(name, value, kind)
    if kind is bool and isinstance(value, bool):
        return value
    if kind is str and isinstance(value, str):
        return value
    if kind is int and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if kind is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite. Received: {name}={value}.")
        return float(value)
    raise TypeError(f"{name} must be {_described(kind, optional)}. Received: {name}={value!r}.")


def _coerce_tuple(name: str, values: Sequence[object], kind: Any) -> tuple[object, ...]:
    """Returns the values as a tuple, each in the type that `tuple[...]` gives it."""
    element_kinds = typing.get_args(kind)
    if element_kinds[-1] is Ellipsis:
        element_kinds = (element_kinds[0],) * len(values)
    if len(values) != len(element_kinds):
        raise ValueError(
            f"{name} must have {len(element_kinds)} values. Received: {name}={list(values)}."
        )
    pairs = zip(values, element_kinds, strict=True)
    return tuple(coerce(f"{name}[{i}]", value, kind) for i, (value, kind) in enumerate(pairs))


def _described(kind: Any, optional: bool) -> str:
    """Returns a type in words."""
    words = {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
    }.get(kind, "a list" if typing.get_origin(kind) is tuple else str(kind))
    return f"{words} or none" if optional else words
