"""docker-compose.yaml as Compose reads it: variables put in, profiles applied, env files read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yaml"

# A default may hold a variable itself.
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<rest>(?:[^{}]|\{[^{}]*\})*))?\})")


class MissingVariableError(Exception):
    """Compose would not start."""


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """A service, as it is started.

    :ivar expose: its ports. :ivar check: the health check's command; None where it has none.
    :ivar mounts: sources by the path within the container.
    :ivar needs: conditions by the name of the service. :ivar restart: when it is started again.
    """

    name: str
    image: str
    command: list[str]
    environment: dict[str, str]
    expose: tuple[int, ...]
    check: list[str] | None
    mounts: dict[str, str]
    needs: dict[str, str]
    user: str
    restart: str


def variables_of(path: Path) -> dict[str, str]:
    """Return what an env file says."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def interpolated(text: str, variables: dict[str, str]) -> str:
    """Put variables in, as Compose does.

    :raises MissingVariableError: one that the file demands is missing.
    """

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        found = variables.get(match["name"], "")
        if not found and match["how"] == ":?":
            raise MissingVariableError(f"required variable {match['name']} is missing a value: {match['rest']}")
        return found or (interpolated(match["rest"], variables) if match["how"] == ":-" else "")

    return _VARIABLE.sub(value, text)


def raw() -> dict:
    """Return the file with nothing put in."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def resolved(variables: dict[str, str]) -> dict:
    """Return the file with variables put in."""

    def walk(node):
        if isinstance(node, dict):
            return {key: walk(each) for key, each in node.items()}
        if isinstance(node, list):
            return [walk(each) for each in node]
        return interpolated(node, variables) if isinstance(node, str) else node

    return walk(raw())


def services(variables: dict[str, str]) -> dict[str, ServiceDefinition]:
    """Return the services that ``docker compose up`` starts, by name."""
    chosen = {each for each in variables.get("COMPOSE_PROFILES", "").split(",") if each}
    found = resolved(variables)["services"]
    return {
        name: _definition(name, each, variables)
        for name, each in found.items()
        if not each.get("profiles") or chosen & set(each["profiles"])
    }


def _definition(name: str, each: dict, variables: dict[str, str]) -> ServiceDefinition:
    environment: dict[str, str] = {}
    for file in each.get("env_file", ()):
        path = ROOT / file["path"]
        if path.exists() or file.get("required", True):
            environment |= {key: interpolated(text, variables) for key, text in variables_of(path).items()}
    environment |= each.get("environment", {})
    check = each.get("healthcheck", {}).get("test")
    mounts = (volume.removesuffix(":ro").split(":") for volume in each.get("volumes", ()))
    return ServiceDefinition(
        name=name,
        image=each["image"],
        command=each.get("command", []),
        environment=environment,
        expose=tuple(int(port) for port in each.get("expose", ())),
        check=None if check is None else (check[1:] if check[0] == "CMD" else ["sh", "-c", *check[1:]]),
        mounts={target: source for source, target in mounts},
        needs={other: need["condition"] for other, need in each.get("depends_on", {}).items()},
        user=each.get("user", ""),
        restart=each.get("restart", "no"),
    )
