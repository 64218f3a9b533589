"""Makes the three buckets, two of them with versions and Object Lock. The one act that needs the administrator's key.

    python ops/compose/make_buckets.py /run/keeper

The folder holds `admin-key` and `admin-secret`; everything else is in the settings (CONTINUITY_S3_*).
"""

from __future__ import annotations

import sys
from pathlib import Path

from evidence.bootstrap import store_settings
from evidence.settings import EvidenceSettings
from evidence.store import StoreKey
from evidence.store.buckets import make_buckets


def main() -> int:
    """Make what is missing and say so."""
    if len(sys.argv) != 2:
        sys.stderr.write("say where the administrator's key is, such as: make_buckets.py /run/keeper\n")
        return 2
    keeper = Path(sys.argv[1])
    admin = StoreKey((keeper / "admin-key").read_text("utf-8"), (keeper / "admin-secret").read_text("utf-8"))
    settings = store_settings(EvidenceSettings.read())
    make_buckets(settings, admin=admin)
    names = f"{settings.masters_bucket}, {settings.custody_bucket} and {settings.renditions_bucket}"
    sys.stdout.write(f"The buckets {names} are there.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
