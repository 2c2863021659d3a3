"""From a run directory to result files."""

import json

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ibgan_tf.evaluation import evaluate


def test_a_run_gets_a_file_for_each_metric_with_what_it_takes_to_cite_it(scored_run, capsys):
    results = evaluate.evaluate_run(
        scored_run, metrics=["factor_vae", "mig", "information"], settings="fast", seed=5
    )
    folder = scored_run / "metrics" / "step-7"
    for name in ("factor_vae-fast-seed_5", "mig-fast-seed_5", "information-seed_5"):
        result = json.loads((folder / f"{name}.json").read_text())
        assert result in results
        assert result["step"] == 7
        assert result["seed"] == 5
        assert result["data_source"]["source"] == "made in the test"
    mig = json.loads((folder / "mig-fast-seed_5.json").read_text())
    assert mig["representation"] == "r_mean"
    assert mig["settings"] == "fast"
    assert mig["details"]["factor_names"] == ["size", "x", "y"]
    assert "factor_vae" in capsys.readouterr().out


def test_no_result_replaces_one_of_another_protocol_representation_or_seed(scored_run):
    evaluate.evaluate_run(scored_run, metrics=["factor_vae"], protocols=["all"], settings="fast")
    evaluate.evaluate_run(scored_run, metrics=["mig"], representation="z_mean", seed=2)
    names = {path.name for path in (scored_run / "metrics" / "step-7").glob("*.json")}
    assert names == {
        "codes-r_mean-training.json",
        "codes-z_mean-training.json",
        "factor_vae-fast.json",
        "factor_vae-ibgan-fast.json",
        "factor_vae-infogan_cr-fast.json",
        "mig-z_mean-seed_2.json",
    }


def test_all_steps_are_scored(scored_run):
    results = evaluate.evaluate_run(scored_run, step="all", metrics=["mig"], settings="fast")
    assert [result["step"] for result in results] == [3, 7]


def test_scores_are_in_tensorboard_with_the_settings(scored_run):
    evaluate.evaluate_run(scored_run, metrics=["mig"], settings="fast")
    events = EventAccumulator(str(scored_run / "metrics" / "events")).Reload()
    assert "metrics/mig-disentanglement_lib-fast" in events.Tags()["tensors"]


def test_information_bounds_are_ordered(scored_run):
    (result,) = evaluate.evaluate_run(scored_run, metrics=["information"])
    details = result["details"]
    assert details["gap"] == pytest.approx(
        details["information_upper_bound"] - details["information_lower_bound"]
    )
    assert len(details["dimension_kl"]) == len(details["dimension_information"]) == 3
    assert result["score"] <= details["information_upper_bound"]
    assert details["num_samples"] == 10_000


def test_an_unknown_metric_is_refused_with_the_nearest(scored_run):
    with pytest.raises(ValueError, match=r"metric must be one of.*Did you mean 'mig'"):
        evaluate.evaluate_run(scored_run, metrics=["migg"])


def test_an_unknown_protocol_is_refused(scored_run):
    with pytest.raises(ValueError, match=r"protocol must be one of.*Did you mean 'ibgan'"):
        evaluate.evaluate_run(scored_run, metrics=["factor_vae"], protocols=["ibgam"])


def test_perfect_codes_from_a_file_score_one(squares, tmp_path):
    codes = squares.factors(np.arange(squares.size)).astype(np.float32)
    np.save(tmp_path / "codes.npy", codes)
    results = evaluate.evaluate_codes(
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
