"""Which address a request came from, and how its browser speaks, where proxies stand before the front desk. Pure.

X-Forwarded-For (and -Proto) is what anybody may write into a request. It counts only as far as it was written by a
proxy that the force has named: read from its end, each address is believed while the one after it is a trusted proxy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
# A household or a site has a whole network of this size: counting single addresses of it would count nothing.
SITE = 64
PROTOCOLS = ("http", "https")


def client_address(peer: str, forwarded: Iterable[str], trusted: Sequence[Network]) -> str:
    """The last address that is no trusted proxy's; the peer itself where it is none, or where nothing more is said."""
    believed = peer
    said = [each.strip() for line in forwarded for each in line.split(",")]
    for entry in reversed(said):
        if not _is_trusted(believed, trusted):
            break
        named = _address(entry)
        if named is None:
            break
        believed = str(named)
    return believed


def client_scheme(
    peer: str, scheme: str, forwarded: Iterable[str], protocols: Iterable[str], trusted: Sequence[Network]
) -> str:
    """How the browser itself speaks: `https` or `http`. `scheme` is how the request reached us, which a proxy changes.

    X-Forwarded-Proto is read from its end beside X-Forwarded-For, and believed just as far.
    """
    believed, found = peer, scheme
    hops = [each.strip() for line in forwarded for each in line.split(",")][::-1]
    said = [each.strip().lower() for line in protocols for each in line.split(",")][::-1]
    for number, protocol in enumerate(said):
        if not _is_trusted(believed, trusted) or protocol not in PROTOCOLS:
            break
        found = protocol
        named = _address(hops[number]) if number < len(hops) else None
        if named is None:
            break
        believed = str(named)
    return found


def site_of(address: str) -> str:
    """What is counted together: an IPv4 address by itself, an IPv6 address with its network of 64 bits."""
    found = _address(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, SITE), strict=False))
    return address if found is None else str(found)


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    found = _address(address)
    return found is not None and any(found.version == each.version and found in each for each in trusted)


def _address(text: str) -> Address | None:
    """An address as proxies write it, with or without a port; None where it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
