"""From a run directory to result files."""

import json
import shutil

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorflow.python.summary import summary_iterator

from ibgan_tf.evaluation import codes, evaluate, scores
from ibgan_tf.metrics import METRICS
from ibgan_tf.runs.load import load_run


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


def test_all_protocols_are_those_for_as_many_factors_as_the_set_has(scored_run, capsys):
    # InfoGAN-CR's DCI has depths for the five factors of dSprites; these squares have three.
    results = evaluate.evaluate_run(scored_run, metrics=["dci"], protocols=["all"], settings="fast")
    assert [result["protocol"] for result in results] == ["disentanglement_lib"]
    assert "left out: dci by infogan_cr. It must have 5 factors" in capsys.readouterr().out


def test_a_metric_named_with_a_protocol_for_other_factors_is_refused_before_encoding(
    scored_run, monkeypatch
):
    monkeypatch.setattr(codes, "run_codes", None)  # calling it would fail
    with pytest.raises(ValueError, match=r"It must have 5 factors. Received: 3 of 'small_squares'"):
        evaluate.evaluate_run(scored_run, metrics=["mig", "dci"], protocols=["infogan_cr"])


def test_all_steps_are_scored(scored_run):
    results = evaluate.evaluate_run(scored_run, step="all", metrics=["mig"], settings="fast")
    assert [result["step"] for result in results] == [3, 7]


def test_scores_are_in_tensorboard_with_the_settings(scored_run):
    evaluate.evaluate_run(scored_run, metrics=["mig"], settings="fast")
    events = EventAccumulator(str(scored_run / "metrics" / "events")).Reload()
    assert "metrics/mig-fast" in events.Tags()["tensors"]


@pytest.mark.parametrize(
    ("details", "name"),
    [
        (
            [
                "information_upper_bound",
                "information_lower_bound_fitted",
                "information_lower_bound",
            ],
            "information_lower_bound",
        ),
        (["information_lower_bound_fitted"], "information_lower_bound_fitted"),
        (["information_upper_bound"], "information_upper_bound"),
    ],
)
def test_bounds_of_different_kinds_have_different_names(details, name):
    result = {
        "metric": "information",
        "protocol": "ibgan_tf",
        "settings": "full",
        "seed": 5,
        "score": 1.0,
        "seconds": 1.0,
        "details": dict.fromkeys(details, 1.0),
    }
    assert scores.tag(result) == f"metrics/{name}-seed_5"
    assert scores.table_text([result]).splitlines()[1].split()[:2] == [name, "1"]


def test_information_bounds_are_ordered(scored_run):
    (result,) = evaluate.evaluate_run(scored_run, metrics=["information"])
    details = result["details"]
    assert details["gap"] == pytest.approx(
        details["information_upper_bound"] - details["information_lower_bound"]
    )
    assert len(details["dimension_kl"]) == len(details["dimension_information"]) == 3
    assert result["score"] <= details["information_upper_bound"]
    assert details["num_samples"] == 10_000


@pytest.mark.parametrize(
    ("statistics", "source"), [("training", "downloaded"), ("real_images", "made in the test")]
)
def test_information_names_the_data_that_it_is_measured_on(scored_run, statistics, source):
    """Of generated images it is the data of training, of real ones those that are read."""
    record = json.loads((scored_run / "config.json").read_text())
    record["data_source"]["source"] = "downloaded"
    (scored_run / "config.json").write_text(json.dumps(record))
    run = load_run(scored_run)
    result = scores.information_of_run(run, num_samples=250, statistics=statistics)
    assert result["data_source"] == {"source": source, "sha256": "0" * 64}


def test_runs_compare_by_their_settings_in_tensorboard(scored_run):
    evaluate.evaluate_run(scored_run, metrics=["mig"], settings="fast")
    events = EventAccumulator(str(scored_run / "metrics" / "events")).Reload()
    assert events.PluginTagToContent("hparams")
    (path,) = (scored_run / "metrics" / "events").iterdir()
    started = [
        plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for event in summary_iterator.summary_iterator(str(path))
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "hparams"
    ]
    settings = next(one for one in started if one.HasField("session_start_info"))
    values = settings.session_start_info.hparams
    assert values["beta"].number_value == 0.141
    assert values["model"].string_value == "ibgan"


def test_what_is_left_out_is_said(scored_run, capsys):
    evaluate.evaluate_run(
        scored_run, metrics=["disentanglement"], protocols=["ibgan"], settings="fast"
    )
    printed = capsys.readouterr().out
    assert "\nleft out: unsupervised. Its protocols are: disentanglement_lib.\n" in printed


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"metrics": ["factor_vae", "sap"], "protocols": ["ibgan"]},
            "protocols of metric 'sap' must be among: .*continuous.*. Received: ibgan.",
        ),
        ({"seed": -1}, "seed must be a whole number >= 0. Received: seed=-1."),
        ({"representation": "c_mean"}, "representation must be one of"),
    ],
)
def test_a_wrong_wish_is_refused_and_nothing_is_written_or_shown(
    scored_run, asked, message, capsys
):
    before = {*scored_run.rglob("*")}
    with pytest.raises(ValueError, match=message):
        evaluate.evaluate_run(scored_run, settings="fast", **{"metrics": ["mig"]} | asked)
    assert {*scored_run.rglob("*")} == before
    assert "metric" not in capsys.readouterr().out


def test_results_of_before_a_failure_stay(scored_run, monkeypatch, capsys):
    def fail(codes, factors, **settings):
        raise ValueError("no score")

    monkeypatch.setitem(METRICS, "modularity", fail)
    with pytest.raises(ValueError, match="no score"):
        evaluate.evaluate_run(scored_run, metrics=["mig", "modularity"], settings="fast")
    assert json.loads((scored_run / "metrics/step-7/mig-fast.json").read_text())["score"] >= 0
    assert "mig" in capsys.readouterr().out
    events = EventAccumulator(str(scored_run / "metrics" / "events")).Reload()
    assert "metrics/mig-fast" in events.Tags()["tensors"]


@pytest.mark.parametrize("step", ["last", "all"])
def test_a_run_without_weights_is_refused(scored_run, step):
    shutil.rmtree(scored_run / "weights")
    with pytest.raises(FileNotFoundError, match="A run must have a checkpoint or weights"):
        evaluate.evaluate_run(scored_run, step=step, metrics=["mig"])


def test_an_unknown_metric_is_refused_with_the_nearest(scored_run):
    with pytest.raises(ValueError, match=r"metric must be one of.*Did you mean 'mig'"):
        evaluate.evaluate_run(scored_run, metrics=["migg"])


def test_an_unknown_protocol_is_refused(scored_run):
    with pytest.raises(ValueError, match=r"protocol must be one of.*Did you mean 'ibgan'"):
        evaluate.evaluate_run(scored_run, metrics=["factor_vae"], protocols=["ibgam"])
