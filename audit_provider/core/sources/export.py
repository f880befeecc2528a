"""Sources whose events come in files: where the files are found, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

# Imported at run time too, because the pipelines file is validated by these annotations.
from audit_provider.core.sources.request import Request


@dataclass(frozen=True, slots=True)
class ExportJob:
    """A file that the vendor creates on request: order a time range, wait until the file is ready, download it.

    :ivar create: Request that orders the file for ``{start}`` to ``{end}``, with the keys of `Request` below.
    :ivar status: Request that returns the state of job ``{job}``, with the keys of `Request` below.
    :ivar id_at: Dotted path of the job's id. Example: ``data.id``.
    :ivar state_at: Dotted path of the job's state. Example: ``data.state``.
    :ivar url_at: Dotted path of the file's URL. Example: ``data.url``.
    :ivar ready: State in which the file exists. Example: ``ready``.
    :ivar pending: States in which the job is still running. In any other state the job is abandoned and ordered again.
        Example: ``[pending, running]``.
    """

    create: Request
    status: Request
    id_at: str
    state_at: str
    url_at: str
    ready: str
    pending: tuple[str, ...]

    def mapped(self, change: Callable[[Request], Request]) -> ExportJob:
        """Return the job with its requests changed."""
        return replace(self, create=change(self.create), status=change(self.status))


@dataclass(frozen=True, slots=True)
class FileList:
    """The records of the source's list are files.

    :ivar id_at: Dotted path of a file's id. Example: ``id``.
    :ivar created_at: Dotted path of the time when the file was created. Example: ``created_at``.
    :ivar url_at: Dotted path of the file's URL. Example: ``download_url``.
    :ivar expires_at: Dotted path of the time from which the file can no longer be downloaded. A file that is refused
        after that time is a gap that is reported. Default: the vendor does not say it. Example: ``expires_at``.
    :ivar never_empty: Whether every listed file has content. A file without content is then requested again in each
        run, until it has content or is no longer listed. Default: a file without content has no events.
    """

    id_at: str
    created_at: str
    url_at: str
    expires_at: str = ""
    never_empty: bool = False

    def mapped(self, change: Callable[[Request], Request]) -> FileList:
        """Return the list; it has no requests of its own."""
        return self


@dataclass(frozen=True, slots=True)
class FeedList:
    """The records of the source's list are feeds: addresses whose answer does not end, with one event in each line.

    :ivar url_at: Dotted path of a feed's URL. Example: ``url``.
    :ivar token_at: Dotted path of the token of a feed, which is sent to its URL in place of the credential. Example:
        ``session.token``.
    :ivar offset_at: Dotted path of an event's offset in its feed, a number that grows. Example: ``meta.offset``.
    :ivar param: Name of the parameter for the offset of the last event that was read.
    :ivar scheme: Word before the token in the header ``Authorization``.
    """

    url_at: str
    token_at: str
    offset_at: str
    param: str = "offset"
    scheme: str = "Bearer"

    def mapped(self, change: Callable[[Request], Request]) -> FeedList:
        """Return the list; it has no requests of its own."""
        return self


Export = ExportJob | FileList | FeedList

__all__ = ["Export", "ExportJob", "FeedList", "FileList"]
