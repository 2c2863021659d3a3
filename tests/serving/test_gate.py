import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.serving import calls, card, gate

SPEC = [tf.TensorSpec([None, 3], tf.float32, name="z")]


def save(path, function, *, variables=(), spec=SPEC):
    """Writes an export of one function, as the archive would."""
    module = tf.Module()
    module.weights = list(variables)
    signature = tf.function(function, input_signature=spec, autograph=False)
    tf.saved_model.save(module, str(path), signatures={"serving_default": signature})
    return path


def describe(path, response, rows=1):
    """Writes a card of an export by hand: its signature, a sample and the files' hashes."""
    from ibgan_tf.serving.packing import pack
    from ibgan_tf.serving.signatures import read_signatures

    values = {
        "format": 1,
        "signatures": read_signatures(path),
        "files": card.file_hashes(path),
        "samples": {
            "serving_default": {
                "request": {"z": pack(np.ones([rows, 3], np.float32))},
                "response": {name: pack(array) for name, array in response.items()},
            }
        },
    }
    (path / "assets.extra").mkdir()
    (path / "assets.extra" / "model_card.json").write_text(json.dumps(values))


def answer(images):
    return {"images": images, "valid": tf.reduce_all(tf.math.is_finite(images), axis=1)}


WANTED = {"images": np.full([1, 3], 2, np.float32), "valid": np.array([True])}


@pytest.fixture
def weight():
    return tf.Variable(2.0 * tf.eye(3))


@pytest.fixture
def good(tmp_path, weight):
    return save(tmp_path / "1", lambda z: answer(tf.matmul(z, weight)), variables=[weight])


@pytest.fixture
def copy(published, tmp_path):
    """A copy of a real export, to spoil."""
    return shutil.copytree(published.path, tmp_path / "models" / "small" / "1")


def refuse(path, words):
    with pytest.raises(ValueError, match=words) as error:
        gate.check_contents(path)
    assert str(error.value).startswith(
        f"An export must pass the gate. Received: export_dir={path}: "
    )
    return str(error.value)


# What passes


def test_a_good_export_passes_and_the_report_says_what_was_tried(good):
    describe(good, WANTED)
    report = gate.check_contents(good)
    assert report[0].startswith("1 signatures, run at batch 1, 2, 64 in a process without ")
    assert report[0].endswith("largest difference 0.0e+00")
    assert report[1] == "4 files as the card has them"


def test_a_published_export_passes_by_itself(published):
    report = gate.check_export(published.path)
    assert report[0].startswith("9 signatures, run at batch 1, 2, 64 in a process without ")
    assert report[1] == "5 files as the card has them"
    assert report[2] == "9 warm-up requests replayed"
    assert report[3] == "models.config read: small-ibgan, stable 1"


# What a server can't run


def test_a_module_that_holds_a_keras_model_is_refused_at_its_first_run(tmp_path):
    class Holder(tf.Module):
        def __init__(self):
            super().__init__()
            self.network = tf.keras.Sequential([tf.keras.Input([3]), tf.keras.layers.Dense(3)])

        @tf.function(input_signature=SPEC)
        def generate(self, z):
            return answer(self.network(z))

    module = Holder()
    path = tmp_path / "1"
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.generate})
    tf.saved_model.load(str(path)).signatures["serving_default"](z=tf.ones([1, 3]))  # passes
    message = refuse(path, "FAILED_PRECONDITION")
    assert "Could not find variable" in message


def test_a_python_function_is_refused(tmp_path):
    def generate(z):
        return answer(tf.ensure_shape(tf.py_function(lambda x: 2 * x, [z], tf.float32), [None, 3]))

    path = save(tmp_path / "1", generate)
    refuse(path, "the operation EagerPyFunc isn't allowed in an export")


def test_a_function_for_xla_is_refused(tmp_path):
    compiled = tf.function(lambda z: 2.0 * z, jit_compile=True)
    path = save(tmp_path / "1", lambda z: answer(compiled(z)))
    refuse(path, r"a function must be compiled by XLA \(jit_compile\), which servers leave off")


@pytest.mark.parametrize("device", ["/GPU:0", "/job:localhost/replica:0/task:0/device:GPU:1"])
def test_a_pinned_gpu_is_refused(tmp_path, device):
    def generate(z):
        with tf.device(device):
            return answer(2.0 * z)

    refuse(save(tmp_path / "1", generate), "the graph is pinned to the device .*GPU:")


def test_a_pinned_processor_passes(tmp_path):
    def generate(z):
        with tf.device("/CPU:0"):
            return answer(2.0 * z)

    path = save(tmp_path / "1", generate)
    variable = tf.Variable(1.0)  # an export without variables has no files of them
    path = save(tmp_path / "2", lambda z: generate(variable * z), variables=[variable])
    describe(path, WANTED)
    gate.check_contents(path)


@pytest.mark.parametrize(
    ("operation", "function"),
    [
        ("ReadFile", lambda z: tf.strings.length(tf.io.read_file("/etc/hostname"))),
        ("WriteFile", lambda z: tf.io.write_file("/tmp/written-by-an-export", "x") and 0),
        ("Assert", lambda z: tf.debugging.Assert(tf.reduce_all(z > 0), [z]) and 0),
        ("RandomStandardNormal", lambda z: tf.random.normal([3])),
    ],
)
def test_operations_that_are_not_on_the_list_are_refused_without_running_them(
    tmp_path, operation, function
):
    def generate(z):
        value = function(z)
        with tf.control_dependencies([value] if tf.is_tensor(value) else []):
            return answer(z + tf.cast(0 if value is None else value, tf.float32))

    message = refuse(save(tmp_path / "1", generate), f"the operation {operation} isn't allowed")
    assert "can't be run" not in message


def test_a_signature_that_saves_files_is_refused_though_every_export_can_save(tmp_path, weight):
    def generate(z):
        saved = tf.raw_ops.SaveV2(
            prefix="/tmp/written", tensor_names=["z"], shape_and_slices=[""], tensors=[z]
        )
        with tf.control_dependencies([saved]):
            return answer(tf.matmul(z, weight))

    path = save(tmp_path / "1", generate, variables=[weight])
    assert "SaveV2" in refuse(path, "the operation SaveV2 isn't allowed")


def test_a_signature_that_changes_a_variable_is_refused(tmp_path, weight):
    def generate(z):
        with tf.control_dependencies([weight.assign_add(tf.eye(3))]):
            return answer(tf.matmul(z, weight))

    path = save(tmp_path / "1", generate, variables=[weight])
    refuse(path, "the operation AssignAddVariableOp isn't allowed")


# Signatures


def test_bfloat16_outputs_are_refused(tmp_path, weight):
    def generate(z):
        return answer(tf.cast(tf.matmul(z, weight), tf.bfloat16))

    path = save(tmp_path / "1", generate, variables=[weight])
    refuse(path, "output images of serving_default is bfloat16; it must be one of float32, int64")


def test_a_scalar_output_is_refused(tmp_path, weight):
    path = save(
        tmp_path / "1",
        lambda z: answer(tf.matmul(z, weight)) | {"loss": tf.reduce_sum(z)},
        variables=[weight],
    )
    refuse(path, r"output loss of serving_default has the shape \[\]; its first size must be free")


def test_a_fixed_batch_is_refused(tmp_path, weight):
    path = save(
        tmp_path / "1",
        lambda z: answer(tf.matmul(z, weight)),
        variables=[weight],
        spec=[tf.TensorSpec([8, 3], tf.float32, name="z")],
    )
    refuse(path, r"input z of serving_default has the shape \[8, 3\]; its first size must be free")


def test_other_signatures_than_the_cards_are_refused(good):
    describe(good, WANTED)
    path = good / "assets.extra" / "model_card.json"
    values = json.loads(path.read_text())
    values["signatures"]["encode"] = values["signatures"]["serving_default"]
    path.write_text(json.dumps(values))
    refuse(good, r"the signatures are \['serving_default'\]; they must be \['encode', 'serving_d")


# Variables


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("variables.index", "variables/ lacks variables.index or variables.data-"),
        ("variables.data-00000-of-00001", "variables/ lacks variables.index or variables.data-"),
    ],
)
def test_missing_variables_are_refused(copy, name, words):
    (copy / "variables" / name).unlink()
    assert f"the file variables/{name} is missing" in refuse(copy, words)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.999])
def test_truncated_variables_are_refused(copy, keep):
    path = copy / "variables" / "variables.data-00000-of-00001"
    contents = path.read_bytes()
    path.write_bytes(contents[: int(keep * len(contents))])
    refuse(copy, "variables/ is damaged: ")


def test_a_flipped_bit_is_refused(copy):
    path = copy / "variables" / "variables.data-00000-of-00001"
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)
    refuse(copy, "variables/ is damaged: .*[Cc]hecksum")


def test_weights_that_are_stored_twice_are_refused(tmp_path, weight):
    values = np.arange(9, dtype=np.float32).reshape(3, 3)
    weight.assign(values)
    second = tf.Variable(values)
    path = save(
        tmp_path / "1",
        lambda z: answer(tf.matmul(z, weight) + tf.matmul(z, second)),
        variables=[weight, second],
    )
    message = refuse(path, "hold the same numbers: stored twice")
    assert "the variables weights/0/" in message


def test_a_variable_for_training_alone_is_refused(tmp_path, weight):
    velocity = tf.Variable(tf.zeros([3, 3]), name="velocity")
    path = save(
        tmp_path / "1",
        lambda z: answer(tf.matmul(z, weight)),
        variables=[weight, velocity],
    )
    refuse(path, "holds 2 variables of which the signatures read 1: some are stored twice, or are")


# The card and the answers


def test_an_edited_file_is_refused(copy):
    path = copy / "saved_model.pb"
    path.write_bytes(path.read_bytes() + b"\x00" * 0 + b"\x1a\x00")  # an empty unknown field
    refuse(copy, "the file saved_model.pb isn't the one that was exported: its SHA-256 differs")


def test_a_file_that_the_card_does_not_know_is_refused(copy):
    (copy / "extra.txt").write_text("x")
    refuse(copy, "the card has no file extra.txt")


def test_an_export_without_its_card_is_refused(good):
    refuse(good, "model_card.json must exist")


def test_a_damaged_card_is_refused(good):
    describe(good, WANTED)
    path = good / "assets.extra" / "model_card.json"
    path.write_text(path.read_text()[:-5])
    refuse(good, "model_card.json must be JSON")


@pytest.mark.parametrize("missing", ["response", "valid"])
def test_a_card_with_half_a_sample_is_refused(good, missing):
    describe(good, WANTED)
    path = good / "assets.extra" / "model_card.json"
    card = json.loads(path.read_text())
    sample = card["samples"]["serving_default"]
    del (sample if missing == "response" else sample["response"])[missing]
    path.write_text(json.dumps(card))
    refuse(good, "sample of serving_default must have a request and a response with 'valid'")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (
            WANTED | {"images": np.full([1, 3], 2.25, np.float32)},
            "serving_default at batch 1: images differs from the model's by 0.25",
        ),
        (WANTED | {"valid": np.array([False])}, r"valid is \[ True\] where \[False\] must be"),
        ({"valid": np.array([True])}, r"answers \['images', 'valid'\] where \['valid'\] must be"),
        (
            WANTED | {"images": np.full([1, 4], 2, np.float32)},
            r"images is float32 \[1, 3\] where float32 \[1, 4\] must be",
        ),
    ],
    ids=["numbers", "validity", "names", "shape"],
)
def test_other_answers_than_the_models_are_refused(good, response, words):
    describe(good, response)
    refuse(good, words)


def test_answers_are_compared_with_the_model_where_it_is_there(good):
    describe(good, WANTED)
    z = np.array([[1, 2, 3]], np.float32)
    outputs = {"images": 2 * z, "valid": np.array([True])}
    call = calls.Call(signature="serving_default", inputs={"z": z}, outputs=outputs)
    gate.check_contents(good, model_calls=[call])
    outputs["images"] = 3 * z
    with pytest.raises(ValueError, match="images differs from the model's by 3"):
        gate.check_contents(good, model_calls=[call])


# What lies around it


def test_a_version_that_is_not_named_by_a_number_is_refused(copy):
    renamed = copy.rename(copy.with_name("v1"))
    with pytest.raises(ValueError, match="a version's folder must be named by a whole number"):
        gate.check_export(renamed)


def test_what_is_no_export_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"saved_model.pb must exist: export_dir is the f"):
        gate.check_export(tmp_path)


def test_a_damaged_graph_is_told(copy):
    path = copy / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="saved_model.pb must "):
        gate.check_export(copy)


def test_damaged_warm_up_requests_are_told(copy):
    path = copy / "assets.extra" / "tf_serving_warmup_requests"
    path.write_bytes(path.read_bytes()[:-3])
    refuse(copy, "the file assets.extra/tf_serving_warmup_requests isn't the one")
    values = json.loads((copy / "assets.extra" / "model_card.json").read_text())
    values["files"] = card.file_hashes(copy)
    (copy / "assets.extra" / "model_card.json").write_text(json.dumps(values))
    refuse(copy, "tf_serving_warmup_requests must hold requests. Received: .*truncated")
