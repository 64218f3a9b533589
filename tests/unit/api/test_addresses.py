"""Whose word counts for where a request came from."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from api.addresses import client_address, client_scheme, site_of

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("198.51.100.1", ["203.0.113.5"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["192.0.2.66, 203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["192.0.2.66", "203.0.113.5, 10.9.9.9"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5:4711"], "203.0.113.5"),
        ("2001:db8:1::7", ["[2001:db8:2::9]:443"], "2001:db8:2::9"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5, <script>, 10.2.2.2"], "10.2.2.2"),
        ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("testclient", ["203.0.113.5"], "testclient"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
    ],
)
def test_only_what_a_trusted_proxy_wrote_is_believed(peer: str, forwarded: list[str], found: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == found


def test_without_trusted_proxies_nobody_s_word_counts() -> None:
    assert client_address("10.0.0.1", ["203.0.113.5"], []) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "said", "found"),
    [
        ("10.0.0.1", ["203.0.113.5"], ["https"], "https"),
        ("10.0.0.1", ["203.0.113.5"], ["HTTPS "], "https"),
        ("10.0.0.1", [], ["https"], "https"),
        ("10.0.0.1", ["203.0.113.5"], [], "http"),
        ("10.0.0.1", ["203.0.113.5"], ["gopher"], "http"),
        ("203.0.113.5", ["192.0.2.66"], ["https"], "http"),
        ("10.0.0.1", ["203.0.113.5"], ["https, http"], "http"),
        ("10.0.0.1", ["203.0.113.5, 10.9.9.9"], ["https, http"], "https"),
        ("10.0.0.1", ["203.0.113.5, 10.9.9.9"], ["https"], "https"),
        ("testclient", ["203.0.113.5"], ["https"], "http"),
    ],
)
def test_how_a_browser_speaks_is_believed_of_trusted_proxies_only(
    peer: str, forwarded: list[str], said: list[str], found: str
) -> None:
    assert client_scheme(peer, "http", forwarded, said, TRUSTED) == found
    assert client_scheme(peer, "http", forwarded, said, []) == "http"


def test_a_network_of_one_site_is_counted_together() -> None:
    assert site_of("2001:db8::1") == site_of("2001:db8::ffff:2") == "2001:db8::/64"
    assert site_of("2001:db8:0:1::1") != site_of("2001:db8::1")
    assert site_of("::ffff:192.0.2.1") == site_of("192.0.2.1") == "192.0.2.1"
    assert site_of("testclient") == "testclient"
