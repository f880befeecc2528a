"""The spool's place: full, read-only, or an S3 that fails."""

from __future__ import annotations

import contextlib
import os
import subprocess

from tests.chaos.services import SPOOL_BUCKET

_KINDS = ("s3", "splunk_hec", "sftp")


def disk_full(rig, dice, seed, long):
    """Fill the disk under a pull at different places. Without the right to mount, a limit on file sizes stands in."""
    case = rig.case("disk_full", seed, kinds=_KINDS)
    with _disk(case) as mount:
        for _ in range(8 if long else 3):
            case.add(60)
            free = dice.randrange(1, 6) * 4096
            if mount:
                mount(f"remount,size={_used(case) + free}")
            ended = case.run("pull", **({} if mount else {"most_bytes": free // 4}))
            case.figures.trials += ended.how == "failed"
            said = "cannot be written" in ended.error
            case.figures.must(ended.how == "done" or said, f"a full disk was not named: {ended.error}")
            for kind in _KINDS:
                case.run(kind)  # what is in the spool does not wait
            if mount:
                mount("remount,size=16m")
            case.recover()
        return case.close()


def spool_read_only(rig, dice, seed, long):
    """Make the spool read-only between two runs."""
    case = rig.case("spool_read_only", seed, kinds=_KINDS)
    with _disk(case) as mount:
        for _ in range(3 if long else 1):
            case.recover()
            case.add(40)
            folders = [path for path in (case.folder / "spool").rglob("*") if path.is_dir()]
            if mount:
                mount("remount,ro")
            else:
                for path in folders:
                    path.chmod(0o500)
            ended = case.run("pull")
            case.figures.trials += 1
            case.figures.must("cannot be written" in ended.error, f"a read-only spool was not named: {ended.error}")
            for kind in _KINDS:
                case.figures.must(case.run(kind).how == "done", f"{kind} did not ship from a read-only spool")
            if mount:
                mount("remount,rw")
            for path in folders:
                path.chmod(0o700)
            case.recover()
        return case.close()


def spool_on_s3(rig, dice, seed, long):
    """Let the S3 that the spool is on answer 500 and 503, be slow, and cut its answers."""
    case = rig.case("spool_on_s3", seed, kinds=_KINDS, spool=f"s3://aws_default@{SPOOL_BUCKET}/spool_{seed}")
    faults = (
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
        {"kind": "slow", "seconds": 1.4},
        {"kind": "cut"},
    )
    case.recover()
    for fault in faults * (3 if long else 1):
        case.add(40)
        for what in ("pull", dice.choice(_KINDS)) if long else ("pull",):
            # Also every single one: then the client's own tries end as well.
            details = {**fault, "after": dice.randrange(8), "every": dice.choice((1, 1, 2))}
            with rig.fault("s3", path=f"/{SPOOL_BUCKET}", **details):
                case.run(what)
            case.figures.trials += 1
        case.recover()
    return case.close()


@contextlib.contextmanager
def _disk(case):
    """Put a small file system under the case's spool; yield what changes it, or None where nobody may mount."""
    folder = case.folder / "spool"
    folder.mkdir(mode=0o700)

    def mount(options):
        subprocess.run(["mount", "-o", options, str(folder)], check=True, capture_output=True)

    made = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
        == 0
    )
    try:
        yield mount if made else None
    finally:
        if made:
            subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def _used(case):
    found = os.statvfs(case.folder / "spool")
    return (found.f_blocks - found.f_bfree) * found.f_frsize
