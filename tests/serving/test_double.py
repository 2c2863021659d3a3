"""The local server's protocol, and that versions are swapped without a gap (faults 13 to 15)."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from ibgan_tf.serving import client, double, publish, server_config

ROOT = pathlib.Path(__file__).parents[2]


def predict(server, z, *, model="small", signature="", outputs=(), version=None):
    """Returns the plain answer to a plain message, without our client."""
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in ({"z": z} if not isinstance(z, dict) else z).items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(server.address) as channel:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request)


def refusal(*args, **settings):
    with pytest.raises(grpc.RpcError) as caught:
        predict(*args, **settings)
    return caught.value.code().name, caught.value.details()


@pytest.fixture
def wait_until():
    """Gives a function that waits until something is true, at most ten seconds."""

    def wait(is_true):
        end = time.monotonic() + 10
        while not is_true():
            assert time.monotonic() < end, "it didn't become true"
            time.sleep(0.01)

    return wait


def test_it_listens_on_loopback_only_and_frees_its_ports(base_dir):
    server = double.ServingDouble(base_dir, model="small", rest_port=0).start()
    addresses = server.address, server.rest_address
    assert all(address.startswith("127.0.0.1:") for address in addresses)
    server.stop()
    ports = [int(address.split(":")[1]) for address in addresses]
    again = double.ServingDouble(base_dir, model="small", port=ports[0], rest_port=ports[1])
    again.start().stop()


def test_a_port_that_is_taken_is_told(serve, base_dir):
    port = int(serve(base_dir).address.split(":")[1])
    with pytest.raises(OSError, match=f"must be free to listen at. Received: 127.0.0.1:{port}"):
        double.ServingDouble(base_dir, model="small", port=port)


def test_the_answer_names_the_version_that_gave_it(serve, base_dir, z):
    answer = predict(serve(base_dir), z)
    assert answer.model_spec.name == "small"
    assert answer.model_spec.version.value == 2
    assert answer.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(answer.outputs["version"]).tolist() == [2, 2]


def test_outputs_can_be_chosen(serve, base_dir, z):
    server = serve(base_dir)
    assert set(predict(server, z, outputs=["valid"]).outputs) == {"valid"}
    assert refusal(server, z, outputs=["picture"])[0] == "INVALID_ARGUMENT"


def test_bad_requests_are_refused_with_the_servers_codes(serve, base_dir, z):
    server = serve(base_dir)
    assert refusal(server, z, model="other") == (
        "NOT_FOUND",
        "Servable not found for request: Latest(other)",
    )
    assert refusal(server, z, version=1) == (  # the newest alone is served
        "NOT_FOUND",
        "Servable not found for request: Specific(small, 1)",
    )
    assert refusal(server, z, signature="no")[0] == "FAILED_PRECONDITION"
    code, told = refusal(server, {"z": z, "r": z})
    assert (code, "Sent extra: {r}" in told) == ("INVALID_ARGUMENT", True)
    assert refusal(server, {})[0] == "INVALID_ARGUMENT"
    assert refusal(server, z.astype(np.float64))[0] == "INVALID_ARGUMENT"
    assert refusal(server, z[:, :2])[0] == "INVALID_ARGUMENT"


def test_nan_is_answered_row_by_row(serve, base_dir):
    z = np.array([[0.5, 1, 2], [np.nan, 0, 0]], np.float32)
    assert tf.make_ndarray(predict(serve(base_dir), z).outputs["valid"]).tolist() == [True, False]


def test_a_new_version_is_served_and_removing_it_rolls_back(
    serve, base_dir, copy_export, connect, z, wait_until
):
    known = connect(serve(base_dir, poll_seconds=0.02).address)

    def version():
        return known.run("serving_default", {"z": z})["version"][0]

    assert version() == 2
    copy_export(base_dir / "new", 3)
    (base_dir / "new").rename(base_dir / "3")
    wait_until(lambda: version() == 3)
    shutil.rmtree(base_dir / "3")
    wait_until(lambda: version() == 2)


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_in_service(
    serve, base_dir, copy_export, connect, z, wait_until
):
    known = connect(serve(base_dir, poll_seconds=0.02).address)
    copy_export(base_dir / "new", 3)
    (base_dir / "new" / "saved_model.pb").write_bytes(b"half")
    (base_dir / "new").rename(base_dir / "3")
    wait_until(lambda: known.versions().get(3) == "END")
    assert known.versions() == {2: "AVAILABLE", 3: "END"}
    assert known.run("serving_default", {"z": z})["version"].tolist() == [2, 2]
    shutil.rmtree(base_dir / "3")
    wait_until(lambda: known.versions() == {2: "AVAILABLE"})


def write_warmup(export_dir, z):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs["z"].CopyFrom(tf.make_tensor_proto(z))
    path = export_dir / "assets.extra" / double.warm_up.WARM_UP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(log.SerializeToString())
    return path


def test_warm_up_requests_are_answered_before_a_version_is_served(serve, base_dir, z, monkeypatch):
    asked = []
    run = double.runtime.SavedModelSession.run
    monkeypatch.setattr(
        double.runtime.SavedModelSession,
        "run",
        lambda self, name, inputs: asked.append((name, inputs["z"])) or run(self, name, inputs),
    )
    write_warmup(base_dir / "2", z)
    server = serve(base_dir)
    assert server.versions.states() == {2: ("AVAILABLE", "")}
    assert [(name, rows.tolist()) for name, rows in asked] == [("serving_default", z.tolist())]


@pytest.mark.parametrize("damage", ["a failing record", "no record"])
def test_a_bad_warm_up_refuses_the_version(serve, base_dir, z, damage):
    path = write_warmup(base_dir / "2", z[:, :2] if damage == "a failing record" else z)
    if damage == "no record":
        path.write_bytes(path.read_bytes()[:-3])
    state, told = serve(base_dir).versions.states()[2]
    assert state == "END"
    assert told


def test_the_states_are_told_in_the_real_message(serve, base_dir):
    server = serve(base_dir)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "small"
    with grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        (status,) = stub.GetModelStatus(request).model_version_status
    assert (status.version, status.state) == (2, get_model_status_pb2.ModelVersionStatus.AVAILABLE)


def test_a_hundred_swaps_under_load_fail_no_request(
    serve, tmp_path, copy_export, connect, z, wait_until
):
    # Versions are published as an export is; three clients never retry, so that a single failed
    # request is seen.
    base_dir = tmp_path / "base"
    copy_export(base_dir / "1", 1)
    server = serve(base_dir, poll_seconds=0.005)
    stop = threading.Event()
    seen, errors = [[] for _ in range(3)], []

    def load(answers):
        known = connect(server.address, patience=client.Patience(attempts=1))
        while not stop.is_set():
            try:
                answer = known.run("serving_default", {"z": z})
            except (OSError, ValueError) as error:
                errors.append(error)
                return
            np.testing.assert_array_equal(answer["images"][:, 0, 0, 0], [0.25, -0.5])
            answers.append(set(answer["version"].tolist()))
            time.sleep(0.002)  # leaves some of two cores for the swaps

    threads = [threading.Thread(target=load, args=(answers,)) for answers in seen]
    for thread in threads:
        thread.start()
    for version in range(2, 102):
        with publish.publishing(base_dir, version) as staging:
            copy_export(staging, version)
        wait_until(lambda version=version: server.versions.states() == {version: ("AVAILABLE", "")})
        shutil.rmtree(base_dir / str(version - 1))
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert server.versions.loads == 101
    for answers in seen:
        numbers = [number for answer in answers for number in answer]
        assert all(len(answer) == 1 for answer in answers)  # no answer of two versions
        assert numbers == sorted(numbers)  # nor an older one after a newer
        assert set(numbers) <= set(range(1, 102))
    assert len({number for answers in seen for answer in answers for number in answer}) > 50


def test_the_settings_beside_the_versions_say_what_is_served(
    serve, base_dir, copy_export, connect, z
):
    assert double.configured_versions(base_dir) == (None, {})
    server_config.write(base_dir, name="small", versions=[1])
    server_config.write(base_dir, name="small", versions=[1, 2])
    only, labels = double.configured_versions(base_dir)
    assert (only, labels) == ("all", {"stable": 1, "canary": 2})
    server = serve(base_dir, only=only, labels=labels)
    for label, version in labels.items():
        answer = connect(server.address, label=label).run("serving_default", {"z": z})
        assert answer["version"].tolist() == [version] * 2


def test_the_settings_may_name_the_versions(base_dir):
    path = base_dir / server_config.FOLDER / server_config.MODELS
    path.parent.mkdir()
    policy = "model_version_policy { specific { versions: 2 versions: 1 } }"
    path.write_text(f"model_config_list {{ config {{ {policy} }} }}")
    assert double.configured_versions(base_dir) == ([1, 2], {})


def test_a_new_version_leaves_the_older_ones_to_those_who_ask_for_them(
    serve, base_dir, copy_export, connect, wait_until, z
):
    server = serve(base_dir, only="all", labels={"stable": 1}, poll_seconds=0.01)
    stable = connect(server.address, label="stable")
    with publish.publishing(base_dir, 3) as staging:
        copy_export(staging, 3)
    wait_until(lambda: 3 in server.versions.states())
    assert stable.run("serving_default", {"z": z})["version"].tolist() == [1, 1]
    assert connect(server.address).run("serving_default", {"z": z})["version"].tolist() == [3, 3]


@pytest.mark.parametrize("text", ["model_config_list {", "", "\x00"])
def test_settings_that_name_no_model_are_refused(base_dir, text):
    path = base_dir / server_config.FOLDER / server_config.MODELS
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match="models.config must name one model"):
        double.configured_versions(base_dir)


def test_a_version_is_freed_only_when_its_calls_have_ended(serve, base_dir, copy_export, connect):
    entered, go_on, closed = threading.Event(), threading.Event(), []

    class Held:
        signatures = {
            "serving_default": {
                "inputs": {"z": {"tensor": "z:0", "dtype": "float32", "shape": [None]}},
                "outputs": {"z": {"tensor": "o:0", "dtype": "float32", "shape": [None]}},
            }
        }

        def __init__(self, path):
            self.version = int(path.name)

        def run(self, signature, inputs):
            entered.set()
            assert go_on.wait(5)
            assert self.version not in closed
            return inputs

        def close(self):
            closed.append(self.version)

    server = serve(base_dir, load=Held, poll_seconds=1000)
    known = connect(server.address)
    assert known.signatures
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(known.run("serving_default", {"z": [1.0]}))
    )
    thread.start()
    assert entered.wait(5)
    (base_dir / "3").mkdir()
    server.versions.poll()
    assert list(server.versions.states()) == [3]
    assert closed == []
    go_on.set()
    thread.join()
    assert answers[0]["z"].tolist() == [1.0]
    assert closed == [2]


def start_server(base_dir, *flags):
    """Returns a server in a process of its own, and what it said when it was ready."""
    command = [sys.executable, ROOT / "export" / "serve_locally.py", f"--model_dir={base_dir}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    process = subprocess.Popen(
        [*command, "--model=small", "--port=0", "--rest_port=0", *flags],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline()


def test_a_killed_server_is_one_line_and_the_client_finds_the_next_one(base_dir, connect, serve, z):
    process, said = start_server(base_dir)
    try:
        address = said.split("gRPC ")[1].split(",")[0]
        known = connect(address, patience=client.Patience(attempts=2))
        assert known.run("serving_default", {"z": z})["version"].tolist() == [2, 2]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        with pytest.raises(client.ServingError, match="must be running") as caught:
            known.run("serving_default", {"z": z})
        assert "\n" not in str(caught.value)
        serve(base_dir, port=int(address.split(":")[1]))
        known.patience = client.Patience(attempts=8)
        assert known.run("serving_default", {"z": z})["version"].tolist() == [2, 2]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
