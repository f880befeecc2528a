#!/usr/bin/env bash
# An archive in the BagIt format is incomplete as soon as it is made
#
# Software: PyPI bagit 1.9.0
# Expected: RFC 8493, section 2.1.3: if a path in a manifest includes LF, CR or "%", those characters must be
#           percent-encoded, and nothing else is. So a file named a%0Ab.json is written as a%250Ab.json.
# Seen:     make_bag writes data/a%0Ab.json, and reads it as a name with a line feed: the bag that it has just made is
#           not valid, since the one file is missing and the other is not in the manifest. A name with %41 or %25 is
#           written as it is and valid for bagit itself; another reader looks for a name with A or %.
# Matters:  Cursors, keys of objects and URLs in file names are percent-encoded. Evidence that was packed in this way
#           fails its first check, and looks as if somebody had exchanged a file.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet bagit==1.9.0 setuptools==80.9.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import logging
import pathlib
import tempfile
import warnings

warnings.simplefilter("ignore")
import bagit

logging.disable()


def bag(name):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, name).write_text("{}")
        made = bagit.make_bag(folder, checksums=["sha256"])
        line = pathlib.Path(folder, "manifest-sha256.txt").read_text().split(maxsplit=1)[1].strip()
        try:
            made.validate()
        except bagit.BagValidationError as error:
            return line, sorted(str(each).replace("\n", "(line feed)") for each in error.details)
        return line, "valid"


hold("control", bag("events.json"), ("data/events.json", "valid"))
hold("%25", bag("100%25.json"), ("data/100%25.json", "valid"))
line, faults = bag("a%0Ab.json")
hold("%0A, line of the manifest", line, "data/a%0Ab.json")
for each in faults:
    print(each)
hold("%0A, number of faults", len(faults), 2)
PY
