"""Where large blocks lie, asked of a process of its own: what was freed there before decides it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from audit_provider.host import process

SECOND_BLOCK_IS_IN_THE_HEAP = """
import re, sys
from pathlib import Path
if sys.argv[1] == "apart":
    from audit_provider.host.process import keep_large_blocks_apart
    keep_large_blocks_apart()
block = bytes(8 << 20)
del block
block = bytes(8 << 20)
heap = re.search(r"(\\w+)-(\\w+) .*\\[heap\\]", Path("/proc/self/maps").read_text())
print(int(heap[1], 16) <= id(block) < int(heap[2], 16))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked for it")
@pytest.mark.parametrize(
    ("how", "options", "within"),
    [("as it is", {}, "True"), ("apart", {}, "False"), ("apart", {"MALLOC_MMAP_THRESHOLD_": str(32 << 20)}, "True")],
)
def test_a_large_block_lies_apart_also_after_one_was_freed_unless_the_environment_says_otherwise(how, options, within):
    others = {name: text for name, text in os.environ.items() if name not in process._OWN_OPTIONS}
    command = [sys.executable, "-c", SECOND_BLOCK_IS_IN_THE_HEAP, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=others | options)
    assert done.stdout.strip() == within


def test_a_library_without_it_is_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    process.keep_large_blocks_apart()
