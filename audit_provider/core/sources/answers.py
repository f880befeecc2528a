"""Judging what a source answered: good, later, wrong, or a part of what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import (
    ConfigurationError,
    CredentialError,
    ProtocolError,
    RefusedError,
    UnavailableError,
)
from audit_provider.core.fields import text_at, text_of_scalar, value_at
from audit_provider.core.records import time_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from audit_provider.core.http import Answer
    from audit_provider.core.sources.spec import SourceSpec

_CODE_SHOWN = 100
_OK, _NO_CONTENT = 200, 204
_NEVER_EMPTY = frozenset({401, 403, 407, 408, 425, 429})


class AnswerJudge:
    """Judges the answers of one source.

    :param redact: removes secrets from the vendor's words.
    """

    def __init__(self, spec: SourceSpec, redact: Callable[[str], str]) -> None:
        self._spec = spec
        self._redact = redact

    def means_later(self, answer: Answer) -> bool:
        """Whether the answer says "too many requests" by a code, whatever its status."""
        return self._has_code(answer, self._spec.errors.slow_codes)

    def says_nothing_new(self, answer: Answer, *, promised: bool) -> bool:
        """Whether the answer to a request for a page says that there is none: by no body, or as ``errors`` declares.

        An answer without a body says so by its status 204, or where the source's records may be absent. That it ended
        there, and was not cut off, it must say.

        :param promised: the page before has said that there is more, which no missing body can take back.
        """
        errors, status = self._spec.errors, answer.status
        if status == _NO_CONTENT:
            return True
        if status == _OK and self._spec.records_may_be_absent and not promised:
            body = answer.body.strip()
            if body == b"null" or (not body and _is_whole(answer)):
                return True
        if not (errors.empty_codes or errors.empty_words) or status in _NEVER_EMPTY or not 200 <= status < 500:
            return False
        # Pages are large: only one that holds a code or the words is decoded twice.
        body = answer.body.lower()
        looked_for = (*errors.empty_codes, *errors.empty_words)
        if str(status) not in errors.empty_codes and not any(each.lower().encode() in body for each in looked_for):
            return False
        if answer.is_web_page:
            return False
        code, said = self._words(answer)
        has_code = not errors.empty_codes or bool({code, str(status)} & {*errors.empty_codes})
        words = said.lower()
        return has_code and (not errors.empty_words or any(each.lower() in words for each in errors.empty_words))

    def judge(self, answer: Answer, *, by_cursor: bool, carried_cursor: bool) -> None:
        """Return if the answer is a good one, as far as its status and the vendor's code tell.

        :param by_cursor: what the request named may be gone, as a cursor may.
        :param carried_cursor: the request held a cursor of the source's paging.
        :raises RefusedError: the request is refused, or its cursor: then with a status that means so.
        :raises CredentialError: the credential is not accepted.
        :raises ConfigurationError: the host or the path is wrong.
        :raises ProtocolError: it is no answer of this source.
        """
        status = answer.status
        refused_cursor = carried_cursor and self._has_code(answer, self._spec.errors.cursor_codes)
        if status in (200, 201, 202) and not refused_cursor:
            return
        code, said = self._words(answer)
        hint = self._hint(code) or self._hint(str(status))
        message = f"{answer.where} answered {status}{f' ({code})' if code else ''}{said}"
        if refused_cursor:
            raise RefusedError(
                f"{message}{f': {hint}' if hint else ': the cursor is no longer valid.'}",
                status=400,
                resume_at=self._resume_at(answer),
            )
        if status in (401, 403):
            right = self._spec.access or "check the API token on the connection, its rights and the plan."
            raise CredentialError(f"{message}: {hint or right}")
        if 300 <= status < 400:
            raise ConfigurationError(f"{message}, a redirect, which is not followed: check the connection's host.")
        if status in (404, 405) and not by_cursor:
            hint = hint or f"check that the connection's host is {self._spec.title}'s API."
            raise ConfigurationError(f"{message}: {hint}")
        if 400 <= status < 500:
            raise RefusedError(
                f"{message}{f': {hint}' if hint else '.'}", status=status, resume_at=self._resume_at(answer)
            )
        raise ProtocolError(f"{message}, which is not an answer of {self._spec.title}: check the connection's host.")

    def refuse_hidden_error(self, answer: Answer, shown: Callable[[str], Any] | None = None) -> None:
        """Refuse a 200 that holds an error, alone or beside records.

        :param shown: returns what stands at one of the paths of ``errors``; None looks into the whole answer.
        :raises UnavailableError: the vendor says that records are missing from the page.
        :raises ProtocolError: it holds an error.
        """
        errors = self._spec.errors
        look = shown or (lambda path: value_at(answer.json(), path))

        def is_said(path: str) -> bool:
            return bool(path) and look(path) not in (None, msgspec.UNSET, "", [], 0, False)

        if is_said(errors.partial_at):
            raise UnavailableError(f"{answer.where} answered with a part of the page only: {errors.partial_at} is set.")
        ok = look(errors.ok_at) if errors.ok_at else None
        if errors.partial_is and text_of_scalar(ok) in errors.partial_is:
            raise UnavailableError(f"{answer.where} answered with a part of the page only: {errors.ok_at} is {ok!r}.")
        wrong = bool(errors.ok_at) and ok not in (None, msgspec.UNSET, errors.ok_is)
        if wrong or is_said(errors.message_at) or is_said(errors.code_at):
            code, said = self._words(answer)
            hint = self._hint(code)
            raise ProtocolError(
                f"{answer.where} answered 200 with an error inside{f' ({code})' if code else ''}{said}"
                f"{f': {hint}' if hint else '.'}"
            )

    def _has_code(self, answer: Answer, codes: Iterable[str]) -> bool:
        # Pages are large and rarely hold a code: only one that does is decoded twice.
        if not any(code.encode() in answer.body for code in codes):
            return False
        if answer.status < 300 and not self._spec.records_at and answer.body.lstrip()[:1] == b"[":
            return False  # a list of records, whose first one is no error
        return self._words(answer)[0] in codes

    def _hint(self, code: str) -> str:
        return self._spec.errors.hints.get(code, "")

    def _resume_at(self, answer: Answer) -> datetime | None:
        if not self._spec.errors.resume_at or answer.is_web_page:
            return None
        return time_from(value_at(answer.json(), self._spec.errors.resume_at))

    def _words(self, answer: Answer) -> tuple[str, str]:
        """Return the vendor's error code and its words, the latter as ``": text"`` or ``" with a web page …"``."""
        try:
            found = answer.json()
        except ProtocolError:
            return "", f" with {answer.web_page()}, as proxies send it" if answer.is_web_page else ""
        found = found[0] if isinstance(found, list) and found else found
        code = self._redact(text_at(found, self._spec.errors.code_at))[:_CODE_SHOWN]
        told = value_at(found, self._spec.errors.message_at) if self._spec.errors.message_at else None
        words = "; ".join(_sentence(each) for each in told) if isinstance(told, list) else _sentence(told or "")
        request_id = self._redact(text_at(found, "request_id"))[:_CODE_SHOWN]
        if not words and not code and answer.status >= 400:
            # Better the vendor's whole answer than none of its words.
            words = " ".join(answer.body[:2000].decode(errors="replace").split())
        said = f": {self._redact(words)[:300]}" if words else ""
        return code, said + (f" (request {request_id})" if request_id else "")


def _is_whole(answer: Answer) -> bool:
    """Whether an answer says where it ends, so that one without a body was not cut off."""
    return "Content-Length" in answer.headers or "chunked" in answer.headers.get("Transfer-Encoding", "").lower()


def _sentence(told: Any) -> str:
    """Return a vendor's words: a text, or the text inside an error object."""
    if isinstance(told, dict):
        found = next((told[key] for key in ("message", "detail", "title", "error") if told.get(key)), told)
        return str(found)
    return str(told)
