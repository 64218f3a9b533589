"""Roots of packets that are too many to be kept one by one."""

from __future__ import annotations

from hashlib import sha256


class Root:
    """A growing RFC 6962 tree of packet hashes: one node for each bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self.nodes: list[bytes] = []

    def copy(self) -> Root:
        other = Root()
        other.size, other.nodes = self.size, list(self.nodes)
        return other

    def take(self, leaf: bytes) -> None:
        node, full = sha256(b"\x00" + leaf).digest(), self.size
        while full & 1:
            node, full = sha256(b"\x01" + self.nodes.pop() + node).digest(), full >> 1
        self.nodes.append(node)
        self.size += 1

    def hex(self) -> str:
        if not self.nodes:
            return sha256(b"").hexdigest()
        root = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            root = sha256(b"\x01" + node + root).digest()
        return root.hex()
