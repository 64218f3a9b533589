"""`verify.html` as a person uses it: from a file, without a network, by folder, by ZIP file, by keyboard, on paper."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.authority import Authority
from tests.support.browser import wait_for
from tests.support.package_log import ORIGIN, Signer
from tests.support.package_maker import Made, Order, make, policy_of, write, zipped
from tests.support.package_spoiling import changed
from tests.support.verify_page import PAGE, VerifyPage

pytestmark = pytest.mark.browser

ALL = ("files", "events", "included", "checkpoint", "witnessed", "not_before", "not_after")
EACH = ("master", "history", "complete", "working")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A whole package of two exhibits, time-stamped."""
    order = Order(exhibits=2, ml_dsa=False)
    return make(order, authority=Authority(tmp_path_factory.mktemp("tsa")))


@pytest.fixture
def folder(made: Made, tmp_path: Path) -> Path:
    """The package as a folder; its policy lies beside it."""
    (tmp_path / "policy.txt").write_bytes(made.policy)
    return write(made.files, tmp_path / "package")


@pytest.fixture
def checker(browser: Browser) -> Iterator[VerifyPage]:
    """The page in a window of its own. A complaint of the browser fails the test."""
    opened = VerifyPage(browser)
    yield opened
    complaints = opened.visit.complaints
    opened.close()
    assert complaints == []


def test_the_page_runs_its_own_script_and_nothing_else() -> None:
    text = PAGE.read_text("utf-8")
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [inside] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    reached = r"\b(?:src|href)=\"(?!#)|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|https?://|\bimport\("
    assert re.findall(reached, text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []


def test_a_folder_is_judged_claim_by_claim(checker: VerifyPage, folder: Path, made: Made) -> None:
    result = checker.check(folder, folder.parent / "policy.txt")
    verdicts = {(each["claim"], each["subject"]): each["verdict"] for each in result["claims"]}
    expected = {(claim, "package"): "proved" for claim in ALL} | {("not_after", "package"): "not_proved"}
    for exhibit in made.exhibits:
        expected |= {(claim, exhibit.reference): "proved" for claim in EACH[:3]}
        expected[("working", exhibit.copy)] = "proved"
    assert verdicts == expected
    assert (result["package"], result["contradicted"]) == ("package", 0)
    [counted] = [each["words"] for each in result["claims"] if each["claim"] == "files"]
    assert counted.startswith(f"Each of the {len(made.files) - 2} files that are to be listed is in the lists")
    assert "the two tagmanifest files" in counted
    [stamp] = [each["words"] for each in result["claims"] if each["claim"] == "not_after"]
    assert "openssl ts -verify -data custody/tst/test.note -in custody/tst/test.tsr" in stamp
    said = checker.page.inner_text("#result")
    assert "Nothing contradicts this package. 14 proved, 1 not proved, 0 contradicted." in said
    assert "What this does not show" in said
    assert made.exhibits[1].reference in said
    assert checker.page.evaluate("document.activeElement.id") == "result-title"
    assert checker.page.inner_text("#status").startswith("Nothing contradicts")


def test_a_zip_file_says_the_same_as_its_folder(checker: VerifyPage, folder: Path, made: Made) -> None:
    by_folder = checker.check(folder, folder.parent / "policy.txt")
    by_zip = checker.check(zipped(made.files, folder.parent / "package.zip"))
    assert by_zip == by_folder


def test_a_package_that_is_still_being_opened_has_no_result_of_the_one_before(
    checker: VerifyPage, folder: Path, made: Made
) -> None:
    checker.check(zipped(made.files, folder.parent / "package.zip"), folder.parent / "policy.txt")
    told = checker.page.evaluate(
        """() => {
          const part = (name) => document.getElementById(name);
          part("zip").dispatchEvent(new Event("change"));
          part("form").requestSubmit();
          return [part("error").hidden, part("result").hidden, part("chosen").textContent];
        }"""
    )
    assert told == [False, True, "No package is chosen yet: one is being opened."]
    wait_for(checker.page, 'document.getElementById("chosen").textContent.startsWith("Chosen: package.zip")')
    assert checker.page.is_hidden("#result")


def test_without_a_policy_no_signature_is_proved(checker: VerifyPage, folder: Path) -> None:
    result = checker.check(folder)
    verdicts = {each["claim"]: each for each in result["claims"] if each["subject"] == "package"}
    assert verdicts["checkpoint"]["verdict"] == verdicts["witnessed"]["verdict"] == "not_proved"
    assert "give a policy that you have from elsewhere" in verdicts["checkpoint"]["words"]
    assert verdicts["included"]["verdict"] == "proved"


def test_a_changed_master_is_said_in_words(checker: VerifyPage, folder: Path, made: Made) -> None:
    path = folder / made.exhibits[0].master
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    result = checker.check(folder, folder.parent / "policy.txt")
    verdicts = {(each["claim"], each["subject"]): each["verdict"] for each in result["claims"]}
    assert verdicts["master", made.exhibits[0].reference] == verdicts["files", "package"] == "contradicted"
    assert verdicts["master", made.exhibits[1].reference] == "proved"
    assert checker.page.inner_text("#headline").startswith("Something in this package is not as it claims.")
    assert "was changed: its SHA-256 is not the listed one" in checker.page.inner_text("#claims")


@pytest.mark.parametrize("by", ["folder", "zip"])
def test_a_package_can_be_dropped(checker: VerifyPage, folder: Path, made: Made, by: str) -> None:
    what = folder if by == "folder" else zipped(made.files, folder.parent / "package.zip")
    session = checker.page.context.new_cdp_session(checker.page)
    data = {"items": [], "files": [str(what)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 500, "data": data})
    wait_for(checker.page, "!document.querySelector('#error').hidden || "
             "!document.querySelector('#chosen').textContent.startsWith('No ')")  # fmt: skip
    assert checker.page.inner_text("#chosen").startswith(f"Chosen: {what.name}, {len(made.files)} files")


def test_nobody_is_kept_out_of_it(browser: Browser, folder: Path) -> None:
    """No fault that axe finds, empty, with an error and with a result; nothing wider than a narrow screen."""
    checker = VerifyPage(browser)
    assert checker.visit.accessibility_faults() == []
    checker.page.click("#check")
    assert checker.page.evaluate("document.activeElement.id") == "error"
    assert checker.visit.accessibility_faults() == []
    (folder / "custody" / "seen.json").write_bytes(b"[]")
    result = checker.check(folder, folder.parent / "policy.txt")
    assert {each["verdict"] for each in result["claims"]} == {"proved", "not_proved", "contradicted"}
    checker.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert checker.visit.accessibility_faults() == []
    for width in (400, 320):
        checker.page.set_viewport_size({"width": width, "height": 700})
        assert checker.visit.width() <= width
    checker.page.emulate_media(media="print")
    assert not checker.page.is_visible("#form")
    assert checker.page.is_visible("#claims")
    assert checker.visit.complaints == []
    checker.close()


def test_a_keyboard_is_enough(checker: VerifyPage) -> None:
    reached = []
    for _ in range(5):
        checker.page.keyboard.press("Tab")
        reached.append(checker.page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert reached == ["skip", "folder", "zip", "policy", "check"]


def test_the_result_can_be_taken_away(checker: VerifyPage, folder: Path) -> None:
    result = checker.check(folder)
    with checker.page.expect_download() as coming:
        checker.page.click("#save")
    assert json.loads(coming.value.path().read_text("utf-8")) == result


# --- what a browser cannot check --------------------------------------------------------------------------------------


def test_signatures_that_it_cannot_check_prove_nothing_and_are_named(checker: VerifyPage) -> None:
    """Log and second witness sign with ML-DSA-44 as well."""
    for quorum, verdict in (("all", "not_proved"), ("any", "proved")):
        made = make(Order(quorum=quorum))
        said = {each["claim"]: each for each in checker.result(made.files, made.policy)["claims"]}
        assert said["checkpoint"]["verdict"] == "proved"
        assert "ML-DSA-44), which this page cannot check" in said["checkpoint"]["words"]
        assert said["witnessed"]["verdict"] == verdict
        assert "Not checked by this page: witness-1.example" in said["witnessed"]["words"]


def test_without_ed25519_no_signature_is_proved_and_none_contradicted(browser: Browser, folder: Path) -> None:
    checker = VerifyPage(browser)
    checker.page.add_init_script(
        """const known = crypto.subtle.importKey.bind(crypto.subtle);
        crypto.subtle.importKey = (form, key, kind, ...more) => kind === "Ed25519"
            ? Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"))
            : known(form, key, kind, ...more);"""
    )
    checker.page.reload()
    result = checker.check(folder, folder.parent / "policy.txt")
    said = {each["claim"]: each for each in result["claims"]}
    assert result["contradicted"] == 0
    assert said["checkpoint"]["verdict"] == said["witnessed"]["verdict"] == "not_proved"
    assert "This browser cannot check Ed25519 signatures" in said["checkpoint"]["words"]
    assert said["included"]["verdict"] == "proved"
    assert checker.page.is_visible("#no-ed25519")
    checker.close()


def test_what_a_package_says_never_becomes_part_of_the_page(checker: VerifyPage, made: Made) -> None:
    """Markup, and characters that turn a line around, reach the page as harmless text."""
    nasty = "<img src=x onerror=alert(1)>\u202egnp.\u2028" + "x" * 500
    contents = json.loads(made.files["custody/contents.json"])
    contents["exhibits"][0]["reference"] = nasty
    files = {
        f"p/{path}": data for path, data in changed(made.files, "custody/contents.json", lambda _: contents).items()
    }
    path = made.roots.parent / "nasty.zip" if made.roots else Path()
    stored(path, *files.items())
    checker.check(path)
    assert checker.page.locator("#result img").count() == 0
    shown = checker.page.locator("#result").inner_text()
    assert not {"\u202e", "\u2028"} & set(shown)
    assert "x" * 300 not in shown


# --- what is no package -----------------------------------------------------------------------------------------------


def complaint(checker: VerifyPage, chosen: Path) -> str:
    """What the page says of a file that was chosen as a ZIP file, or a folder."""
    checker.page.set_input_files("#zip" if chosen.is_file() else "#folder", chosen)
    wait_for(checker.page, "!document.querySelector('#error').hidden")
    assert checker.page.inner_text("#chosen") == "No package is chosen."
    return checker.page.inner_text("#error-words")


def test_a_folder_of_something_else_is_no_package(checker: VerifyPage, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").write_bytes(b"x")
    assert complaint(checker, tmp_path / "holiday").startswith("This cannot be read as a package")


def compressed(files: dict[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"package/{name}", data)


def stored(path: Path, *entries: tuple[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            archive.writestr(name, data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_files_that_are_none_or_lie_are_refused(checker: VerifyPage, made: Made, tmp_path: Path) -> None:
    good = zipped(made.files, tmp_path / "good.zip").read_bytes()
    compressed(made.files, tmp_path / "compressed.zip")
    assert "compressed. Unpack it" in complaint(checker, tmp_path / "compressed.zip")
    bag = ("p/bagit.txt", b"x")
    listed = [
        ([bag, ("p/../x", b"")], "not a name"),
        ([bag, ("/x", b"")], "not a name"),
        ([bag, ("p/ä", b"")], "not a name"),
        ([bag, ("p/a b", b"")], "not a name"),
        ([bag, ("p\\x", b"")], "not a name"),
        ([bag, ("q/x", b"")], "Choose one folder"),
        ([bag, bag], "or twice"),
        ([("bagit.txt", b"x")], "beside the package"),
    ]
    for number, (entries, said) in enumerate(listed):
        stored(tmp_path / f"{number}.zip", *entries)
        assert said in complaint(checker, tmp_path / f"{number}.zip"), entries
    headers = [found.start() for found in re.finditer(b"PK\x01\x02", good)]
    spoilt = [
        b"", b"x" * 30, good[:-1], good + b"x", good[: len(good) // 2], good[100:],
        good[: headers[0] + 42] + b"\xff\xff\xff\x7f" + good[headers[0] + 46 :],  # an entry far away
        good[: headers[1] + 42] + bytes(4) + good[headers[1] + 46 :],  # two entries at one place
        good[: headers[0] + 8] + b"\x01" + good[headers[0] + 9 :],  # encrypted
        good.replace(b"package/bagit.txt", b"package/bagit.tXt", 1),  # two names of one file
    ]  # fmt: skip
    for number, data in enumerate(spoilt):
        (tmp_path / f"spoilt-{number}.zip").write_bytes(data)
        assert complaint(checker, tmp_path / f"spoilt-{number}.zip")


def test_a_damaged_zip_file_never_crashes_the_page(checker: VerifyPage, made: Made) -> None:
    """Every 7th byte of the list of a small ZIP file changed: it is refused, or the same files come out."""
    crashed = checker.page.evaluate(
        """async text => {
            const good = Uint8Array.from(atob(text), each => each.charCodeAt(0)), crashed = [];
            for (let at = 0; at < good.length; at += 7) {
                const bad = good.slice();
                bad[at] ^= 0xff;
                try { await verifier.unzipped(new Blob([bad])); }
                catch (error) { if (!(error instanceof verifier.Unreadable)) crashed.push([at, String(error)]); }
            }
            return crashed;
        }""",
        base64.b64encode(small_zip()).decode(),
    )
    assert crashed == []


def small_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number in range(6):
            with archive.open(f"p/custody/{number}", "w", force_zip64=True) as file:
                file.write(bytes(20))
    return buffer.getvalue()


# --- policies ---------------------------------------------------------------------------------------------------------


def refused(checker: VerifyPage, text: bytes) -> str | None:
    """Why a policy is refused, or nothing."""
    found: str | None = checker.page.evaluate(
        """text => { try { new verifier.Policy(Uint8Array.from(atob(text), each => each.charCodeAt(0))); return null; }
            catch (error) { if (error instanceof verifier.Refused) return error.message; throw error; } }""",
        base64.b64encode(text).decode(),
    )
    return found


def test_policies_are_read_as_the_specification_says(checker: VerifyPage) -> None:
    log = f"log {Signer(ORIGIN, 1).vkey}"
    x, y, z = (f"witness {name} {Signer(f'{name}.example', 4).vkey}" for name in "XYZ")
    good = [
        f"{log}\nquorum none", f"# words\n\n \t{log}  https://log.example/ \n{x}\nquorum X", "quorum none",
        f"{x}\n{y}\n{z}\ngroup two 2 X Y\ngroup all all two Z\nquorum all", f"{x}\ngroup ä any X\nquorum ä",
        f"log {Signer(ORIGIN, 6).vkey}\nquorum none",
    ]  # fmt: skip
    assert [refused(checker, f"{each}\n".encode()) for each in good] == [None] * len(good)
    bad = [
        "", log, "quorum X", f"{x}\nquorum X\nquorum X", f"quorum X\n{x}", f"{x}\n{x}\nquorum X",
        f"{x}\ngroup X any X\nquorum X", f"{x}\ngroup g 0 X\nquorum g", f"{x}\ngroup g 2 X\nquorum g",
        f"{x}\ngroup g 01 X\nquorum g", f"{x}\ngroup g any\nquorum g", f"{x}\n{y}\ngroup g any X X\nquorum g",
        f"{x}\ngroup g any X\ngroup h any X\nquorum h", f"{x}\ngroup g any none\nquorum g",
        f"{log}\n{log}\nquorum none", f"{x}\ngroup none any X\nquorum none",
        f"{log}\r\nquorum none", f"{log}\x00\nquorum none", "wat\nquorum none", f"{log} a b\nquorum none",
        f"witness X {Signer('X.example', 1).vkey}\nquorum X", f"log {Signer(ORIGIN, 4).vkey}\nquorum none",
        f"{log[:-4]}AAA=\nquorum none", "constructor x\nquorum none",
    ]  # fmt: skip
    assert [each for each in bad if refused(checker, f"{each}\n".encode()) is None] == []


@pytest.mark.parametrize("number", range(5))
def test_keys_with_which_anybody_can_sign_are_refused(checker: VerifyPage, number: int) -> None:
    low = [
        bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xee" + b"\xff" * 30 + b"\xff",
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    ][number]  # fmt: skip
    key = Signer(ORIGIN, 1)
    key.public = low
    key.key_id = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + low).digest()[:4]
    assert "low order" in (refused(checker, f"log {key.vkey}\nquorum none\n".encode()) or "")


def test_a_policy_that_cannot_be_read_stops_the_check(checker: VerifyPage, folder: Path) -> None:
    (folder.parent / "policy.txt").write_bytes(b"quorum everybody\n")
    result = checker.check(folder, folder.parent / "policy.txt")
    assert result["claims"] == []
    assert "Line 1 of the policy" in checker.page.inner_text("#error-words")


def test_quorums_with_groups(checker: VerifyPage, made: Made) -> None:
    """Two of three groups and witnesses, as a policy of several organisations asks for; two witnesses have signed."""
    [log], witnesses = [Signer(ORIGIN, 1)], [Signer(f"witness-{number}.example", 4) for number in range(4)]
    lines = [f"log {log.vkey}", *(f"witness w{number} {each.vkey}" for number, each in enumerate(witnesses))]
    for rules, verdict in {
        "group a any w0 w2\ngroup b any w1 w3\ngroup c all a b\nquorum c": "proved",
        "group a any w2 w3\ngroup b all w0 w1\ngroup c any a b\nquorum c": "proved",
        "group a 2 w0 w1 w2\nquorum a": "proved",
        "quorum w1": "proved",
        "group a 3 w0 w1 w2\nquorum a": "not_proved",
        "group a all w0 w2\ngroup b any w1 a\ngroup c all b w3\nquorum c": "not_proved",
        "quorum w2": "not_proved",
        "quorum none": "not_proved",
    }.items():
        found = checker.verdicts(made.files, "\n".join([*lines, rules, ""]).encode())
        assert found["checkpoint", "package"] == "proved"
        assert found["witnessed", "package"] == verdict, rules
    elsewhere = checker.verdicts(made.files, policy_of([Signer("elsewhere.example", 1)], witnesses, "any"))
    assert elsewhere["checkpoint", "package"] == "contradicted"
    assert elsewhere["witnessed", "package"] == "not_proved"
