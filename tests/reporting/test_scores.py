import statistics

import pytest

from ibgan_tf.reporting import collecting, scores


def test_the_spread_is_that_of_the_means_over_metric_seeds():
    found = scores.spread([[0.7, 0.9], [0.4], [0.5, 0.7]])
    assert found.mean == pytest.approx((0.8 + 0.4 + 0.6) / 3)
    assert found.deviation == pytest.approx(0.2)  # sqrt((0.04 + 0.04 + 0) / 2)
    assert found.count == 3
    # Within: both pairs are 0.2 apart, a deviation of 0.2 / sqrt(2).
    assert found.metric_deviation == pytest.approx(0.2 / 2**0.5)
    assert found.metric_seeds == (1, 2)


def test_one_run_has_no_deviation():
    found = scores.spread([[0.5]])
    assert (found.mean, found.deviation, found.metric_deviation) == (0.5, None, None)


def test_values_of_a_step_are_those_of_every_metric_seed(folders, toy_run):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 200, 0.5)
    folders.measure(run_dir, "mig", 100, 0.25, seed=0)
    folders.measure(run_dir, "mig", 100, 0.75, seed=1, name="mig-1")
    run = toy_run(run_dir)
    (procedure,) = scores.procedures([run])
    found = {step: sorted(own) for step, own in scores.values(run, procedure).items()}
    assert found == {100: [0.25, 0.75], 200: [0.5]}
    assert scores.series(run, procedure) == {100: 0.5, 200: 0.5}
    assert scores.best_step(run, procedure) == 100  # the first of equals


def test_scores_of_other_protocols_settings_codes_statistics_and_images_are_kept_apart(
    folders, toy_run
):
    run_dir = folders.make("a")
    changes = [
        {},
        {"protocol": "ibgan"},
        {"settings": "fast"},
        {"representation": "z_mean"},
        {"batch_norm_statistics": "real_images"},
        {"data_source": {"source": "official", "sha256": "00ff00ff"}},
    ]
    for number, change in enumerate(changes):
        folders.measure(run_dir, "mig", 100, number / 10, name=f"mig-{number}", **change)
    run = toy_run(run_dir)
    found = [scores.values(run, procedure) for procedure in scores.procedures([run])]
    assert sorted(found, key=str) == [{100: [number / 10]} for number in range(6)]


def test_procedures_are_in_the_usual_order_and_unknown_metrics_last(folders, toy_run):
    run_dir = folders.make("a")
    for metric in ("aardvark", "mig", "factor_vae", "information"):
        folders.measure(run_dir, metric, 100, 0.5)
    folders.measure(run_dir, "factor_vae", 100, 0.5, name="a", protocol="ibgan")
    folders.measure(run_dir, "listed", 100, None)
    found = [(p.metric, p.protocol) for p in scores.procedures([toy_run(run_dir)])]
    default = "disentanglement_lib"
    assert found == [
        ("factor_vae", default),
        ("factor_vae", "ibgan"),
        ("mig", default),
        ("aardvark", default),
    ]


@pytest.mark.parametrize(
    ("metric", "best"), [("mig", 200), ("frechet_classifier_distance", 300), ("aardvark", None)]
)
def test_the_best_step_is_the_highest_the_lowest_or_unknown(folders, toy_run, metric, best):
    run_dir = folders.make("a")
    for step, score in ((100, 0.5), (200, 0.75), (300, 0.25)):
        folders.measure(run_dir, metric, step, score)
    run = toy_run(run_dir)
    assert scores.best_step(run, scores.procedures([run])[0]) == best


def test_one_measured_step_is_not_the_best(folders, toy_run):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.5)
    run = toy_run(run_dir)
    assert scores.best_step(run, scores.procedures([run])[0]) is None


def test_the_chosen_score_is_factor_vae_by_the_default_protocol_with_full_settings(folders):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.1)
    folders.measure(run_dir, "factor_vae", 100, 0.2, name="1", protocol="ibgan")
    folders.measure(run_dir, "factor_vae", 100, 0.3, name="2", settings="fast")
    folders.measure(run_dir, "factor_vae", 100, 0.4, name="3")
    runs = collecting.collect([run_dir]).runs
    chosen = {
        name: statistics.fmean(scores.series(runs[0], scores.choose(runs, name)).values())
        for name in (None, "factor_vae", "factor_vae-ibgan", "mig")
    }
    assert chosen == {None: 0.4, "factor_vae": 0.4, "factor_vae-ibgan": 0.2, "mig": 0.1}


def test_without_the_factor_vae_score_another_is_chosen(folders):
    run_dir = folders.make("a")
    runs = collecting.collect([run_dir]).runs
    assert scores.choose(runs, None) is None
    folders.measure(run_dir, "sap", 100, 0.1)
    assert scores.choose(collecting.collect([run_dir]).runs, None).metric == "sap"


def test_a_score_that_no_run_has_is_refused(folders):
    run_dir = folders.make("a")
    with pytest.raises(ValueError, match="Received: score='mig', none"):
        scores.choose(collecting.collect([run_dir]).runs, "mig")
    folders.measure(run_dir, "mig", 100, 0.1)
    with pytest.raises(ValueError, match="Received: score='mog'. Did you mean 'mig'"):
        scores.choose(collecting.collect([run_dir]).runs, "mog")
