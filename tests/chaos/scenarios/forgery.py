"""Somebody who can write the spool, and nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil

from audit_provider.core.model import text_of, utc_now

_KINDS = ("s3", "splunk_hec")


def forged_spool(rig, dice, seed, long):
    """Delete, change and invent what lies beside the segments; nothing of it is sent, and ``verify`` names it."""
    case = rig.case("forged", seed, kinds=_KINDS, events=40)
    case.recover()
    case.run("report")
    with rig.small_events():
        case.add(8)
        case.recover("pull")
        ended = case.run("splunk_hec")
        case.figures.must(ended.how == "failed" and case.set_aside("splunk_hec"), "no event was set aside")
    case.recover("s3")
    case.run("report")
    _must_be_right(case)
    harms = (_delete_letters, _change_letters, _invent_letters, _invent_chain, _invent_record, _forge_marks)
    for harm in (*harms, _change_counts, _delete_counts) * (2 if long else 1):
        kept = case.folder / "kept"
        shutil.copytree(case.folder / "spool", kept)
        harm(case, dice)
        ended = case.run("verify")
        case.figures.must_notice("FAULT" in ended.error, f"{harm.__name__}: verify ended {ended.how}: {ended.error}")
        if harm not in (_change_counts, _delete_counts, _forge_marks):
            variables = case.variables()
            case.run("redrive")
            invented = case.invented("splunk_hec")
            case.figures.must(not invented, f"{harm.__name__}: {invented} invented events were delivered")
            case.figures.allow("splunk_hec", len(case.set_aside("splunk_hec")))
            case.put_back(variables)
        shutil.rmtree(case.folder / "spool")
        kept.rename(case.folder / "spool")
        case.figures.trials += 1
        _must_be_right(case)
    case.run("redrive")
    return case.close()


def _must_be_right(case):
    ended = case.run("verify")
    case.figures.must(ended.how == "done", f"a spool that nobody touched is not all right: {ended.error}")


def _letters(case):
    return sorted((case.folder / "spool").glob("*/live/*/dead/splunk_hec/*.ndjson"))


def _delete_letters(case, dice):
    dice.choice(_letters(case)).unlink()


def _change_letters(case, dice):
    _rewrite(dice.choice(_letters(case)), event={"id": "forged", "action": "UserRoleChanged"})


def _invent_letters(case, dice):
    path = dice.choice(_letters(case))
    _rewrite(path, id="forged", event={"id": "forged"})


def _invent_chain(case, dice):
    path = dice.choice(_letters(case))
    folder = path.parents[3] / "20250101T000000Z-0000" / "dead" / "splunk_hec"
    folder.mkdir(parents=True)
    shutil.copy(path, folder / path.name)
    _rewrite(folder / path.name, id="forged", event={"id": "forged"})


def _invent_record(case, dice):
    lines = [{"name": f"dead/splunk_hec/{path.name}", "number": 0} for path in _letters(case)]
    content = json.dumps({"at": text_of(utc_now()), "taken": lines, "filtered": [], "refused": []}).encode()
    folder = _letters(case)[0].parent / "redriven"
    folder.mkdir(exist_ok=True)
    (folder / f"20300101T000000.000000Z-{hashlib.sha256(content).hexdigest()[:16]}.json").write_bytes(content)


def _forge_marks(case, dice):
    (chain,) = (path for path in (case.folder / "spool").glob("*/live/*") if path.is_dir())
    keep = case.position.head.number
    for path in chain.glob("*.gz"):
        if int(path.name[:12]) < keep:
            path.unlink()
    (chain / "oldest.json").write_text(str(keep))
    (chain / "pruned.json").write_text(json.dumps(text_of(utc_now())))


def _change_counts(case, dice):
    path = dice.choice(_days(case))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"actions": {"NothingHappened": [0] * 24}}))


def _delete_counts(case, dice):
    dice.choice(_days(case)).unlink()


def _days(case):
    return sorted((case.folder / "spool").glob("*/activity/2*.json"))


def _rewrite(path, **changes):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(each | changes) + "\n" for each in lines))
