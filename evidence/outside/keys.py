"""The log's keys: one folder for each pair, and a list of which pairs sign.

    <folder>/keys.json            which pairs there are, which sign, and until when
    <folder>/public.json          the public halves of every pair there ever was
    <folder>/memory.json          what was signed last (remembering.py)
    <folder>/1/ed25519.pem        a pair in files, ML-DSA-44 beside Ed25519
    <folder>/2/ml-dsa-44.pem      of a pair whose Ed25519 key is in a device: PKCS#11 has no ML-DSA-44 key yet,
                                  so that one is in a file, or there is none

Whoever signs reads keys.json again before each checkpoint, so a rotation needs no restart.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, RootModel, ValidationError

from evidence import clock
from evidence.outside.errors import KeyUnusable
from evidence.outside.writing import write_whole
from evidence.settings import EvidenceSettings
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import Malformed
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.note import NoteSignature, signature_by, signed_message
from evidence.tlog.signing import ML_DSA_FILE, KeyPair, SigningKey, cosign

if TYPE_CHECKING:
    from evidence.outside.hardware import Device

LIST = "keys.json"
PUBLIC = "public.json"


class Pair(BaseModel):
    """One pair as the list has it. `label`: of its Ed25519 key in the device; `until`: signs beside a newer one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    label: str | None = None
    state: Literal["in_force", "retired", "revoked"] = "in_force"
    until: AwareDatetime | None = None
    because: str = ""

    def signs(self, now: datetime) -> bool:
        """Whether this pair signs at this moment."""
        return self.state == "in_force" and (self.until is None or now < self.until)

    def handle(self, algorithm: Algorithm) -> str:
        """Where a key of the pair is, in words for the history of keys."""
        device = algorithm is Algorithm.ED25519 and self.label is not None
        return f"pkcs11 {self.label}" if device else f"file {self.name}"


class PairList(BaseModel):
    """What keys.json holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class DevicePair:
    """A pair whose Ed25519 key is in a device, and whose ML-DSA key is in a file or missing."""

    device: Device
    label: str
    ed25519: VerifierKey
    ml_dsa: SigningKey | None

    def vkeys(self) -> list[VerifierKey]:
        """The public halves."""
        return [self.ed25519, *([self.ml_dsa.vkey()] if self.ml_dsa else [])]

    def sign(self, checkpoint: Checkpoint, *, at: int) -> list[NoteSignature]:
        """Sign with what there is. Raises KeyUnusable where the device does not."""
        raw = self.device.sign(self.label, signed_message(checkpoint.text(), self.ed25519, at))
        beside = [cosign(checkpoint, self.ml_dsa, at)] if self.ml_dsa else []
        return [signature_by(self.ed25519, at, raw), *beside]


class PublicHalves(RootModel[dict[str, tuple[str, ...]]]):
    """What public.json holds: the verifier keys of each pair, by the pair's name."""


class LogKeys:
    """The keys in one folder: a signer (evidence.tlog.signing.Signer) without a memory of what it signed."""

    def __init__(self, folder: Path, device: Device | None = None) -> None:
        self.folder = folder
        self._device = device
        self._loaded: dict[str, KeyPair | DevicePair] = {}

    @property
    def origin(self) -> str:
        """The log that these keys sign for."""
        return self.listed().origin

    def listed(self) -> PairList:
        """The list of pairs as it stands now. Raises KeyUnusable."""
        path = self.folder / LIST
        try:
            return PairList.model_validate_json(path.read_bytes())
        except OSError as error:
            raise KeyUnusable(f"the log's keys in {self.folder} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            raise KeyUnusable(f"{path} is not a list of keys: {error.errors()[0]['msg']}") from error

    def vkeys(self) -> list[VerifierKey]:
        """The public halves of every pair that signs now."""
        return [key for pair in self.signing(clock.now()) for key in self.pair(pair.name).vkeys()]

    def sign(self, checkpoint: Checkpoint, *, at: int) -> list[NoteSignature]:
        """Sign with every pair that signs now, the newest first. Raises KeyUnusable, or Malformed for another log."""
        if checkpoint.origin != self.origin:
            raise Malformed(f"the keys of {self.origin} do not sign for {checkpoint.origin[:120]}")
        pairs = self.signing(clock.now())
        if not pairs:
            raise KeyUnusable(f"no pair of keys in {self.folder} signs any more: make one with `keys rotate`")
        return [line for pair in reversed(pairs) for line in self.pair(pair.name).sign(checkpoint, at=at)]

    def signing(self, now: datetime) -> list[Pair]:
        """The pairs that sign at this moment, oldest first."""
        return [pair for pair in self.listed().pairs if pair.signs(now)]

    def pair(self, name: str) -> KeyPair | DevicePair:
        """One pair, signing or not. Raises KeyUnusable."""
        if name not in self._loaded:
            [listed] = [each for each in self.listed().pairs if each.name == name]
            self._loaded[name] = self._load(listed)
        return self._loaded[name]

    def public(self) -> dict[str, list[VerifierKey]]:
        """The public halves of each pair, also of one whose private halves are gone; of a pair in force, its own.

        A pair is not named whose halves were never written down and cannot be read. Raises KeyUnusable.
        """
        kept = self._written_down()
        found = {}
        for pair in self.listed().pairs:
            if pair.state == "in_force" or pair.name not in kept:
                try:
                    found[pair.name] = self.pair(pair.name).vkeys()
                except KeyUnusable:
                    if pair.state == "in_force":
                        raise
            else:
                found[pair.name] = [VerifierKey.parse(each) for each in kept[pair.name]]
        return found

    def write_down(self, public: Mapping[str, Sequence[VerifierKey]]) -> None:
        """Keep public halves beside the list, so that a key may be told from a stranger's when its file is gone."""
        texts = {name: tuple(key.text() for key in keys) for name, keys in public.items()}
        wanted = PublicHalves({**self._written_down(), **texts})
        if wanted.root != self._written_down():
            write_whole(self.folder / PUBLIC, wanted.model_dump_json(indent=1).encode() + b"\n")

    def _written_down(self) -> dict[str, tuple[str, ...]]:
        path = self.folder / PUBLIC
        try:
            kept = PublicHalves.model_validate_json(path.read_bytes()).root
            for each in kept.values():
                [VerifierKey.parse(vkey) for vkey in each]
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError, Malformed) as error:
            raise KeyUnusable(f"{path} is not a list of public keys: move it aside, and it is made again") from error
        return kept

    @contextmanager
    def changing(self) -> Iterator[Callable[[Sequence[Pair]], None]]:
        """The right to change the list, for one at a time: gives what puts a new one in the place of the old."""
        with (self.folder / LIST).with_suffix(".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield lambda pairs: write_list(self.folder, PairList(origin=self.origin, pairs=tuple(pairs)))

    def _load(self, pair: Pair) -> KeyPair | DevicePair:
        folder = self.folder / pair.name
        try:
            for file in folder.glob("*.pem"):
                _refuse_open(file)
            if pair.label is None:
                return KeyPair.load(self.origin, folder)
            return self._load_from_device(folder / ML_DSA_FILE, pair.label)
        except (OSError, Malformed) as error:
            raise KeyUnusable(f"the pair {pair.name} of the log's keys cannot be used: {error}") from error

    def _load_from_device(self, beside: Path, label: str) -> DevicePair:
        if self._device is None:
            raise KeyUnusable(f"the key {label!r} is in a device: name it in CONTINUITY_LOG_PKCS11_MODULE")
        ml_dsa = SigningKey.from_pem(beside.read_bytes(), self.origin, Algorithm.ML_DSA_44) if beside.exists() else None
        public = VerifierKey(self.origin, Algorithm.ED25519, self._device.public(label))
        return DevicePair(self._device, label, public, ml_dsa)


def device_of(settings: EvidenceSettings) -> Device | None:
    """The device that the settings name, if they do."""
    if settings.log_pkcs11_module is None:
        return None
    # Most keys are in files: the library that speaks to devices is loaded where there is one.
    from evidence.outside.hardware import Device

    return Device(settings.log_pkcs11_module, settings.log_pkcs11_token, settings.log_pkcs11_pin.get_secret_value())


def open_keys(settings: EvidenceSettings) -> LogKeys:
    """The log's keys that the settings name. Raises KeyUnusable, also for keys of another log."""
    if settings.log_keys_dir is None:
        raise KeyUnusable("no log keys are named: set CONTINUITY_LOG_KEYS_DIR, and see `continuity custody keys make`")
    keys = LogKeys(settings.log_keys_dir, device_of(settings))
    if keys.origin != settings.log_origin:
        raise KeyUnusable(f"the keys in {keys.folder} are those of {keys.origin}, and the log is {settings.log_origin}")
    for pair in keys.signing(clock.now()):
        keys.pair(pair.name)
    return keys


def make_pair(folder: Path, origin: str, device: Device | None, *, ml_dsa: bool = True) -> Pair:
    """New keys in a folder of their own: in files, or Ed25519 in the device and ML-DSA-44 in a file beside it.

    Raises OSError where the folder is in use, KeyUnusable where the device makes no key.
    """
    if device is None:
        KeyPair.make(origin, folder)
        return Pair(name=folder.name)
    label = f"{origin} {folder.name}"
    folder.mkdir(mode=0o700, parents=True)
    device.make(label)
    if ml_dsa:
        write_whole(folder / ML_DSA_FILE, SigningKey.make(origin, Algorithm.ML_DSA_44).pem())
    return Pair(name=folder.name, label=label)


def write_list(folder: Path, listed: PairList) -> None:
    """Put a list of pairs into the folder, in the place of the one that is there."""
    write_whole(folder / LIST, listed.model_dump_json(indent=1).encode() + b"\n")


def _refuse_open(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnusable(f"the log key {path} is open to others: chmod 600 it")
