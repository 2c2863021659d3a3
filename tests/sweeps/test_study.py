import pytest

from ibgan_tf.sweeps.study import Evaluation, read_study


def read(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text)
    return read_study(path)


def test_common_settings_come_first_and_a_grid_changes_them(tmp_path):
    first, second = read(
        tmp_path,
        "[common]\nsteps = 20_000\nseed = [101, 102]\n"
        "[[grid]]\nbeta = [0, 0.5]\n"
        '[[grid]]\nname = "long"\nsteps = 50_000\n',
    )
    assert list(first.settings.items()) == [
        ("steps", 20_000),
        ("seed", [101, 102]),
        ("beta", [0, 0.5]),
    ]
    assert (first.name, first.evaluation) == (None, None)
    assert second.settings == {"steps": 50_000, "seed": [101, 102]}
    assert second.name == "long"
    assert second.where == f"{tmp_path / 'study.toml'}, [[grid]] 2"


def test_common_settings_alone_are_a_grid(tmp_path):
    (grid,) = read(tmp_path, "[common]\nsteps = 5\n")
    assert grid.settings == {"steps": 5} and grid.where.endswith("study.toml, [common]")


def test_one_value_of_an_evaluation_stands_for_a_list_and_a_grid_changes_the_common_one(tmp_path):
    first, second = read(
        tmp_path,
        '[evaluate]\nmetrics = "mig"\nprotocols = ["all"]\nseed = 5\n'
        "[[grid]]\nbeta = 1\n"
        '[[grid]]\nbeta = 2\nevaluate.step = [500, "last"]\nevaluate.metrics = ["sap", "mig"]\n',
    )
    assert first.evaluation == Evaluation(metrics=("mig",), protocols=("all",), seed=(5,))
    assert second.evaluation == Evaluation(
        metrics=("sap", "mig"), protocols=("all",), seed=(5,), step=("500", "last")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[common]\nsteps = 5\nbeta = = 1\n", r"study.toml must be TOML. .*\(at line 3, column 8"),
        ("[common]\nsteps = 5\nsteps = 6\n", r"must be TOML. Received: Cannot overwrite a value"),
        ("", r"must have settings in \[common\] or \[\[grid\]\]"),
        ("steps = 5\n", r"must have the tables .* and settings in them. Received: 'steps'"),
        ("[evalute]\n[common]\nsteps = 1\n", "Received: 'evalute' in .*Did you mean 'evaluate'?"),
        ("grid = 5\n", r"\[grid\] must be a table. Received: grid=5"),
        ('[common]\nname = "a/b"\nsteps = 1\n', "name in .* must be made of letters.*'a/b'"),
        (
            "[common]\nsteps = 1\n[evaluate]\nmetrcis = []\n",
            r"\[evaluate\]: setting must be one of.*Did you mean 'metrics'",
        ),
        (
            "[common]\nsteps = 1\n[evaluate]\nmetrics = []\n",
            r"metrics must have one value or more. Received: metrics=\[\]",
        ),
        (
            "[common]\nsteps = 1\n[evaluate]\nseed = 1.5\n",
            r"seed\[0\] must be a whole number. Received: seed\[0\]=1.5",
        ),
        (
            '[common]\nsteps = 1\n[evaluate]\nstep = "lats"\n',
            "step must be a whole number, 'last' or 'all'. Received: step='lats'",
        ),
        (
            '[common]\nsteps = 1\n[evaluate]\nsettings = "fats"\n',
            "settings must be one of: full, fast. .* Did you mean 'fast'?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, message):
    with pytest.raises((ValueError, TypeError), match=message):
        read(tmp_path, text)


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="file must be a study.* results/studies/"):
        read_study(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="must be TOML. Received: 'utf-8' codec"):
        read_study(tmp_path / "binary.toml")
