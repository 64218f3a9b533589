"""The log's keys: in files that nobody else can read, or in a device that does not give them away."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from evidence import clock
from evidence.outside import rotating
from evidence.outside.errors import KeyUnusable
from evidence.outside.hardware import Device
from evidence.outside.keys import DevicePair, LogKeys, open_keys
from evidence.settings import EvidenceSettings
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import Malformed
from evidence.tlog.keys import Algorithm
from evidence.tlog.note import verify

ORIGIN = "custody.example.test/log"
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def settings_with(**changed: object) -> EvidenceSettings:
    """Settings of which only those about keys matter."""
    needed = ("database_url", "s3_endpoint", "s3_ingest_key", "s3_ingest_secret", "s3_reader_key", "s3_reader_secret")
    more = ("s3_renditions_key", "s3_renditions_secret", "s3_custody_key", "s3_custody_secret")
    return EvidenceSettings.model_validate(dict.fromkeys((*needed, *more), "x") | {"log_origin": ORIGIN} | changed)


def test_keys_sign_with_both_algorithms_and_only_for_their_log(tmp_path: Path) -> None:
    keys = rotating.make(tmp_path / "keys", ORIGIN)
    assert [key.algorithm for key in keys.vkeys()] == [Algorithm.ED25519, Algorithm.ML_DSA_44]
    for line, key in zip(keys.sign(CHECKPOINT, at=1000), keys.vkeys(), strict=True):
        verify(CHECKPOINT.text(), line, key)
    with pytest.raises(Malformed):
        keys.sign(Checkpoint("custody.example.test/other", 7, bytes(32)), at=1000)


def test_keys_are_made_once(tmp_path: Path) -> None:
    first = rotating.make(tmp_path / "keys", ORIGIN).vkeys()
    with pytest.raises(KeyUnusable, match="already"):
        rotating.make(tmp_path / "keys", ORIGIN)
    assert LogKeys(tmp_path / "keys").vkeys() == first
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "keys").rglob("*.pem"))


@pytest.mark.parametrize("file", ["ed25519.pem", "ml-dsa-44.pem"])
def test_a_key_that_is_open_to_others_is_refused(tmp_path: Path, file: str) -> None:
    rotating.make(tmp_path / "keys", ORIGIN)
    (tmp_path / "keys" / "1" / file).chmod(0o640)
    with pytest.raises(KeyUnusable, match="open to others"):
        open_keys(settings_with(log_keys_dir=tmp_path / "keys"))


def test_keys_that_cannot_be_used_are_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="CONTINUITY_LOG_KEYS_DIR"):
        open_keys(settings_with())
    with pytest.raises(KeyUnusable, match="cannot be read"):
        open_keys(settings_with(log_keys_dir=tmp_path / "nowhere"))
    rotating.make(tmp_path / "keys", ORIGIN)
    with pytest.raises(KeyUnusable, match="those of"):
        open_keys(settings_with(log_keys_dir=tmp_path / "keys", log_origin="custody.example.test/other"))
    key = tmp_path / "keys" / "1" / "ed25519.pem"
    for wrong in (b"", (tmp_path / "keys" / "1" / "ml-dsa-44.pem").read_bytes()):
        key.write_bytes(wrong)
        with pytest.raises(KeyUnusable, match="pair 1"):
            open_keys(settings_with(log_keys_dir=tmp_path / "keys"))
    (tmp_path / "keys" / "keys.json").write_bytes(b'{"origin": 1}')
    with pytest.raises(KeyUnusable, match="not a list of keys"):
        LogKeys(tmp_path / "keys").vkeys()


def test_a_pair_signs_until_its_time_is_over(tmp_path: Path) -> None:
    keys = rotating.make(tmp_path / "keys", ORIGIN)
    [pair] = keys.listed().pairs
    now = clock.now()
    ending = pair.model_copy(update={"until": now + timedelta(days=30)})
    assert ending.signs(now + timedelta(days=29))
    assert not ending.signs(now + timedelta(days=30))
    with keys.changing() as write:
        write([pair.model_copy(update={"until": now})])
    assert keys.vkeys() == []
    with pytest.raises(KeyUnusable, match="no pair"):
        keys.sign(CHECKPOINT, at=1000)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A token of SoftHSM with nothing in it."""
    if not SOFTHSM.exists():
        pytest.skip("no SoftHSM here")
    # The library reads this when it is loaded, once in a process: one test uses it.
    (tmp_path / "tokens").mkdir()
    config = tmp_path / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(config))
    token = f"log {os.urandom(4).hex()}"
    init = ["softhsm2-util", "--init-token", "--free", "--label", token, "--pin", "2718", "--so-pin", "3141"]
    subprocess.run(init, check=True, capture_output=True)
    return Device(SOFTHSM, token, "2718")


def test_a_key_in_a_device_signs_and_stays_there(device: Device, tmp_path: Path) -> None:
    keys = rotating.make(tmp_path / "keys", ORIGIN, device)
    assert {path.name for path in (tmp_path / "keys" / "1").iterdir()} == {"ml-dsa-44.pem"}
    for line, key in zip(keys.sign(CHECKPOINT, at=1000), keys.vkeys(), strict=True):
        verify(CHECKPOINT.text(), line, key)
    with pytest.raises(KeyUnusable, match="already"):
        device.make(f"{ORIGIN} 1")
    # The ML-DSA key may be missing: no device makes one yet.
    (tmp_path / "keys" / "1" / "ml-dsa-44.pem").unlink()
    settings = settings_with(
        log_keys_dir=tmp_path / "keys",
        log_pkcs11_module=device.module,
        log_pkcs11_token=device.token,
        log_pkcs11_pin=SecretStr(device.pin),
    )
    alone = open_keys(settings)
    assert [key.algorithm for key in alone.vkeys()] == [Algorithm.ED25519]
    assert isinstance(alone.pair("1"), DevicePair)
    [line] = alone.sign(CHECKPOINT, at=1000)
    verify(CHECKPOINT.text(), line, alone.vkeys()[0])
    with pytest.raises(KeyUnusable, match="in a device"):
        open_keys(settings_with(log_keys_dir=tmp_path / "keys"))
    with pytest.raises(KeyUnusable, match="PinIncorrect"):
        Device(device.module, device.token, "0000").sign(f"{ORIGIN} 1", b"x")
