"""Records of progress of which one went back, or goes by another name."""

from __future__ import annotations

import shutil

import yaml

_KINDS = ("s3", "splunk_hec")


def older_spool(rig, dice, seed, long):
    """Put an older copy of the spool in the place of the one that is there; then follow the operating guide."""
    case = rig.case("older_spool", seed, kinds=_KINDS)
    case.recover()
    for number in range(4 if long else 2):
        spool, copy = case.folder / "spool", case.folder / "copy"
        shutil.copytree(spool, copy)
        case.add(dice.randrange(30, 60))
        # What the copy lacks is shipped everywhere, or to one destination alone.
        case.recover(*(("pull", "s3") if number % 2 else ()))
        shutil.rmtree(spool)
        copy.rename(spool)
        ended = {what: case.run(what) for what in ("verify", "pull", *case.kinds)}
        for what in ("verify", "pull") if number % 2 == 0 else ("verify", "pull", "splunk_hec"):
            case.figures.must_notice(ended[what].how == "failed", f"{what} did not notice the older spool")
        case.figures.trials += 1
        shipped = {kind: case.held_of_source(kind) for kind in case.kinds}
        case.delete_position()
        case.recover()
        for kind in case.kinds:
            case.figures.allow(kind, shipped[kind])
    case.recover()
    return case.close()


def renamed_pipeline(rig, dice, seed, long):
    """Give a pipeline another name while events are pending; then give it the old one again."""
    case = rig.case("renamed", seed, kinds=_KINDS)
    case.recover()
    for _ in range(3 if long else 1):
        pending = dice.randrange(20, 60)
        case.add(pending)
        case.recover("pull", "s3")
        before = case.name
        case.name = f"{before}_new"
        case.connect()
        _write_file(rig, case)
        case.start_at = ""
        case.recover("pull", *case.kinds)
        said = case.said_by("report")
        noticed = f"{pending} events of {before}/live are pending" in said
        case.figures.must_notice(noticed, f"the report of {case.name} does not say what {before} has left behind")
        for kind in case.kinds:
            # The last hours are read and shipped under both names.
            case.figures.allow(kind, case.position.head.total)
        case.figures.trials += 1
        case.name = before
        case.start_at = "2020-01-01"
        _write_file(rig, case)
        case.recover()
    return case.close()


def _write_file(rig, case):
    entry = {
        "source": case.kind,
        "conn_id": f"source_{case.name}",
        "destinations": {"s3": {"type": "s3", "bucket": rig.described["bucket"]}, "splunk_hec": {"type": "splunk_hec"}},
    }
    rig.pipelines_file.write_text(yaml.safe_dump({case.name: entry}))


def exchanged_account(rig, dice, seed, long):
    """Put the credential of another account into the connection, and the right one back."""
    case = rig.case("exchanged", seed, kinds=_KINDS)
    case.recover()
    for number in range(3 if long else 1):
        case.add(dice.randrange(20, 40))
        if number % 2:
            case.recover("pull")
        with case.exchanged():
            ended = case.run("pull")
            noticed = ended.how == "failed" and "another account" in ended.error
            case.figures.must_notice(noticed, f"a pull from another account ended {ended.how}: {ended.error}")
            for kind in case.kinds:
                case.run(kind)
        case.figures.trials += 1
        case.recover()
    return case.close()
