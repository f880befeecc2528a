"""Write ``.env`` for docker-compose.yaml: settings, and a separate secret for each part that needs one.

Values that ``.env`` already has are kept, so the command can be run again after an upgrade that adds a variable. It
needs only Python.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import secrets
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[1]


def _hexadecimal() -> str:
    # 32 hexadecimal digits need no escaping in a URL, in JSON or in base64.
    return secrets.token_hex(16)


def _password() -> str:
    # OpenSearch and Splunk require every kind of character.
    return f"Aa1-{secrets.token_hex(16)}"


SECRETS: Mapping[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": _hexadecimal,
    "REDIS_PASSWORD": _hexadecimal,
    "MINIO_ROOT_PASSWORD": _hexadecimal,
    "AIRFLOW_ADMIN_PASSWORD": _hexadecimal,
    "AIRFLOW_FERNET_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "AIRFLOW_API_SECRET_KEY": _hexadecimal,
    "AIRFLOW_JWT_SECRET": lambda: secrets.token_hex(32),
    "AUDIT_SANDBOX_TOKEN": _hexadecimal,
    "SPLUNK_PASSWORD": _password,
    "SPLUNK_HEC_TOKEN": lambda: str(uuid.uuid4()),
    "OPENSEARCH_PASSWORD": _password,
}


def main() -> None:
    """Write or complete the file."""
    parser = argparse.ArgumentParser(prog="make env", description=__doc__)
    parser.add_argument("--file", type=Path, default=ROOT / ".env", help="default: .env of the checkout")
    parser.add_argument("--profiles", default="", help="such as sandbox, or sandbox,splunk,opensearch")
    options = parser.parse_args()
    there = options.file.read_text(encoding="utf-8") if options.file.exists() else ""
    chosen = re.search(r"^COMPOSE_PROFILES=(.*)$", there, re.MULTILINE)
    if chosen and options.profiles and not chosen[1]:  # 'make env' without profiles leaves it so
        there = re.sub(r"^COMPOSE_PROFILES=\n?", "", there, flags=re.MULTILINE)
    elif chosen and options.profiles not in ("", chosen[1]):
        raise SystemExit(
            f"{options.file.name} has COMPOSE_PROFILES={chosen[1]}: change it there and run this again, or remove the "
            f"file to begin anew."
        )
    missing = _missing(there, options.profiles or (chosen[1] if chosen else ""))
    _write(options.file, there, missing)
    print(f"{options.file.name}: {', '.join(missing) or 'nothing'} added.")  # noqa: T201 - names, never values


def _missing(there: str, profiles: str) -> dict[str, str]:
    """Return the variables that a file lacks, with new values."""
    known = set(re.findall(r"^(\w+)=", there, re.MULTILINE))
    settings = {"COMPOSE_PROFILES": profiles}
    if "sandbox" in profiles.split(","):
        settings |= {
            "AUDIT_PIPELINES": "/opt/airflow/sandbox/pipelines.yaml",
            "AUDIT_CONNECTIONS": "./deploy/sandbox/connections.env",
        }
    made = {name: make() for name, make in SECRETS.items() if name not in known}
    return {name: value for name, value in settings.items() if name not in known} | made


def _write(path: Path, there: str, missing: Mapping[str, str]) -> None:
    """Replace the file atomically; only its owner can read it, from the first byte on."""
    text = there + ("\n" if there and not there.endswith("\n") else "")
    text += "".join(f"{name}={value}\n" for name, value in missing.items())
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


if __name__ == "__main__":
    main()
