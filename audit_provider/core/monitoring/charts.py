"""Small charts as SVG: bars by day, stacked, with a band for the usual range. They contain no script and no colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from markupsafe import Markup

WIDTH, HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 10, 22
_STEPS = (1, 2, 5, 10)


def bars(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    low: Sequence[float] = (),
    high: Sequence[float] = (),
    unit: str = "",
) -> Markup:
    """Return a chart of stacked bars. Each series has the class ``c0``, ``c1`` and so on, the band ``band``.

    :param labels: one for each bar. :param series: values by name, one for each label.
    :param low: and :param high: the band, one each for each label, or nothing.
    """
    count = len(labels)
    sums = [sum(each) for each in zip(*series.values(), strict=True)] if series else [0.0] * count
    most = _round_up(max([*sums, *high, 1.0]))
    wide = (WIDTH - _LEFT - _RIGHT) / max(count, 1)

    def across(place: float) -> float:
        return round(_LEFT + wide * place, 1)

    def up(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / most, 1)

    parts = [f"<title>{said(title)}</title>"]
    for share in (0, 0.5, 1):
        y = up(most * share)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{_number(most * share)}</text>')
    if len(low) == len(high) == count and count:
        # A band has as many corners as bars have edges, so that it holds for the whole of each day.
        above = [f"{across(place + side)},{up(value)}" for place, value in enumerate(high) for side in (0, 1)]
        below = [f"{across(place + side)},{up(value)}" for place, value in enumerate(low) for side in (0, 1)]
        parts.append(f'<polygon class="band" points="{" ".join([*above, *reversed(below)])}"/>')
    floor = [0.0] * count
    for place, (name, values) in enumerate(series.items()):
        for bar, value in enumerate(values):
            if value > 0:
                top = floor[bar] + value
                label = said(f"{labels[bar]}: {name} {value:,.0f}{unit}")
                parts.append(
                    f'<rect class="c{place % 10}" x="{across(bar + 0.1)}" y="{up(top)}" width="{round(wide * 0.8, 1)}" '
                    f'height="{round(max(up(floor[bar]) - up(top), 0.5), 1)}"><title>{label}</title></rect>'
                )
                floor[bar] = top
    every = max(1, round(count / 8))
    parts += [
        f'<text class="axis" x="{across(place + 1)}" y="{HEIGHT - 6}" text-anchor="end">{said(label)}</text>'
        for place, label in enumerate(labels)
        if (count - 1 - place) % every == 0
    ]
    # Every text of others in it went through said().
    return Markup(  # noqa: S704  # nosec B704
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def legend(names: Sequence[str]) -> Markup:
    """Return what the colours of a chart mean."""
    keys = "".join(f'<li><i class="c{place % 10}"></i>{said(name)}</li>' for place, name in enumerate(names))
    return Markup(f'<ul class="legend">{keys}</ul>')  # noqa: S704  # nosec B704


def said(text: str) -> str:
    """Return a text of others as HTML and SVG may hold it: escaped, and without control characters."""
    return escape("".join(letter if letter.isprintable() else " " for letter in text))


def _round_up(value: float) -> float:
    size = 1.0
    while size * 10 < value:
        size *= 10
    return next(size * step for step in _STEPS if size * step >= value)


def _number(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
