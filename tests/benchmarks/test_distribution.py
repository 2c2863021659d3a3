"""The benchmark of shared steps compares each way with one device, and takes whole turns."""

import json
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark(load_benchmark):
    return load_benchmark("distribution")


class TimedProcesses:
    """Processes whose steps take what a test says, without processes."""

    milliseconds = {}
    ended = []
    turns = []

    def __init__(self, contender, *, batch_size, threads_per_operation):
        self._contender, self._turn = contender, 0
        self.first_steps_seconds = 2.5

    def seconds(self, steps):
        self.turns.append(self._contender.way)
        self._turn += 1
        one = self.milliseconds[self._contender.way]
        return steps * one[self._turn % len(one)] / 1e3

    def end(self):
        self.ended.append(self._contender.way)


@pytest.fixture
def rows(benchmark, monkeypatch):
    """What is measured of a model on one device, two devices and in two processes."""
    monkeypatch.setattr(benchmark, "Processes", TimedProcesses)
    ways = {"one device": [10.0], "mirrored, 2 devices": [18.0, 15.0, 14.0]}
    ways["multi_worker, 2 processes"] = [25.0]
    monkeypatch.setattr(TimedProcesses, "milliseconds", ways)
    monkeypatch.setattr(TimedProcesses, "ended", [])
    monkeypatch.setattr(TimedProcesses, "turns", [])
    contenders = [
        benchmark.Contender(model="vae", **way) for way in ({}, {"devices": 2}, {"workers": 2})
    ]
    return benchmark.measure(contenders, rounds=3, steps=4, batch_size=8, threads_per_operation=1)


def test_a_time_is_the_median_of_the_turns_and_is_compared_with_one_device(rows):
    assert [row["milliseconds"] for row in rows] == pytest.approx([10.0, 15.0, 25.0])
    assert [row["fastest_milliseconds"] for row in rows] == pytest.approx([10.0, 14.0, 25.0])
    assert [row["over_one_device"] for row in rows] == pytest.approx([1.0, 1.5, 2.5])


def test_the_contenders_take_turns(rows):
    ways = ["one device", "mirrored, 2 devices", "multi_worker, 2 processes"]
    assert TimedProcesses.turns == 3 * ways
    assert TimedProcesses.ended == ways


def test_the_table_has_a_line_for_each_way(benchmark, rows):
    lines = benchmark.table(rows).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == 7
    assert lines[2:] == [
        "| vae | one device | 10.0 | 100.00 | 1.00 | 2.5 |",
        "| vae | mirrored, 2 devices | 15.0 | 66.67 | 1.50 | 2.5 |",
        "| vae | multi_worker, 2 processes | 25.0 | 40.00 | 2.50 | 2.5 |",
    ]


def test_each_model_is_compared_with_itself_on_one_device(benchmark):
    form = {"devices": 1, "workers": 1}
    rows = [
        {"model": "ibgan", **form, "milliseconds": 100.0},
        {"model": "ibgan", **form, "devices": 2, "milliseconds": 150.0},
        {"model": "vae", **form, "milliseconds": 10.0},
        {"model": "vae", **form, "workers": 2, "milliseconds": 12.0},
    ]
    found = [row["over_one_device"] for row in benchmark.compare(rows)]
    assert found == pytest.approx([1.0, 1.5, 1.0, 1.2])


def test_every_model_begins_with_one_device_and_has_two(benchmark):
    ways = [(one.model, one.devices, one.workers) for one in benchmark.contenders()]
    for model in benchmark.MODELS:
        own = [way for way in ways if way[0] == model]
        assert own[0] == (model, 1, 1)
        assert (model, 2, 1) in own and (model, 1, 2) in own


@pytest.mark.slow
def test_the_benchmark_runs(run_script, tmp_path):
    numbers = tmp_path / "numbers.json"
    flags = ("--rounds=1", "--steps=1", "--batch_size=4", f"--json={numbers}")
    done = run_script("distribution.py", *flags, folder="benchmarks")
    assert done.returncode == 0, done.stderr
    assert "| vae | multi_worker, 2 processes |" in done.stdout
    found = json.loads(numbers.read_text())
    assert len(found["rows"]) == 8 and found["batch_size"] == 4
    assert all(row["milliseconds"] > 0 for row in found["rows"])


def test_a_batch_that_the_contenders_cannot_share_is_told_in_one_line(run_script):
    done = run_script("distribution.py", "--batch_size=6", folder="benchmarks")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "batch_size must be divisible by 4" in line and "Received: batch_size=6." in line
