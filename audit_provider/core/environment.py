"""What a session that trusts the environment takes from it, once."""

from __future__ import annotations

import os

import requests


def settle_environment(session: requests.Session, base_url: str) -> None:
    """Take from the environment what a session that trusts it lacks: the CA, and the proxies for ``base_url``.

    Left to itself the session would look through the whole environment for every request, which takes longer than all
    else that it does, and would prefer the environment to its own settings.
    """
    if not session.trust_env:
        return
    session.trust_env = False
    if session.verify is True:
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    if not session.proxies.keys() - {"no_proxy"}:
        session.proxies = requests.utils.get_environ_proxies(base_url, session.proxies.get("no_proxy"))
