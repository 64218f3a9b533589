"""What others than the log's keeper say of a package's checkpoint: keys of a policy, witnesses, time-stamps."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from evidence.outside.errors import TokenRefused
from evidence.outside.tokens import DIGESTS, Chain, Stamped, judge, read_response, signs_time
from evidence.package.inquiry import Contradicted, Inquiry, Unproved
from evidence.package.testimony import Testimony, hold_signatures, read_checkpoint
from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import NotProved, TlogError
from evidence.tlog.note import parse_note
from evidence.tlog.policy import Judged, Policy, parse_policy

COPY = "custody/policy.copy"
STAMPS = "custody/tst/"
Roots = tuple[x509.Certificate, ...]
# What the libraries raise over a token or a certificate that is no such thing.
BROKEN = (
    TokenRefused,
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def checkpoint(inquiry: Inquiry, told: Testimony, policy: Policy | None) -> str:
    """A key of the log that the checker's own policy lists signed the checkpoint."""
    told.policy = policy
    read_checkpoint(inquiry, told)
    judged = told.judged = _judged(inquiry, told, policy)
    if policy is None:
        raise Unproved("it is signed by a key of the policy in the package: get the policy from elsewhere")
    keys = ", ".join(f"{each.name} {each.key_id.hex()}" for each in judged.log_keys)
    post_quantum = {None: "the policy lists no ML-DSA key", True: "ML-DSA too", False: "but not with ML-DSA"}
    return f"signed with a key of the policy ({keys}; {post_quantum[judged.ml_dsa]})"


def witnessed(told: Testimony, policy: Policy | None) -> str:
    """Enough witnesses of the policy signed the checkpoint."""
    judged = told.judged
    if judged is None:
        raise Unproved("the checkpoint cannot be judged")
    names = [f"{name} at {_at(when)}" for name, when in sorted(judged.witnesses.items())]
    said = f"signed by {', '.join(names)}" if names else "signed by no witness"
    if policy is None:
        raise Unproved(f"{said}, by the policy in the package: get the policy from elsewhere")
    if not judged.witnessed:
        raise Unproved(f"{said}, and the policy's quorum is {judged.quorum or 'none'}")
    return f"{said}: the quorum {judged.quorum} is met"


def _judged(inquiry: Inquiry, told: Testimony, policy: Policy | None) -> Judged:
    told.policy = policy or _copied(inquiry)
    try:
        return told.policy.judge(told.note)
    except NotProved as error:
        if policy is None:
            raise Unproved(f"not even a key of the policy in the package signed it: {error}") from error
        raise Contradicted(f"no key that your policy names signed it: {error}") from error


def _copied(inquiry: Inquiry) -> Policy:
    try:
        return parse_policy(inquiry.read(COPY))
    except TlogError as error:
        raise Contradicted(f"{COPY} is no policy: {error}") from error


def _at(posix: int) -> str:
    try:
        return datetime.fromtimestamp(posix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError) as error:
        raise Contradicted(f"a witness signed at the time {posix}, which is none") from error


def not_after(inquiry: Inquiry, told: Testimony, roots: Roots) -> str:
    """A time-stamp authority whose root the checker trusts saw the checkpoint."""
    inside = {path for path in {*inquiry.package.files, *inquiry.bagged.differs} if path.startswith(STAMPS)}
    names = sorted({path.removeprefix(STAMPS).rpartition(".")[0] for path in inside})
    if told.checkpoint is None or not told.events:
        raise Unproved("no event or no checkpoint could be read")
    if not names:
        raise Unproved("there is no time-stamp in the package")
    said, doubts = [], []
    for name in names:
        try:
            said.append(_stamped(inquiry, told, name, roots))
        except Unproved as error:
            doubts.append(str(error))
    if not said:
        raise Unproved("; ".join(doubts))
    return "; ".join(said)


def _stamped(inquiry: Inquiry, told: Testimony, name: str, roots: Roots) -> str:
    note = inquiry.read(f"{STAMPS}{name}.note")
    stamped_checkpoint = parse_checkpoint(parse_note(note).text)
    hold_signatures(told, note)
    _leads_to_ours(told, stamped_checkpoint)
    said = _token(inquiry, name, note, roots)
    ours = {each.recording for each in told.contents.exhibits} if told.contents is not None else set()
    late = [each.seq for each in told.events if each.seq >= stamped_checkpoint.size and each.leaf.subj in ours]
    when = f"{said.at:%Y-%m-%d %H:%M:%S} UTC"
    if late:
        raise Unproved(f"{name} saw the exhibits' events before event {late[0]} by {when}, and no later one")
    return f"{name} saw the checkpoint, with every event of the exhibits, by {when}"


def _token(inquiry: Inquiry, name: str, note: bytes, roots: Roots) -> Stamped:
    """What the token says under roots of the checker's own.

    Raises Unproved where it holds under the roots alone that came with it, Contradicted where not even that.
    """
    response = inquiry.read(f"{STAMPS}{name}.tsr")
    query, pem = inquiry.read(f"{STAMPS}{name}.tsq"), inquiry.read(f"{STAMPS}{name}.pem")
    if not any(digest(note) in query for digest in DIGESTS.values()):
        raise Contradicted(f"{STAMPS}{name}.tsq does not ask about {name}.note")
    if not roots:
        raise Unproved(f"{name} stands under no root of your own: name the authority's root, got from elsewhere")
    try:
        shown = _shown(response, pem)
        return judge(response, note, _chain(shown, roots))
    except BROKEN as error:
        if not _holds_by_itself(response, note, pem):
            raise Contradicted(f"{STAMPS}{name}.tsr: {error}") from error
        raise Unproved(f"{STAMPS}{name}.tsr holds, and not under your roots: {error}") from error


def _holds_by_itself(response: bytes, note: bytes, pem: bytes) -> bool:
    """Whether it would be good for somebody who trusts the roots that came with it."""
    try:
        shown = _shown(response, pem)
        judge(response, note, _chain(shown, tuple(each for each in shown if each.issuer == each.subject)))
    except BROKEN:
        return False
    return True


def _chain(shown: list[x509.Certificate], roots: Roots) -> Chain:
    between = tuple(each for each in shown if not signs_time(each) and each.issuer != each.subject)
    return Chain(tuple(each for each in shown if signs_time(each)), between, roots)


def _shown(response: bytes, pem: bytes) -> list[x509.Certificate]:
    """The certificates in the token and beside it: none is believed, so one that cannot be read is passed over."""
    shown = [x509.load_der_x509_certificate(der) for der in read_response(response).signed_data.certificates]
    with suppress(*BROKEN):
        shown += x509.load_pem_x509_certificates(pem)
    return list(dict.fromkeys(shown))


def _leads_to_ours(told: Testimony, stamped: Checkpoint) -> None:
    """Whether the package's checkpoint grew from what was stamped. Raises Unproved or Contradicted."""
    ours = told.checkpoint
    if ours is None or stamped == ours:
        return
    if stamped.origin != ours.origin or stamped.size == ours.size:
        raise Contradicted(f"the stamped checkpoint is another one: {stamped.size} events of {stamped.origin[:120]}")
    if stamped.size not in told.earlier:
        raise Unproved(f"the stamped checkpoint has {stamped.size} events, and nothing leads from it to this one")
    if told.earlier[stamped.size] != stamped.root.hex():
        raise Contradicted(f"the stamped checkpoint of {stamped.size} events is none that this one grew from")
