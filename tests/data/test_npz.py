import io
import pathlib
import re
import zipfile

import numpy as np
import pytest

from ibgan_tf.data import npz

ARRAY = np.arange(7 * 30, dtype=np.uint8).reshape(7, 30)


def _npy(array: np.ndarray, **settings: object) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **settings)
    return stream.getvalue()


def _archive(path: pathlib.Path, content: bytes, **settings: object) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", **settings) as archive:
        archive.writestr("imgs.npy", content)
    return path


def _read(path: pathlib.Path) -> np.ndarray:
    return np.concatenate(list(npz.read_chunks(path, "imgs", shape=(7, 30), dtype="uint8", rows=3)))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_array_comes_in_pieces(tmp_path, save):
    save(tmp_path / "a.npz", imgs=ARRAY)
    chunks = list(npz.read_chunks(tmp_path / "a.npz", "imgs", shape=(7, 30), dtype="uint8", rows=3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(chunks), ARRAY)


def test_a_truncated_archive_is_refused_wherever_it_ends(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", imgs=ARRAY)
    whole = (tmp_path / "a.npz").read_bytes()
    for length in range(0, len(whole) - 1, 7):
        (tmp_path / "b.npz").write_bytes(whole[:length])
        with pytest.raises(
            ValueError, match=r"The archive '.*b.npz' must be whole and hold 'imgs'"
        ):
            _read(tmp_path / "b.npz")


def test_a_flipped_bit_gives_an_error_or_the_array_never_other_values(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", imgs=ARRAY)
    whole = (tmp_path / "a.npz").read_bytes()
    refused = 0
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        (tmp_path / "b.npz").write_bytes(flipped)
        try:
            np.testing.assert_array_equal(_read(tmp_path / "b.npz"), ARRAY)
        except ValueError as error:
            assert "b.npz' must be whole" in str(error)
            refused += 1
    assert refused > len(whole) // 2


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def test_a_pickle_is_never_run(tmp_path):
    trap = tmp_path / "trap"
    array = np.array([[Hostile(trap)] * 30] * 7, dtype=object)
    _archive(tmp_path / "a.npz", _npy(array, allow_pickle=True))
    with pytest.raises(ValueError, match=r"Received: .*bytes|Received: object"):
        _read(tmp_path / "a.npz")
    # The same with a member of the size that is expected, so that only its type tells.
    content = _npy(array, allow_pickle=True)
    _archive(tmp_path / "a.npz", content[: 128 + ARRAY.size])
    with pytest.raises(ValueError, match=re.escape("Received: object [7, 30]")):
        _read(tmp_path / "a.npz")
    assert not trap.exists()


@pytest.mark.parametrize(
    ("array", "received"),
    [
        (ARRAY.reshape(30, 7), "uint8 [30, 7]"),
        (ARRAY.astype(np.int8), "int8 [7, 30]"),
        (np.asfortranarray(ARRAY), "uint8 [7, 30], Fortran order"),
        (ARRAY[:6], "uint8 [6, 30]"),
    ],
)
def test_another_array_is_refused(tmp_path, array, received):
    content = _npy(array).ljust(128 + ARRAY.size, b"\0")
    _archive(tmp_path / "a.npz", content)
    with pytest.raises(ValueError, match=re.escape(f"Received: {received}. Fetch it again")):
        _read(tmp_path / "a.npz")


def test_a_bomb_is_refused_by_its_size(tmp_path):
    content = _npy(ARRAY) + bytes(20_000_000)
    path = _archive(tmp_path / "a.npz", content, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match=f"Received: a member of {len(content)} bytes"):
        _read(path)


def test_a_header_that_may_claim_gigabytes_is_refused(tmp_path):
    _archive(tmp_path / "a.npz", _npy(ARRAY, version=(2, 0)))
    with pytest.raises(ValueError, match=re.escape("an array of format version (2, 0)")):
        _read(tmp_path / "a.npz")


def test_bytes_after_the_array_are_refused(tmp_path):
    _archive(tmp_path / "a.npz", _npy(ARRAY) + b"more")
    with pytest.raises(ValueError, match="Received: bytes after the last row"):
        _read(tmp_path / "a.npz")


def test_a_rare_compression_is_refused(tmp_path):
    _archive(tmp_path / "a.npz", _npy(ARRAY), compression=zipfile.ZIP_LZMA)
    with pytest.raises(ValueError, match="Received: compression method 14"):
        _read(tmp_path / "a.npz")


def test_a_missing_array_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", pictures=ARRAY)
    with pytest.raises(ValueError, match=r"There is no item named 'imgs.npy'"):
        _read(tmp_path / "a.npz")


def test_a_folder_or_nothing_in_the_place_of_the_archive_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.npz"):
        with pytest.raises(ValueError, match=r"must be whole.*Fetch it again, or move it away"):
            _read(path)
