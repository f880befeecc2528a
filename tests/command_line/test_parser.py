"""What ``audit-logs --help`` says: every command, with examples that work."""

from __future__ import annotations

import shlex
import sys

import pytest

from audit_provider import __version__
from audit_provider.__main__ import main
from audit_provider.command_line.parser import COMMANDS, parser

EXAMPLES = [(command.name, words) for command in COMMANDS for words, _ in command.examples]


def shown(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_help_lists_every_command_with_a_line_of_its_own(capsys):
    text = shown(capsys, "--help")
    for command in COMMANDS:
        assert any(line.split()[:1] == [command.name] and command.help in line for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 100
    assert "COMMAND --help" in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.name)
def test_help_of_a_command_says_what_it_does_with_examples(command, capsys):
    text = shown(capsys, command.name, "--help")
    assert " ".join(command.about.split()) in " ".join(text.split())
    for words, does in command.examples:
        assert words in text
        assert does in text


@pytest.mark.parametrize(("name", "words"), EXAMPLES)
def test_an_example_is_a_command_that_is_understood(name, words):
    assert parser().parse_args(shlex.split(words)).command == name


def test_without_a_command_the_help_is_shown_as_a_mistake(capsys):
    assert main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "dag-files" in told.err


def test_a_command_that_is_none_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["verfy"])
    assert ended.value.code == 2
    assert "verify" in capsys.readouterr().err


def test_the_version_is_told(capsys):
    assert shown(capsys, "--version") == f"{__version__}\n"


@pytest.mark.parametrize(
    ("started", "program"),
    [("/usr/bin/audit-logs", "audit-logs"), ("/lib/audit_provider/__main__.py", "python -m audit_provider")],
)
def test_it_speaks_of_itself_as_it_was_called(started, program, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [started])
    assert f"usage: {program} COMMAND" in shown(capsys, "--help")
    assert f"{program} verify copy --without-airflow" in shown(capsys, "verify", "--help")
