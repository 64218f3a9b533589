"""Local passwords: kept as argon2id, generated well, and what may be chosen."""

from __future__ import annotations

import pytest

from api import passwords


def test_what_is_kept_is_argon2id_and_not_the_password() -> None:
    kept = passwords.hash_of("purple otter lantern")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.verify("purple otter lantern", kept) == (True, None)
    assert passwords.verify("purple otter lanterm", kept)[0] is False


def test_generated_passwords_are_long_legible_and_never_the_same() -> None:
    made = {passwords.generate() for _ in range(200)}
    assert len(made) == 200
    assert all(passwords.fault_in(each, sign_in_name="officer") is None for each in made)
    assert not any(set(each) & set("0o1li") for each in made)


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "aaaaaaaaaaaaaaaaa",
        "Password1234!",
        "passwordpassword",
        "officer and gentleman",
        "x" * 201,
        "Qwertyuiop123",
    ],
)
def test_what_guessers_try_first_is_refused_with_a_sentence(password: str) -> None:
    assert (passwords.fault_in(password, sign_in_name="officer") or "").endswith(".")


def test_three_random_words_will_do() -> None:
    assert passwords.fault_in("purple otter lantern", sign_in_name="officer") is None
