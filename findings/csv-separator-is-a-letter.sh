#!/usr/bin/env bash
# A CSV file as the standard writes it is read with the letter e as its separator
#
# Software: PyPI jc 1.26.1, parser csv (csv.Sniffer of Python 3.11 underneath)
# Expected: RFC 4180, section 2: fields are separated by commas, rows end with CR and LF, and a field in quotation
#           marks may contain commas and line breaks. Documentation of the parser: it detects the separator, and
#           takes the comma where it cannot.
# Seen:     Of the columns user and note jc makes "us", "r,not" and "", and of the row jane,"one, two" the value
#           "jan" and two others: the separator is the letter e. The same file with LF alone at the end of rows,
#           or without quotation marks, is read right. A line break inside a field is removed: "one" and "two"
#           become "onetwo".
# Matters:  Exports of audit logs have reasons and user agents with commas in quotation marks. One such row within
#           the first 1024 characters changes the columns of the whole file, and no error shows it.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jc==1.26.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import jc


def rows(text):
    return jc.parse("csv", text, quiet=True)


marked = 'user,note\r\njane,"one, two"\r\nbob,three\r\n'
right = [{"user": "jane", "note": "one, two"}, {"user": "bob", "note": "three"}]
hold("control, rows end with LF", rows(marked.replace("\r", "")) == right, True)
hold("control, no quotation marks", rows("user,note\r\njane,one\r\nbob,three\r\n")[0], {"user": "jane", "note": "one"})
hold("columns", list(rows(marked)[0]), ["us", "r,not", ""])
hold("first row", list(rows(marked)[0].values()), ["jan", ',"on', ', two"'])
hold("line break in a field", rows('user,note\njane,"one\ntwo"\nbob,three\n')[0], {"user": "jane", "note": "onetwo"})
PY
