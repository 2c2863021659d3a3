"""The serving benchmark times what it says, and measures a small export every way."""

import os
import pathlib
import platform
import sys

import numpy as np
import pytest

from ibgan_tf.serving import triton

ROOT = pathlib.Path(__file__).parents[2]
TRITON = pathlib.Path(os.environ.get("IBGAN_TEST_TRITON", ROOT / ".venv-triton/bin/python"))


@pytest.fixture(scope="module")
def benchmark(load_benchmark):
    return load_benchmark("serving")


def test_a_row_has_percentiles_and_the_rate_of_its_calls(benchmark):
    # 99 calls of 10 ms and one of 110: 1.1 s for 100 calls of 8 images.
    row = benchmark.row("C API", "uint8", 8, [0.01] * 99 + [0.11])
    assert row["p50_milliseconds"] == pytest.approx(10.0)
    # NumPy's 99th percentile of 100 values lies 0.01 of the way from the 99th to the 100th.
    assert row["p99_milliseconds"] == pytest.approx(11.0)
    assert row["images_per_second"] == pytest.approx(800 / 1.1)
    assert row["calls"] == 100


def test_a_turn_ends_with_its_time_but_not_before_a_few_calls(benchmark, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: now[0])

    def call(seconds):
        now[0] += seconds

    assert benchmark.turn(lambda: call(0.5), 4.0) == [0.5] * 8
    assert benchmark.turn(lambda: call(3.0), 4.0) == [3.0] * benchmark.MIN_CALLS


def test_the_ways_take_turns_with_equal_inputs(benchmark, monkeypatch):
    asked = []
    monkeypatch.setattr(benchmark, "turn", lambda call, seconds: [call() or seconds])

    def way(name):
        return lambda signature, inputs: asked.append((name, signature, inputs["r"]))

    rows = benchmark.time_calls(
        {"a": benchmark.turns(way("a")), "b": benchmark.turns(way("b"))},
        stem="generate",
        sizes={"r": 3},
        batches=[2],
        seconds=6.0,
        rounds=2,
    )
    assert [(name, signature) for name, signature, _ in asked[:6]] == [
        ("a", "generate"),  # the first call of each, which isn't timed
        ("b", "generate"),
        *[("a", "generate"), ("b", "generate")] * 2,
    ]
    assert all(np.array_equal(code, asked[0][2]) for _, _, code in asked[:6])
    assert asked[0][2].shape == (2, 3)
    assert [(row["form"], row["way"], row["calls"]) for row in rows[:2]] == [
        ("float32", "a", 2),
        ("float32", "b", 2),
    ]
    assert rows[0]["p50_milliseconds"] == pytest.approx(3000.0)


def test_a_small_export_is_measured_every_way(benchmark, published, tmp_path):
    missing = tmp_path / "python"
    found = benchmark.measure(
        published.path.parent, batches=[1, 2], seconds=0.01, rounds=1, triton_python=missing
    )
    cells = {(row["way"], row["form"], row["batch"]) for row in found["rows"]}
    assert cells == {
        (way, form, batch)
        for way in ("Python", "C API", "gRPC", "REST")
        for form in ("float32", "uint8", "PNG")
        for batch in (1, 2)
    }
    assert all(row["p99_milliseconds"] >= row["p50_milliseconds"] > 0 for row in found["rows"])
    weights = found["bytes_per_image"]
    assert weights["float32"]["image"] == 64 * 64 * 4
    assert weights["uint8"]["image"] == 64 * 64
    assert 16384 < weights["float32"]["gRPC"] < 16384 + 100  # its name, type and shape besides
    assert weights["float32"]["REST"] > 2 * weights["float32"]["gRPC"]
    table = benchmark.shown(found["rows"], weights, found["left_out"])
    assert "| uint8 | 2 | C API |" in table
    assert table.count("| 1.00 |") >= 6  # the C API beside itself
    assert "| any | any | Triton | left out: " in table
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        assert f"Received: no file {missing}." in table


@pytest.mark.triton
def test_triton_is_measured_beside_the_others(benchmark, published):
    if reason := triton.why_not(TRITON):
        pytest.skip(reason)
    found = benchmark.measure(
        published.path.parent, batches=[2], seconds=0.01, rounds=1, triton_python=TRITON
    )
    cells = [(row["form"], row["calls"]) for row in found["rows"] if row["way"] == "Triton"]
    assert cells == [(form, benchmark.MIN_CALLS) for form in ("float32", "uint8", "PNG")]
    table = benchmark.shown(found["rows"], found["bytes_per_image"], found["left_out"])
    assert "| uint8 | 2 | Triton |" in table
    assert "left out" not in table
