"""Local passwords: argon2id, generated first ones, and what may be chosen.

Length is what counts; the few rules refuse what a guesser tries first.
"""

from __future__ import annotations

import secrets
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

SHORTEST, LONGEST = 12, 200
# Letters and digits that nobody mixes up when one is read out or copied from paper.
LEGIBLE = "abcdefghjkmnpqrstuvwxyz23456789"
# What guessers try first, at lengths that pass. Compared without digits, spaces and signs.
TRIED_FIRST = (
    "password", "passwort", "qwertyuiop", "asdfghjkl", "zxcvbnm", "letmein", "welcome", "iloveyou", "administrator",
    "continuity", "constable", "sergeant", "police", "changeme", "trustnoone", "abcdefghijkl",
)  # fmt: skip


@cache
def _hasher() -> PasswordHash:
    """argon2id at 64 MiB, three passes, four lanes: 0.12 s a hash on the machine it was measured on."""
    return PasswordHash((Argon2Hasher(time_cost=3, memory_cost=65536, parallelism=4),))


def hash_of(password: str) -> str:
    """What is kept of a password."""
    return _hasher().hash(password)


def verify(password: str, kept: str) -> tuple[bool, str | None]:
    """Whether it is the password; and a fresh hash where the kept one was made with weaker settings."""
    return _hasher().verify_and_update(password, kept)


@cache
def nobodys_hash() -> str:
    """The hash of no password: verified for unknown names, so that their answer takes as long."""
    return hash_of(secrets.token_urlsafe(32))


def generate() -> str:
    """A first password, to be read off once and changed: four groups of five, 99 bits."""
    return "-".join("".join(secrets.choice(LEGIBLE) for _ in range(5)) for _ in range(4))


def fault_in(password: str, *, sign_in_name: str) -> str | None:
    """What is wrong with a chosen password, in a sentence; None when it will do."""
    letters = "".join(each for each in password.lower() if each.isalpha())
    faults = (
        (len(password) < SHORTEST, f"Use at least {SHORTEST} characters. Three random words are easy to remember."),
        (len(password) > LONGEST, f"Use at most {LONGEST} characters."),
        (len(set(password)) < 6, "That repeats too few different characters."),
        (sign_in_name.lower() in password.lower(), "Do not use your sign-in name in your password."),
        (
            any(letters in {word, word * 2} for word in TRIED_FIRST),
            "That is one of the first passwords that guessers try.",
        ),
    )
    return next((sentence for wrong, sentence in faults if wrong), None)
