"""What the agent knows of one device: files that appear, change, settle, vanish and come back."""

from __future__ import annotations

from ingest.agent.admission import Priority
from ingest.agent.docking import Examination, Place
from ingest.agent.journal_rows import SessionRow
from ingest.agent.protocol import FileState
from ingest.agent.settings import Kind, Settings
from ingest.agent.sighting import Identity, Sighting
from ingest.agent.tracking import NOT_YET, Device, counts

SETTINGS = Settings(settle_seconds=2.0, sure_after_seconds=120.0)
NOW_NS = 1_800_000_000 * 10**9


def a_device() -> Device:
    place = Place(root=b"/dock/cam", label="cam", bay="cam", kind=Kind.DOCK)
    session = SessionRow(
        id="s", root=b"/dock/cam", deep=True, label="cam", bay="cam", kind="dock", dev=1, ino=1, opened_at="now"
    )
    return Device(key=1, place=place, session=session, priority=Priority.ROUTINE)


def seen(name: bytes = b"clip.mp4", *, size: int = 10, age: float = 0.0, refused: str | None = None) -> Sighting:
    return Sighting(name, Identity(size, NOW_NS - int(age * 1e9), 1, 1), refused)


def show(device: Device, *sightings: Sighting, at: float, whole: bool = True, missing: tuple[bytes, ...] = ()) -> None:
    examination = Examination(sightings, missing, whole=whole)
    device.take(examination, at)
    device.settle_seen(examination, SETTINGS, at, NOW_NS)


def list_all(device: Device) -> None:
    for name in device.unlisted:
        device.files[name].listed = 1
    device.unlisted.clear()


def test_a_new_file_is_listed_settles_and_is_ready() -> None:
    device = a_device()
    show(device, seen(), at=0.0)
    assert list(device.unlisted) == [b"clip.mp4"]
    assert device.files[b"clip.mp4"].state is FileState.SETTLING
    show(device, seen(), at=2.5)
    assert device.ready(2.5, told=99) == []  # not listed yet
    assert device.files[b"clip.mp4"].listed == NOT_YET
    list_all(device)
    assert device.ready(2.5, told=0) == []  # the server does not know of it yet
    assert [file.name for file in device.ready(2.5, told=1)] == [b"clip.mp4"]


def test_a_growing_file_is_never_ready() -> None:
    device = a_device()
    for moment in range(10):
        show(device, seen(size=moment), at=float(moment))
        list_all(device)
        assert device.ready(float(moment), told=1) == []
    assert device.files[b"clip.mp4"].state is FileState.WAITING
    assert "growing" in str(device.files[b"clip.mp4"].reason)


def test_a_receipted_file_that_changes_is_another_file() -> None:
    device = a_device()
    show(device, seen(age=999.0), at=0.0)
    file = device.files[b"clip.mp4"]
    device.put(file, FileState.RECEIPTED)
    list_all(device)
    show(device, seen(age=999.0), at=1.0)
    assert file.state is FileState.RECEIPTED
    assert not device.unlisted
    show(device, seen(size=11), at=2.0)
    assert file.state is not FileState.RECEIPTED
    assert (file.settled, file.listed, list(device.unlisted)) == (False, NOT_YET, [b"clip.mp4"])


def test_a_file_that_is_being_sent_is_left_to_whoever_sends_it() -> None:
    device = a_device()
    show(device, seen(age=999.0), at=0.0)
    file = device.files[b"clip.mp4"]
    device.put(file, FileState.SENDING)
    show(device, seen(size=11), at=1.0)
    show(device, at=2.0)
    assert (file.state, file.identity.size) == (FileState.SENDING, 10)


def test_a_file_that_vanishes_is_gone_and_may_come_back() -> None:
    device = a_device()
    show(device, seen(), at=0.0)
    show(device, at=1.0)
    assert device.files[b"clip.mp4"].state is FileState.GONE
    show(device, seen(), at=9.0)
    assert device.files[b"clip.mp4"].state is FileState.WAITING


def test_what_vanished_is_noted_once_and_again_when_it_came_back_between() -> None:
    device = a_device()
    show(device, seen(), at=0.0)
    show(device, at=1.0)
    assert device.vanished == {b"clip.mp4"}
    device.vanished.clear()
    device.dirty.clear()
    show(device, at=2.0)
    assert (device.vanished, device.dirty) == (set(), set())
    show(device, seen(), at=3.0)
    assert list(device.unlisted) == [b"clip.mp4"]
    show(device, at=4.0)
    assert device.vanished == {b"clip.mp4"}


def test_a_renamed_file_says_what_it_is_called_now_however_often_it_is_renamed() -> None:
    device = a_device()
    show(device, seen(b"a"), at=0.0)
    show(device, seen(b"b"), at=1.0)
    file = device.files[b"a"]
    assert (file.state, file.now_called) == (FileState.GONE, b"b")
    assert "called b now" in str(file.reason)
    assert file.report().as_json()["now_called_b64"] == "Yg=="
    device.dirty.clear()
    show(device, seen(b"b"), at=2.0)
    assert device.dirty == set()
    show(device, seen(b"c"), at=3.0)
    assert (file.now_called, device.files[b"b"].now_called) == (b"c", b"c")
    show(device, seen(b"a"), at=4.0)
    assert (file.state, file.now_called) == (FileState.WAITING, None)


def test_another_file_of_the_same_size_is_no_rename() -> None:
    device = a_device()
    show(device, seen(b"a"), at=0.0)
    show(device, Sighting(b"b", Identity(10, NOW_NS, 1, 2)), at=1.0)
    assert (device.files[b"a"].state, device.files[b"a"].now_called) == (FileState.GONE, None)


def test_a_file_that_has_its_receipt_may_go() -> None:
    device = a_device()
    show(device, seen(), at=0.0)
    device.put(device.files[b"clip.mp4"], FileState.RECEIPTED)
    show(device, at=1.0)
    assert (device.files[b"clip.mp4"].state, device.vanished) == (FileState.RECEIPTED, set())


def test_what_lies_in_a_folder_that_would_not_be_listed_is_not_gone() -> None:
    device = a_device()
    show(device, seen(b"DCIM/clip.mp4"), seen(b"loose.mp4"), at=0.0)
    device.take(Examination((seen(b"DCIM/", refused="Not allowed."),), complete=False, whole=True), 1.0)
    assert device.files[b"DCIM/clip.mp4"].state is not FileState.GONE
    assert device.files[b"loose.mp4"].state is FileState.GONE


def test_what_went_while_the_agent_did_not_run_is_gone() -> None:
    device = a_device()
    show(device, seen(b"b"), at=0.0)
    device.lose([seen(b"a"), Sighting(b"c", Identity(7, 1, 0, 0))], 0.0)
    assert (device.files[b"a"].state, device.files[b"a"].now_called) == (FileState.GONE, b"b")
    assert (device.files[b"c"].state, device.files[b"c"].now_called) == (FileState.GONE, None)
    assert device.vanished == {b"a", b"c"}


def test_a_look_at_some_files_says_nothing_of_others() -> None:
    device = a_device()
    show(device, seen(b"a"), seen(b"b"), at=0.0)
    show(device, seen(b"a"), at=1.0, whole=False)
    assert device.files[b"b"].state is not FileState.GONE
    show(device, at=2.0, whole=False, missing=(b"b",))
    assert device.files[b"b"].state is FileState.GONE


def test_what_is_no_file_is_refused_until_it_is_one() -> None:
    device = a_device()
    show(device, seen(refused="It is a link."), at=0.0)
    assert device.files[b"clip.mp4"].state is FileState.REFUSED
    show(device, seen(size=11, age=999.0), at=1.0)
    show(device, seen(size=11, age=999.0), at=4.0)
    assert device.files[b"clip.mp4"].state is FileState.WAITING


def test_a_marker_settles_its_own_folder_only() -> None:
    device = a_device()
    show(device, seen(b"done/complete", age=999.0), at=0.0)
    show(device, seen(b"done/complete", age=999.0), seen(b"done/clip"), seen(b"open/clip"), at=1.0)
    assert device.files[b"done/clip"].settled
    assert not device.files[b"open/clip"].settled


def test_an_unplugged_device_takes_along_what_was_not_taken() -> None:
    device = a_device()
    show(device, seen(b"a"), seen(b"b"), seen(b"c"), at=0.0)
    device.put(device.files[b"a"], FileState.RECEIPTED)
    device.put(device.files[b"b"], FileState.CHECKING)
    assert [file.name for file in device.leave("It was unplugged.")] == [b"c"]
    assert device.files[b"c"].reason == "It was unplugged."
    assert device.awaits_receipts
    assert counts(device.files.values()) == {"receipted": 1, "checking": 1, "gone": 1}


def test_what_could_not_be_read_says_why_also_when_its_device_has_gone() -> None:
    device = a_device()
    show(device, seen(b"a"), seen(b"b"), at=0.0)
    device.files[b"a"].failures = 2
    device.put(device.files[b"a"], FileState.WAITING, "The agent's account (dock) may not read it.")
    device.leave("It was unplugged.")
    assert device.files[b"a"].reason == "The agent's account (dock) may not read it. It was unplugged."
    assert device.files[b"b"].reason == "It was unplugged."


def test_hints_are_followed_only_where_looking_teaches_something() -> None:
    device = a_device()
    show(device, seen(b"settling"), seen(b"settled", age=999.0), at=0.0)
    for name in (b"settling", b"settled", b"new"):
        device.hint(name)
    assert device.look_for == {b"settled", b"new"}
