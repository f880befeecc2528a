"""The description of this provider that Airflow asks for, and what each source and destination adds to it."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.core.destinations.spec import DestinationSpec, Extra
    from audit_provider.core.sources.spec import SourceSpec

_PARTS = Path(__file__).with_name("provider_parts.json")
_DESTINATIONS, _SOURCES = "audit_provider.destinations", "audit_provider.sources"  # importing these is slow


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-audit-logs",
        "name": "Audit logs",
        "description": "Pulls SaaS audit logs and ships them to SIEMs without losing one event.",
        **_parts(),
        "config": {
            "audit_logs": {
                "description": "Settings of the audit-log provider.",
                "options": {
                    "pipelines_file": {
                        "description": "The pipelines file; empty: audit_pipelines.yaml beside the DAG files.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/etc/airflow/audit_pipelines.yaml",
                        "default": "",
                    },
                    "spool": {
                        "description": "Where events are kept between reading and shipping: a file:// folder, "
                        "s3://[conn_id@]bucket/prefix, or another scheme of ObjectStoragePath; empty: "
                        "file://<AIRFLOW_HOME>/audit_spool.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@my-bucket/audit_spool",
                        "default": "",
                    },
                    "checkpoint_conn_id": {
                        "description": "Connection of type audit_checkpoint_key that signs checkpoints; empty: they "
                        "are not signed.",
                        "version_added": "0.2.0",
                        "type": "string",
                        "example": "audit_checkpoint_key_default",
                        "default": "",
                    },
                },
            }
        },
    }


def _parts() -> dict[str, list[Any]]:
    """Return what each source and destination adds. ``make docs`` has written it to a file.

    Airflow asks for it at each start, and importing every source would make the start slow. Only destinations of other
    packages are imported here.
    """
    parts: dict[str, list[Any]] = json.loads(_PARTS.read_text(encoding="utf-8"))
    if entry_points(group=_SOURCES):
        # Names of sources in other packages are not known without importing them, so the form only suggests names.
        for each in parts["connection-types"]:
            if source := each["conn-fields"].get("source"):
                source["schema"]["examples"] = source["schema"].pop("enum")
    if entry_points(group=_DESTINATIONS):
        from audit_provider.core.destinations.registry import DESTINATIONS

        known = {each["integration-name"] for each in parts["integrations"]}
        for spec in DESTINATIONS.values():
            if spec.about.title not in known:
                add_destination(parts, spec, has_page=False)
    return parts


_OWN = "Audit logs"


def parts_of(sources: Iterable[SourceSpec], destinations: Iterable[DestinationSpec]) -> dict[str, list[Any]]:
    """Return the lists of Airflow's ``provider_info.schema.json`` that depend on the sources and destinations."""
    sources = list(sources)
    guides = ["/docs/quick_start.md", "/docs/pipelines.md"]
    parts: dict[str, list[Any]] = {
        "integrations": [
            {"integration-name": _OWN, "how-to-guide": guides, "tags": ["service"]},
            *(_integration(each.title, each.docs, f"sources/{each.name}", "source") for each in sources),
        ],
        "operators": [
            _group(_OWN, *(f"audit_provider.operators.{name}" for name in ("pull", "report", "reconcile", "verify")))
        ],
        "hooks": [_group(_OWN, *(f"audit_provider.hooks.{name}" for name in ("audit_logs", "checkpoint_key")))],
        "extra-links": ["audit_provider.operators.links.AuditLogLink"],
        "connection-types": [audit_logs_form(sorted(each.name for each in sources)), CHECKPOINT_KEY_FORM],
    }
    for each in destinations:
        add_destination(parts, each)
    return parts


def add_destination(parts: dict[str, list[Any]], spec: DestinationSpec, *, has_page: bool = True) -> None:
    """Add the parts of a destination: an integration, an operator, and a hook, a form and a link if it has them.

    :param has_page: whether this package's documentation has a page about it.
    """
    title = spec.about.title
    page = f"destinations/{spec.name}" if has_page else ""
    parts["integrations"].append(_integration(title, spec.about.docs, page, "siem"))
    parts["operators"].append(_group(title, f"audit_provider.operators.{spec.name}"))
    if spec.connection is not None:
        parts["hooks"].append(_group(title, spec.hook_path.rpartition(".")[0]))
        parts["connection-types"].append(form_of(spec))
    if spec.link_name:
        parts["extra-links"].append(f"audit_provider.operators.links.{spec.link_name}")


def _integration(name: str, docs: str, guide: str, tag: str) -> dict[str, Any]:
    guides = {"how-to-guide": [f"/docs/{guide}.md"]} if guide else {}
    return {"integration-name": name, "external-doc-url": docs, **guides, "tags": ["service", tag]}


def _group(integration: str, *modules: str) -> dict[str, Any]:
    return {"integration-name": integration, "python-modules": list(modules)}


def _text(label: str, description: str, **schema: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _choice(label: str, description: str, values: Sequence[str]) -> dict[str, Any]:
    """Return a field that Airflow draws as a select; its value may also be cleared."""
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], "enum": [*values]}}


def _secret(label: str, description: str) -> dict[str, Any]:
    return _text(label, description, format="password")


def _flag(label: str, description: str, *, default: bool = False) -> dict[str, Any]:
    # The form shows a switch without a value as off.
    on = {"default": True} if default else {}
    return {"label": label, "description": description, "schema": {"type": ["boolean", "null"], **on}}


_ALLOW_LINK_LOCAL = {
    "allow_link_local": _flag(
        "Allow link-local addresses",
        "Only if the service has such an address; a cloud's metadata service is always refused",
    )
}
_SESSION_FIELDS: dict[str, Any] = {
    "verify": _flag("Verify TLS", "Off accepts any certificate, so others can read what is sent", default=True),
    "ca": _text("CA bundle", "Path of the certificates to trust; empty: those of Python's certifi"),
    "allow_http": _flag(
        "Allow plain http", "Allow plain http to hosts other than loopback; the token is then sent unencrypted"
    ),
    **_ALLOW_LINK_LOCAL,
    "ssh_conn_id": _text("SSH tunnel", "Id of a connection of type ssh; requests go through its server"),
}

_AUDIT_LOGS_FORM: dict[str, Any] = {
    "connection-type": "audit_logs",
    "hook-class-name": "audit_provider.hooks.audit_logs.AuditLogsHook",
    "hook-name": "Audit logs (SaaS API)",
    "ui-field-behaviour": {
        "hidden-fields": ["port", "schema"],
        "relabeling": {
            "host": "Base URL",
            "login": "User or client id (if the source needs one)",
            "password": "API token, key or secret",
        },
        "placeholders": {"host": "https://api.usepylon.com (empty: the source's own)"},
    },
    "conn-fields": {
        "token_url": _text("Token URL", "Where the source's token is fetched, if not at the vendor's default address"),
        "same_account": _text(
            "Same account", "The text from the error, if host or login have changed but the account has not"
        ),
        **_SESSION_FIELDS,
    },
}


def audit_logs_form(sources: Iterable[str]) -> dict[str, Any]:
    """Return the form of the sources' connection type. :param sources: names to choose from."""
    choice = _choice("Source", "Needed for Test, unless the base URL is the source's own", [*sources])
    return {**_AUDIT_LOGS_FORM, "conn-fields": {"source": choice, **_AUDIT_LOGS_FORM["conn-fields"]}}


CHECKPOINT_KEY_FORM: dict[str, Any] = {
    "connection-type": "audit_checkpoint_key",
    "hook-class-name": "audit_provider.hooks.checkpoint_key.CheckpointKeyHook",
    "hook-name": "Audit checkpoint key (Ed25519)",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "port", "schema"],
        "relabeling": {"host": "Name of the logs", "password": "Private key"},
        "placeholders": {"host": "logs.example.com"},
    },
    "conn-fields": {
        "previous_key": _secret(
            "Private key before", "Only while the key is exchanged: both keys sign, until you remove it"
        ),
        "witness": _text("Witness", "Address of a C2SP witness that cosigns each checkpoint; empty: none does"),
        "witness_key": _text("Key of the witness", "Its verifier key: name+number+key"),
    },
}
"""The form of the connection type for the key of checkpoints."""


def form_of(spec: DestinationSpec) -> dict[str, Any]:
    """Return the form of a destination's own connection type."""
    connection = spec.connection
    if connection is None:
        raise TypeError(f"the destination {spec.name!r} uses a connection type of another provider.")
    fields = connection.fields
    return {
        "connection-type": connection.name,
        "hook-class-name": spec.hook_path,
        "hook-name": connection.title,
        "ui-field-behaviour": {
            "hidden-fields": connection.hidden,
            "relabeling": {name: each.label for name, each in fields.items() if each.label},
            "placeholders": {name: each.placeholder for name, each in fields.items() if each.placeholder},
        },
        "conn-fields": {
            **{name: _field(each) for name, each in connection.extras.items()},
            **(_SESSION_FIELDS if connection.is_http else _ALLOW_LINK_LOCAL),
        },
    }


def _field(extra: Extra) -> dict[str, Any]:
    if extra.values:
        return _choice(extra.label, extra.meaning, extra.values)
    if extra.kind == "flag":
        return _flag(extra.label, extra.meaning, default=extra.default)
    return {"text": _text, "secret": _secret}[extra.kind](extra.label, extra.meaning)
