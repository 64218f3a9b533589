"""verify.py as people run it: one file, any Python from 3.9 on, a folder or a ZIP file, and packages from an enemy."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from evidence.package.inside import verify
from tests.support.authority import Authority
from tests.support.package_log import digest
from tests.support.package_maker import INSIDE, Made, Order, make, write, zipped

PROGRAM = INSIDE / "verify.py"
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A whole package of ten events, time-stamped."""
    return make(authority=Authority(tmp_path_factory.mktemp("tsa")))


@pytest.fixture
def package(made: Made, tmp_path: Path) -> Path:
    """The package as a folder; its policy lies beside it."""
    (tmp_path / "policy").write_bytes(made.policy)
    return write(made.files, tmp_path / "package")


def run(*words: str | Path, program: Path = PROGRAM, seconds: float = 60) -> Done:
    """Run it without site packages, as on a machine that has none."""
    command = [sys.executable, "-I", "-S", "-W", "error", str(program), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds, encoding="utf-8")


def claims(done: Done) -> dict[str, str]:
    """Claim to verdict, from --json."""
    return {each["claim"]: each["verdict"] for each in json.loads(done.stdout)["claims"]}


def test_it_is_written_in_the_oldest_python_that_it_promises_and_needs_nothing_else() -> None:
    tree = ast.parse(PROGRAM.read_text("utf-8"), feature_version=(3, 9))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}  # asked for at one place, and done without
    assert "import tlog" not in PROGRAM.read_text("utf-8")


def test_a_folder_and_a_zip_say_the_same_from_the_copy_inside_the_package(made: Made, package: Path) -> None:
    archive = zipped(made.files, package.parent / "package.zip")
    roots = made.roots or Path()
    for path in (package, archive):
        done = run(
            *(path, "--policy", package.parent / "policy", "--tsa-roots", roots),
            program=package / "custody" / "verify.py",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Nothing is contradicted." in done.stdout
        assert "CONTRADICTED  " not in done.stdout
    assert sorted(path.name for path in (package / "custody").iterdir() if "cache" in path.name) == []


def test_json_has_the_form_of_the_format(made: Made, package: Path) -> None:
    done = run(package, "--json", "--policy", package.parent / "policy")
    told = json.loads(done.stdout)
    assert set(told) == {"package", "claims", "contradicted"}
    assert told["package"] == str(package)
    assert told["contradicted"] == 0
    assert all(set(each) == {"claim", "subject", "verdict", "words"} for each in told["claims"])
    assert claims(done)["checkpoint"] == "proved"


def test_ten_events_take_less_than_a_second_with_the_start(package: Path) -> None:
    taken = []
    for _ in range(3):
        began = time.monotonic()
        assert run(package, "--policy", package.parent / "policy").returncode == 0
        taken.append(time.monotonic() - began)
    assert min(taken) < 1


def test_without_openssl_it_says_what_to_run(made: Made, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(package))
    found = claims(run(package, "--json", "--policy", package.parent / "policy", "--tsa-roots", made.roots or ""))
    assert found["not_after"] == "not_proved"
    assert set(found.values()) == {"proved", "not_proved"}


def test_a_contradiction_ends_with_1(package: Path) -> None:
    (package / "custody" / "report.pdf").write_bytes(b"%PDF-1.4 another\n")
    done = run(package)
    assert done.returncode == 1
    assert "custody/report.pdf does not have the digests that are listed" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["no such place"],
        ["."],
        ["policy"],
        ["package", "--policy", "no such file"],
        ["package", "--policy", "package/custody/policy.copy"],
        ["package", "--policy", "package/custody/report.pdf"],
        ["package", "--policy", "package/../package/custody/policy.copy"],
        ["package", "--tsa-roots", "package/custody/tst/test.pem"],
        ["package", "--tsa-roots", "odd"],
        ["package", "--policy", "odd"],
        ["package", "--unknown"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_read_ends_with_2_and_a_sentence(
    package: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(package.parent)
    Path("odd").write_text("quorum none\nquorum none\n")
    done = run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "verify.py: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_what_is_neither_a_folder_nor_a_plain_file_is_not_opened(package: Path) -> None:
    pipe = package.parent / "pipe"
    os.mkfifo(pipe)
    for words in (
        [pipe],
        ["/dev/zero"],
        [package, "--policy", pipe],
        [package, "--policy", "/dev/zero"],
        [package, "--tsa-roots", pipe],
        [package, "--tsa-roots", "/dev/zero"],
    ):
        done = run(*words, seconds=10)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert "file" in done.stderr
        assert "Traceback" not in done.stderr
    link = package.parent / "link"
    link.symlink_to(package)
    assert run(link).returncode == 0


@pytest.mark.parametrize("body", ["bm8gY2VydGlmaWNhdGU=", "MAMCAQE=", "?", ""], ids=["text", "sequence", "odd", "none"])
@pytest.mark.parametrize("beside", [True, False])
def test_roots_with_something_that_is_no_certificate_end_with_2(
    made: Made, package: Path, body: str, *, beside: bool
) -> None:
    """It is the checker's own file that is wrong: nothing contradicts the package."""
    good = (made.roots or Path()).read_text() if beside else ""
    roots = package.parent / "roots.pem"
    roots.write_text(f"{good}-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    done = run(package, "--policy", package.parent / "policy", "--tsa-roots", roots)
    assert (done.returncode, done.stdout) == (2, "")
    assert "roots.pem holds something in PEM form that cannot be read as a certificate" in done.stderr


# --- folders from an enemy --------------------------------------------------------------------------------------------


def test_a_link_is_contradicted_and_not_followed(package: Path) -> None:
    secret = package.parent / "secret"
    secret.write_bytes(b"not yours")
    (package / "data" / "link").symlink_to(secret)
    (package / "data" / "folder").symlink_to(package.parent)
    done = run(package)
    assert done.returncode == 1
    assert "data/link is neither a file nor a folder" in " ".join(done.stdout.split())
    assert "secret" not in done.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(package: Path) -> None:
    os.mkfifo(package / "data" / "pipe")
    assert run(package).returncode == 1


@pytest.mark.parametrize(
    "name", [b"a\x1b[31mred", b"\xff\xfe", "\u202etxt.exe".encode(), b"two words", b"a\nfiles proved"]
)
def test_odd_names_are_contradicted_and_shown_without_harm(package: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(package / "data") + b"/" + name)).write_bytes(b"odd")
    done = run(package)
    assert done.returncode == 1
    assert "name that no package has" in " ".join(done.stdout.split())
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_folders_without_end_are_refused(package: Path) -> None:
    deep = package / "data" / Path(*["d"] * 40)
    deep.mkdir(parents=True)
    done = run(package)
    assert done.returncode == 2
    assert "too deep" in done.stderr


def test_a_file_that_may_not_be_read_is_contradicted(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = verify.open_package(str(package))
    monkeypatch.setattr(opened, "opener", lambda path: (_ for _ in ()).throw(PermissionError(path)))
    found = {each.claim: each.verdict for each in verify.Check(opened).run()}
    assert found["files"] == "contradicted"
    assert "proved" not in found.values()


# --- ZIP files from an enemy ------------------------------------------------------------------------------------------


def spoilt_zip(path: Path, made: Made, *extra: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """The package as a ZIP file with more in it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in [*((f"package/{each}", data) for each, data in made.files.items()), *extra]:
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "name",
    ["../outside", "package/../../outside", "/etc/outside", "other/file", "package\\file", "package/a//b", "package/"],
)
def test_paths_with_tricks_in_a_zip_are_refused(made: Made, tmp_path: Path, name: str) -> None:
    done = run(spoilt_zip(tmp_path / "p.zip", made, (name, b"x" * (not name.endswith("/")))))
    assert done.returncode == (0 if name == "package/" else 2), done.stdout
    assert "Traceback" not in done.stderr


def test_compressed_doubled_and_encrypted_files_in_a_zip_are_refused(made: Made, tmp_path: Path) -> None:
    assert run(spoilt_zip(tmp_path / "deflated.zip", made, compression=zipfile.ZIP_DEFLATED)).returncode == 2
    with pytest.warns(UserWarning, match="Duplicate name"):
        doubled = spoilt_zip(tmp_path / "doubled.zip", made, ("package/bagit.txt", b"another"))
    assert run(doubled).returncode == 2


def test_a_zip_that_claims_more_than_it_holds_is_refused(made: Made, tmp_path: Path) -> None:
    """Many entries over the same bytes: the kind of bomb that needs no compression."""
    path = zipped(made.files, tmp_path / "p.zip")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02")  # the last entry of the directory
    for field in (20, 24):  # its two sizes
        data[place + field : place + field + 4] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(data)
    done = run(path)
    assert done.returncode == 2
    assert "more bytes than it has" in done.stderr


def test_no_byte_of_a_zip_file_makes_it_crash_or_lie(made: Made, tmp_path: Path) -> None:
    """A flipped byte either leaves the files as they are, or is not proved."""
    small = make(Order(events=5, later=0, ml_dsa=False, witnesses=0, programs=False))
    whole = zipped(small.files, tmp_path / "p.zip").read_bytes()
    policy = verify.read_policy(small.policy)
    for place in range(0, len(whole), 89):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        (tmp_path / "p.zip").write_bytes(data)
        try:
            package = verify.open_package(str(tmp_path / "p.zip"))
        except verify.Unreadable:
            continue
        check = verify.Check(package, policy)
        check.run()
        same = all(package.sizes.get(path) == len(data) for path, data in small.files.items())
        assert verify.failed(check) or (same and _digests(small.files) == _found(package, small.files))
        package.close()


def _digests(files: dict[str, bytes]) -> list[str]:
    return [digest(files[path]) for path in sorted(files)]


def _found(package: verify.Package, files: dict[str, bytes]) -> list[str]:
    return [package.digests(path)[0] for path in sorted(files)]


# --- the page of plain commands ---------------------------------------------------------------------------------------


needs_programs = pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("openssl") is None, reason="needs bash and openssl"
)


def by_hand(package: Path, **given: str) -> Done:
    """Type every command of the page in the package's folder, and stop at the first that fails."""
    page = (INSIDE / "by-hand.txt").read_text("utf-8")
    commands = [line[4:] for line in page.splitlines() if line.startswith("  $ ")]
    assert len(commands) > 12
    bare = {name: value for name, value in os.environ.items() if name not in ("POLICY", "ROOTS")}
    script, env = "set -eu\n" + "\n".join(commands), {**bare, **given}
    return subprocess.run(["bash"], input=script, cwd=package, env=env, capture_output=True, text=True, check=False)


@needs_programs
def test_the_commands_of_the_page_do_what_it_says(made: Made, package: Path) -> None:
    shutil.copy(made.roots or "", package.parent / "ROOTS.pem")
    done = by_hand(package, POLICY="../policy", ROOTS="../ROOTS.pem")
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert "Verification: OK" in done.stdout
    assert done.stdout.count("the leaf leads to the root") == 1
    assert "FAILED" not in done.stdout
    assert "there are no time-stamps" not in done.stdout
    asks = by_hand(package, POLICY="../policy")
    assert asks.returncode != 0
    assert "say where your roots are" in asks.stderr


@needs_programs
def test_a_package_without_time_stamps_needs_no_roots_and_says_that_there_is_nothing_to_do(tmp_path: Path) -> None:
    bare = make()
    assert not [path for path in bare.files if path.startswith("custody/tst/")]
    (tmp_path / "policy").write_bytes(bare.policy)
    done = by_hand(write(bare.files, tmp_path / "package"), POLICY="../policy")
    assert (done.returncode, done.stderr) == (0, "")
    assert "there are no time-stamps in this package: nothing to do in section 5" in done.stdout
    assert "Verification" not in done.stdout
    assert "the leaf leads to the root" in done.stdout
