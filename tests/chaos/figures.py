"""What a scenario found, and the table of all of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass
class Figures:
    """What a scenario found.

    :ivar trials: how often harm was done. :ivar lost: events that a destination has not, nor any named bucket.
    :ivar invented: events that a destination has and no source has served as they are there.
    :ivar unnoticed: what went wrong without a word, a sentence each.
    :ivar repeated: events that a destination has once more than served, and :ivar allowed: how many it may.
    :ivar recovery: seconds; the longest run that made good what harm had been done.
    :ivar wrong: whatever else was not as it must be.
    """

    scenario: str
    seed: int
    trials: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    invented: dict[str, int] = field(default_factory=dict)
    unnoticed: list[str] = field(default_factory=list)
    repeated: dict[str, int] = field(default_factory=dict)
    allowed: dict[str, int] = field(default_factory=dict)
    recovery: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all is as it must be."""
        too_often = any(count > self.allowed.get(name, 0) for name, count in self.repeated.items())
        harmed = any(self.lost.values()) or any(self.invented.values()) or self.unnoticed or self.wrong
        return bool(self.trials and self.lost) and not too_often and not harmed

    def must(self, held: bool, what: str):
        """Note what does not hold."""
        if not held:
            self.wrong.append(what)

    def must_notice(self, noticed: bool, what: str):
        """Note what went wrong and nothing said."""
        if not noticed:
            self.unnoticed.append(what)

    def allow(self, name: str, count: int):
        """Let a destination have so many more repeats."""
        self.allowed[name] = self.allowed.get(name, 0) + count

    def as_json(self) -> str:
        """Return the figures as one JSON object."""
        return json.dumps({**asdict(self), "good": self.good}, indent=2)


def added(total: Figures, name: str, figures: Figures):
    """Add what one case found to the figures of its scenario."""
    total.trials += figures.trials
    total.recovery = max(total.recovery, figures.recovery)
    total.wrong += [f"{name}: {line}" for line in figures.wrong]
    total.unnoticed += [f"{name}: {line}" for line in figures.unnoticed]
    for mine, other in (
        (total.lost, figures.lost),
        (total.invented, figures.invented),
        (total.repeated, figures.repeated),
    ):
        mine.update({f"{name} {key}": mine.get(f"{name} {key}", 0) + count for key, count in other.items()})


def table(all_figures: list[Figures]) -> str:
    """Return the figures as a text table."""
    rows = [("scenario", "trials", "lost", "invented", "unnoticed", "repeated (allowed)", "recovery", "")]
    for each in all_figures:
        repeated = ", ".join(
            f"{name} {count} ({each.allowed.get(name, 0)})"
            for name, count in each.repeated.items()
            if count or each.allowed.get(name)
        )
        verdict = "good" if each.good else "WRONG"
        counts = (each.trials, sum(each.lost.values()), sum(each.invented.values()), len(each.unnoticed))
        rows.append((each.scenario, *map(str, counts), repeated or "none", f"{each.recovery:.1f} s", verdict))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    for each in all_figures:
        for what, counts in (("lost", each.lost), ("invented", each.invented)):
            lines += [f"{each.scenario}: {what}: {name} {count}" for name, count in counts.items() if count]
    lines += [f"{each.scenario}: {line}" for each in all_figures for line in (*each.wrong, *each.unnoticed)]
    return "\n".join(lines)
