"""Every key of the pipelines file is a text, or is refused where it stands."""

from __future__ import annotations

import pytest

from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.text.yaml_text import values_of

ENTRY = "{source: pylon, destinations: {s3: {type: s3, bucket: b}}}"


@pytest.mark.parametrize(
    ("key", "read_as", "kept"),
    [
        ("1", "the number 1", None),
        ("010", "the number 8", "8"),
        ("0x10", "the number 16", "16"),
        ("1_0", "the number 10", "10"),
        ("1.50", "the number 1.5", None),
        (".nan", "the number nan", "nan"),
        ("12:30", "the number 750", "750"),
        ("no", "false", "False"),
        ("on", "true", "True"),
        ("~", "nothing", "None"),
        ("2026-01-01", "a date", None),
        ("2026-01-01T00:00:00Z", "a time", None),
    ],
)
def test_a_pipelines_name_that_is_no_text_is_refused_and_the_others_run(key, read_as, kept):
    found = read_pipelines(f"'{kept or 'other'}': {ENTRY}\n{key}: {ENTRY}\n")
    (mistake,) = found.mistakes
    assert mistake.startswith(f"{key}: YAML reads this key as {read_as} and not as text")
    assert f"in quotes, as '{key}'" in mistake
    assert mistake.endswith(f"under the name '{kept}'") == (kept is not None)
    assert list(found.pipelines) == [kept or "other"]


@pytest.mark.parametrize("quoted", ["'010'", '"on"', "'no'", "'1'", "off-line", "yes_", "0a"])
def test_a_name_in_quotes_and_one_that_is_a_text_anyway_is_itself(quoted):
    found = read_pipelines(f"{quoted}: {ENTRY}\n")
    assert (found.mistakes, list(found.pipelines)) == ((), [quoted.strip("'\"")])


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("{source: pylon, destinations: {no: {type: s3, bucket: b}}}", "p.destinations.no"),
        ("{source: pylon, destinations: {s3: {type: s3, bucket: b, 1: 2}}}", "p.destinations.s3.1"),
        ("{source: {like: github, settings: {on: x}}, destinations: {s: {type: datadog}}}", "p.source.settings.on"),
        (
            "{source: {like: github, errors: {hints: {401: x}}}, destinations: {s: {type: datadog}}}",
            "p.source.errors.hints.401",
        ),
        (
            "{source: pylon, monitoring: {notify: [{notifier: a.B, y: 1}, {notifier: a.B, n: 1, off: 2}]}, "
            "destinations: {s: {type: datadog}}}",
            "p.monitoring.notify.1.off",
        ),
    ],
)
def test_keys_below_a_pipeline_are_refused_by_their_path(entry, path):
    found = read_pipelines(f"p: {entry}\nq: {ENTRY}\n")
    assert path in [each.partition(": ")[0] for each in found.mistakes]
    assert list(found.pipelines) == ["q"]


def test_values_keep_their_kinds_and_a_key_that_stands_twice_is_still_refused():
    assert values_of("a: [1, on, 010, 12:30]") == {"a": [1, True, 8, 750]}
    assert read_pipelines("x: &k 1\n*k : 2\n").mistakes[-1].startswith("1: YAML reads")
    with pytest.raises(Exception, match="'010' is used twice"):
        values_of("010: 1\n010: 2")
