"""Bags as they are written: exact manifests, one step to their name, and nothing left of what broke off."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO, cast

import pytest

from evidence.errors import NoFolder
from evidence.package.bag import Bag, ZipStream, bag_at
from evidence.package.errors import NameTaken

FILES = {"data/exhibits/R1/master.mp4": b"moving pictures" * 9, "custody/contents.json": b"{}\n", "custody/a.txt": b""}


def fill(bag: Bag) -> None:
    for path, body in FILES.items():
        bag.put(path, body)
    bag.finish({"Bagging-Date": "2026-11-23"})


@pytest.mark.parametrize("name", ["bag", "bag.zip", "BAG.ZIP"])
def test_a_bag_lists_every_file_in_both_algorithms(name: str, tmp_path: Path) -> None:
    with bag_at(tmp_path / name) as bag:
        fill(bag)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    folder = tmp_path / name
    if folder.is_file():
        with zipfile.ZipFile(folder) as file:
            assert {each.compress_type for each in file.infolist()} == {zipfile.ZIP_STORED}
            file.extractall(tmp_path / "out")
        folder = tmp_path / "out" / Path(name).stem
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    for algorithm in ("sha256", "sha512"):
        listed = {}
        for kind in ("manifest", "tagmanifest"):
            lines = (folder / f"{kind}-{algorithm}.txt").read_bytes().decode().splitlines()
            paths = [line.split("  ", 1)[1] for line in lines]
            assert paths == sorted(paths)
            listed |= {line.split("  ", 1)[1]: line.split("  ", 1)[0] for line in lines}
        assert set(listed) == there - {"tagmanifest-sha256.txt", "tagmanifest-sha512.txt"}
        for path, digest in listed.items():
            assert hashlib.new(algorithm, (folder / path).read_bytes()).hexdigest() == digest, path
    assert "Payload-Oxum: 135.1\n" in (folder / "bag-info.txt").read_text()
    subprocess.run([sys.executable, "-m", "bagit", "--validate", folder], check=True, capture_output=True)


@pytest.mark.parametrize("name", ["bag", "bag.zip"])
def test_nothing_is_left_of_what_broke_off(name: str, tmp_path: Path) -> None:
    def break_off() -> None:
        with bag_at(tmp_path / name) as bag:
            bag.put("data/one.bin", b"1")
            raise RuntimeError("the power of the test goes")

    with pytest.raises(RuntimeError):
        break_off()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["bag", "bag.zip"])
def test_nothing_is_written_over(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(NameTaken), bag_at(tmp_path / name):
        raise AssertionError("it was begun")


@pytest.mark.parametrize("name", ["bag", "bag.zip"])
def test_whoever_took_the_name_meanwhile_keeps_it(name: str, tmp_path: Path) -> None:
    def be_late() -> None:
        with bag_at(tmp_path / name) as bag:
            (tmp_path / name).write_bytes(b"theirs")
            fill(bag)

    with pytest.raises(NameTaken):
        be_late()
    assert (tmp_path / name).read_bytes() == b"theirs"
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoFolder, match="no to write bag into: make it first"), bag_at(tmp_path / "no" / "bag"):
        raise AssertionError("it was begun")


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../up", "data/../up", "data//x", "a b", "data/x\n", ".hidden", "ä"]
)
def test_a_name_that_no_package_holds_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the name of a new file"), bag_at(tmp_path / "bag") as bag:
        bag.put(path, b"")


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    def put_twice() -> None:
        with bag_at(tmp_path / "bag") as bag:
            bag.put("data/x", b"1")
            bag.put("data/x", b"1")

    with pytest.raises(ValueError, match="not the name of a new file"):
        put_twice()


@pytest.mark.parametrize(
    ("name", "top"), [("Fall 1.zip", "Fall 1"), ("a:b.zip", "package"), ("p\u202ekg .zip", "package")]
)
def test_the_top_folder_is_called_as_the_file_where_a_folder_may_be(name: str, top: str, tmp_path: Path) -> None:
    with bag_at(tmp_path / name) as bag:
        fill(bag)
    with zipfile.ZipFile(tmp_path / name) as file:
        assert {each.partition("/")[0] for each in file.namelist()} == {top}


class OneWay(io.RawIOBase):
    """A stream that cannot be turned back, as the answer to a request."""

    def __init__(self) -> None:
        super().__init__()
        self.held = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.held += bytes(data)  # type: ignore[call-overload]
        return len(data)  # type: ignore[arg-type]


def test_a_stream_is_a_zip_file_only_when_it_is_whole() -> None:
    whole, broken = OneWay(), OneWay()
    fill(Bag(ZipStream(cast("IO[bytes]", whole), top="p")))
    # `finish` has closed the place: what is there can be read.
    with zipfile.ZipFile(io.BytesIO(whole.held)) as file:
        assert file.testzip() is None
        assert "p/bagit.txt" in file.namelist()
    place = ZipStream(cast("IO[bytes]", broken), top="p")
    Bag(place).put("data/x", b"1" * 1000)
    place.abandon()
    del place
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(broken.held))
