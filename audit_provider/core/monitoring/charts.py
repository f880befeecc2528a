"""Small charts as SVG: bars by day, stacked, with a band for the usual range. They contain no script and no colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from markupsafe import Markup

WIDTH, HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 10, 22
_TICKS = 4
"""Approximate number of grid lines above the base line."""


def bars(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    low: Sequence[float] = (),
    high: Sequence[float] = (),
    unit: str = "",
    limit: tuple[float, str] | None = None,
) -> Markup:
    """Return a chart of stacked bars. Each series has the class ``c0``, ``c1`` and so on, the band ``band``.

    The last bar is for a day that is not over, and is marked as such.

    :param labels: one for each bar. :param series: values by name, one for each label.
    :param low: and :param high: the bounds of the band, one each for each label; empty for no band.
    :param unit: written after each figure of the axis. :param limit: a value at which a line is drawn, and its text.
    """
    count = len(labels)
    sums = [sum(each) for each in zip(*series.values(), strict=True)] if series else [0.0] * count
    largest = max([*sums, *high, limit[0] if limit else 0.0, 1.0])
    step = step_of(largest)
    lines = math.ceil(largest / step - 1e-9)
    most = step * lines
    wide = (WIDTH - _LEFT - _RIGHT) / max(count, 1)

    def across(place: float) -> float:
        return round(_LEFT + wide * place, 1)

    def up(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / most, 1)

    parts = [f"<title>{said(title)}</title>"]
    for tick in (step * each for each in range(lines + 1)):
        y, text = up(tick), said(f"{_number(tick)}{unit}")
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{text}</text>')
    if len(low) == len(high) == count and count:
        # The band has a corner at each edge of a bar, so that it is level over the whole of each day.
        above = [f"{across(place + side)},{up(value)}" for place, value in enumerate(high) for side in (0, 1)]
        below = [f"{across(place + side)},{up(value)}" for place, value in enumerate(low) for side in (0, 1)]
        parts.append(f'<polygon class="band" points="{" ".join([*above, *reversed(below)])}"/>')
    floor = [0.0] * count
    for place, (name, values) in enumerate(series.items()):
        for bar, value in enumerate(values):
            if value > 0:
                top = floor[bar] + value
                classes, over = (f"c{place % 10} running", ", not over") if bar == count - 1 else (f"c{place % 10}", "")
                label = said(f"{labels[bar]}: {name} {value:,.0f}{unit}{over}")
                parts.append(
                    f'<rect class="{classes}" x="{across(bar + 0.1)}" y="{up(top)}" width="{round(wide * 0.8, 1)}" '
                    f'height="{round(max(up(floor[bar]) - up(top), 0.5), 1)}"><title>{label}</title></rect>'
                )
                floor[bar] = top
    if limit:
        y = up(limit[0])
        parts.append(f'<line class="limit" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        # At the very top there is no room above the line.
        under = y + 12 if y < _TOP + 12 else y - 4
        parts.append(
            f'<text class="limit-text" x="{WIDTH - _RIGHT}" y="{under}" text-anchor="end">{said(limit[1])}</text>'
        )
    every = max(1, round(count / 8))
    parts += [
        f'<text class="axis" x="{across(place + 1)}" y="{HEIGHT - 6}" text-anchor="end">{said(label)}</text>'
        for place, label in enumerate(labels)
        if (count - 1 - place) % every == 0
    ]
    # Every text from outside went through said().
    return Markup(  # noqa: S704  # nosec B704
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def legend(names: Sequence[str]) -> Markup:
    """Return a list that explains the colours of a chart."""
    keys = "".join(f'<li><i class="c{place % 10}"></i>{said(name)}</li>' for place, name in enumerate(names))
    return Markup(f'<ul class="legend">{keys}</ul>')  # noqa: S704  # nosec B704


def said(text: str) -> str:
    """Return a text from outside, escaped for HTML and SVG, and without control characters."""
    return escape("".join(letter if letter.isprintable() else " " for letter in text))


def step_of(most: float) -> float:
    """Return the step of an axis: 1, 2 or 5 times a power of ten, at least 1. :param most: the largest value."""
    wanted = max(most / _TICKS, 1.0)
    size = 10.0 ** math.floor(math.log10(wanted))
    return next(size * each for each in (1, 2, 5, 10) if size * each >= wanted * (1 - 1e-9))


def _number(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
