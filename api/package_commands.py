"""The commands `verify`, `package` and `report`: what is handed out, and whether it holds.

Exit codes of `verify`: 0 nothing contradicted and something proved, 1 not so, 2 what was named cannot be read. Of
`report`: 1 where something in it is contradicted, although it was written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from evidence.bootstrap import House
    from evidence.completeness.claims import Claim, Verification
    from evidence.package.check import Checked
    from evidence.package.outsiders import Roots
    from evidence.tlog.policy import Policy

err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DataDir = Annotated[
    Path, typer.Option("--data", envvar="CONTINUITY_DATA_DIR", help="Folder that holds everything of this system")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line")]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy file (C2SP tlog-policy): the keys and witnesses that you trust")
]
HERE = Path("data")
PEM_BEGINS = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN X509 CERTIFICATE-----")
NAMED = 10  # exhibits in one sentence
SAID = {"proved": ("proved", "green"), "not_proved": ("not proved", "yellow"), "contradicted": ("CONTRADICTED", "red")}


def install(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for name, command in (("verify", verify), ("package", package), ("report", report)):
        app.command(name)(command)


def verify(
    package: Annotated[Path | None, typer.Argument(help="Folder or ZIP file; without it, the live log")] = None,
    recording: Annotated[str | None, typer.Option(help="One recording of the live log, its bytes too")] = None,
    policy: PolicyFile = None,
    tsa_roots: Annotated[
        Path | None, typer.Option(help="Root certificates (PEM) of time-stamp authorities that you trust")
    ] = None,
    data: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Say of each claim of a package, of a recording or of the whole log: proved, not proved or contradicted."""
    if package is None:
        if policy is not None or tsa_roots is not None:
            _stop("--policy and --tsa-roots are for packages: name one", code=2)
        raise typer.Exit(_verify_live(data, recording, as_json=as_json))
    if recording is not None:
        _stop("--recording is for the live log: a package is checked as a whole", code=2)
    raise typer.Exit(_verify_package(package, policy, tsa_roots, as_json=as_json))


def package(
    recordings: Annotated[list[str], typer.Argument(help="References (R0000123) or ids")],
    to: Annotated[Path, typer.Option("--out", help="Folder to make, or a file that ends in .zip")],
    policy: PolicyFile = None,
    without_names: Annotated[
        bool, typer.Option("--without-names", help="Leave the names of people, devices and files sealed")
    ] = False,
    data: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Hand recordings out with everything that a stranger needs to check them. It is recorded first."""
    from api.standing import house_at, operator
    from evidence.package.make import Order, make

    house = house_at(data)
    order = Order(
        recordings=tuple(_found(house, recordings)),
        names=not without_names,
        policy=_read(policy, "a policy file (C2SP tlog-policy)") if policy is not None else None,
    )
    made = make(house, order, to, by=operator())
    exhibits = [{"reference": each.reference, "recording": str(each.recording)} for each in made.contents.exhibits]
    said = {"package": str(made.id), "out": str(to), "size": made.contents.size, "exhibits": exhibits}
    if as_json:
        sys.stdout.write(json.dumps(said) + "\n")
        return
    out.print(f"Package {made.id} of {len(exhibits)} recordings is in {to}", soft_wrap=True)
    out.print(f"Check it with: continuity verify {to} --policy POLICY", soft_wrap=True)


def report(
    recording: Annotated[str, typer.Argument(help="Reference (R0000123) or id")],
    to: Annotated[Path, typer.Option("--out", help="PDF file to write")],
    data: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the continuity report of a recording as a PDF. It is recorded first.

    Exit code 1 where something in it is contradicted: the file is written all the same, and says so at its top.
    """
    from api.standing import house_at, operator
    from evidence.continuity import report as continuity
    from evidence.continuity.gather import Wanted
    from evidence.continuity.pdf import as_pdf
    from evidence.errors import NoFolder
    from evidence.package.errors import NameTaken

    house = house_at(data)
    [wanted] = _found(house, [recording])
    if to.exists():
        raise NameTaken(str(to))
    if not to.parent.is_dir():
        raise NoFolder(str(to.parent), wanted=to.name)
    _say_whether_numbered(house)
    made = continuity.make(house, Wanted(recording=wanted, force=house.settings.force_name), by=operator())
    _write_whole(to, as_pdf([made]))
    if as_json:
        said = {"recording": str(wanted), "reference": made.reference, "out": str(to)}
        sys.stdout.write(json.dumps({**said, "contradicted": list(made.contradicted)}) + "\n")
    else:
        out.print(f"The continuity report of {made.reference} is in {to}", soft_wrap=True)
    if made.contradicted:
        err.print(f"CONTRADICTED, as its first lines say: {made.contradicted[0]}", style="red", soft_wrap=True)
        raise typer.Exit(1)


def _say_whether_numbered(house: House) -> None:
    """Before anything is waited for: that the log stands, where it does."""
    from api.numbering import standing_of_log

    with house.reading() as session:
        trouble = standing_of_log(session)["trouble"]
    if trouble:
        err.print(f"{trouble} The report names what is not proved for that reason.", style="yellow", soft_wrap=True)


def _verify_package(path: Path, policy: Path | None, roots: Path | None, *, as_json: bool) -> int:
    from evidence.package.check import check
    from evidence.package.errors import NotAPackage

    try:
        checked = check(path, policy=_policy(policy, path), tsa_roots=_roots(roots, path))
    except NotAPackage as error:
        _stop(str(error), code=2)
    if as_json:
        sys.stdout.write(json.dumps(checked.as_json()) + "\n")
    else:
        _print_claims(checked.claims)
        _print_end(checked, own=policy is not None)
    return 0 if checked.holds else 1


def _verify_live(data: Path, recording: str | None, *, as_json: bool) -> int:
    from api.standing import house_at
    from evidence.completeness.fsck import verify as verify_log
    from evidence.completeness.recordings import verify_recording

    house = house_at(data)
    if recording is None:
        found = verify_log(house)
    else:
        [wanted] = _found(house, [recording])
        found = verify_recording(house, wanted)
    if as_json:
        sys.stdout.write(json.dumps(_live(found, house)) + "\n")
    else:
        _print_claims(found.claims)
        out.print(f"The log has {found.size} events; {len(found.contradicted)} claims are contradicted.")
    return 0 if found.holds else 1


def _live(found: Verification, house: House) -> dict[str, Any]:
    claims = [
        {
            "claim": each.claim,
            "subject": each.subject,
            "verdict": each.verdict.value,
            "words": each.words,
            "findings": list(each.findings),
        }
        for each in found.claims
    ]
    log = house.settings.log_origin
    return {"log": log, "size": found.size, "claims": claims, "contradicted": len(found.contradicted)}


def _policy(path: Path | None, package: Path) -> Policy | None:
    from evidence.tlog.errors import TlogError
    from evidence.tlog.policy import parse_policy

    if path is None:
        return None
    try:
        return parse_policy(_own(path, package, "a policy file (C2SP tlog-policy)"))
    except TlogError as error:
        _stop(f"{path} is no policy: {error}", code=2)


def _roots(path: Path | None, package: Path) -> Roots:
    from cryptography import x509

    if path is None:
        return ()
    pem = _own(path, package, "a file of root certificates in PEM form")
    if not any(begins in pem for begins in PEM_BEGINS):
        _stop(f"{path} holds no certificate in PEM form", code=2)
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        _stop(f"{path} holds something in PEM form that cannot be read as a certificate", code=2)


def _own(path: Path, package: Path, wanted: str) -> bytes:
    """A file of the checker's own. One out of the package would let the package judge itself."""
    if package.resolve() in path.resolve().parents:
        _stop(f"{path} lies in the package, which cannot vouch for itself: get it from elsewhere", code=2)
    return _read(path, wanted)


def _read(path: Path, wanted: str) -> bytes:
    """A file that was named as `wanted`. Stops with 2 where there is none that can be read."""
    if path.is_dir():
        _stop(f"{path} is a folder, and {wanted} was expected", code=2)
    try:
        return path.read_bytes()
    except OSError as error:
        _stop(f"{path} cannot be read: {error.strerror or error}. It was to be {wanted}", code=2)


def _found(house: House, names: Sequence[str]) -> list[UUID]:
    """The recordings of these names. Raises NotFound."""
    from sqlalchemy import select

    from api.enquiries.recordings import named
    from evidence.errors import NotFound
    from evidence.models import Recording

    found = []
    with house.reading() as session:
        for name in names:
            one = session.scalars(select(Recording.id).where(named(name))).one_or_none()
            if one is None:
                raise NotFound(f"recording {name[:60]}")
            found.append(one)
    return found


def _write_whole(path: Path, body: bytes) -> None:
    """A file that is there whole or not at all. Raises NotWritten."""
    from evidence.package.errors import NotWritten

    draft = path.with_name(f".{path.name}.unfinished")
    try:
        draft.write_bytes(body)
        draft.rename(path)
    except OSError as error:
        raise NotWritten(str(path), because=error.strerror or str(error)) from error
    finally:
        draft.unlink(missing_ok=True)


def _print_claims(claims: Sequence[Claim]) -> None:
    table = Table(show_edge=False, header_style="bold")
    for heading in ("claim", "of", "", "because"):
        table.add_column(heading, overflow="fold")
    for each in claims:
        word, style = SAID[each.verdict.value]
        table.add_row(each.claim, each.subject, f"[{style}]{word}[/]", each.words.replace("[", "\\["))
    out.print(table)


def _print_end(checked: Checked, *, own: bool) -> None:
    from evidence.package.words import HELD_BY_NOTHING_ELSE

    out.print(HELD_BY_NOTHING_ELSE, soft_wrap=True)
    if not own:
        out.print("No policy of your own was named, so nobody's signature proves anything: --policy FILE")
    if checked.holds:
        out.print("Nothing is contradicted, and something is proved of each exhibit.", style="green")
    else:
        out.print(f"{checked.contradicted} claims are contradicted: this package does not hold.", style="red")
    if names := checked.open_ended:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        whom = escape(", ".join(names[:NAMED]))
        out.print(
            f"That the history shown is whole is not proved for {whom}{more}: later events may be missing.",
            style="yellow",
            soft_wrap=True,
        )


def _stop(words: str, *, code: int) -> NoReturn:
    err.print(words, style="red")
    raise typer.Exit(code)
