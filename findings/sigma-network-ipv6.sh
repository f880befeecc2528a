#!/usr/bin/env bash
# A rule for an IPv6 network matches addresses outside of it
#
# Software: PyPI pysigma 1.5.1 with pysigma-backend-sqlite 2.0.0
# Expected: Sigma, "Modifiers", cidr: the value is a network, in IPv4 and IPv6 notation. RFC 4291, section 2.3:
#           2001:db8::/48 is what has its first 48 bits, 2001:0db8:0000.
# Seen:     Where a query language has no networks, pySigma writes patterns of text. The one for 2001:db8::/48 is
#           "2001:db8:*", which is the 65,536 times larger network 2001:db8::/32; of the eight for 2001:db8::/33,
#           one is the same. The patterns for IPv4 networks, and for IPv6 networks that end in a group other than
#           0, are right.
# Matters:  A rule that excludes the own network from an alert excludes the neighbours at the same provider too,
#           and nothing shows it. The other way round, a list of bad networks matches good ones.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysigma==1.5.1 pysigma-backend-sqlite==2.0.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import ipaddress
import sqlite3

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

RULE = """
title: From a network
status: test
logsource:
  product: example
detection:
  selection:
    address|cidr: NETWORK
  condition: selection
"""
addresses = ["2001:db8::1", "2001:db8:0:5::1", "2001:db8:1::1", "2001:db8:ffff::1", "10.1.2.3", "10.200.2.3", "192.0.2.5"]
events = sqlite3.connect(":memory:")
events.execute("CREATE TABLE logs (address)")
events.executemany("INSERT INTO logs VALUES (?)", [(address,) for address in addresses])


def matches(network):
    """Return the addresses that the query finds, those that are in the network, and the query."""
    (query,) = sqliteBackend().convert(SigmaCollection.from_yaml(RULE.replace("NETWORK", network)))
    found = [address for (address,) in events.execute(query)]
    return found, [a for a in addresses if ipaddress.ip_address(a) in ipaddress.ip_network(network)], query


for network in ("10.0.0.0/9", "192.0.2.0/29", "2001:db8::/32", "2001:db8:1::/48"):
    found, right, _ = matches(network)
    hold(f"{network}, control, as the standard says", found == right, True)
found, right, query = matches("2001:db8::/48")
hold("2001:db8::/48, condition", query.split("WHERE ")[1], r"address LIKE '2001:db8:%' ESCAPE '\'")
hold("2001:db8::/48, in the network", right, ["2001:db8::1", "2001:db8:0:5::1"])
hold("2001:db8::/48, found", found, ["2001:db8::1", "2001:db8:0:5::1", "2001:db8:1::1", "2001:db8:ffff::1"])
found, right, query = matches("2001:db8::/33")
hold("2001:db8::/33, patterns", query.count("LIKE"), 8)
hold("2001:db8::/33, found but not in the network", [a for a in found if a not in right], ["2001:db8:ffff::1"])
PY
