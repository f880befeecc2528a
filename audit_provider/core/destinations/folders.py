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
    folders: dict[str, list[int]] = defaultdict(list)
    for place, folder in enumerate(map(folder_of, batch.items)):
        folders[folder].append(place)
    verdicts: list[Verdict] = [Verdict.RETRY] * len(batch)
    said = ""
    for folder, places in sorted(folders.items()):
        try:
            verdict = put(folder, [batch.items[place] for place in places])
        except UnavailableError as error:
            verdict, said = Verdict.RETRY, str(error)
        for place in places:
            verdicts[place] = verdict
    return Outcome(tuple(verdicts), said)
