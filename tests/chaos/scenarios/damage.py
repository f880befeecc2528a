"""Segments that are not what was written."""

from __future__ import annotations

from tests.chaos.rig import KINDS

_KINDS = ("s3", "splunk_hec")


def damaged_segments(rig, dice, seed, long):
    """Cut, change, empty or remove a file in the middle; ship; bring it back; ship again."""
    case = rig.case("damage", seed, events=10, kinds=KINDS if long else _KINDS)
    case.recover()
    harms = {
        "cut": lambda content: content[: dice.randrange(1, len(content))],
        "changed": lambda content: _flipped(content, dice.randrange(len(content))),
        "emptied": lambda content: b"",
        "removed": lambda content: None,
    }
    for harm in harms.values():
        for ending in (".ndjson.gz", ".manifest.json.gz"):
            case.add(80)
            case.recover("pull")
            number = case.position.head.number - 1  # one before the last, so that there is something past it
            (path,) = (case.folder / "spool").glob(f"*/live/*/{number:012d}-*{ending}")
            whole = path.read_bytes()
            harmed = harm(whole)
            path.unlink() if harmed is None else path.write_bytes(harmed)
            for kind in case.kinds:
                before = case.offset(kind)
                ended = case.run(kind)
                after = case.offset(kind)
                named = path.name in ended.error
                case.figures.must(ended.how == "failed" and named, f"{kind} did not name {path.name}: {ended.error}")
                case.figures.must(before.segment <= after.segment <= number, f"{kind} went past segment {number}")
            case.figures.trials += 1
            path.write_bytes(whole)
            case.recover()
    return case.close()


def _flipped(content, place):
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]
