import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from ibgan_tf.training import callbacks
from ibgan_tf.training.tensorboard import TensorBoardWriter


def read(folder):
    """Returns what TensorBoard sees: the values of each tag by step."""
    accumulator = event_accumulator.EventAccumulator(str(folder), {"tensors": 0})
    accumulator.Reload()
    return {
        tag: {event.step: tf.make_ndarray(event.tensor_proto) for event in accumulator.Tensors(tag)}
        for tag in accumulator.Tags()["tensors"]
    }


def test_scalars_and_pictures_can_be_read_before_the_writer_is_closed(tmp_path):
    board = TensorBoardWriter(tmp_path / "events")
    board.on_epoch_end(100, {"loss": 0.5, "kl/r00": 2.0})
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    board.image("samples", pixels, step=100)
    seen = read(tmp_path / "events")
    assert seen["loss"] == {100: 0.5} and seen["kl/r00"] == {100: 2.0}
    width, height, picture = seen["samples"][100]
    assert (int(width), int(height)) == (4, 3)
    np.testing.assert_array_equal(tf.io.decode_png(picture)[..., 0], pixels)
    board.on_train_end()


def test_a_file_in_place_of_the_folder_is_told_once(tmp_path, caplog):
    (tmp_path / "events").write_text("mine")
    board = TensorBoardWriter(tmp_path / "events")
    board.on_epoch_end(1, {"loss": 0.5})
    board.image("samples", np.zeros([2, 2, 3], np.uint8), step=1)
    board.on_train_end()
    assert caplog.messages == [
        f"TensorBoard's events can't be written to {tmp_path / 'events'} (Not a directory): "
        "training goes on without them; log.jsonl has the scalars."
    ]
    assert (tmp_path / "events").read_text() == "mine"


def test_a_disk_that_fills_up_is_told_once_and_what_was_written_stays(
    tmp_path, caplog, full_disk_at
):
    board = TensorBoardWriter(tmp_path)
    board.on_epoch_end(1, {"loss": 0.5})
    with full_disk_at("step 1", 2000):
        callbacks.tell("step 1 of 100")
        for step in range(2, 100):
            board.on_epoch_end(step, {"loss": 0.5})
        board.on_train_end()
    (message,) = caplog.messages
    assert "File too large" in message and "training goes on without them" in message
    steps = sorted(read(tmp_path)["loss"])
    assert steps == [*range(1, len(steps) + 1)] and len(steps) > 1
