"""The one door to the network: one try, bounded repeats, waits named by the service, redaction."""

from __future__ import annotations

import io
import logging
import math
import os
import random
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError as TransportError

from audit_provider.core.errors import AuditError, ConfigurationError, ProtocolError, UnavailableError, WaitError
from audit_provider.core.model import utc_now
from audit_provider.core.text.loose_json import as_utf8
from audit_provider.core.wire.addresses import url_of
from audit_provider.core.wire.answer import ENCODINGS, Answer, Bounds, lines_of, parts_of
from audit_provider.core.wire.failures import failure_of, refused_by_proxy
from audit_provider.core.wire.later import Later, is_slow_down, later_of
from audit_provider.core.wire.redacting import Redactor
from audit_provider.core.wire.tokens import TokenTries
from audit_provider.core.wire.waits import LONGEST_BACKOFF, LONGEST_WAIT, backoff, remaining_requests, waits_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from audit_provider.core.wire.rate_limit import Pacer

__all__ = ["Answer", "HttpClient", "backoff", "is_slow_down"]

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Decompressed bytes of an answer that is held in memory; a larger one is refused."""

MAX_ANSWER_SECONDS = 300.0
"""Most seconds from the first byte of an answer's body to its last."""

MAX_FILE_BYTES = 4 * 1024**3
"""Decompressed bytes of a file that is written to disk; a larger one is refused."""

MAX_FILE_SECONDS = 3600.0
"""Most seconds from the first byte of a file to its last."""

_WORDS_SHOWN = 300
_log = logging.getLogger(__name__)


class HttpClient:
    """Sends requests to one service.

    :param session: has proxy, TLS, certificates and authentication. No other client uses it. If it trusts the
        environment, the CA and the proxies set there when the client is created are used.
    :param base_url: scheme, host, port and path prefix; nothing is ever sent elsewhere.
    :param service: the service's name in messages.
    :param secrets: values to remove from any text quoted from an answer.
    :param timeout: seconds to connect, and maximum seconds without a byte.
    :param tries: number of transport or server errors in a row that end a request.
    :param sleep: called with seconds; may raise :class:`WaitError` rather than sleep long.
    :param patience: seconds; a longer wait after an answer raises an error with the answer's message.
    :param pacer: asked before every try, repeats included, and given every answer's headers.
    :param max_answer_bytes: maximum size of an answer, decompressed.
    :param max_answer_seconds: from the first byte of an answer's body to its last.
    :param max_file_bytes: maximum size of a download, decompressed.
    :param clock: seconds of a monotonic clock, for the time that a body may take.
    :param shown_url: what messages name instead of ``base_url``, if that is itself a secret.
    """

    def __init__(
        self,
        session: requests.Session,
        base_url: str,
        *,
        service: str,
        secrets: Iterable[str] = (),
        timeout: tuple[float, float] = (10.0, 60.0),
        tries: int = 5,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = math.inf,
        now: Callable[[], datetime] = utc_now,
        pacer: Pacer | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        max_answer_seconds: float = MAX_ANSWER_SECONDS,
        max_file_bytes: int = MAX_FILE_BYTES,
        clock: Callable[[], float] = time.monotonic,
        shown_url: str = "",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.service = service
        self.sleep = sleep
        self.now = now
        self.tries = tries
        self.pacer = pacer
        self._patience = patience
        self._session = session
        settle_environment(session, self.base_url)
        self._redactor = Redactor(secrets)
        self._timeout = timeout
        self._answer_bounds = Bounds(max_answer_bytes, max_answer_seconds, "lower the page size.")
        self.max_file_bytes = max_file_bytes
        self._file_bounds = Bounds(max_file_bytes, MAX_FILE_SECONDS, "request files of shorter time ranges.")
        self._clock = clock
        self._shown_url = (shown_url or base_url).rstrip("/")
        self._unread: set[str] = set()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        sink: BinaryIO | None = None,
    ) -> Answer:
        """Send one request, once, and return the answer, whatever its status.

        :param path: appended to the base URL, so it begins with "/" or is "": any other text would become a part of the
            host.
        :param sink: receives the body of a 200 instead of the answer.
        :raises UnavailableError: no complete answer came.
        :raises ConfigurationError: the path, the address, the proxy setting or the certificate is wrong.
        :raises CredentialError: a proxy in between requires a login.
        :raises ProtocolError: the answer is larger than allowed, or compressed in a way that was not requested.
        """
        if path and not path.startswith("/"):
            raise ConfigurationError(
                f"the path of a request to {self.service} does not begin with '/', so the request would go to another "
                "host: correct the path in the source or on the connection."
            )
        if self.pacer:
            self.pacer.wait()
        try:
            answer = self._send(method, path, params, headers, body, sink)
        finally:
            if self.pacer:
                self.pacer.answered()
        if self.pacer:
            self.pacer.observe(answer.headers)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        sink: BinaryIO | None,
    ) -> Answer:
        url, where = url_of(self.base_url, path), self._where(method, path)
        failure: AuditError
        try:
            with (
                self._redactor.over_logs(),
                self._session.request(
                    method,
                    url,
                    params=params,
                    headers={"Accept-Encoding": ENCODINGS, **(headers or {})},
                    data=body,
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                is_file = sink is not None and response.status_code == 200
                content = sink if sink is not None and is_file else io.BytesIO()
                content.seek(0)
                content.truncate()
                for part in parts_of(
                    response, where, self._file_bounds if is_file else self._answer_bounds, self._clock
                ):
                    content.write(part)
                if response.status_code == 407:
                    raise refused_by_proxy(where, 407)
                read = as_utf8(content.getvalue()) if isinstance(content, io.BytesIO) and not is_file else b""
                return Answer(
                    response.status_code, CaseInsensitiveDict(response.headers), read, where, self._redactor.redact
                )
        except (requests.exceptions.RequestException, TransportError, OSError, ValueError) as error:
            failure = failure_of(error, where, self.service)
        # Raised outside the block, so that nothing leads from the error to the request, which holds the credential.
        raise failure

    def fetch(
        self, method: str, path: str, *, later: Callable[[Answer], Later | bool | None] | None = None, **request: Any
    ) -> Answer:
        """Send a request that may be repeated, until an answer other than "later" comes.

        Transport errors and answers that mean "later" (:mod:`~audit_provider.core.wire.later`) are repeated after the
        wait that the service names, else with exponential backoff and full jitter. If a token is refused, a new one is
        fetched if possible (:mod:`~audit_provider.core.wire.tokens`). Any other answer is returned unchanged.

        :param later: finds other answers that mean "later", by the service's message; True is :class:`Later`.
        :raises UnavailableError: ``tries`` in a row failed.
        :raises WaitError: the wait is longer than ``patience``, or than ``sleep`` allows.
        """
        failures, tokens = 0, self.token_tries()
        while True:
            try:
                answer = self.send(method, path, **request)
            except UnavailableError:
                failures += 1
                if failures >= self.tries:
                    raise
                self.sleep(backoff(failures))
                continue
            said = later_of(answer, later)
            if said is None:
                if tokens.again(answer):
                    continue
                return answer
            failures += 1
            if failures >= self.tries:
                asked = self.wait_asked(answer, slow_down=said.limited)
                raise UnavailableError(
                    f"{answer.where} answered {answer.status} {failures} times in a row"
                    f"{self.words(answer)}: {self.service} is not available.",
                    wait=(said.least or None) if asked is None else asked,
                )
            wait = self._wait(answer, failures, said)
            if wait > self._patience:
                raise WaitError(
                    f"{answer.where} answered {answer.status}{self.words(answer)}: {self.service} asks for a wait of "
                    f"{wait:.0f} s, try again then.",
                    until=self.now() + timedelta(seconds=wait),
                )
            self.sleep(wait)

    def download(
        self, path: str, sink: BinaryIO, *, later: Callable[[Answer], Later | bool | None] | None = None
    ) -> Answer:
        """Write the body of a GET into ``sink``, whatever its size, and return the answer without it.

        An answer that is an error is returned with its body, and leaves ``sink`` empty. Repeated like :meth:`fetch`.

        :param later: as in :meth:`fetch`.
        :raises UnavailableError: no whole answer came. :raises ConfigurationError: the address cannot be used.
        """
        return self.fetch("GET", path, later=later, sink=sink)

    def listen(
        self,
        path: str,
        *,
        headers: Mapping[str, str],
        quiet: float,
        longest: float,
        refuse: Callable[[Answer], None],
    ) -> Iterator[list[bytes]]:
        """Send one GET whose answer does not end, and yield its lines.

        See :func:`~audit_provider.core.wire.answer.lines_of`.

        :param path: as in :meth:`send`.
        :param refuse: raises the error that an answer means if it is a web page or has another status than 200.
        :raises UnavailableError: no answer came, or it was cut off; what was yielded before is whole.
        """
        where = self._where("GET", path)
        failure: AuditError
        if self.pacer:
            self.pacer.wait()
        try:
            with (
                self._redactor.over_logs(),
                self._session.request(
                    "GET",
                    url_of(self.base_url, path),
                    headers={"Accept-Encoding": "identity", **headers},
                    timeout=(self._timeout[0], quiet),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                shown = CaseInsensitiveDict(response.headers)
                head = Answer(response.status_code, shown, b"", where, self._redactor.redact)
                if head.status != 200 or head.is_web_page:
                    content = b"".join(parts_of(response, where, self._answer_bounds, self._clock))
                    refuse(replace(head, body=content))
                    raise ProtocolError(f"{where} answered {response.status_code} in place of events.")
                yield from lines_of(response, where, quiet=quiet, longest=longest, clock=self._clock)
                return
        except (requests.exceptions.RequestException, TransportError, OSError, ValueError) as error:
            failure = failure_of(error, where, self.service)
        finally:
            if self.pacer:
                self.pacer.answered()
        raise failure

    def _where(self, method: str, path: str) -> str:
        shown = urlsplit(url_of(self._shown_url, path))
        return f"{method} {shown.netloc.rpartition('@')[2]}{shown.path}"

    def hide(self, secret: str) -> None:
        """Redact one more secret, such as a token fetched on the way."""
        self._redactor.hide(secret)

    def token_tries(self) -> TokenTries:
        """Return the object that decides, for one request, whether a refused token is followed by another try."""
        return TokenTries(self._session.auth, self.sleep, self.now)

    def wait_asked(self, answer: Answer, *, slow_down: bool = False) -> float | None:
        """Return the seconds that an answer asks to wait, or None if it names none.

        If it names a wait that cannot be understood, the result is the longest sensible wait, and the log says so once.

        :param slow_down: it says that the budget is used up, as a 429 does.
        """
        # Some services send the end of the budget's period with every answer, even with one that says they are down. If
        # the budget is not used up, its end says nothing about another limit that was reached.
        left = remaining_requests(answer.headers)
        resets = answer.status == 429 or left == 0 or (slow_down and left is None)
        waits = waits_in(answer.headers, self.now(), resets=resets)
        if not waits.unread:
            return waits.seconds
        period = self.pacer.period if self.pacer and (slow_down or resets) else 0.0
        wait = min(max(waits.seconds or 0.0, LONGEST_BACKOFF, period), LONGEST_WAIT)
        unread = ", ".join(waits.unread)
        if unread not in self._unread:
            self._unread.add(unread)
            said = "%s asks for a wait that cannot be understood (%s): each time, no request is sent to %s for %.0f s."
            _log.warning(said, answer.where, self.redact(unread), self.service, wait)
        return wait

    def _wait(self, answer: Answer, failures: int, said: Later) -> float:
        asked = self.wait_asked(answer, slow_down=said.limited)
        if asked is not None and (asked >= 1 or failures == 1):
            return asked + random.random() * 0.2  # noqa: S311  # nosec B311
        # No header, or again no time to wait, which is also what a clock that is ahead makes of a time in the future.
        wait = max(backoff(failures), said.least if asked is None else asked)
        if said.limited and self.pacer:
            # Others use the same budget. All tries together outlast its period.
            return max(wait, self.pacer.period * failures / self.tries)
        return wait

    def words(self, answer: Answer) -> str:
        """Return what the service said, shortened and without secrets, as ``": text"`` or ``""``.

        A web page is named by its title: it is a proxy's or a login page, not the service's own word.
        """
        if answer.is_web_page and answer.body:
            return f" with {answer.web_page()}, probably from a proxy"
        text = self._redactor.excerpt(answer.body, _WORDS_SHOWN)
        return f": {text}" if text else ""

    def redact(self, text: str) -> str:
        """Return ``text`` with every known secret replaced."""
        return self._redactor.redact(text)


def settle_environment(session: requests.Session, base_url: str) -> None:
    """Set a session's CA, and its proxies for ``base_url``, from the environment, if it trusts that and has none.

    Otherwise the session would search the whole environment for every request, which takes longer than all else that it
    does, and would prefer the environment to its own settings.
    """
    if not session.trust_env:
        return
    session.trust_env = False
    if session.verify is True:
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    if not session.proxies.keys() - {"no_proxy"}:
        session.proxies = requests.utils.get_environ_proxies(base_url, session.proxies.get("no_proxy"))
