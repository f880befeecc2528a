"""What a scenario found, and the table of all of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass
class Figures:
    """What a scenario found.

    :ivar trials: how often harm was done. :ivar lost: events that a destination has not, nor any named bucket.
    :ivar repeated: events that a destination has once more than served, and :ivar allowed: how many it may.
    :ivar recovery: seconds; the longest run that made good what harm had been done.
    :ivar wrong: whatever else was not as it must be.
    """

    scenario: str
    seed: int
    trials: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    allowed: dict[str, int] = field(default_factory=dict)
    recovery: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all is as it must be."""
        too_often = any(count > self.allowed.get(name, 0) for name, count in self.repeated.items())
        return bool(self.trials and self.lost) and not any(self.lost.values()) and not too_often and not self.wrong

    def must(self, held: bool, what: str):
        """Note what does not hold."""
        if not held:
            self.wrong.append(what)

    def allow(self, name: str, count: int):
        """Let a destination have so many more repeats."""
        self.allowed[name] = self.allowed.get(name, 0) + count

    def as_json(self) -> str:
        """Return the figures as one JSON object."""
        return json.dumps({**asdict(self), "good": self.good}, indent=2)


def table(all_figures: list[Figures]) -> str:
    """Return the figures as a text table."""
    rows = [("scenario", "trials", "lost", "repeated (allowed)", "recovery", "")]
    for each in all_figures:
        repeated = ", ".join(
            f"{name} {count} ({each.allowed.get(name, 0)})"
            for name, count in each.repeated.items()
            if count or each.allowed.get(name)
        )
        verdict = "good" if each.good else "WRONG"
        lost = str(sum(each.lost.values()))
        rows.append((each.scenario, str(each.trials), lost, repeated or "none", f"{each.recovery:.1f} s", verdict))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    lines += [f"{each.scenario}: {line}" for each in all_figures for line in each.wrong]
    return "\n".join(lines)
