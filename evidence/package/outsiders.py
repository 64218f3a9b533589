"""What others than the log's keeper say of a package's checkpoint: keys of a policy, witnesses, time-stamps."""

from __future__ import annotations

from datetime import UTC, datetime

from asn1crypto import tsp
from cryptography import x509

from evidence.outside.errors import TokenRefused
from evidence.outside.tokens import Chain, Stamped, judge, read_response, signs_time
from evidence.package.inquiry import Contradicted, Inquiry, Unproved
from evidence.package.testimony import Testimony, read_checkpoint
from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import NotProved, TlogError
from evidence.tlog.note import parse_note
from evidence.tlog.policy import Judged, Policy, parse_policy

COPY = "custody/policy.copy"
STAMPS = "custody/tst/"
Roots = tuple[x509.Certificate, ...]


def checkpoint(inquiry: Inquiry, told: Testimony, policy: Policy | None) -> str:
    """A key of the log that the checker's own policy lists signed the checkpoint."""
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
    using = policy or _copied(inquiry)
    try:
        return using.judge(told.note)
    except NotProved as error:
        raise Unproved(str(error)) from error


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
    if told.checkpoint is None:
        raise Unproved("the checkpoint cannot be read")
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
    _covers(told, stamped_checkpoint)
    said = _token(inquiry, name, note, roots)
    return f"{name} saw the checkpoint by {said.at:%Y-%m-%d %H:%M:%S} UTC"


def _token(inquiry: Inquiry, name: str, note: bytes, roots: Roots) -> Stamped:
    """What the token says under roots of the checker's own.

    Raises Contradicted where it does not even hold under the roots that came with it, Unproved where it holds under
    those alone.
    """
    response = inquiry.read(f"{STAMPS}{name}.tsr")
    try:
        shown = _shown(inquiry, name, response)
        _answers(inquiry, name, response)
    except (TokenRefused, ValueError, TypeError, KeyError) as error:
        raise Contradicted(f"{STAMPS}{name}.tsr: {error}") from error
    theirs = tuple(each for each in shown if each.issuer == each.subject)
    try:
        if theirs:
            judge(response, note, _chain(shown, theirs))
    except TokenRefused as error:
        raise Contradicted(f"{STAMPS}{name}.tsr: {error}") from error
    if not roots:
        raise Unproved(f"{name} stands under no root of your own: name the authority's root, got from elsewhere")
    try:
        return judge(response, note, _chain(shown, roots))
    except TokenRefused as error:
        raise (Unproved if theirs else Contradicted)(f"{STAMPS}{name}.tsr under your roots: {error}") from error


def _chain(shown: list[x509.Certificate], roots: Roots) -> Chain:
    between = tuple(each for each in shown if not signs_time(each) and each.issuer != each.subject)
    return Chain(tuple(each for each in shown if signs_time(each)), between, roots)


def _shown(inquiry: Inquiry, name: str, response: bytes) -> list[x509.Certificate]:
    shown = [x509.load_der_x509_certificate(der) for der in read_response(response).signed_data.certificates]
    shown += x509.load_pem_x509_certificates(inquiry.read(f"{STAMPS}{name}.pem"))
    return list(dict.fromkeys(shown))


def _answers(inquiry: Inquiry, name: str, response: bytes) -> None:
    """Whether the token answers the query that is shown with it. Raises ValueError."""
    asked = tsp.TimeStampReq.load(inquiry.read(f"{STAMPS}{name}.tsq"), strict=True)
    said = read_response(response).tst_info
    if asked["nonce"].native != said.nonce:
        raise ValueError("it answers another query: the nonce differs")
    if asked["message_imprint"]["hashed_message"].native != said.message_imprint.message:
        raise ValueError("it answers another query: the digest differs")


def _covers(told: Testimony, stamped: Checkpoint) -> None:
    """Whether what was stamped holds the package's events. Raises Unproved or Contradicted."""
    ours = told.checkpoint
    if ours is None or stamped == ours:
        return
    if stamped.origin != ours.origin or stamped.size == ours.size:
        raise Contradicted(f"the stamped checkpoint is another one: {stamped.size} events of {stamped.origin[:120]}")
    if stamped.size not in told.earlier:
        raise Unproved(f"the stamped checkpoint has {stamped.size} events, and nothing leads from it to this one")
    if told.earlier[stamped.size] != stamped.root.hex():
        raise Contradicted(f"the stamped checkpoint of {stamped.size} events is none that this one grew from")
    late = [each.seq for each in told.events if each.seq >= stamped.size]
    if late:
        raise Unproved(f"the stamped checkpoint has {stamped.size} events: event {late[0]} came after it")
