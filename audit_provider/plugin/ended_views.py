"""What the JSON API says of what was wrong and is no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EndedIncident:
    """Outages that have ended lately, of one cause and of all the pipelines that it concerned.

    :ivar key: the same for the same cause in every answer. :ivar text: what was wrong, in a few words.
    :ivar cause: the connection that failed. :ivar times: how many outages there were, where those of several pipelines
        at the same time are one. :ivar began: the first of them, and :ivar ended: the last.
    :ivar longest: the longest of them, in seconds; :ivar at_least: of one of them, nobody knows when exactly it ended.
    :ivar waited: events that waited when it went well again: of each destination the most, added up; None where nobody
        knows.
    :ivar error: the error that most of them ended with.
    :ivar pipelines: names of the first few of those that it concerned. :ivar concerned: how many they are.
    """

    key: str
    text: str
    cause: str
    times: int
    began: datetime
    ended: datetime
    longest: float
    at_least: bool
    waited: int | None
    error: str
    pipelines: tuple[str, ...]
    concerned: int
