"""The forms of connection types, in the form of ``connection-types`` in Airflow's ``provider_info.schema.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.registry import DESTINATIONS

if TYPE_CHECKING:
    from audit_provider.core.destinations.spec import DestinationSpec, Extra


def _text(label: str, description: str, **schema: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _secret(label: str, description: str) -> dict[str, Any]:
    return _text(label, description, format="password")


def _flag(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["boolean", "null"]}}


_ALLOW_LINK_LOCAL = {
    "allow_link_local": _flag(
        "Allow link-local addresses",
        "Only if the service has such an address; a cloud's metadata service is always refused",
    )
}
_SESSION_FIELDS: dict[str, Any] = {
    "verify": _text("Verify TLS", "true, false, or the path of a CA bundle"),
    "allow_http": _flag(
        "Allow plain http", "Allow plain http to hosts other than loopback; the token is then sent unencrypted"
    ),
    **_ALLOW_LINK_LOCAL,
    "ssh_conn_id": _text("SSH tunnel", "Id of a connection of type ssh; requests go through its server"),
}

AUDIT_LOGS_FORM: dict[str, Any] = {
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
        "source": _text("Source", "Name of the source, for example pylon; needed for Test"),
        "token_url": _text("Token URL", "Where the source's token is fetched, if not at the vendor's default address"),
        "same_account": _text(
            "Same account", "The text from the error, if host or login have changed but the account has not"
        ),
        **_SESSION_FIELDS,
    },
}
"""The form of the sources' connection type."""

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
    },
}
"""The form of the connection type that holds the key of checkpoints."""


def form_of(spec: DestinationSpec) -> dict[str, Any]:
    """Return the form of the connection type that a destination brings."""
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
    make = {"text": _text, "secret": _secret, "flag": _flag}[extra.kind]
    return make(extra.label, extra.meaning)


CONNECTION_FORMS: tuple[dict[str, Any], ...] = (
    AUDIT_LOGS_FORM,
    CHECKPOINT_KEY_FORM,
    *(form_of(each) for each in DESTINATIONS.values() if each.connection is not None),
)
"""One per connection type."""
