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


def test_a_protocol_for_other_factors_is_left_out_and_said(scored_run, tmp_path, capsys):
    run = load_run(scored_run)
    table = codes.run_codes(run)
    wish = {"output_dir": tmp_path, "protocols": ["infogan_cr"], "settings": "fast"}
    results = code_tables.evaluate_table(table, run.dataset, metrics=["all"], **wish)
    assert {"mig", "sap"} <= {result["metric"] for result in results}
    printed = capsys.readouterr().out
    assert (
        "left out: dci by infogan_cr. It must have 5 factors. Received: 3 of 'small_squares'.\n"
    ) in printed
    with pytest.raises(ValueError, match="dci by infogan_cr can't be computed. It must have 5"):
        code_tables.evaluate_table(table, run.dataset, metrics=["dci"], **wish)


@pytest.mark.parametrize("protocols", [["all", "ibgan"], ["ibgan", "all"]])
def test_all_protocols_beside_another_are_refused(protocols):
    with pytest.raises(ValueError, match="'all' alone, or names without it. Received: "):
        code_tables.check_asked(["factor_vae"], protocols, seed=0)


def test_a_protocol_that_is_named_twice_is_computed_once(scored_run):
    run = load_run(scored_run)
    wish = {"protocols": ["ibgan", "ibgan"], "settings": "fast", "seed": 0}
    found = code_tables.score_table(codes.run_codes(run), run.dataset, ["factor_vae"], **wish)
    assert len(list(found)) == 1


def test_codes_of_a_sample_are_not_those_of_the_whole_set(squares, tmp_path):
    np.save(tmp_path / "codes.npy", squares.factors(np.arange(40)).astype(np.float32))
    np.save(tmp_path / "indices.npy", np.arange(40))
    (result,) = code_tables.evaluate_codes(
        tmp_path / "codes.npy",
        dataset="small_squares",
        output_dir=tmp_path,
        indices=tmp_path / "indices.npy",
        metrics=["mig"],
    )
    assert result["settings"] == "full-40_images"
    assert (tmp_path / "mig-full-40_images.json").exists()


def test_a_sample_is_scored_by_the_factors_of_its_own_images(squares, tmp_path):
    indices = np.random.default_rng(0).permutation(squares.size)[:60]
    np.save(tmp_path / "codes.npy", squares.factors(indices).astype(np.float32))
    np.save(tmp_path / "indices.npy", indices)
    (result,) = code_tables.evaluate_codes(
        tmp_path / "codes.npy",
        dataset="small_squares",
        output_dir=tmp_path / "scores",
        indices=tmp_path / "indices.npy",
        metrics=["factor_vae"],
        settings="fast",
    )
    assert result["score"] == 1.0


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


def test_scores_of_other_codes_are_not_replaced(squares, tmp_path):
    codes = squares.factors(np.arange(squares.size)).astype(np.float32)
    first, other = tmp_path / "first.npy", tmp_path / "other.npy"
    np.save(first, codes)
    np.save(other, -codes)
    asked = {"dataset": "small_squares", "metrics": ["mig"], "settings": "fast"}
    scores = tmp_path / "scores"
    scores.mkdir()
    (scores / "mine.json").write_text("5")  # what is no result is passed over
    for _ in range(2):  # the same codes again are welcome
        code_tables.evaluate_codes(first, output_dir=scores, **asked)
    kept = (scores / "mig-fast.json").read_text()
    with pytest.raises(FileExistsError, match=r"mig-fast.json is of other ones of .*first.npy"):
        code_tables.evaluate_codes(other, output_dir=scores, **asked | {"settings": "full"})
    assert sorted(path.name for path in scores.iterdir()) == ["mig-fast.json", "mine.json"]
    assert (scores / "mig-fast.json").read_text() == kept


def test_scores_of_other_images_are_not_replaced(squares, tmp_path):
    np.save(tmp_path / "codes.npy", squares.factors(np.arange(40)).astype(np.float32))
    asked = {"dataset": "small_squares", "metrics": ["mig"], "output_dir": tmp_path / "scores"}
    for first in (0, 1):
        np.save(tmp_path / f"{first}.npy", np.arange(first, first + 40))
    code_tables.evaluate_codes(tmp_path / "codes.npy", indices=tmp_path / "0.npy", **asked)
    with pytest.raises(FileExistsError, match="output_dir must be empty or hold scores of the"):
        code_tables.evaluate_codes(tmp_path / "codes.npy", indices=tmp_path / "1.npy", **asked)


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
