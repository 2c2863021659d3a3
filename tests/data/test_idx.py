import gzip
import re
import struct

import numpy as np
import pytest

from ibgan_tf.data import idx

ARRAY = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
CONTENT = struct.pack(">BBBB3I", 0, 0, 8, 3, 4, 3, 2) + ARRAY.tobytes()


@pytest.mark.parametrize("name", ["a-idx3-ubyte", "a.idx3-ubyte", "a-idx3-ubyte.gz"])
def test_an_array_is_found_and_read_gzipped_or_not(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(CONTENT) if name.endswith("gz") else CONTENT)
    path = idx.find(tmp_path, "a-idx3-ubyte")
    assert path == tmp_path / name
    np.testing.assert_array_equal(idx.read(path, shape=(4, 3, 2)), ARRAY)


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    assert idx.find(tmp_path / "absent", "a-idx3-ubyte") is None


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (CONTENT[:-1], "39 bytes instead of 40"),
        (CONTENT + b"x", "more bytes instead of 40"),
        (CONTENT[:5], "another header, 0000080300"),
        (b"", "another header"),
        (CONTENT.replace(b"\x04", b"\x05", 1), "another header, 000008030000000500000003"),
    ],
)
def test_a_damaged_or_other_file_is_refused_by_name(tmp_path, content, received):
    (tmp_path / "a").write_bytes(content)
    message = f"'{tmp_path}/a' must be whole and hold uint8 [4, 3, 2] in IDX form. "
    with pytest.raises(ValueError, match=re.escape(message) + ".*" + received):
        idx.read(tmp_path / "a", shape=(4, 3, 2))


def test_a_truncated_gzip_file_is_refused_wherever_it_ends(tmp_path):
    whole = gzip.compress(CONTENT, mtime=0)
    for length in range(len(whole)):
        (tmp_path / "a.gz").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="a.gz' must be whole"):
            idx.read(tmp_path / "a.gz", shape=(4, 3, 2))


def test_a_flipped_bit_gives_an_error_or_the_array_never_other_values(tmp_path):
    whole = gzip.compress(CONTENT, mtime=0)
    refused = 0
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 16
        (tmp_path / "a.gz").write_bytes(flipped)
        try:
            np.testing.assert_array_equal(idx.read(tmp_path / "a.gz", shape=(4, 3, 2)), ARRAY)
        except ValueError as error:
            assert "a.gz' must be whole" in str(error)
            refused += 1
    assert refused > len(whole) // 2


def test_a_bomb_is_not_unpacked(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(CONTENT + bytes(10_000_000)))
    with pytest.raises(ValueError, match="more bytes instead of 40"):
        idx.read(tmp_path / "a.gz", shape=(4, 3, 2))
