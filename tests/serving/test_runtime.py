import concurrent.futures
import json
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.serving import runtime
from ibgan_tf.serving.signatures import read_signatures


class Doubler(tf.Module):
    def __init__(self):
        super().__init__()
        self.weight = tf.Variable(2.0 * tf.eye(3))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, name="x"),
            tf.TensorSpec([None], tf.string, name="text"),
            tf.TensorSpec([None], tf.int64, name="count"),
        ]
    )
    def double(self, x, text, count):
        return {
            "x": tf.matmul(x, self.weight),
            "text": tf.strings.join([text, text]),
            "count": tf.cast(2 * count, tf.uint8),
            "large": count > 9,
        }


@pytest.fixture(scope="module")
def export_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("runtime") / "1"
    module = Doubler()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.double})
    return path


@pytest.fixture(scope="module")
def session(export_dir):
    with runtime.SavedModelSession(export_dir, read_signatures(export_dir), threads=1) as session:
        yield session


def inputs(rows=2):
    return {
        "x": np.arange(3 * rows, dtype=np.float32).reshape(rows, 3),
        "text": np.array([b"long enough to be on the heap" * 3, b"\x00short"][:rows], object),
        "count": np.array([5, 10][:rows], np.int64),
    }


def test_a_signature_answers_with_named_arrays_of_its_types(session):
    answer = session.run("serving_default", inputs())
    np.testing.assert_array_equal(answer["x"], [[0, 2, 4], [6, 8, 10]])
    assert list(answer["text"]) == [b"long enough to be on the heap" * 6, b"\x00short\x00short"]
    np.testing.assert_array_equal(answer["count"], [10, 20])
    np.testing.assert_array_equal(answer["large"], [False, True])
    assert {name: str(array.dtype) for name, array in answer.items()} == {
        "x": "float32",
        "text": "object",
        "count": "uint8",
        "large": "bool",
    }


def test_a_batch_without_rows_is_answered_by_one(session):
    answer = session.run("serving_default", inputs(rows=0))
    assert {name: array.shape for name, array in answer.items()} == {
        "x": (0, 3),
        "text": (0,),
        "count": (0,),
        "large": (0,),
    }


def test_a_transposed_array_is_read_in_its_own_order(session):
    given = inputs() | {"x": np.asfortranarray(inputs()["x"])}
    np.testing.assert_array_equal(
        session.run("serving_default", given)["x"], [[0, 2, 4], [6, 8, 10]]
    )


def test_calls_from_many_threads_keep_their_rows_apart(session):
    def call(number):
        given = inputs() | {"x": np.full([2, 3], number, np.float32)}
        return session.run("serving_default", given)["x"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number, answer in enumerate(pool.map(call, range(200))):
            np.testing.assert_array_equal(answer, np.full([2, 3], 2.0 * number))


@pytest.mark.parametrize(
    ("signature", "changes", "code", "words"),
    [
        ("other", {}, "NOT_FOUND", "signature must be one of: serving_default. Received: "),
        ("serving_default", {"y": 1}, "INVALID_ARGUMENT", r"must be \['count', 'text', 'x'\]"),
        ("serving_default", {"x": np.ones([2, 3])}, "INVALID_ARGUMENT", "Received: float64"),
        (
            "serving_default",
            {"x": np.ones([2, 4], np.float32)},
            "INVALID_ARGUMENT",
            r"Matrix size-incompatible: In\[0\]: \[2,4\]",
        ),
    ],
    ids=["unknown signature", "unknown input", "another type", "another shape"],
)
def test_a_wrong_call_is_refused_with_the_code_of_a_server(
    session, signature, changes, code, words
):
    with pytest.raises(runtime.SavedModelError, match=words) as error:
        session.run(signature, inputs() | changes)
    assert error.value.code == code


def test_what_is_no_export_is_refused_with_the_words_of_the_runtime(tmp_path):
    with pytest.raises(runtime.SavedModelError, match="Could not find SavedModel") as error:
        runtime.SavedModelSession(tmp_path, {})
    assert error.value.code == "NOT_FOUND"


def test_signatures_that_the_graph_lacks_are_refused(export_dir):
    tensor = {"tensor": "missing:0", "dtype": "float32"}
    signatures = {"serving_default": {"inputs": {}, "outputs": {"x": tensor}}}
    with pytest.raises(runtime.SavedModelError, match="must have the operation 'missing'"):
        runtime.SavedModelSession(export_dir, signatures)


def test_every_tensor_and_string_of_a_call_is_freed(session, monkeypatch):
    freed = {"TF_DeleteTensor": [], "TF_StringDealloc": []}

    def counting(free, places):
        return lambda place: places.append(place) or free(place)

    for name, places in freed.items():
        free = getattr(session._library, name)
        monkeypatch.setattr(session._library, name, counting(free, places))
    session.run("serving_default", inputs())
    assert len(freed["TF_DeleteTensor"]) == len(set(freed["TF_DeleteTensor"])) == 3 + 4
    assert len(freed["TF_StringDealloc"]) == 2  # of the texts that were sent


def test_closing_waits_for_the_calls_under_way(export_dir):
    session = runtime.SavedModelSession(export_dir, read_signatures(export_dir), threads=1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with session._open():  # a call that goes on
            closing = pool.submit(session.close)
            while session._session is not None:
                time.sleep(0.001)
            with pytest.raises(runtime.SavedModelError, match="is closed"):
                session.run("serving_default", inputs())
            assert session._graph is not None and not closing.done()
        closing.result(timeout=30)
    assert session._graph is None


def test_a_closed_session_says_so(export_dir):
    session = runtime.SavedModelSession(export_dir, read_signatures(export_dir), threads=1)
    session.close()
    session.close()
    with pytest.raises(runtime.SavedModelError, match="is closed"):
        session.run("serving_default", inputs())


def test_a_process_without_tensorflow_gets_the_same_answer(export_dir, session):
    program = """
import json, sys
import numpy as np
from ibgan_tf.serving.runtime import SavedModelSession

session = SavedModelSession(sys.argv[1], sys.argv[2], threads=1)
x = np.arange(6, dtype=np.float32).reshape(2, 3)
text = np.array([b"a", b"b"])
answer = session.run("serving_default", {"x": x, "text": text, "count": np.array([1, 2])})
imported = [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "google")]
print(json.dumps({"x": answer["x"].tolist(), "imported": imported}))
"""
    arguments = [str(export_dir), json.dumps(read_signatures(export_dir))]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    printed = json.loads(done.stdout)
    assert printed["x"] == session.run("serving_default", inputs())["x"].tolist()
    assert printed["imported"] == []


@pytest.mark.parametrize(
    ("threads", "number"), [(1, [1]), (127, [127]), (128, [0x80, 1]), (300, [0xAC, 2])]
)
def test_a_number_of_threads_is_a_varint(threads, number):
    """300 = 2 * 128 + 44, as in protobuf's own description of its encoding."""
    assert runtime._thread_settings(threads) == bytes([0x10, *number, 0x28, *number])
