import dataclasses
import errno
import io
import os
import pathlib
import tarfile
import zipfile

import pytest

from ibgan_tf.data import picture_sources
from ibgan_tf.data.picture_sources import contents, list_archive, list_folder

CONTENTS = {"b/2.JPG": b"second", "a.png": b"first" * 9, "c/d/3.webp": b""}


def _zip(path: pathlib.Path, members: dict[str, bytes], *, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _tar(path: pathlib.Path, members: dict[str, bytes], mode: str = "w"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _folder(path: pathlib.Path, members: dict[str, bytes]):
    for name, content in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def _names(source: picture_sources.Source) -> list[str]:
    return [picture.name for picture in source.pictures]


def _read(source: picture_sources.Source) -> dict[str, bytes | OSError | ValueError]:
    return dict(zip(_names(source), contents(source), strict=True))


@pytest.mark.parametrize("kind", ["folder", "zip", "stored zip", "tar"])
def test_pictures_are_listed_by_name_and_read_where_they_are(tmp_path, kind):
    others = {"notes.txt": b"no picture", "b/.hidden.png": b"", "__MACOSX/b/._2.jpg": b"a Mac's"}
    members = CONTENTS | others
    if kind == "folder":
        source = list_folder(_folder(tmp_path / "folder", members))
    elif kind == "tar":
        source = list_archive(_tar(tmp_path / "a.tar", members))
    else:
        method = zipfile.ZIP_STORED if kind == "stored zip" else zipfile.ZIP_DEFLATED
        source = list_archive(_zip(tmp_path / "a.zip", members, method=method))
    assert source.kind == kind.removeprefix("stored ")
    assert _names(source) == ["a.png", "b/2.JPG", "c/d/3.webp"]
    assert [picture.size for picture in source.pictures] == [45, 6, 0]
    assert _read(source) == CONTENTS


def test_the_listing_changes_with_names_and_sizes_alone(tmp_path):
    listed = list_folder(_folder(tmp_path, CONTENTS)).listing_sha256()
    os.utime(tmp_path / "a.png", ns=(1, 1))
    assert list_folder(tmp_path).listing_sha256() == listed
    (tmp_path / "a.png").write_bytes(b"longer" * 9)
    longer = list_folder(tmp_path).listing_sha256()
    (tmp_path / "a.png").rename(tmp_path / "e.png")
    assert len({listed, longer, list_folder(tmp_path).listing_sha256()}) == 3


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path):
    _folder(tmp_path / "elsewhere", {"1.png": b"linked"})
    inside = _folder(tmp_path / "inside", {})
    inside.mkdir()
    (inside / "file.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    (inside / "folder").symlink_to(tmp_path / "elsewhere")
    (inside / "loop").symlink_to(inside)
    assert _read(list_folder(inside)) == {"file.png": b"linked"}


def test_what_is_no_plain_file_in_a_folder_is_unreadable_and_nothing_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "good.png").write_bytes(b"good")
    found = _read(list_folder(tmp_path))
    assert found["good.png"] == b"good"
    assert str(found["pipe.png"]) == "no plain file"
    assert "No such file" in str(found["gone.png"])


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_a_disk_that_cannot_be_read_stops_it_and_is_no_damage(tmp_path, monkeypatch, kind, number):
    if kind == "folder":
        source = list_folder(_folder(tmp_path / "folder", CONTENTS))
        path = str(tmp_path / "folder" / "a.png")
    else:
        source = list_archive((_zip if kind == "zip" else _tar)(tmp_path / f"a.{kind}", CONTENTS))
        path = source.path

    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(picture_sources, "_read_file", fail)
    monkeypatch.setattr(picture_sources, "_read_member", fail)
    with pytest.raises(OSError) as caught:
        list(contents(source))
    assert str(caught.value) == (
        f"Pictures must lie where they can be read. Received: {path!r} ({os.strerror(number)}). "
        "Mend that, then run the same command again: what is done is kept."
    )


def test_a_picture_that_went_or_links_to_itself_is_missing(tmp_path):
    source = list_folder(_folder(tmp_path, CONTENTS))
    (tmp_path / "a.png").unlink()
    (tmp_path / "b" / "2.JPG").unlink()
    (tmp_path / "b" / "2.JPG").symlink_to("2.JPG")
    found = _read(source)
    assert found["a.png"].errno == errno.ENOENT
    assert found["b/2.JPG"].errno == errno.ELOOP
    assert found["c/d/3.webp"] == b""


def test_nothing_of_a_hostile_archive_is_written_or_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    names = ["../evil.png", str(tmp_path / "evil.png"), "good.png"]
    _zip(inside / "a.zip", dict.fromkeys(names, b"evil"))
    with tarfile.open(inside / "a.tar", "w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"evil"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"special{kind.decode()}.png")
            member.type, member.linkname = kind, "../secret.png"
            archive.addfile(member)
    before = sorted(tmp_path.rglob("*"))
    for archive in ("a.zip", "a.tar"):
        assert set(_read(list_archive(inside / archive)).values()) == {b"evil"}
    assert sorted(tmp_path.rglob("*")) == before


def test_no_more_is_unpacked_than_a_member_is_said_to_have(tmp_path, monkeypatch):
    source = list_archive(_zip(tmp_path / "a.zip", {"bomb.png": bytes(1_000_000)}))
    (picture,) = source.pictures
    assert picture.packed_size < 2_000
    claimed = dataclasses.replace(source, pictures=(dataclasses.replace(picture, size=10),))
    (error,) = contents(claimed)
    assert "another size than the 10 bytes" in str(error)
    monkeypatch.setattr(picture_sources, "LARGEST_FILE", 999_999)
    (error,) = contents(source)
    assert str(error) == "1000000 bytes, more than 999999"


def test_a_damaged_member_is_unreadable_and_the_others_are_not(tmp_path):
    path = _zip(tmp_path / "a.zip", CONTENTS, method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"second", b"secund"))
    found = _read(list_archive(path))
    assert str(found.pop("b/2.JPG")) == "another checksum than the archive names"
    assert found == {"a.png": CONTENTS["a.png"], "c/d/3.webp": b""}
    deflated = _zip(tmp_path / "d.zip", {"a.png": os.urandom(50) * 9})
    content = bytearray(deflated.read_bytes())
    content[40:60] = bytes(20)
    deflated.write_bytes(content)
    (error,) = contents(list_archive(deflated))
    assert isinstance(error, ValueError)


MANY = {f"{i}.png": os.urandom(700) for i in range(9)}


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("a.zip", lambda content: content[: len(content) // 2], "must be a whole zip"),
        ("a.zip", lambda content: b"<html>Quota exceeded</html>", "must be a whole zip"),
        ("a.zip", lambda content: b"", "must be a whole zip"),
        ("a.tar", lambda content: content[:4000], "must be a whole tar.*unexpected end"),
        ("a.tar", lambda content: content[: 3 * 1536], "an end or damage at byte 4608"),
        ("a.tar", lambda content: content[:1636] + content[1736:], "must be a whole tar"),
        ("a.tar", lambda content: content[:1536] + b"x" * 512 + content[2048:], "at byte 1536"),
        ("a.tar", lambda content: b"", "must be a whole tar"),
    ],
)
def test_a_damaged_archive_is_one_line_and_never_a_shorter_list(tmp_path, name, damage, message):
    path = (_zip if name == "a.zip" else _tar)(tmp_path / name, MANY)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message) as caught:
        list_archive(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_compressed_tar_and_an_encrypted_zip_are_refused(tmp_path):
    path = _tar(tmp_path / "a.tar", CONTENTS, "w:gz")
    with pytest.raises(ValueError, match="not compressed otherwise and not encrypted.*unpack it"):
        list_archive(path)
    path = _zip(tmp_path / "a.zip", {"a.png": b"x"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption
    path.write_bytes(content)
    with pytest.raises(ValueError, match="Received: 'a.png', encrypted or neither stored"):
        list_archive(path)


def test_too_many_pictures_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_sources, "MOST_PICTURES", 2)
    with pytest.raises(ValueError, match="at most 2 pictures. Received: more in"):
        list_folder(_folder(tmp_path / "folder", CONTENTS))
    with pytest.raises(ValueError, match="at most 2 pictures"):
        list_archive(_zip(tmp_path / "a.zip", CONTENTS))


def test_the_first_place_that_has_the_name_counts(tmp_path):
    assert picture_sources.find(tmp_path, (".", "set"), "images") is None
    _folder(tmp_path / "set", {})
    (tmp_path / "set").mkdir()
    _tar(tmp_path / "set" / "images.tar", {"1.png": b""})
    assert picture_sources.find(tmp_path, (".", "set"), "images").kind == "tar"
    _zip(tmp_path / "images.zip", {"1.png": b""})
    assert picture_sources.find(tmp_path, (".", "set"), "images").kind == "zip"
    (tmp_path / "images").mkdir()
    assert picture_sources.find(tmp_path, (".", "set"), "images").kind == "folder"


def test_an_archive_is_recorded_with_its_hash_and_compared_with_the_published_one(tmp_path):
    path = tmp_path / "a.zip"
    source = picture_sources.Source(kind="zip", path=str(path), pictures=())
    path.write_bytes(b"abc")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180's
    record = {"archive_size": 3, "archive_sha256": sha256}
    assert picture_sources.archive_record(source) == record
    for published in (True, False):
        known = {"a.zip": (3, sha256 if published else "0" * 64)}
        found = picture_sources.archive_record(source, known)
        assert found == record | {"archive_is_published": published}
    folder = picture_sources.Source(kind="folder", path=str(tmp_path), pictures=())
    assert picture_sources.archive_record(folder) == {}
