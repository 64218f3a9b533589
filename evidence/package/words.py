"""What a person reads first in a package. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from evidence.package.contents import Contents, Exhibit

READ_ME = """\
READ ME FIRST

{force} made this package at {made}.
It holds {count}, with everything that is needed to check {them} without us:

{exhibits}

Open custody/report.pdf to read where each came from, who did what and when, and what is proved and what is not.
{condition}
TO CHECK IT

1. Get the policy from somewhere else than this package: it names the keys of the log and its witnesses. A package
   that brings its own judge proves nothing; custody/policy.copy is only there to be compared.
2. Choose one of these. None of them needs us, or a network:

     sha256sum -c manifest-sha256.txt                   every file under data/ against its digest
     python3 custody/verify.py --policy POLICY .        every claim; Python 3.9 or newer, nothing else
     custody/verify.html                                the same in a browser; choose this folder or the ZIP file
     custody/by-hand.txt                                the same by hand with sha256sum and openssl

3. Where it matters, take the checker from elsewhere too: verify.py and verify.html are the same in every package of
   one version and in the published program, and whoever could change this package could change its own.
4. For each claim you are told: proved, not proved, or contradicted. "Not proved" means that the material for it is
   not here or not yours, such as a policy. "Contradicted" means that something was changed: tell whoever gave you this.

WHAT IS IN IT

  data/exhibits/           the recordings. master.* are the bytes as they were received; working-* are copies made
                           from them to be played. Use the master for examination.
  custody/contents.json    what the package claims
  custody/events.jsonl     what happened to each exhibit, as events of the custody log
  custody/proofs/          that each event is in the log, up to the one checkpoint in custody/checkpoint.txt
  custody/headmap.json     that no event was left out at the end
  custody/case.jsonld      the same for laboratories, in CASE/UCO
  custody/tst/             time-stamps of outside authorities, where there are any

WHAT HOLDS WHAT

  The log's signed checkpoint holds the events; the events hold the digests of the recordings and of what is known of
  their packets. This page, report.pdf, by-hand.txt, case.jsonld, bag-info.txt and the two checkers are only listed in
  the manifests, which nobody has signed: they help you to read, and prove nothing by themselves.
{names}
The log: {log}
The checkpoint: {size} events, {root}
"""

HELD_BY_NOTHING_ELSE = (
    "Not shown: that report.pdf, READ-ME-FIRST.txt, by-hand.txt and case.jsonld in the package say the same as the"
    " events, that verify.py and verify.html in it are those of whoever published them, and whose package bag-info.txt"
    " says it is. They are held by the manifests alone, which anyone can write anew."
)
SEALED = """
Names of people, devices and files are sealed in this package: the events hold commitments to them and not the names.
"""
DAMAGED = """
Not every master is intact. A damaged or unknown file is kept as it came and handed out as it came:
{lines}
"""


ERASED = """
Erased under data protection law (Data Protection Act 2018, section 47), and said so by an event of the log each:
{lines}
The events that held these values stand as they were written; only what the values said is gone.
"""


def read_me(contents: Contents, *, force: str, root: str, names: bool, erased: Sequence[str] = ()) -> bytes:
    """The text of READ-ME-FIRST.txt."""
    exhibits = contents.exhibits
    lines = "\n".join(
        f"  {each.reference}  {each.master.path}\n      SHA-256 {each.master.sha256}" for each in exhibits
    )
    text = READ_ME.format(
        force=force,
        made=contents.made[:19].replace("T", " ") + " UTC",
        count="one recording" if len(exhibits) == 1 else f"{len(exhibits)} recordings",
        them="it" if len(exhibits) == 1 else "them",
        exhibits=lines,
        condition=_conditions(exhibits),
        names=("" if names else SEALED) + _erased(erased),
        log=contents.log,
        size=contents.size,
        root=root,
    )
    return text.encode()


def _erased(lines: Sequence[str]) -> str:
    return ERASED.format(lines="\n".join(f"  {line}" for line in lines)) if lines else ""


def _conditions(exhibits: Sequence[Exhibit]) -> str:
    odd = [f"  {each.reference}: {each.condition}" for each in exhibits if each.condition != "intact"]
    return DAMAGED.format(lines="\n".join(odd)) if odd else ""
