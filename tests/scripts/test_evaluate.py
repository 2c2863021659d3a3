import json
import shutil

import numpy as np
import pytest

from ibgan_tf.evaluation import code_tables
from ibgan_tf.serving import encoding


def lines_of(text):
    """Returns the lines of a script's errors, without TensorFlow's own notices."""
    return [line for line in text.splitlines() if "error: " in line]


def test_a_run_is_scored_in_files_and_on_the_screen(run_forked, small_run, tmp_path):
    run_dir = shutil.copytree(small_run, tmp_path / "run")
    finished = run_forked("evaluate.py", f"--run_dir={run_dir}", "--metrics=information")
    assert finished.returncode == 0, finished.stderr
    result = json.loads((run_dir / "metrics" / "step-7" / "information.json").read_text())
    (line,) = [line for line in finished.stdout.splitlines() if line.startswith("information_")]
    assert line.split()[1] == f"{result['score']:.4g}"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--metrics=mig"],
            "Either --run_dir or --codes or --export_dir must be given. Received: none of them.",
        ),
        (
            ["--codes={run}/codes.npy", "--dataset=dsprites", "--step=7"],
            "--step must be given with --run_dir. Received: --codes.",
        ),
        (
            ["--run_dir={run}", "--output_dir={run}/scores"],
            "--output_dir must be given with --codes or --export_dir. Received: --run_dir.",
        ),
        (
            ["--run_dir={run}", "--step=foo"],
            "step must be a whole number or 'last' or 'all'. Received: step='foo'.",
        ),
        (["--export_dir={run}"], "must hold an exported version, such as "),
        (
            ["--export_dir={run}", "--metrics=fid"],
            "metric must be one of: all, beta_vae, ",
        ),
        (
            ["--run_dir={run}", "--metrics=fid", "--inception_path={run}"],
            "FID must have Inception, the SavedModel tensorflow/tfgan/eval/inception/1. Received:",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(run_forked, small_run, flags, message):
    finished = run_forked("evaluate.py", *(flag.format(run=small_run) for flag in flags))
    assert finished.returncode == 1
    (line,) = lines_of(finished.stderr)
    assert line.startswith("evaluate.py: error: ") and message in line
    assert "Traceback" not in finished.stderr


def test_an_export_is_scored_by_its_codes_beside_its_version(run_main, monkeypatch, tmp_path):
    version = tmp_path / "m" / "3"
    version.mkdir(parents=True)
    given = {}

    def encode(path, **asked):
        given.update(asked, path=path)
        return encoding.ExportCodes(
            codes=np.zeros([2, 3], np.float32),
            indices=np.array([4, 9]),
            dataset="set",
            provenance={},
        )

    monkeypatch.setattr(encoding, "encode_dataset", encode)
    monkeypatch.setattr(
        code_tables,
        "evaluate_table",
        lambda table, dataset, **asked: given.update(asked, table=table, dataset=dataset),
    )
    (version / "saved_model.pb").touch()
    run_main(
        *("evaluate.py", f"--export_dir={version.parent}"),
        *("--metrics=mig", "--representation=z_mean", "--seed=2"),
    )
    assert (given["path"], given["representation"]) == (version, "z_mean")
    assert given["output_dir"] == tmp_path / "m" / "metrics" / "version-3"
    assert (given["dataset"], given["metrics"], given["seed"]) == ("set", ["mig"], 2)
    assert given["table"].indices.tolist() == [4, 9]
