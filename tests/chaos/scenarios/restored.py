"""Records of progress of which one went back, or goes by another name."""

from __future__ import annotations

import shutil
from datetime import timedelta

import yaml

from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import text_of, utc_now
from audit_provider.host.spool_location import open_store
from tests.chaos.rig import BATCH, OF_PAST, ONCE

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


def older_database_later(rig, dice, seed, long):
    """Restore an older database after retention has removed segments that this one leads to."""
    pause = timedelta(days=40)
    case = rig.case("older_database_later", seed, kinds=_KINDS, ago=pause)
    for what in ("pull", *case.kinds):
        ended = case.run(what, ahead=-pause)
        case.figures.must(ended.how == "done", f"{what} with the clock of before: {ended.error}")
    kept = case.variables()
    case.add(60, seconds=pause.total_seconds())
    case.recover()
    case.recover("report")
    removed = StreamName(case.name).stream(open_store(case.spool), case.position).oldest() - 1
    case.figures.must(removed > 0, "retention has removed nothing")
    for _ in range(3 if long else 1):
        case.put_back(kept)
        case.add(dice.randrange(10, 30))
        said = case.said_by("pull")
        case.figures.must_notice("an older database was restored" in said, "the pull did not notice the older database")
        case.figures.trials += 1
        for kind in case.kinds:
            case.figures.allow(kind, case.position.head.total)
        case.recover()
        case.recover("report")
    figures = case.close()
    # The first events are in the chain of before, of which the destinations have them.
    del figures.lost["spool"]
    return figures


def backfill_first(rig, dice, seed, long):
    """Kill the tasks of a backfill, and let it end; then poll for the first time, from within the same time range."""
    case = rig.case("backfill_first", seed, kinds=_KINDS, events=120)
    case.past = {"start": text_of(utc_now() - timedelta(days=400)), "end": text_of(utc_now() + timedelta(seconds=1))}
    for what in [f"{each}{OF_PAST}" for each in ("pull", *case.kinds)]:
        for _ in range(5 if long else 1):
            case.figures.trials += case.run(what, fatal=dice.randrange(3, 60)).how == "killed"
            if what.removesuffix(OF_PAST) not in ("pull", *ONCE):
                case.figures.allow("splunk_hec", BATCH)
        case.recover(what)
    for what in ("pull", *case.kinds):
        for _ in range(5 if long else 1):
            case.figures.trials += case.run(what, fatal=dice.randrange(3, 60)).how == "killed"
            if what not in ("pull", *ONCE):
                case.figures.allow("splunk_hec", BATCH)
        case.recover(what)
    case.add(30)
    case.recover()
    left_out = case.offset("splunk_hec").counts.already_there
    case.figures.must(left_out > 100, f"polling has left out {left_out} of the 120 events that the backfill delivered")
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
