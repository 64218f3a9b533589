"""A PostgreSQL and an S3 server of our own, for one machine: programs from wheels, data in one folder.

Both servers are the same engines as in production and are only supervised here (start, stop, notice, find
again). They listen on loopback only. They are not children in the strict sense: when the supervisor is
killed they go on, and the next `start` on the same data directory adopts them where they run exactly the
command it would use, and otherwise stops them cleanly and starts them anew. One supervisor per data
directory, by a file lock.

Begin with postgres.py; seaweed.py is its sister.
"""

from evidence.embedded.errors import EmbeddedError
from evidence.embedded.postgres import EmbeddedPostgres
from evidence.embedded.seaweed import EmbeddedS3

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedS3"]
