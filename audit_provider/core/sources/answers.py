"""Judge the answers of a source: good, later, wrong, or only a part of what was requested."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import (
    ConfigurationError,
    CredentialError,
    CutOffError,
    LostPageError,
    ProtocolError,
    RefusedError,
    UnavailableError,
)
from audit_provider.core.records.fields import text_at, text_of_scalar, value_at
from audit_provider.core.records.times import time_from
from audit_provider.core.sources.export import ExportJob
from audit_provider.core.wire.later import Later, fault_said, limit_said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from audit_provider.core.sources.spec import SourceSpec
    from audit_provider.core.wire.http import Answer

_CODE_SHOWN = 100
_MOST_ERROR_BYTES = 8192
_LASTING = frozenset({401, 404, 405, 410})
"""Statuses of errors that are not temporary, even if the answer has a usual word for a temporary fault."""

_AHEAD = re.compile(
    r"\bfuture\b|\b(?:must|has to|have to|should|needs? to) (?:be|lie) in the past\b"
    r"|\b(?:after|later than|beyond|exceeds?|exceed|greater than|newer than|ahead of|past|before|earlier than|less than"
    r"|prior to|older than|equal to)\W+(?:or equal to\W+)?(?:the\W+)?(?:\w+\W+){0,2}?"
    r"(?:now|today|(?:current|present|server|system)[\s_-]?(?:date|time|day|moment|timestamp|utc)\w*)\b",
    re.IGNORECASE,
)
"""Words of vendors that refuse a time range because its end is ahead of their clock."""
_OK, _NO_CONTENT = 200, 204
_NEVER_EMPTY = frozenset({401, 403, 407, 408, 425, 429})


class AnswerJudge:
    """Judges the answers of one source.

    :param redact: removes secrets from the vendor's words.
    """

    def __init__(self, spec: SourceSpec, redact: Callable[[str], str]) -> None:
        self._spec = spec
        self._redact = redact

    def later(self, answer: Answer) -> Later | None:
        """Return the meaning of an answer whose code or words say "later", with any status; None if they do not.

        A large 2xx is not searched: an error in it is found when it is read as a page.
        """
        errors = self._spec.errors
        if answer.status < 300 and (
            not (errors.code_at or errors.message_at)
            or len(answer.body) > _MOST_ERROR_BYTES
            or answer.body.lstrip()[:1] == b"["
        ):
            return None
        return self._meaning(answer.status, *self._told(answer))

    def says_nothing_new(self, answer: Answer, *, promised: bool) -> bool:
        """Whether the answer to a page request says that there is no page: by an empty body, or as ``errors`` declares.

        An empty body says so with status 204. With status 200 it says so only if the source's records may be absent,
        and if the headers show that the answer was not cut off.

        :param promised: the page before said that there is more, so an empty body with status 200 does not count.
        """
        errors, status = self._spec.errors, answer.status
        if status == _NO_CONTENT:
            return True
        if not promised and self._has_no_page(answer):
            return True
        if not (errors.empty_codes or errors.empty_words) or status in _NEVER_EMPTY or not 200 <= status < 500:
            return False
        # Pages are large: only one that holds a code or the words is decoded twice.
        body = answer.body.lower()
        looked_for = (*errors.empty_codes, *errors.empty_words)
        if str(status) not in errors.empty_codes and not any(each.lower().encode() in body for each in looked_for):
            return False
        is_error = status >= 400
        if answer.is_web_page or (not is_error and answer.body.lstrip()[:1] == b"["):
            return False
        code, said = self._told(answer)
        has_code = not errors.empty_codes or bool({code, str(status)} & {*errors.empty_codes})
        # In an error, the whole body counts as the vendor's words; in a page, only the value at 'message_at' does.
        words = f"{said} {body[:_MOST_ERROR_BYTES].decode(errors='replace') if is_error else ''}".lower()
        return has_code and (not errors.empty_words or any(each.lower() in words for each in errors.empty_words))

    def refuse_lost_page(self, answer: Answer) -> None:
        """Refuse an answer without a page if the page before said that there is one.

        :raises LostPageError: it has no page.
        """
        if self._has_no_page(answer):
            raise LostPageError(
                f"{answer.where} answered {answer.status} with {len(answer.body)} bytes that are not a page in JSON, "
                "although the page before said that there is more, so the rest cannot be read."
            )

    def has_no_content(self, answer: Answer) -> bool:
        """Whether an answer has no content. A proxy may send such an answer too."""
        return answer.status == _NO_CONTENT or self._has_no_page(answer)

    def _has_no_page(self, answer: Answer) -> bool:
        if answer.status != _OK or not self._spec.records_may_be_absent:
            return False
        body = answer.body.strip()
        return body == b"null" or (not body and _is_whole(answer))

    def judge(self, answer: Answer, *, by_cursor: bool, carried_cursor: bool) -> None:
        """Return if the answer is good by its status and the vendor's code, and raise otherwise.

        :param by_cursor: the request names something that may no longer exist, such as a cursor.
        :param carried_cursor: the request held a cursor of the source's paging.
        :raises CutOffError: the answer would be too large.
        :raises RefusedError: the request is refused, or its cursor is, which is raised with status 400.
        :raises CredentialError: the credential is not accepted.
        :raises ConfigurationError: the host or the path is wrong.
        :raises ProtocolError: it is not an answer of this source.
        """
        status = answer.status
        refused_cursor = carried_cursor and self.has_code(answer, self._spec.errors.cursor_codes)
        if status in (200, 201, 202) and not refused_cursor:
            return
        code, words = self._told(answer)
        said = self._said(answer, words)
        hint = self._hint(code) or self._hint(str(status))
        message = f"{answer.where} answered {status}{f' ({code})' if code else ''}{said}"
        if refused_cursor:
            raise RefusedError(
                f"{message}{f': {hint}' if hint else ': the cursor is no longer valid.'}",
                status=400,
                resume_at=self._resume_at(answer),
            )
        if status in (401, 403):
            right = self._spec.access or "check the API token on the connection, its permissions and the plan."
            raise CredentialError(f"{message}: {hint or right}")
        if 300 <= status < 400:
            raise ConfigurationError(f"{message}, a redirect, which is not followed: check the connection's host.")
        if status in (404, 405) and not by_cursor:
            hint = hint or f"check that the connection's host is {self._spec.title}'s API."
            raise ConfigurationError(f"{message}: {hint}")
        self._refuse_too_large(message, words)
        if 400 <= status < 500:
            hint = hint or self._hint_on_end(words)
            raise RefusedError(
                f"{message}{f': {hint}' if hint else '.'}", status=status, resume_at=self._resume_at(answer)
            )
        raise ProtocolError(f"{message}, which is not an answer of {self._spec.title}: check the connection's host.")

    def refuse_hidden_error(self, answer: Answer, shown: Callable[[str], Any] | None = None) -> None:
        """Refuse a 200 that holds an error, alone or beside records.

        :param shown: returns the value at one of the paths of ``errors``. If it is None, the whole answer is decoded.
        :raises UnavailableError: the vendor says that records are missing from the page, or the error is temporary.
        :raises ProtocolError: it holds another error.
        """
        errors = self._spec.errors
        look = shown or (lambda path: value_at(answer.json(), path))

        def is_said(path: str) -> bool:
            return bool(path) and look(path) not in (None, msgspec.UNSET, "", [], 0, False)

        if is_said(errors.partial_at):
            raise UnavailableError(f"{answer.where} answered with only a part of the page: {errors.partial_at} is set.")
        ok = look(errors.ok_at) if errors.ok_at else None
        if errors.partial_is and text_of_scalar(ok) in errors.partial_is:
            raise UnavailableError(f"{answer.where} answered with only a part of the page: {errors.ok_at} is {ok!r}.")
        wrong = bool(errors.ok_at) and ok not in (None, msgspec.UNSET, errors.ok_is)
        if wrong or is_said(errors.message_at) or is_said(errors.code_at):
            code, words = self._told(answer)
            message = f"{answer.where} answered {answer.status} with an error inside{f' ({code})' if code else ''}"
            message += self._said(answer, words)
            if later := self._meaning(answer.status, code, words):
                raise UnavailableError(f"{message}.", wait=later.least or None)
            self._refuse_too_large(message, words)
            hint = self._hint(code) or self._hint_on_end(words)
            raise ProtocolError(f"{message}{f': {hint}' if hint else '.'}")

    def _refuse_too_large(self, message: str, words: str) -> None:
        if any(text.lower() in words.lower() for text in self._spec.errors.large_texts):
            raise CutOffError(f"{message}: the answer would be too large.")

    def has_code(self, answer: Answer, codes: Iterable[str]) -> bool:
        """Whether an answer has one of some codes of the vendor."""
        # Pages are large and rarely hold a code: only one that does is decoded twice.
        if not any(code.encode() in answer.body for code in codes):
            return False
        if answer.status < 300 and not self._spec.records_at and answer.body.lstrip()[:1] == b"[":
            return False  # a list of records, whose first one is no error
        return self._told(answer)[0] in codes

    def _hint(self, code: str) -> str:
        return self._spec.errors.hints.get(code, "")

    def _resume_at(self, answer: Answer) -> datetime | None:
        if not self._spec.errors.resume_at or answer.is_web_page:
            return None
        return time_from(value_at(answer.json(), self._spec.errors.resume_at))

    def _meaning(self, status: int, code: str, words: str) -> Later | None:
        """Return the meaning of the vendor's code and words if they say "later"; None otherwise."""
        errors = self._spec.errors
        limited = Later(least=errors.slow_wait.total_seconds())
        if code in errors.slow_codes or any(text.lower() in words.lower() for text in errors.slow_texts):
            return limited
        if code in errors.passing_codes:
            return Later(limited=False)
        if status in _LASTING or code in errors.cursor_codes or self._hint(code):
            return None
        if limit_said(code) or limit_said(words):
            return limited
        return Later(limited=False) if fault_said(code) else None

    def _hint_on_end(self, words: str) -> str:
        """Return what to do if the vendor's words say that the requested end is in the future; "" otherwise."""
        spec = self._spec
        asked = spec.export.create if isinstance(spec.export, ExportJob) else spec.request
        if not (asked.takes_end and hasattr(spec.reading, "behind") and _AHEAD.search(words)):
            return ""
        return (
            "its clock is behind this machine's, or it serves events only after some time: set 'reading.behind' of the "
            f"source to some seconds (now {spec.behind.total_seconds():.0f}), so that reads end that long before now."
        )

    def _told(self, answer: Answer) -> tuple[str, str]:
        """Return the vendor's error code and its words; "" for each that is absent."""
        try:
            found = answer.json()
        except ProtocolError:
            return "", ""
        found = found[0] if isinstance(found, list) and found else found
        code = self._redact(text_at(found, self._spec.errors.code_at))[:_CODE_SHOWN]
        told = value_at(found, self._spec.errors.message_at) if self._spec.errors.message_at else None
        words = "; ".join(_sentence(each) for each in told) if isinstance(told, list) else _sentence(told or "")
        if not words and not code and answer.status >= 400:
            # The raw answer says more to the reader than no words at all.
            words = " ".join(answer.body[:2000].decode(errors="replace").split())
        return code, words

    def _said(self, answer: Answer, words: str) -> str:
        """Return the vendor's words, as ``": text"`` or ``" with a web page …"``, and the request's id."""
        try:
            found = answer.json()
        except ProtocolError:
            return f" with {answer.web_page()}, probably from a proxy" if answer.is_web_page else ""
        found = found[0] if isinstance(found, list) and found else found
        request_id = self._redact(text_at(found, "request_id"))[:_CODE_SHOWN]
        said = f": {self._redact(words)[:300]}" if words else ""
        return said + (f" (request {request_id})" if request_id else "")


def _is_whole(answer: Answer) -> bool:
    """Whether the headers say where an answer ends, which proves that an empty body was not cut off."""
    return "Content-Length" in answer.headers or "chunked" in answer.headers.get("Transfer-Encoding", "").lower()


def _sentence(told: Any) -> str:
    """Return a vendor's words: a text, or the text inside an error object."""
    if isinstance(told, dict):
        found = next((told[key] for key in ("message", "detail", "title", "error") if told.get(key)), told)
        return str(found)
    return str(told)
