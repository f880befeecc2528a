"""One destination of a pipeline, as described in the pipelines file, validated."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict

from audit_provider.core.destinations.registry import REGISTRY as DESTINATIONS
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.formats import FORMATS
from audit_provider.core.records.selection import Redaction, Selection
from audit_provider.core.text.validation import Mistakes, closest, near, validated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
MOST_CONCURRENCY = 16
MOST_LETTERS_TOGETHER = 172
"""Most characters of a pipeline's and a destination's name together. The longest key of a Variable, that of a replayed
window's offset, has 78 characters besides them, and Airflow's database holds 250."""


@dataclass(frozen=True, kw_only=True)
class _SharedKeys:
    """The keys of every destination that are used as they are written."""

    type: str
    enabled: bool = True
    format: str = ""
    ocsf_version: Literal["1.1", "1.2", "1.3"] = "1.1"
    concurrency: int = 1
    only: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    too_old: Literal["arrival_time", "dead_letter"] = "arrival_time"
    dead_letters: Literal["fail", "succeed"] = "fail"


@dataclass(frozen=True, kw_only=True)
class Delivery(_SharedKeys):
    """How events are delivered to one destination of a pipeline.

    :ivar type: One of the destination types below. Example: ``s3``.
    :ivar conn_id: Airflow connection. Default: by type, see the destination's page. Example: ``splunk_hec_eu``.
    :ivar options: The options of its type; None in a process that does not ship to it.
    :ivar enabled: ``false`` keeps the offset and ships nothing.
    :ivar format: Format of the events on arrival, see the page about formats. Default: by type, see the destination's
        page. Example: ``ecs``.
    :ivar ocsf_version: Version of the format ``ocsf``: ``1.1``, ``1.2`` or ``1.3``.
    :ivar concurrency: Batches sent at the same time, 1 to 16. Example: ``4``.
    :ivar only: Actions to ship, or patterns with ``*``. Default: all. Example: ``["user.*"]``.
    :ivar omit: Actions to leave out, or patterns with ``*``. Example: ``[user.viewed]``.
    :ivar redact: Paths to ``drop`` or to ``hash`` before an event leaves the spool. Example: ``{drop:
        [context.user_agent], hash: [actor.email]}``.
    :ivar too_old: What to do with events older than the destination accepts: ``arrival_time`` sends them with the
        current time as their timestamp, ``dead_letter`` sets them aside.
    :ivar dead_letters: Whether a run that set events aside fails (``fail``) or succeeds (``succeed``).
    """

    name: str
    conn_id: str
    options: Any
    redact: Redaction = field(default_factory=Redaction)

    @property
    def selection(self) -> Selection:
        """Which events, and which parts of them, are shipped."""
        return Selection(self.only, self.omit, self.redact)

    def written(self) -> dict[str, Any]:
        """Return the keys that describe this delivery in the pipelines file, without those that have their default.

        If this process has not loaded the options of the destination's type, their keys are left out.
        """
        own = {
            each.name: value
            for each in (dataclasses.fields(self.options) if self.options is not None else ())
            if (value := getattr(self.options, each.name)) != each.default
        }
        shared = {
            "except" if each.name == "omit" else each.name: value
            for each in dataclasses.fields(_SharedKeys)
            if (value := getattr(self, each.name)) != each.default
        }
        redact = {"redact": dataclasses.asdict(self.redact)} if self.redact != Redaction() else {}
        return {**own, **shared, "conn_id": self.conn_id, **redact}


@dataclass(frozen=True, kw_only=True)
class _DeliveryEntry(_SharedKeys):
    """The keys that every destination has, as written."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    conn_id: str | None = None
    redact: dict[str, Any] = field(default_factory=dict)


_WRITTEN_KEYS = tuple(each.name for each in dataclasses.fields(_DeliveryEntry))


def delivery_from(name: str, entry: Mapping[str, Any], path: str, *, with_options: bool = True) -> Delivery:
    """Return the delivery that a destination's ``entry`` describes.

    :param path: path of the entry in the file, for messages.
    :param with_options: whether to read its ``options``. If not, the module of its type is not imported, and its
        ``conn_id`` is "" if the entry names none.
    :raises ConfigurationError: with one line per mistake.
    """
    check_name(name, path)
    if "omit" in entry and "except" not in entry:
        raise ConfigurationError(f"{path}.omit: there is no such key, did you mean 'except'?")
    entry = {"omit" if key == "except" else key: value for key, value in entry.items()}
    meant = None if "type" in entry else closest("type", [key for key in entry if key not in _WRITTEN_KEYS])
    if meant:
        raise ConfigurationError(f"{path}.{meant}: there is no such key, did you mean 'type'?")
    try:
        shared = validated(_DeliveryEntry, {key: entry[key] for key in _WRITTEN_KEYS if key in entry}, path)
    except ConfigurationError as error:
        raise ConfigurationError(str(error).replace(f"{path}.omit", f"{path}.except")) from None
    mistakes = Mistakes()
    if shared.format and shared.format not in FORMATS:
        mistakes.add(f"{path}.format: there is no format {shared.format!r}{near(shared.format, FORMATS)}")
    if not 1 <= shared.concurrency <= MOST_CONCURRENCY:
        mistakes.add(f"{path}.concurrency: must be 1 to {MOST_CONCURRENCY}")
    with mistakes.collected():
        redact = validated(Redaction, shared.redact, f"{path}.redact")
    options: Any = None
    if with_options:
        with mistakes.collected():
            options = _options_from(shared.type, entry, path)
    mistakes.raise_any()
    return Delivery(
        name=name,
        conn_id=shared.conn_id or (options.default_conn_id if options is not None else ""),
        options=options,
        redact=redact,
        **{each.name: getattr(shared, each.name) for each in dataclasses.fields(_SharedKeys)},
    )


def _options_from(kind: str, entry: Mapping[str, Any], path: str) -> Any:
    """Return the options of a destination's type, read from its entry."""
    if kind not in DESTINATIONS:
        raise ConfigurationError(f"{path}.type: there is no destination type {kind!r}{near(kind, DESTINATIONS)}")
    own = {key: value for key, value in entry.items() if key not in _WRITTEN_KEYS}
    shared_keys = ("except" if key == "omit" else key for key in _WRITTEN_KEYS)
    options = validated(DESTINATIONS[kind], own, path, extra=shared_keys)
    for key in ("batch_events", "batch_bytes"):
        if (most := getattr(options, key, None)) is not None and most < 1:
            raise ConfigurationError(f"{path}.{key}: must be at least 1")
    return options


def form_of(delivery: Delivery, origin: Origin) -> Form:
    """Return the format of a destination's events: the one in its settings, or the default of its type."""
    name = delivery.format or delivery.options.default_format
    return FORMATS[name](origin, delivery.ocsf_version)


def check_name(name: str, path: str) -> None:
    """Check the name of a pipeline or a destination.

    :param path: its path in the file, for messages.
    :raises ConfigurationError: it is not a valid name.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{path}: a name may contain letters, digits, '_' and '-', must begin with a letter or digit, and has at "
            "most 100 characters"
        )


def check_names(pipeline: str, destination: str, path: str) -> None:
    """Check that the names of a pipeline and of one of its destinations together fit into every key of a Variable.

    :param path: path of the destination in the file, for messages.
    :raises ConfigurationError: they are too long.
    """
    together = len(pipeline) + len(destination)
    if together > MOST_LETTERS_TOGETHER:
        raise ConfigurationError(
            f"{path}: the names of the pipeline and of this destination have {together} letters together: shorten one, "
            f"because the key of a Variable has room for {MOST_LETTERS_TOGETHER} only"
        )
