"""What a destination needs can be loaded before it is asked, so that a Test waits for the service alone."""

from __future__ import annotations

import subprocess
import sys

_LOADS = """
import sys
from audit_provider.hooks.s3 import S3Access
NEEDED = ("airflow.providers.amazon.aws.hooks.s3", "boto3")
assert not [each for each in NEEDED if each in sys.modules], "the page does not need them to be shown"
S3Access("no_such_connection").load()
assert all(each in sys.modules for each in NEEDED)
"""


def test_what_s3_needs_is_loaded_without_its_connection():
    done = subprocess.run([sys.executable, "-c", _LOADS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
