"""The search trains in PyTorch what ibgan_tf trains, on the same images; on a CPU, unrecorded."""

import concurrent.futures
import importlib
import json
import math
import types

import numpy as np
import pytest

from ibgan_tf.data import color_dsprites, dsprites

torch = pytest.importorskip("torch", reason="pip install '.[benchmark]'")

FAST = {
    "generator_width": 2,
    "discriminator_width": 2,
    "beta_start": 0.05,
    "beta_hold_steps": 4,
    "beta_steps": 8,
    "learning_rate_end": 0.1,
    "learning_rate_hold_steps": 2,
    "learning_rate_steps": 10,
    "instance_noise_steps": 10,
    "update_order": "simultaneous",
}


@pytest.fixture(scope="module")
def search(load_benchmark):
    """Gives the benchmark's module, with torch on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_benchmark("pytorch_search")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def images(search):
    """Gives the module of the images."""
    return importlib.import_module("pytorch_ibgan.images")


@pytest.fixture(scope="module")
def packed(search):
    """Gives all sprites."""
    return torch.from_numpy(search.sprite_search.render())


@pytest.mark.parametrize("colored", [False, True])
def test_the_images_and_factors_are_those_of_our_data_sets(images, packed, tmp_path, colored):
    theirs = images.Images(packed, colored=colored)
    ours = (color_dsprites.ColorDSprites if colored else dsprites.DSprites)(tmp_path)
    assert (theirs.size, theirs.factor_sizes) == (ours.size, tuple(ours.factor_sizes))
    indices = np.random.default_rng(0).integers(ours.size, size=20)
    found = theirs.images(torch.from_numpy(indices)).numpy().transpose(0, 2, 3, 1)
    expected = ours.images(indices) / 127.5 - 1.0
    # A level is rounded to a whole number of 255 by us.
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.5 / 127.5)


def test_the_schedules_on_the_device_are_those_of_the_baseline(search):
    form = search.pytorch_step.Form()
    settings = search.pytorch_step.Settings(**FAST)
    plain = search.pytorch_step.Baseline(settings, form)
    counted = search.CountedBaseline(settings, form)
    for step in range(14):
        assert math.isclose(counted.progress(4, 8), plain.progress(4, 8), abs_tol=1e-6)
        assert math.isclose(counted._beta(), plain._beta(), abs_tol=1e-6)
        part = 1.0 - 0.9 * min(max((step - 2) / 10, 0.0), 1.0)
        for baseline in (counted, plain):
            baseline._set_learning_rates()
            found = [optimizer.param_groups[0]["lr"] for optimizer in baseline.optimizers]
            np.testing.assert_allclose(found, [part * 5e-5, part * 1e-6], rtol=1e-5)
        plain.step_number += 1
        counted.step_number += 1
        assert counted.step_number == step + 1


def test_all_runs_are_trained_and_scored_and_the_best_go_on(
    search, images, packed, tmp_path, monkeypatch
):
    monkeypatch.setattr(images, "SCORED_IMAGES", 2_000)
    monkeypatch.setattr(search, "ROUND", 4)
    descriptions = [
        {"name": "plain", "seed": 1, "dataset": "dsprites", "settings": FAST},
        {"name": "color", "seed": 2, "dataset": "color_dsprites", "settings": FAST},
    ]
    runs = [search.Run(one, packed, search.pytorch_step.Form()) for one in descriptions]
    log = tmp_path / "log.jsonl"
    with concurrent.futures.ThreadPoolExecutor(1) as scorers:
        found = search.Search(
            log=log, deadline=math.inf, report_every=4, score_every=8, scorers=scorers
        )
        found.train(runs, steps=8, threads=2)
        found.wait_for_scores()
        assert [list(run.scores) for run in runs] == [[8], [8]]
        monkeypatch.setattr(runs[0], "scores", {8: 0.5})
        monkeypatch.setattr(runs[1], "scores", {4: 0.9, 8: 0.4})
        found.train(search.best(runs, 1), steps=12, threads=2)
    assert [run.steps for run in runs] == [12, 8]
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    reports = [(row["name"], row["step"]) for row in rows if "kl" in row]
    assert sorted(reports) == [
        ("color", 4),
        ("color", 8),
        ("plain", 4),
        ("plain", 8),
        ("plain", 12),
    ]
    scores = {row["name"]: row for row in rows if "factor_vae" in row}
    assert [len(scores[name]["factor_accuracy"]) for name in ("plain", "color")] == [5, 6]
    assert all(0.0 <= row["factor_vae"] <= 1.0 for row in scores.values())
    assert all(math.isfinite(row["information_lower_bound"]) for row in rows if "kl" in row)
    # The first report is the mean of one step, for three of the four are of the warm-up.
    losses = [row["generator_loss"] for row in rows if row.get("step") == 4]
    assert all(0.3 < loss < 1.5 for loss in losses)


def test_codes_that_are_not_finite_are_told_and_not_scored(search, tmp_path):
    codes = np.full([4, 2], np.nan), np.zeros([4, 2], int)
    run = types.SimpleNamespace(name="a", seed=1, steps=8, scores={}, codes=lambda: codes)
    log = tmp_path / "log.jsonl"
    found = search.Search(log=log, deadline=0.0, report_every=4, score_every=8, scorers=None)
    found.score(run)
    found.wait_for_scores()
    assert "aren't finite" in json.loads(log.read_text(encoding="utf-8"))["failed"]
    assert search.best([run], 3) == [run]


def test_the_table_has_the_settings_that_differ_and_the_last_scores(load_benchmark, tmp_path):
    table = load_benchmark("search_table")
    settings = {"beta": 0.141, "trunk": "separate", "rho": 0.99}
    other = settings | {"beta": 0.5, "trunk": "shared"}
    rows = [
        {"name": "a", "seed": 1, "dataset": "dsprites", "settings": settings},
        {"name": "b", "seed": 1, "dataset": "dsprites", "settings": other},
        {"name": "a", "seed": 1, "step": 500, "kl": [0.6, 0.1], "information_lower_bound": 1.5},
        {"name": "a", "seed": 1, "step": 500, "factor_vae": 0.25, "factor_accuracy": [0.5, 0.0]},
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    head, _, *lines = table.table(*table.read(log)).splitlines()
    assert "| beta | trunk | steps |" in head and "rho" not in head
    expected = "| `a` | dsprites | 1 | 0.141 | separate | 500 | 1 | 1.50 | 0.250 | 0.50, 0.00 |"
    assert lines == [expected]  # b has no score yet
    table.draw(*table.read(log), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0
