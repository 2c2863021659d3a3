"""From a table of codes to result files."""

import json

import numpy as np
import pytest

from ibgan_tf.evaluation import code_tables, codes
from ibgan_tf.runs.load import load_run


def test_codes_of_a_file_have_the_same_protocols(scored_run, tmp_path, capsys):
    run = load_run(scored_run)
    table = codes.run_codes(run)
    wish = {"output_dir": tmp_path, "protocols": ["ibgan"], "settings": "fast"}
    with pytest.raises(ValueError, match="protocols of metric 'sap'"):
        code_tables.evaluate_table(table, run.dataset, metrics=["sap"], **wish)
    code_tables.evaluate_table(table, run.dataset, metrics=["all"], **wish)
    assert "left out: " in capsys.readouterr().out


def test_perfect_codes_from_a_file_score_one(squares, tmp_path):
    codes = squares.factors(np.arange(squares.size)).astype(np.float32)
    np.save(tmp_path / "codes.npy", codes)
    results = code_tables.evaluate_codes(
        tmp_path / "codes.npy",
        dataset="small_squares",
        output_dir=tmp_path / "scores",
        metrics=["factor_vae", "mig"],
        settings="fast",
    )
    scores = {result["metric"]: result["score"] for result in results}
    assert scores["factor_vae"] == 1.0
    assert scores["mig"] > 0.95
    assert json.loads((tmp_path / "scores" / "mig-fast.json").read_text())["codes_file"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (lambda size: np.full([size, 2], np.nan), r"must be finite. Received: codes\[0, 0\]=nan"),
        (
            lambda size: np.zeros([size - 1, 2]),
            r"shape \[105, code_dim\].*Received: shape=\(104, 2",
        ),
        (lambda size: np.zeros([size, 2], bool), r"codes must be numbers.*dtype=bool"),
    ],
)
def test_bad_codes_are_refused(squares, tmp_path, array, message):
    np.save(tmp_path / "codes.npy", array(squares.size))
    with pytest.raises(ValueError, match=message):
        code_tables.evaluate_codes(
            tmp_path / "codes.npy", dataset="small_squares", output_dir=tmp_path, metrics=["mig"]
        )


@pytest.mark.parametrize("constant", ["one column", "all"])
def test_constant_codes_have_every_score(squares, tmp_path, constant):
    codes = squares.factors(np.arange(squares.size)).astype(np.float32)
    codes[:, 0 if constant == "one column" else slice(None)] = 0.1
    np.save(tmp_path / "codes.npy", codes)
    results = code_tables.evaluate_codes(
        tmp_path / "codes.npy",
        dataset="small_squares",
        output_dir=tmp_path,
        settings="fast",
        metrics=["factor_vae", "beta_vae", "mig", "modularity", "sap", "irs", "unsupervised"],
    )
    assert len(results) == 7
    assert all(np.isfinite(result["score"]) for result in results)


def test_a_sample_in_which_a_factor_has_one_value_is_refused(squares, tmp_path):
    indices = squares.index(np.array([[0, x, y] for x in range(5) for y in range(7)]))
    np.save(tmp_path / "codes.npy", np.random.default_rng(0).normal(size=[35, 2]))
    np.save(tmp_path / "indices.npy", indices)
    with pytest.raises(ValueError, match=r"at least two values.*Received: factors\[:, 0\] is 0"):
        code_tables.evaluate_codes(
            tmp_path / "codes.npy",
            dataset="small_squares",
            output_dir=tmp_path,
            indices=tmp_path / "indices.npy",
            metrics=["mig"],
        )


def test_codes_alone_have_no_metrics_of_models(squares, tmp_path):
    with pytest.raises(ValueError, match=r"metric must be one of: all, beta_vae.*'information'"):
        code_tables.evaluate_codes(
            tmp_path / "codes.npy",
            dataset="small_squares",
            output_dir=tmp_path,
            metrics=["information"],
        )
