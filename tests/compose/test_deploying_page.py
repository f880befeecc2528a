"""docs/deploying.md is held to the compose file."""

from __future__ import annotations

import re
import shlex

from tests.compose.compose_file import FILE, ROOT, raw
from tests.compose.conftest import make_env

PAGE = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
OPTIONS = {
    "up": {"--detach", "--wait", "--scale"},
    "build": {"--pull"},
    "down": {"--volumes"},
    "exec": set(),
    "ps": set(),
}


def test_five_commands_come_first():
    assert BLOCKS[0].count("\n") == 5


def test_commands_name_what_there_is():
    """Targets of make, services and options of Compose, variables of .env."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    known = set(raw()["services"])
    seen = set()
    for command in COMMANDS:
        words = shlex.split(command)
        seen.add(words[0])
        if words[0] == "make":
            assert words[1] in targets, command
        elif words[:2] == ["docker", "compose"]:
            what, rest = words[2], words[3:]
            own = rest[:1] if what == "exec" else rest  # what follows is for the container
            assert {word for word in own if word.startswith("--")} <= OPTIONS[what], command
            assert {word.partition("=")[0] for word in own if not word.startswith("--")} <= known, command
        elif words[0] == "grep":
            assert words[1] in FILE.read_text(encoding="utf-8"), command
    assert seen == {"make", "docker", "grep", "git"}


def test_profiles_shown_are_taken(tmp_path):
    shown = re.findall(r"PROFILES=([\w,]+)", PAGE)
    profiles = {each for service in raw()["services"].values() for each in service.get("profiles", ())}
    assert {each for text in shown for each in text.split(",")} == profiles
    for number, text in enumerate(shown):
        make_env(tmp_path / f"{number}.env", text)


def test_every_service_is_explained():
    rows = re.search(r"## What each service is for\n\n(.*?)\n\n", PAGE, re.DOTALL)[1]
    assert set(re.findall(r"`([a-z-]+)`", "\n".join(row.split("|")[1] for row in rows.splitlines()))) == set(
        raw()["services"]
    )


def test_every_setting_is_explained_with_its_default():
    text = FILE.read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(\w+)`.*\| (.*) \|$", PAGE, re.MULTILINE))
    given = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    rows = re.findall(r"^\| (`[A-Z].*?) \|", PAGE, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"\w+", row)}
    assert explained == {*given, "COMPOSE_PROFILES"}
    for name in ("AIRFLOW_PARALLELISM", "WORKER_CONCURRENCY", "SPLUNK_PORT", "AUDIT_IMAGE", "AUDIT_PIPELINES"):
        assert shown[name].strip("`") == given[name], name
