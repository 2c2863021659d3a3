"""The search in JAX trains, scores and gives up runs as it says; here on a CPU, small networks."""

import concurrent.futures
import json
import math
import sys
import types

import numpy as np
import pytest

from ibgan_tf.models.ibgan_settings import IBGANConfig

jax = pytest.importorskip("jax", reason="pip install '.[benchmark]'")


@pytest.fixture(scope="module")
def search(load_benchmark):
    """Gives the benchmark's module, whose programs compile fast."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield load_benchmark("jax_search")
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def small(search, monkeypatch):
    """Gives the same with small networks, batches and scores."""
    monkeypatch.setattr(search.jax_runs, "WIDTH", 2)
    monkeypatch.setattr(search.jax_runs, "BATCH_SIZE", 8)
    monkeypatch.setattr(search, "SCORED_IMAGES", 1_000)
    return search


@pytest.fixture(scope="module")
def packed(search):
    """Gives all sprites."""
    return search.sprite_search.render()


def test_the_fixed_settings_and_the_defaults_are_those_of_the_model(search):
    config, runs, step = IBGANConfig(), search.jax_runs, search.jax_runs.jax_step
    assert {name: getattr(config, name) for name in search.DEFAULTS} == search.DEFAULTS
    assert (config.rho, config.momentum) == (step.RHO, step.MOMENTUM)
    assert math.isclose(config.epsilon, step.EPSILON**2)  # of ours inside the root
    assert (config.z_dim, config.r_dim) == (runs.Z_DIM, runs.R_DIM)
    assert {config.generator_width, config.discriminator_width} == {runs.WIDTH}


def test_images_are_the_bits_of_the_sprites(search):
    packed = np.random.default_rng(0).integers(0, 256, [3, 512], dtype=np.uint8)
    images = np.unpackbits(packed, axis=1).reshape(3, 64, 64, 1) * 2.0 - 1.0
    np.testing.assert_array_equal(search.jax_runs.unpack(packed), images)


def test_the_schedules_go_on_from_report_to_report(small, packed):
    ended = {"learning_rate_end": 0.0, "learning_rate_hold_steps": 1, "learning_rate_steps": 1}
    settings = [small.DEFAULTS | one for one in (ended, {})]
    descriptions = [{"seed": 1, "settings": one} for one in settings]
    runs = small.jax_runs.Runs(descriptions, packed, np.dtype(np.float32))
    initial = np.array(runs._states["parameters"]["encoder"][2]["weight"])
    np.testing.assert_array_equal(initial[0], initial[1])  # of one seed
    runs.train(2)
    first = np.array(runs._states["parameters"]["encoder"][2]["weight"])
    runs.train(2)  # the rate of the first run is 0 from step 2 on
    second = np.array(runs._states["parameters"]["encoder"][2]["weight"])
    assert np.any(first != initial, axis=(1, 2)).all()
    assert np.any(second != first, axis=(1, 2)).tolist() == [False, True]


def test_all_runs_are_trained_and_scored_and_the_first_go_on(
    small, packed, load_benchmark, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(small, "COMPILE_SECONDS", 1e9)  # so that no time is left for both
    settings = {"a": {"beta": 0.2, "beta_start": 0.05, "beta_steps": 4}, "b": {}}
    runs = [{"name": name, "seed": 1, "settings": one} for name, one in settings.items()]
    (tmp_path / "runs.json").write_text(json.dumps(runs), encoding="utf-8")
    flags = {"runs": tmp_path / "runs.json", "log": tmp_path / "log.jsonl", "seconds": 3_000}
    flags |= {"steps": 10, "report_every": 2, "score_every": 8, "precision": "float32"}
    monkeypatch.setattr(sys, "argv", ["x", *[f"--{name}={one}" for name, one in flags.items()]])
    monkeypatch.setattr(small.sprite_search, "render", lambda: packed)
    pool = concurrent.futures.ThreadPoolExecutor
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", lambda *_: pool(1))
    small.main()
    assert "of 2 runs: 1 go on" in capsys.readouterr().out
    rows = [json.loads(line) for line in flags["log"].read_text(encoding="utf-8").splitlines()]
    described = [row["settings"] for row in rows if row.get("dataset") == "dsprites"]
    assert described == [small.DEFAULTS | one for one in settings.values()]
    for key, expected in (
        ("kl", {"a": [2, 4, 6, 8, 10], "b": [2, 4, 6, 8]}),
        ("factor_vae", {"a": [8, 10], "b": [8]}),
    ):
        found = [(row["name"], row["step"]) for row in rows if key in row]
        assert sorted(found) == [(name, step) for name in expected for step in expected[name]]
    reports = [row for row in rows if "kl" in row]
    assert all(len(row["kl"]) == 10 and 0.3 < row["generator_loss"] < 1.5 for row in reports)
    table = load_benchmark("search_table")
    lines = table.table(*table.read(flags["log"])).splitlines()
    assert [line.split(" | ")[:7] for line in lines[2:]] == [
        ["| `a`", "dsprites", "1", "0.2", "0.05", "4", "10"],
        ["| `b`", "dsprites", "1", "0.141", "0", "0", "8"],
    ]


def test_codes_that_are_not_finite_are_told_and_not_scored(small, tmp_path):
    codes = np.full([1, 1_000, 10], np.nan)
    runs = types.SimpleNamespace(step=8, codes=lambda indices: codes)
    with open(tmp_path / "log.jsonl", "w+", encoding="utf-8") as log:
        description = {"name": "a", "seed": 1}
        found = small.Search([description], runs, log=log, scorers=None, began=0.0, seconds=0.0)
        found._score()
        log.seek(0)
        assert "aren't finite" in json.loads(log.read())["failed"]


def test_as_many_runs_go_on_as_end_in_the_time(search):
    # 8 runs at 10 steps/s: 800 steps need 80 s; in half the time, half of the runs at 20 steps/s.
    fit = {s: search.runs_that_fit(8, steps=800, seconds=s, rate=10.0) for s in (90, 80, 40, 79, 0)}
    assert fit == {90: 8, 80: 8, 40: 4, 79: 7, 0: 1}
    assert search.runs_that_fit(8, steps=800, seconds=-5.0, rate=10.0) == 1


RUN = {"name": "a", "seed": 1, "settings": {}}


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([RUN | {"dataset": "color_dsprites"}], "must be 'dsprites'. Received: dataset='color_ds"),
        ([RUN, {"name": "b", "settings": {}}], "must have a name, a seed and settings. Received: "),
        ([RUN | {"seed": "1"}], "seed must be an integer. Received: seed='1' of run 'a'"),
        ([RUN | {"settings": {"rho": 0.9}}], "settings must be among beta, beta_start, "),
        ([RUN | {"settings": {"beta": "high"}}], "must be numbers. Received: {'beta': 'high'}"),
        ([], "must be a list of runs. Received: []"),
    ],
)
def test_a_run_that_can_not_be_trained_is_refused_in_one_line(
    search, tmp_path, monkeypatch, runs, expected
):
    file = tmp_path / "runs.json"
    file.write_text(json.dumps(runs), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["jax_search.py", f"--runs={file}"])
    with pytest.raises(SystemExit) as error:
        search.main()
    text = error.value.code
    assert text.startswith("jax_search.py: error: ") and expected in text and "\n" not in text
