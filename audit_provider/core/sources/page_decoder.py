"""Decodes a page strictly, then tolerantly, and finds its records and the values beside them."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE, ProtocolError
from audit_provider.core.fields import Extractor, first_getter_of, getter_of, paths_of
from audit_provider.core.loose_json import BrokenError
from audit_provider.core.sources.shown import is_header
from audit_provider.core.sources.tolerant_page import PatientReader

if TYPE_CHECKING:
    from audit_provider.core.model import Fields
    from audit_provider.core.records import RecordReader
    from audit_provider.core.sources.spec import SourceSpec
    from audit_provider.core.wire.answer import Answer

_PROOF_BYTES = 64 * 1024


class PageDecoder:
    """Decodes the pages of one source.

    :param fields: of the records on a page. :param reader: notes what was wrong around the records.
    :param listed: notes what was wrong in them; another reader where a page lists files.
    """

    def __init__(self, spec: SourceSpec, fields: Fields, reader: RecordReader, listed: RecordReader) -> None:
        self._reader = reader
        self._listed = listed
        self._tolerant = PatientReader(spec.records_at, fields)
        errors = spec.errors
        judged = (errors.message_at, errors.code_at, errors.ok_at, errors.partial_at)
        led_by = [path for path in spec.paging.paths if not is_header(path)]
        columns = spec.columns.at if spec.columns else ""
        paths = dict.fromkeys(filter(None, (*led_by, *judged, columns)), Any)
        if spec.records_at:
            kind = dict[str, msgspec.Raw] if spec.records_by_key else list[msgspec.Raw]
            extractor = Extractor({**dict.fromkeys(paths_of(spec.records_at), kind), **paths})
            self._decode, self._records = extractor.decode, first_getter_of(spec.records_at)
        else:
            extractor = Extractor(paths)
            self._decode, self._records = msgspec.json.Decoder(list[msgspec.Raw]).decode, list
        # An answer that is the list itself has nothing beside its records.
        getter = getter_of if spec.records_at else lambda _: lambda _: msgspec.UNSET
        self._getters = {path: getter(path) for path in ("", *paths)}
        self._obstacles = {path: extractor.obstacle(path) for path in (*paths_of(spec.records_at), *led_by)}

    def records(self, found: Any) -> Any:
        """Return the records of a decoded page: a list, or a mapping to them; UNSET where there are none."""
        return self._records(found)

    def value(self, found: Any, path: str) -> Any:
        """Return what stands at one of the paths that the source's paging, errors or columns name."""
        return self._getters[path](found)

    def decoded(self, answer: Answer) -> tuple[Any, int]:
        """Return a page decoded, strictly or where that cannot be, tolerantly; and how many records nobody can read.

        :raises ValidationError: it is JSON, but no page. :raises ProtocolError: nobody can read it.
        """
        body = answer.body
        if _is_utf8(body):
            try:
                return self._decode(body), 0
            except msgspec.ValidationError:
                raise
            except UNREADABLE:
                pass
        try:
            page = self._tolerant.read(body)
            found = self._decode(page.body)
        except msgspec.ValidationError:
            raise
        except (BrokenError, *UNREADABLE) as error:
            raise ProtocolError(_not_readable(answer, error)) from None
        self._reader.note_around(page.around)
        self._listed.note_repaired(page.repaired)
        self._listed.unreadable += page.unreadable
        return found, len(page.unreadable)

    def value_unhidden(self, answer: Answer, found: Any, path: str) -> Any:
        """Return what stands at ``path``, a way to the next page; UNSET where nothing does.

        :raises ProtocolError: something above it is neither an object nor empty.
        """
        value = self._getters[path](found)
        if value is msgspec.UNSET:
            self.refuse_obstacle(answer, found, path)
        return value

    def refuse_obstacle(self, answer: Answer, found: Any, path: str) -> None:
        """Refuse an answer in which ``path`` is not absent but hidden.

        :raises ProtocolError: something above it is neither an object nor empty.
        """
        if hidden := self._obstacles[path](found):
            raise ProtocolError(
                f"{answer.where} has something other than an object at {hidden!r}, so {path!r} cannot be read: correct "
                "the source's paths."
            )


def _not_readable(answer: Answer, error: Exception) -> str:
    if answer.is_web_page or answer.body.lstrip()[:1] not in (b"{", b"["):
        return answer.not_json()
    return (
        f"{answer.where} answered {answer.status} with {len(answer.body):,} bytes that begin like JSON but are not "
        f"valid to their end ({error}), so the records or the next page cannot be read: the next try requests the "
        "page again."
    )


def _is_utf8(body: bytes) -> bool:
    proof, view = codecs.getincrementaldecoder("utf-8")(), memoryview(body)
    try:
        # In parts that fit a processor's cache, for the text itself is not wanted.
        for begin in range(0, len(body), _PROOF_BYTES):
            proof.decode(view[begin : begin + _PROOF_BYTES])
        proof.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
