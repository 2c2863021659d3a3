"""The local server's REST interface, by plain HTTP."""

import http.client
import json

import numpy as np
import pytest

from ibgan_tf.serving import double, double_rest


def rest(server, method, path, body=None):
    """Returns the status and JSON of a REST call."""
    connection = http.client.HTTPConnection(server.rest_address, timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_rest_answers_by_columns_and_by_rows(serve, base_dir):
    server = serve(base_dir, rest_port=0)
    path = "/v1/models/small:predict"
    status, answer = rest(server, "POST", path, {"inputs": {"z": [[0.5, 1, 2]]}})
    assert status == 200
    assert answer["outputs"]["images"] == np.full([1, 4, 4, 1], 0.25).tolist()
    assert answer["outputs"]["valid"] == [True]
    rows = [{"z": [0.5, 1, 2]}, {"z": [-1, 0, 0]}]
    status, answer = rest(server, "POST", path, {"instances": rows})
    assert [row["images"][0][0][0] for row in answer["predictions"]] == [0.25, -0.5]
    # The only output of a signature stands by itself; the name says that it is bytes.
    body = {"signature_name": "generate_from_r_png", "inputs": [[1, 2]]}
    status, answer = rest(server, "POST", path, body)
    assert list(answer["outputs"][0]) == ["b64"]


def test_rest_describes_the_model(serve, base_dir):
    server = serve(base_dir, rest_port=0)
    status, answer = rest(server, "GET", "/v1/models/small")
    assert status == 200
    assert answer["model_version_status"] == [
        {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
    status, answer = rest(server, "GET", "/v1/models/small/versions/2/metadata")
    assert answer["model_spec"] == {"name": "small", "signature_name": "", "version": "2"}
    described = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert described["inputs"]["z"]["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in described["inputs"]["z"]["tensor_shape"]["dim"]] == ["-1", "3"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/models/other:predict", {"inputs": {"z": [[1, 2, 3]]}}, 404),
        ("GET", "/v1/models/other", None, 404),
        ("GET", "/v1/model/small", None, 400),
        ("GET", "/v1/models/small:predict", None, 400),
        ("POST", "/v1/models/small:predict", {"rows": []}, 400),
        ("POST", "/v1/models/small:predict", {"instances": []}, 400),
        ("POST", "/v1/models/small:predict", [1], 400),
        ("POST", "/v1/models/small:predict", {"inputs": {"z": [["a", "b", "c"]]}}, 400),
        ("POST", "/v1/models/small:predict", {"inputs": {"z": [[1], [1, 2]]}}, 400),
        ("POST", "/v1/models/small:predict", {"signature_name": "no", "inputs": {}}, 412),
        ("POST", "/v1/models/small:predict", {"inputs": {"z": [[True, True, True]]}}, 400),
        ("GET", "/v1/models/small/versions/99999999999999999999", None, 400),
        ("GET", "/v1/models/small/versions/9223372036854775808", None, 400),
        ("GET", "/v1/models/small/versions/9", None, 404),
    ],
)
def test_bad_rest_requests_are_refused(serve, base_dir, method, path, body, status):
    found, answer = rest(serve(base_dir, rest_port=0), method, path, body)
    assert found == status
    assert list(answer) == ["error"]


@pytest.mark.parametrize("seed", [2**63, 2**64, 0.5, True, "1"])
def test_what_is_no_int64_is_refused_as_one(serve, base_dir, seed):
    body = {"signature_name": "sample", "inputs": {"seed": [seed]}}
    server = serve(base_dir, rest_port=0)
    status, answer = rest(server, "POST", "/v1/models/small:predict", body)
    assert status == 400
    assert answer["error"].startswith("Failed to process element of 'seed'")


def test_json_of_any_depth_is_answered(serve, base_dir):
    server = serve(base_dir, rest_port=0)
    connection = http.client.HTTPConnection(server.rest_address, timeout=10)
    try:
        connection.request("POST", "/v1/models/small:predict", "[" * 100_000)
        answer = connection.getresponse()
        assert answer.status == 400
        assert json.loads(answer.read())["error"].startswith("JSON Parse error")
    finally:
        connection.close()


def test_strings_are_taken_plain_or_as_base64():
    given = {"part": ["noise", {"b64": "Y29kZQ=="}]}
    found = double_rest._inputs({"inputs": given}, {"inputs": {"part": {"dtype": "string"}}})
    assert found["part"].tolist() == [b"noise", b"code"]


def test_a_port_that_is_taken_is_told(serve, base_dir):
    port = int(serve(base_dir, rest_port=0).rest_address.split(":")[1])
    with pytest.raises(OSError, match=f"rest_port must be free .* 127.0.0.1:{port}"):
        double.ServingDouble(base_dir, model="small", rest_port=port)


@pytest.mark.parametrize("length", ["many", "-1", "1" * 5000])
def test_a_length_that_is_no_number_is_refused(serve, base_dir, length):
    server = serve(base_dir, rest_port=0)
    connection = http.client.HTTPConnection(server.rest_address, timeout=10)
    try:
        connection.putrequest("POST", "/v1/models/small:predict")
        connection.putheader("Content-Length", length)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 400
        assert json.loads(answer.read()) == {"error": "Content-Length must be a whole number"}
    finally:
        connection.close()
