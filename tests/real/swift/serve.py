"""Run one of Swift's servers with a folder of its own in the place of /etc/swift. Arguments: that folder, its kind."""

from __future__ import annotations

import sys
from pathlib import Path

from swift.common import utils
from swift.common.wsgi import run_wsgi

folder, kind = Path(sys.argv[1]), sys.argv[2]
utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
sys.exit(run_wsgi(str(folder / f"{kind}.conf"), f"{kind}-server"))
