"""`python -m evidence.witness`: makes a witness's keys, or runs the witness until it is told to stop.

Exit codes: 0 stopped as asked · 2 a key, a log or an argument cannot be used.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from evidence.tlog.errors import TlogError
from evidence.witness.desk import Witness
from evidence.witness.keys import load_key, make_keys, read_logs
from evidence.witness.memory import Memory
from evidence.witness.server import WitnessServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked, and give back the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.make_keys is not None:
            return _make(asked.make_keys, asked.name)
        return _serve(asked)
    except TlogError as trouble:
        sys.stderr.write(f"{trouble}\n")
    except OSError as trouble:
        sys.stderr.write(f"{trouble.filename or 'This machine'}: {trouble.strerror or trouble}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evidence.witness", description="Witness other people's logs.")
    parser.add_argument("--name", required=True, help="the witness's name, such as witness.example/w1; never changed")
    parser.add_argument("--make-keys", type=Path, metavar="FOLDER", help="make two keys there, print them, and stop")
    parser.add_argument("--key", type=Path, action="append", default=[], help="PEM file to sign with; may be repeated")
    parser.add_argument(
        "--log", action="append", default=[], help="verifier key of a log, or a file of them; may be repeated"
    )
    parser.add_argument("--state", type=Path, help="folder for what was signed last; back it up, never put it back")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8081, help="port to listen on; 0: any")
    return parser


def _make(folder: Path, name: str) -> int:
    for key in make_keys(folder, name):
        sys.stdout.write(key.vkey().text() + "\n")
    return 0


def _serve(asked: argparse.Namespace) -> int:
    if not asked.key or not asked.log or asked.state is None:
        sys.stderr.write("a witness needs --key, --log and --state\n")
        return 2
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    keys = [load_key(path, asked.name) for path in asked.key]
    witness = Witness(keys, read_logs(asked.log), Memory(asked.state))
    with WitnessServer((asked.host, asked.port), witness) as server:
        for word in (signal.SIGTERM, signal.SIGINT):
            # The server's own loop is what runs here: it cannot wait for itself to end.
            signal.signal(word, lambda *_: threading.Thread(target=server.shutdown).start())
        sys.stdout.write(f"http://{asked.host}:{server.server_port}/\n")
        sys.stdout.flush()
        server.serve_forever(poll_interval=0.2)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
