#!/usr/bin/env bash
# Of a file that was compressed in parts, only the first part is read
#
# Software: npm fflate 0.8.3 (gzip); PyPI zstandard 0.25.0, lz4 4.4.5; for comparison the stream readers of all
#           three
# Expected: RFC 1952, section 2.2: a gzip file consists of one or more members, simply one after another. RFC 8878,
#           section 3: the same for frames of Zstandard, whose content is put together. LZ4 Frame Format, "Frame
#           Concatenation": the same.
# Seen:     Of two parts, gunzipSync, zstandard.decompress and lz4.frame.decompress give the first one without an
#           error. fflate moreover takes the length from the last part: of 4,000 bytes before a part of 4 it gives
#           4. Gunzip of fflate, zstandard.open and lz4.frame.open give everything.
# Matters:  Services and log rotation append compressed parts to one object, as a cat of two files does. All events
#           after the first part are missing, and the file looks short, not broken.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent fflate@0.8.3
cat >check.mjs <<'JS'
import zlib from "node:zlib";
import { gunzipSync, Gunzip } from "fflate";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const { gzipSync: member } = zlib;
const text = (bytes) => Buffer.from(bytes).toString();
const two = Buffer.concat([member("one\n"), member("two\n")]);
hold("fflate, gunzipSync", text(gunzipSync(two)), "one\n");
const long = Buffer.concat([member("one\n".repeat(1000)), member("two\n")]);
hold("fflate, gunzipSync, a long part first", text(gunzipSync(long)), "one\n");
let read = "";
new Gunzip((part) => { read += text(part); }).push(two, true);
hold("fflate, Gunzip", read, "one\ntwo\n");
hold("zlib of Node.js", text(zlib.gunzipSync(two)), "one\ntwo\n");
JS
node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet zstandard==0.25.0 lz4==4.4.5
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import tempfile

import lz4.frame
import zstandard

with tempfile.TemporaryDirectory() as folder:
    for name, library in (("zstandard", zstandard), ("lz4.frame", lz4.frame)):
        content = library.compress(b"one\n") + library.compress(b"two\n")
        hold(f"{name}, decompress", library.decompress(content), b"one\n")
        path = f"{folder}/{name}"
        with open(path, "wb") as file:
            file.write(content)
        with library.open(path, "rb") as file:
            hold(f"{name}, open", file.read(), b"one\ntwo\n")
PY
