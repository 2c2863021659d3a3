"""The flags of a training run, and how its mistakes are told."""

import dataclasses
import json
import types

import pytest
from absl import flags

from ibgan_tf import command_line, config, run_flags
from ibgan_tf.config import setting
from ibgan_tf.runs import resolve


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig:
    beta: float = setting(1.0, "Weight of the bound.")
    widths: tuple[int, ...] = setting((32, 32), "Widths.")
    trunk: str = setting("separate", "Trunk.", choices=("separate", "shared"))
    normalize: bool = setting(True, "Normalise.")
    limit: float | None = setting(None, "Limit.")

    def __post_init__(self):
        config.check_settings(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OtherConfig:
    gamma: float = setting(2.0, "Another weight.")
    sharp: bool = setting(True, "Sharp.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShapesSettings:
    colored: bool = setting(False, "Coloured.")


PRESET = types.SimpleNamespace(config=ToyConfig(beta=0.5), steps=1000, batch_size=64, source="")
TABLES = {
    "models": {
        "ibgan": types.SimpleNamespace(config_class=ToyConfig, presets={"shapes": PRESET}),
        "other": types.SimpleNamespace(config_class=OtherConfig, presets={}),
    },
    "datasets": {"shapes": types.SimpleNamespace(settings_class=ShapesSettings)},
}


def parse(*arguments):
    """Returns the flags of a training script after parsing the arguments."""
    values = flags.FlagValues()
    argv = ["scripts/train.py", *arguments]
    run_flags.define_flags(argv, **TABLES, flag_values=values)
    command_line.parse_flags(argv, flag_values=values)
    return values


def given(*arguments):
    """Returns the settings that the arguments give."""
    return run_flags.explicit_flags(flag_values=parse(*arguments))


def run_train(*arguments):
    """Returns the exit code of a training script that does nothing."""
    values = flags.FlagValues()

    def define(argv):
        run_flags.define_flags(argv, **TABLES, flag_values=values)

    def main(_):
        resolve.resolve_run(run_flags.explicit_flags(flag_values=values), **TABLES)

    with pytest.raises(SystemExit) as end:
        command_line.run_main(
            main, ["scripts/train.py", *arguments], define=define, flag_values=values
        )
    return end.value.code


def test_only_what_was_given_is_explicit():
    assert given("--dataset=shapes", "--beta=0.25") == {"dataset": "shapes", "beta": 0.25}


def test_flags_have_the_types_of_their_settings():
    values = given(
        "--dataset=shapes",
        "--steps=5",
        "--beta=2",
        "--widths=8,16",
        "--trunk=shared",
        "--nonormalize",
        "--colored",
        "--limit=none",
    )
    assert values == {
        "dataset": "shapes",
        "steps": 5,
        "beta": 2.0,
        "widths": (8, 16),
        "trunk": "shared",
        "normalize": False,
        "colored": True,
        "limit": None,
    }
    assert isinstance(values["beta"], float)


@pytest.mark.parametrize(
    "arguments", [["--model=other", "--gamma=3"], ["--model", "other", "-gamma", "3"]]
)
def test_the_flags_are_those_of_the_chosen_model(arguments):
    assert given(*arguments) == {"model": "other", "gamma": 3.0}


def test_the_choice_of_a_model_is_found_after_flags_with_values_of_their_own():
    assert given("--steps", "5", "--model", "other", "--gamma", "3")["gamma"] == 3.0


def test_flags_of_places_are_not_settings():
    values = parse("--run_dir=here", "--data_dir=there", "--dataset=shapes")
    assert (values.run_dir, values.data_dir, values.resume) == ("here", "there", False)
    assert run_flags.explicit_flags(flag_values=values) == {"dataset": "shapes"}


def test_flags_can_come_from_a_file(tmp_path):
    (tmp_path / "flags").write_text("--model=other\n--gamma=5\n")
    assert given(f"--flagfile={tmp_path}/flags") == {"model": "other", "gamma": 5.0}


def test_a_resumed_run_has_the_flags_of_its_model(tmp_path):
    fields = ("options", "model_config", "dataset_settings", "image_shape", "data_source")
    values = dict.fromkeys(fields, {})
    names = {"model": "other", "dataset": "shapes", "preset": "none"}
    (tmp_path / "config.json").write_text(json.dumps({"format": 1, **names, **values}))
    assert given("--resume", f"--run_dir={tmp_path}", "--gamma=3") == {"gamma": 3.0}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--bta=1", "Unknown flag --bta. Did you mean --beta?"),
        ("--btch_size=1", "Unknown flag --btch_size. Did you mean --batch_size?"),
        ("--nonormalise", "Unknown flag --nonormalise. Did you mean --nonormalize?"),
        (
            "--gamma=1",
            "--gamma must go with --model=other. Received: --model=ibgan --dataset=shapes.",
        ),
        (
            "--nosharp",
            "--sharp must go with --model=other. Received: --model=ibgan --dataset=shapes.",
        ),
        (
            "-gamma=1",
            "--gamma must go with --model=other. Received: --model=ibgan --dataset=shapes.",
        ),
        ("--xyzzy=1", "Unknown flag --xyzzy. See --help."),
        ("--steps=many", "steps must be a whole number. Received: steps='many'."),
        ("--beta=nan", "beta must be finite. Received: beta=nan."),
        ("--widths=8,x", "widths[1] must be a whole number. Received: widths[1]='x'."),
        ("--colored=maybe", "colored must be true or false. Received: colored='maybe'."),
        (
            "--trunk=sharde",
            "trunk must be one of: separate, shared. Received: trunk='sharde'. "
            "Did you mean 'shared'?",
        ),
        (
            "--model=ibgna",
            "model must be one of: ibgan, other. Received: model='ibgna'. Did you mean 'ibgan'?",
        ),
        (
            "--dataset=shape",
            "dataset must be one of: shapes. Received: dataset='shape'. Did you mean 'shapes'?",
        ),
        (
            "--preset=shaped",
            "preset must be one of: none, shapes. Received: preset='shaped'. "
            "Did you mean 'shapes'?",
        ),
        ("--steps=0", "steps must be >= 1. Received: steps=0."),
        ("steps=5", "Arguments must be flags, --name=value. Received: 'steps=5'."),
        ("--steps", "Missing value for flag --steps"),
        ("--resume=maybe", "resume must be true or false. Received: resume='maybe'."),
        (
            "--noresume=1",
            "--noFLAG must have no value. Received: --noresume=1 does not take an argument.",
        ),
        (
            "--nocolored=1",
            "--noFLAG must have no value. Received: --nocolored=1 does not take an argument.",
        ),
        ("--resume", "run_dir must be given. Received: no --run_dir. Add --run_dir=..."),
    ],
)
def test_a_mistake_is_told_in_one_line_and_ends_with_1(error_line, argument, message):
    assert run_train("--dataset=shapes", argument) == 1
    assert error_line() == f"train.py: error: {message}"


def test_float16_is_refused_with_the_reason(error_line):
    assert run_train("--dataset=shapes", "--precision=float16") == 1
    assert "losses scaled" in error_line()


def test_resuming_what_is_no_run_is_told_before_anything_else(error_line, tmp_path):
    assert run_train("--resume", f"--run_dir={tmp_path}", "--bta=1") == 1
    assert "run_dir must hold a run" in error_line()


def test_a_script_without_mistakes_ends_with_0():
    assert run_train("--dataset=shapes") is None


@pytest.mark.parametrize("argument", ["--help", "-h", "--helpfull"])
def test_help_tells_each_flag_and_ends_with_0(capsys, argument):
    assert run_train("--dataset=shapes", argument) == 0
    text = capsys.readouterr().out
    for line in (
        "Settings of the model ibgan:",
        "Settings of the data set shapes:",
        "  --beta=float",
        "      Weight of the bound. (default: 0.5)",
        "      Widths. (default: 32,32)",
        "  --widths=int,int,...",
        "  --trunk=separate|shared",
        "  --[no]normalize",
        "  --steps=int",
        "      Training steps in all, those before a resume included. (default: 1000)",
    ):
        assert line in text.splitlines()
