"""Sources whose events come in files: where the files are found, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

# Not for type checking alone: what is written in the pipelines file is validated by these annotations.
from audit_provider.core.sources.request import Request


@dataclass(frozen=True, slots=True)
class ExportJob:
    """A file is made to order: ask for a span of time, look until it is ready, download it.

    :ivar create: asks for ``{start}`` to ``{end}``. :ivar status: looks at job ``{job}``.
    :ivar id_at: dotted path of the job's id, :ivar state_at: of its state, :ivar url_at: of the file's URL.
    :ivar ready: the state in which there is a file. :ivar pending: the states in which to look again; in any other one
        the job is given up and made anew.
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

    :ivar id_at: dotted path of a file's id, :ivar created_at: of when it was made, :ivar url_at: of its URL.
    """

    id_at: str
    created_at: str
    url_at: str

    def mapped(self, change: Callable[[Request], Request]) -> FileList:
        """Return the list; it has no requests of its own."""
        return self


Export = ExportJob | FileList

__all__ = ["Export", "ExportJob", "FileList"]
