"""The step's benchmark counts and compares rightly; its PyTorch step has our settings."""

import dataclasses
import importlib.util
import pathlib

import pytest

from ibgan_tf.models.ibgan import IBGAN, IBGANConfig

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"


def row(framework, milliseconds, **changes):
    """Returns a measured row of the official trunk and order."""
    form = {"compile": False, "channels_last": False} if framework == "pytorch" else {"flops": 2e9}
    return {
        "framework": framework,
        "precision": "float32",
        "trunk": "separate",
        "update_order": "simultaneous",
        "milliseconds": milliseconds,
        **form,
        **changes,
    }


def test_the_ratios_are_over_the_best_rival_of_the_same_step_and_over_the_official_form(
    load_benchmark,
):
    benchmark = load_benchmark("training_step")
    rows = [
        row("tensorflow", 100.0),
        row("pytorch", 200.0),
        row("pytorch", 150.0, compile=True),
        row("pytorch", 10.0, trunk="shared"),  # another step
        row("tensorflow", 50.0, precision="bfloat16"),
        row("pytorch", 80.0, precision="bfloat16", channels_last=True),
    ]
    products = {"float32": 40.0, "bfloat16": 80.0}
    found = benchmark.complete({"rows": rows, "matrix_product_gflops": products})["rows"]
    assert (found[0]["over_best_pytorch"], found[0]["over_official_form"]) == (1.5, 2.0)
    assert (found[4]["over_best_pytorch"], found[4]["over_official_form"]) == (1.6, 4.0)
    # 2 GFLOP in 0.1 s are 20 GFLOP/s, half of the product's 40; a rival computes as many.
    assert (found[0]["gflops"], found[0]["share_of_matrix_product"]) == (20.0, 0.5)
    assert found[1]["gflops"] == 10.0


class TimedWorker:
    """Says what turns of five steps took, in place of a process that runs them."""

    seconds = {"tensorflow": (0.5, 0.1, 0.3), "pytorch": (1.0, 1.0, 1.0)}

    def __init__(self, contenders):
        self.contenders, self.turns = contenders, 0
        self.said = {"contenders": [{}], "matrix_product_gflops": {"float32": 1.0}}

    def wait(self):
        pass

    def run(self, number, steps):
        assert (number, steps) == (0, 5)
        seconds = self.seconds[self.contenders[0]["framework"]][self.turns]
        self.turns += 1
        return {"seconds": seconds, "peak_mib": 100.0 * self.turns}

    def end(self):
        pass


def test_a_time_is_that_of_one_step_in_the_median_turn(load_benchmark, monkeypatch):
    benchmark = load_benchmark("training_step")
    monkeypatch.setattr(benchmark, "Worker", TimedWorker)
    ours = {
        **{"framework": "tensorflow", "threads_per_operation": 1, "precision": "float32"},
        **{"batch_size": 64, "image_size": 64, "width": 16},
    }
    found = benchmark.measure([ours, {"framework": "pytorch"}], rounds=3, steps=5)["rows"]
    times = {row["framework"]: (row["milliseconds"], row["fastest_milliseconds"]) for row in found}
    assert times["tensorflow"] == pytest.approx((60.0, 20.0))
    assert times["pytorch"] == pytest.approx((200.0, 200.0))
    (row,) = benchmark.measure_growth([ours], rounds=3, steps=5)
    assert (row["milliseconds"], row["peak_mib"]) == pytest.approx((60.0, 300.0))


def test_the_slopes_of_growth_are_those_of_a_line(load_benchmark):
    benchmark = load_benchmark("training_step")
    rows = benchmark.growth_contenders()
    assert len(rows) == 4 + 2 + 2  # batch sizes, other image sizes, other widths
    for number, row in enumerate(rows):
        on_the_line = number < 4
        batch_size = row["batch_size"] if on_the_line else 10_000  # other sizes don't count
        row |= {"milliseconds": 3.0 + 2.0 * batch_size, "peak_mib": 500.0 + 0.25 * batch_size}
    last = benchmark.growth_table(rows).splitlines()[-1]
    assert last.endswith("3.0 ms + 2.00 an image, 500.0 MiB + 0.25 an image")


def test_every_form_of_the_step_has_its_rivals(load_benchmark):
    benchmark = load_benchmark("training_step")
    keys = ("precision", "trunk", "update_order")
    forms = [
        {tuple(one[key] for key in keys) for one in contenders}
        for contenders in (benchmark.our_contenders(), benchmark.pytorch_contenders())
    ]
    assert forms[0] == forms[1]
    assert len(forms[0]) == 8


def test_the_operations_of_a_step_by_hand(load_benchmark):
    flops = load_benchmark("step_worker")
    settings = {"generator_width": 1, "discriminator_width": 1, "z_dim": 2, "r_dim": 3}
    # Multiply-adds of one image, 64x64x1, widths of 1.
    encoder = 2 * 32 + 32 * 32 + 32 * 6
    generator = 3 * 16 + 16 * 256 + 2 * 64 * 9 * 4 * 4  # 8x8 maps of 4 channels
    generator += 8 * 8 * 16 * 4 * 2 + 16 * 16 * 16 * 2 * 1 + 32 * 32 * 16 * 1 * 1
    first = 32 * 32 * 16
    trunk = first + 16 * 16 * 16 * 2 + 8 * 8 * 16 * 2 * 4 + 8 * 8 * 9 * 4 * 8 + 8 * 8 * 8 * 16
    discriminator, reconstructor = trunk + 16, trunk + 16 * 16 + 16 * 2
    common = 3 * (encoder + generator) + 4 * reconstructor + 3 * discriminator - first
    expected = {
        "simultaneous": common + 4 * discriminator - first,
        "alternating": common + 5 * discriminator - first,
    }
    for order, multiply_adds in expected.items():
        model = IBGAN(IBGANConfig(update_order=order, **settings), (64, 64, 1))
        assert flops.step_flops(model, 5) == 5 * 2 * multiply_adds


def test_the_pytorch_baseline_has_our_settings_and_defaults(monkeypatch):
    pytest.importorskip("torch", reason="the baseline is PyTorch's: pip install '.[benchmark]'")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    theirs = importlib.import_module("pytorch_ibgan.step").Settings
    assert dataclasses.asdict(theirs()) == dataclasses.asdict(IBGANConfig())
