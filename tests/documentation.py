"""What stands on the pages of the documentation: blocks of code, and the commands in them and in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    ROOT / "changes/README.md",
    *sorted((ROOT / ".github").rglob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LANGUAGES = {"bash", "ini", "json", "python", "sql", "text", "yaml"}

_PROGRAMS = {"airflow", "check-jsonschema", "curl", "docker", "git", "make", "mkdocs", "pip", "pre-commit", "pytest"}
_PROGRAMS |= {"audit-logs", "python", "python3", "uv"}
_SETTING = re.compile(r"[A-Z_][A-Z0-9_]*=\S*$")


@dataclass(frozen=True)
class Block:
    """A fenced block. :ivar line: of its fence, from 1."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command, as it is shown. :ivar fenced: it stands in a block, and not in the text."""

    page: Path
    line: int
    text: str
    fenced: bool

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Return a page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str, pages: list[Path] | None = None) -> list[Block]:
    """Return the blocks of some languages, or of all."""
    found = [block for page in pages or PAGES for block in _blocks(page)]
    return [block for block in found if block.language in languages] if languages else found


def commands(page: Path) -> list[Command]:
    """Return every command of a page, in order."""
    found = [each for block in _blocks(page) if block.language == "bash" for each in _fenced(block)]
    return sorted([*found, *_inline(page)], key=lambda each: each.line)


def _blocks(page: Path) -> Iterator[Block]:
    language, begun, held = "", 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        bare = line.strip()
        if bare.startswith("```") and not begun:
            language, begun, held = bare[3:], number, []
        elif bare == "```":
            yield Block(page, begun, language, "\n".join(held) + "\n")
            begun = 0
        elif begun:
            held.append(line)
    assert not begun, f"{page}:{begun} is not closed"


def _fenced(block: Block) -> Iterator[Command]:
    begun, held = 0, ""
    for number, line in enumerate(block.text.split("\n"), block.line + 1):
        begun = begun or number
        held += re.sub(r"(^|\s{2,})#.*", "", line).strip()
        if held.endswith("\\"):
            held = held[:-1]
            continue
        if held:
            yield Command(block.page, begun, held, fenced=True)
        begun, held = 0, ""


def _inline(page: Path) -> Iterator[Command]:
    text = page.read_text(encoding="utf-8")
    # Blanked rather than cut, so that lines keep their numbers.
    text = re.sub(r"(?ms)^ *```.*?^ *```$", lambda found: re.sub(r"[^\n]", "", found[0]), text)
    for found in re.finditer(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)*)`(?!`)", text):
        shown = " ".join(found[1].split())
        words = [word for word in shown.split() if not _SETTING.match(word)]
        if len(words) > 1 and words[0].rpartition("/")[2] in _PROGRAMS:
            yield Command(page, text.count("\n", 0, found.start()) + 1, shown, fenced=False)
