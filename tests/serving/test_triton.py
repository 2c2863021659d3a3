"""NVIDIA's Triton over an export; `make serve-test` makes its environment and runs all of this."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import platform
import re
import socket
import sys
import time
import urllib.request

import numpy as np
import pytest

from ibgan_tf.serving import calls, card, server_config, triton
from ibgan_tf.serving.status import StatusError

ROOT = pathlib.Path(__file__).parents[2]
PYTHON = pathlib.Path(os.environ.get("IBGAN_TEST_TRITON", ROOT / ".venv-triton" / "bin" / "python"))
CLIENTS = 4
SECONDS = 2.0  # of load


@pytest.fixture
def fake_python(tmp_path):
    """Gives a function that writes a program which is run in place of the environment's Python."""

    def write(script):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture(scope="module")
def available():
    """Skips where Triton can't run."""
    if reason := triton.why_not(PYTHON):
        pytest.skip(reason)


@pytest.fixture(scope="module")
def server(available, published):
    """Triton, serving every signature of the small export."""
    with triton.TritonServer(published.path, python=PYTHON) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    """A process that asks it."""
    with triton.TritonClient(server, deadline=30.0) as connected:
        yield connected


@pytest.fixture(scope="module")
def model_calls(published):
    """Calls of every signature, of 1, 2 and 64 rows, with the model's own answers."""
    return calls.model_calls(published.run.model)


def write_card(export_dir):
    """Writes as much of a card as is read before Triton starts."""
    path = export_dir / card.ASSETS / card.CARD_FILE
    path.parent.mkdir(parents=True)
    contents = {"format": 1, "version": 1, "files": {}, "samples": {}, "signatures": {"encode": {}}}
    path.write_text(json.dumps(contents), encoding="utf-8")


def counted(server, name):
    """Returns a metric of each model, from the page that Prometheus reads."""
    with urllib.request.urlopen(f"http://{server.metrics_address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(rf'^{name}\{{model="(\w+)",version="1"[^}}]*\}} ([\d.]+)$', text, re.M)
    totals = dict.fromkeys(server.signatures, 0.0)
    for model, value in found:
        totals[model] += float(value)
    return totals


def listens(address):
    """Says whether somebody listens at "host:port"."""
    host, port = address.split(":")
    with socket.socket() as one:
        return one.connect_ex((host, int(port))) == 0


# What is decided and said without Triton.


def test_another_system_is_named_as_the_reason(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert triton.why_not(sys.executable) == (
        f"nvidia-pytriton is for Linux on x86_64 alone. Received: {sys.platform} on aarch64."
    )


@pytest.fixture
def on_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def test_a_missing_environment_is_named_with_the_command_that_makes_it(on_linux, tmp_path):
    reason = triton.why_not(tmp_path / "python")
    assert f"no file {tmp_path / 'python'}" in reason
    assert reason.endswith("Make it with: make serve-test")


def test_our_own_environment_is_not_tritons(on_linux):
    # It has no pytriton; or its Python isn't one that Triton is built for.
    assert re.match(
        "Triton's (environment|Python|backend) .*Received: ", triton.why_not(sys.executable)
    )


def test_an_environment_whose_python_does_not_run_is_named(on_linux, fake_python):
    path = fake_python("echo no such library >&2; exit 3")
    assert triton.why_not(path) == (f"{path} must run. Received: exit status 3, no such library")


def test_a_server_is_refused_where_triton_cannot_run(on_linux, tmp_path):
    with pytest.raises(ValueError, match="Triton's environment must exist"):
        triton.TritonServer(tmp_path, python=tmp_path / "python")


def test_a_server_that_ends_at_once_is_an_error_with_its_last_words(
    on_linux, fake_python, tmp_path
):
    write_card(tmp_path / "1")
    python = fake_python('[ "$1" = -c ] || { echo "no library to load"; exit 1; }')
    with pytest.raises(ValueError, match="Triton must start.*Received: no library to load"):
        triton.TritonServer(tmp_path / "1", python=python).__enter__()


def test_an_unknown_signature_cannot_be_served(on_linux, fake_python, tmp_path):
    write_card(tmp_path / "1")
    with pytest.raises(ValueError, match="signature.*Received.*'encoed'.*encode"):
        triton.TritonServer(tmp_path / "1", python=fake_python("exit 0"), only=["encoed"])


def test_batches_are_as_large_as_batching_config_says(tmp_path):
    version = tmp_path / "1"
    assert triton.batching(version) == (64, 0)  # no file: what the gate has tried, and no wait
    folder = server_config.write(tmp_path, name="small", versions=[1])
    assert triton.batching(version) == (64, 0)
    path = folder / "batching.config"
    text = path.read_text(encoding="utf-8")
    text = text.replace("max_batch_size { value: 64", "max_batch_size { value: 16")
    text = text.replace("batch_timeout_micros { value: 0", "batch_timeout_micros { value: 2500")
    path.write_text(text, encoding="utf-8")
    assert triton.batching(version) == (16, 2500)


# What Triton does.


@pytest.mark.triton
def test_every_signature_answers_as_the_model_does(client, model_calls, server):
    asked = {call.signature for call in model_calls}
    assert asked == set(server.signatures)
    assert {"serving_default", "generate_from_r", "generate_from_r_uint8"} <= asked
    assert {"traverse", "encode"} <= asked
    for call in model_calls:
        problems, _ = calls.differences(call, client.run(call.signature, call.inputs))
        assert not problems, call.signature


@pytest.mark.triton
def test_the_process_that_answers_has_not_imported_tensorflow(server):
    assert server.imported == []


@pytest.mark.triton
def test_a_call_with_nan_is_flagged_in_its_row_alone(client):
    r = np.ones([3, 3], np.float32)
    r[1, 2] = np.nan
    answer = client.run("generate_from_r", {"r": r})
    np.testing.assert_array_equal(answer["valid"], [True, False, True])
    assert np.isfinite(answer["images"][[0, 2]]).all()


BAD_CALLS = {
    "another length": ("generate_from_r", {"r": np.ones([2, 4], np.float32)}, "INVALID_ARGUMENT"),
    "no rows": ("generate_from_r", {"r": np.ones([0, 3], np.float32)}, "INVALID_ARGUMENT"),
    "too many rows": ("generate_from_r", {"r": np.ones([65, 3], np.float32)}, "INVALID_ARGUMENT"),
    "another type": ("generate_from_r", {"r": np.ones([2, 3], np.float64)}, "INVALID_ARGUMENT"),
    "another input": ("generate_from_r", {"z": np.ones([2, 3], np.float32)}, "INVALID_ARGUMENT"),
    "a missing input": ("traverse", {"r": np.ones([2, 3], np.float32)}, "INVALID_ARGUMENT"),
    "other numbers of rows": (
        "generate_stochastic",
        {"z": np.ones([2, 4], np.float32), "seed": np.array([1])},
        "INVALID_ARGUMENT",
    ),
    "an unknown model": ("no_such_model", {"r": np.ones([2, 3], np.float32)}, "NOT_FOUND"),
}


@pytest.mark.triton
@pytest.mark.parametrize("bad", BAD_CALLS)
def test_a_bad_call_is_refused_and_the_server_lives_on(client, bad):
    signature, inputs, code = BAD_CALLS[bad]
    with pytest.raises(StatusError) as caught:
        client.run(signature, inputs)
    assert caught.value.code == code
    good = client.run("generate_from_r_uint8", {"r": np.ones([1, 3], np.float32)})
    assert good["images"].shape == (1, 64, 64, 1)


@pytest.mark.triton
def test_the_metrics_count_calls_and_rows(client, server):
    calls_before = counted(server, "nv_inference_request_success")
    rows_before = counted(server, "nv_inference_count")
    for rows in (1, 5, 8):
        client.run("encode_noise", {"z": np.ones([rows, 4], np.float32)})
    calls_after = counted(server, "nv_inference_request_success")
    rows_after = counted(server, "nv_inference_count")
    added = {name: calls_after[name] - calls_before[name] for name in calls_after}
    assert added == dict.fromkeys(server.signatures, 0.0) | {"encode_noise": 3.0}
    assert rows_after["encode_noise"] - rows_before["encode_noise"] == 14.0


@pytest.mark.triton
def test_triton_joins_calls_as_batching_config_says(server):
    url = f"http://{server.http_address}/v2/models/traverse/config"
    with urllib.request.urlopen(url, timeout=10) as answer:
        described = json.load(answer)
    assert described["max_batch_size"] == 64
    assert described["dynamic_batching"]["max_queue_delay_microseconds"] == 0


@pytest.mark.triton
def test_several_processes_are_answered_at_once_without_a_failed_call(server, session, capsys):
    signature = "generate_from_r"
    before = counted(server, "nv_inference_request_success")[signature]
    rows_before = counted(server, "nv_inference_count")[signature]
    runs_before = counted(server, "nv_inference_exec_count")[signature]
    codes = np.random.default_rng(0).standard_normal([CLIENTS, 2, 3], np.float32)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(triton.TritonClient(server, deadline=30.0)) for _ in codes]
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(CLIENTS))
        first = [one.run(signature, {"r": r}) for one, r in zip(clients, codes, strict=True)]
        start = time.perf_counter()
        futures = [
            pool.submit(one.measure, signature, {"r": r}, seconds=SECONDS, min_calls=20)
            for one, r in zip(clients, codes, strict=True)
        ]
        measured = [future.result() for future in futures]  # a failed call would be raised
        taken = time.perf_counter() - start
        last = [one.run(signature, {"r": r}) for one, r in zip(clients, codes, strict=True)]
    # Each got its own rows back, whatever they were joined with.
    for r, *answers in zip(codes, first, last, strict=True):
        wanted = session.run(signature, {"r": r})["images"]
        for answer in answers:
            np.testing.assert_allclose(answer["images"], wanted, atol=1e-5)
    assert max(furthest for _, furthest in measured) <= 1e-5
    times = np.concatenate([times for times, _ in measured])
    asked = len(times) + 2 * CLIENTS
    assert counted(server, "nv_inference_request_success")[signature] - before == asked
    assert counted(server, "nv_inference_count")[signature] - rows_before == 2 * asked
    # Calls that waited for each other ran together.
    assert counted(server, "nv_inference_exec_count")[signature] - runs_before < asked
    p50, p95, p99 = 1000 * np.percentile(times, [50, 95, 99])
    with capsys.disabled():
        print(
            f"\nTriton, {CLIENTS} processes, 2 images a call: {len(times)} calls, "
            f"{2 * len(times) / taken:.0f} images/s, p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms"
        )


@pytest.mark.triton
def test_it_listens_on_loopback_and_leaves_nothing_when_it_stops(available, published, tmp_path):
    folders = [pathlib.Path("/dev/shm"), pathlib.Path("/tmp")]

    def left():
        names = ("pytrtion*", "ibgan-triton-*", "ibgan-package-*")
        return {path for folder in folders for name in names for path in folder.glob(name)}

    before = left()
    serving = triton.TritonServer(published.path, python=PYTHON, only=["encode"])
    with serving as running:
        addresses = [running.grpc_address, running.http_address, running.metrics_address]
        assert all(address.startswith("127.0.0.1:") for address in addresses)
        assert all(map(listens, addresses))
        assert left() > before
        taken = tuple(int(address.split(":")[1]) for address in addresses)
        again = triton.TritonServer(published.path, python=PYTHON, ports=taken, only=["encode"])
        with pytest.raises(ValueError, match="Triton must start"):
            again.__enter__()
        assert all(map(listens, addresses))
    assert not any(map(listens, addresses))
    assert left() == before
