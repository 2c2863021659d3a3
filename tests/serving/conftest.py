"""Small exports whose every answer tells their version, and servers of them."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

VERSION_MARK = 987_654_321  # what is replaced in the graph of a copy
MODEL = "small"


class SmallGenerator(tf.Module):
    """Images that are the first value of a row everywhere: worked out by hand in the tests."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(0.5)

    def _answer(self, values):
        number = tf.shape(values)[0]
        # A product, which another length than the signature's makes fail.
        first = tf.matmul(values, tf.eye(values.shape[1], 1))
        images = tf.tile(self.scale * first[:, :, tf.newaxis, tf.newaxis], [1, 4, 4, 1])
        return {
            "images": images,
            "valid": tf.reduce_all(tf.math.is_finite(values), axis=1),
            "version": tf.fill([number], tf.constant(VERSION_MARK, tf.int64)),
        }

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="z")])
    def generate(self, z):
        return self._answer(z)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="r")])
    def png(self, r):
        images = tf.cast(127.5 * (self._answer(r)["images"] + 1.0), tf.uint8)
        return {"images_png_bytes": tf.io.encode_png(images)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="seed")])
    def sample(self, seed):
        return self._answer(tf.cast(seed[:, tf.newaxis], tf.float32))


@pytest.fixture(scope="session")
def small_export(tmp_path_factory):
    """An export without a number of its own."""
    path = tmp_path_factory.mktemp("small") / "export"
    module = SmallGenerator()
    signatures = {
        "serving_default": module.generate,
        "generate_from_r_png": module.png,
        "sample": module.sample,
    }
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


@pytest.fixture(scope="session")
def copy_export(small_export):
    """Gives a function that writes the small export to a folder, as a version of its own."""
    from tensorflow.core.protobuf import saved_model_pb2

    message = saved_model_pb2.SavedModel.FromString((small_export / "saved_model.pb").read_bytes())
    marks = [
        node.attr["value"].tensor
        for function in message.meta_graphs[0].graph_def.library.function
        for node in function.node_def
        if node.op == "Const" and VERSION_MARK in node.attr["value"].tensor.int64_val
    ]
    assert len(marks) >= 2

    def copy(folder, version):
        shutil.copytree(small_export, folder, dirs_exist_ok=True)
        for mark in marks:
            mark.int64_val[0] = version
        (folder / "saved_model.pb").write_bytes(message.SerializeToString())

    return copy


@pytest.fixture
def base_dir(tmp_path, copy_export):
    """A folder with the versions 1 and 2."""
    for version in (1, 2):
        copy_export(tmp_path / "base" / str(version), version)
    return tmp_path / "base"


@pytest.fixture
def serve(request):
    """Gives a function that starts a server, which is stopped after the test."""
    from ibgan_tf.serving import double

    def start(base_dir, **settings):
        server = double.ServingDouble(pathlib.Path(base_dir), model=MODEL, **settings)
        request.addfinalizer(server.stop)
        return server.start()

    return start


@pytest.fixture
def connect(request):
    """Gives a function that makes a client of a server, closed after the test."""
    from ibgan_tf.serving import client

    def make(address, **settings):
        made = client.connect(address, **{"model": MODEL} | settings)
        request.addfinalizer(made.close)
        return made

    return make


@pytest.fixture
def z():
    """Two rows of noise."""
    return np.array([[0.5, 1, 2], [-1, 3, 4]], np.float32)


@pytest.fixture(scope="session")
def model(published):
    """A narrow IB-GAN of 64 x 64 pixels, z of 4 and r of 3 dimensions."""
    return published.run.model


@pytest.fixture(scope="session")
def session(published):
    """Its export, loaded as a server does."""
    from ibgan_tf.serving import card, runtime

    known = card.read(published.path)["signatures"]
    with runtime.SavedModelSession(published.path, known, threads=1) as session:
        yield session
