"""Free ports on loopback: chosen once, kept while they are still free."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Callable, Sequence

# Below the ports that the kernel hands to outgoing connections (32768 and up), even with GRPC_STEP added:
# otherwise a connection of anyone's could sit on our port at the moment of a restart.
LOWEST, HIGHEST = 15000, 22000
GRPC_STEP = 10000


def is_free(port: int) -> bool:
    """Nobody listens on the port at 127.0.0.1.

    Binds as servers do (SO_REUSEADDR): connections of a server that was just killed linger for a minute
    and must not cost it its port.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
        return True


def choose(count: int, *, kept: Sequence[int], fits: Callable[[int], bool] = is_free) -> list[int]:
    """The kept ports where all of them still fit, else as many new ones, all different."""
    if len(kept) == count and all(fits(port) for port in kept):
        return list(kept)
    # Not a secret: only a spread, so that two servers started at once rarely try the same port.
    hat = random.sample(range(LOWEST, HIGHEST), HIGHEST - LOWEST)
    free = (port for port in hat if fits(port))
    return [next(free) for _ in range(count)]
