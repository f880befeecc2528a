"""What destinations of files have in common: a batch becomes a file per folder, and each stands or falls by itself."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from audit_provider.core.destinations.base import Limits, Outcome, Verdict
from audit_provider.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_provider.core.destinations.base import Batch, Item

_EVENT_BYTES = 256 * 1024**2
"""Of one event: a file may be of any size, so this guards nothing but the memory."""


def file_limits(batch_bytes: int) -> Limits:
    """Return the limits of files that are named by their content: whole segments, so that it is the same on every try.

    :param batch_bytes: of one file before compression; an event that is larger has a file to itself.
    """
    return Limits(events=10_000_000, batch_bytes=batch_bytes, event_bytes=_EVENT_BYTES, whole_segments=True)


def put_by_folder(
    batch: Batch, folder_of: Callable[[Item], str], put: Callable[[str, Sequence[Item]], Verdict]
) -> Outcome:
    """Put one file per folder; one that cannot be put leaves the others as they are.

    :param put: writes the items of a folder as one file.
    """
    folder_of_each = list(map(folder_of, batch.items))
    folders: dict[str, list[Item]] = defaultdict(list)
    for item, folder in zip(batch.items, folder_of_each, strict=True):
        folders[folder].append(item)
    verdicts: dict[str, Verdict] = {}
    said = ""
    for folder, items in sorted(folders.items()):
        try:
            verdicts[folder] = put(folder, items)
        except UnavailableError as error:
            verdicts[folder], said = Verdict.RETRY, str(error)
    return Outcome(tuple([verdicts[folder] for folder in folder_of_each]), said)
