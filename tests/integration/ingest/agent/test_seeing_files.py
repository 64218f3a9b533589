"""What is on a device: odd names, things that are no files, and the watcher and the sweep agreeing."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from ingest.agent.docking import examine, list_place, place_of_path, places_in, presence_of
from ingest.agent.errors import NotAFile, SourceGone, SourceUnreadable
from ingest.agent.settings import Dock, Kind
from ingest.agent.sighting import has_writer, look, opened
from ingest.agent.sweep import list_device
from ingest.agent.watcher import Watcher
from tests.support.house import until

ODD_NAMES = [
    b"--help.mp4",
    b"-rf",
    b"a b.mp4",
    b"line\nbreak.mp4",
    b"quote\"'.mp4",
    b"not-utf8-\xff\xfe.mp4",
    "Übung.mp4".encode(),
    "right-to-left-\u202e.mp4".encode(),
    b"concat:clip.mp4",
    b"https:",
    b"%2e%2e",
    b"back\\slash.mp4",
    b"x" * 251 + b".mp4",
    b".hidden",
]


def put(root: Path, name: bytes, body: bytes = b"x") -> Path:
    path = root / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def test_every_odd_name_is_listed_and_opened_as_it_is(tmp_path: Path) -> None:
    names = [*ODD_NAMES, b"DCIM/100MEDIA/\xf0\x28.mp4"]
    for name in names:
        put(tmp_path, name, name)
    root = os.fsencode(tmp_path)
    listing = list_device(root)
    assert [sighting.name for sighting in listing.sightings] == sorted(names)
    assert listing.complete
    for name in names:
        with opened(root, name) as source:
            assert os.read(source.handle, 4096) == name


def test_what_is_no_file_is_listed_as_refused_and_never_opened(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    put(tmp_path, b"real.mp4")
    (tmp_path / "link.mp4").symlink_to("/etc/passwd")
    (tmp_path / "dangling.mp4").symlink_to("nowhere")
    (tmp_path / "folder-link").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "sock.mp4"))
        found = {sighting.name: sighting.refused for sighting in list_device(root).sightings}
    assert found[b"real.mp4"] is None
    for name, word in (
        (b"link.mp4", "link"), (b"dangling.mp4", "link"), (b"folder-link", "link"), (b"pipe.mp4", "pipe"),
        (b"sock.mp4", "socket"),
    ):  # fmt: skip
        assert word in (found[name] or "")
        with pytest.raises(NotAFile, match=word), opened(root, name):
            pytest.fail("it was opened")


def test_no_link_on_the_way_is_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    put(tmp_path / "outside", b"secret.mp4")
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "DCIM").symlink_to(tmp_path / "outside")
    root = os.fsencode(tmp_path / "device")
    with pytest.raises((NotAFile, SourceGone)), opened(root, b"DCIM/secret.mp4"):
        pytest.fail("it was opened")
    for name in (b"../outside/secret.mp4", b"/etc/passwd", b"a//b", b"."):
        with pytest.raises(NotAFile), opened(root, name):
            pytest.fail("it was opened")


def test_reading_leaves_no_trace_on_the_device(tmp_path: Path) -> None:
    path = put(tmp_path, b"clip.mp4", b"evidence")
    os.utime(path, ns=(1, 1))
    before = path.stat()
    with opened(os.fsencode(tmp_path), b"clip.mp4") as source:
        assert os.read(source.handle, 100) == b"evidence"
    after = path.stat()
    assert (after.st_atime_ns, after.st_mtime_ns, after.st_ctime_ns) == (1, 1, before.st_ctime_ns)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes")
def test_a_writer_on_this_host_is_noticed(tmp_path: Path) -> None:
    path = put(tmp_path, b"clip.mp4")
    with opened(os.fsencode(tmp_path), b"clip.mp4") as source:
        assert has_writer(source.handle) is False
        with path.open("ab"):
            assert has_writer(source.handle) is True
        assert has_writer(source.handle) is False


def test_a_folder_that_will_not_be_listed_is_not_forgotten(tmp_path: Path) -> None:
    put(tmp_path, b"open/clip.mp4")
    deep = tmp_path
    while len(bytes(deep)) + 251 < os.pathconf("/", "PC_PATH_MAX"):
        deep /= "d" * 250
        deep.mkdir()
    here = os.open(deep, os.O_RDONLY)
    try:
        os.mkdir("e" * 250, dir_fd=here)  # deeper than a path may be long
    finally:
        os.close(here)
    listing = list_device(os.fsencode(tmp_path))
    assert not listing.complete
    refused = [sighting for sighting in listing.sightings if sighting.refused]
    assert len(refused) == 1
    assert refused[0].name.endswith(b"/")
    assert "cannot be listed" in str(refused[0].refused)


def test_the_watcher_and_the_sweep_give_the_same_sightings(tmp_path: Path) -> None:
    dock, wake = tmp_path / "dock", threading.Event()
    (dock / "cam-1").mkdir(parents=True)
    watcher = Watcher(wake)
    watcher.start()
    try:
        watcher.watch(dock)
        for name in ODD_NAMES:
            put(dock / "cam-1", name, name)
        root = os.fsencode(dock / "cam-1")
        wanted = {root + b"/" + name for name in ODD_NAMES}
        noticed: set[bytes] = set()
        until(lambda: noticed.update(watcher.noticed()) or wanted <= noticed, what="notice of every file")  # type: ignore[func-returns-value]
        assert wake.is_set()
    finally:
        watcher.stop()
    swept = {sighting.name: sighting for sighting in list_device(root).sightings}
    for name in ODD_NAMES:
        assert look(root, name) == swept[name]


def test_subfolders_are_devices_and_loose_files_are_the_docks_own(tmp_path: Path) -> None:
    put(tmp_path, b"cam-\xff/DCIM/clip.mp4")
    put(tmp_path, b"loose.mp4")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    places = {place.label: place for place in places_in(Dock(tmp_path, Kind.SUITE))}
    assert places.keys() == {"cam-\\xff", "empty", tmp_path.name}
    assert [one.name for one in list_place(places["cam-\\xff"]).sightings] == [b"DCIM/clip.mp4"]
    assert [one.name for one in list_place(places[tmp_path.name]).sightings] == [b"link", b"loose.mp4"]
    assert {place.kind for place in places.values()} == {Kind.SUITE}


def test_a_dock_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="is not there"):
        places_in(Dock(tmp_path / "nowhere"))


def test_a_device_that_is_another_one_was_unplugged(tmp_path: Path) -> None:
    (tmp_path / "cam").mkdir()
    place = place_of_path(os.fsencode(tmp_path / "cam"), "bay")
    presence = presence_of(place)
    assert examine(place, presence, wanted=None).whole
    (tmp_path / "cam").rename(tmp_path / "elsewhere")
    with pytest.raises(SourceGone, match="unplugged"):
        examine(place, presence, wanted=None)
    (tmp_path / "cam").mkdir()
    with pytest.raises(SourceGone, match="another"):
        examine(place, presence, wanted=[])
