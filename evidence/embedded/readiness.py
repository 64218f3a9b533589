"""Whether a server that answers has found its objects again.

The S3 door of a server that starts opens, and its health page is green, before its master has heard which volumes
there are: until then each read of an object that is there fails ("volume 1 not found"). All volumes are announced at
once, so one object that was kept before shows by its bytes that every other can be read.
"""

from __future__ import annotations

from evidence.store import StoreSettings
from evidence.store.errors import ObjectMissing, StoreError, StoreRefused
from evidence.store.renditions import S3RenditionStore

KEY = "embedded/known-object"
# Larger than what a server keeps beside an object's name instead of in a volume.
BODY = b"Continuity reads this back to see whether the server has found its volumes.\n" * 1000


class KnownObject:
    """One object of our own in the bucket of renditions: read to see, written where it is not there yet."""

    def __init__(self, settings: StoreSettings) -> None:
        self._renditions = S3RenditionStore(settings)

    def can_be_read(self) -> bool:
        """Whether its bytes come, or it was never written: then there is nothing to wait for."""
        try:
            return b"".join(self._renditions.read(KEY)) == BODY
        except (ObjectMissing, StoreRefused):
            return True
        except StoreError:
            return False

    def keep(self) -> None:
        """See to it that the next start finds it. A disk that is full keeps nobody from reading what there is."""
        try:
            self._renditions.head(KEY)
        except ObjectMissing:
            self._put()
        except StoreError:
            return

    def _put(self) -> None:
        try:
            self._renditions.put_bytes(KEY, BODY, content_type="text/plain")
        except StoreError:
            return
