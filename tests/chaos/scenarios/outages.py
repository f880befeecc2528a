"""Sources and destinations that fail."""

from __future__ import annotations

from tests.chaos.figures import Figures, added
from tests.chaos.rig import KINDS

_SOURCES = ("pylon", "pylon_list", "slack", "okta", "workos", "pigment", "authos")
"""One of every reading strategy."""

_FAULTS = (
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "cut"},
    {"kind": "garbage"},
    {"kind": "html"},
    {"kind": "error_in_200"},
    {"kind": "slow", "seconds": 0.2},
    {"kind": "refuse_cursor"},
)


def sources_failing(rig, dice, seed, long):
    """Let the APIs of sources of every strategy answer 429, 5xx, garbage, pages of a proxy, or half an answer."""
    total = Figures("sources_failing", seed)
    for source in _SOURCES:
        kinds = ("s3", "splunk_hec") if long else ("splunk_hec",)
        case = rig.case(f"failing_{source}", seed, source=source, kinds=kinds)
        for fault in dice.sample(_FAULTS, len(_FAULTS) if long else 2):
            case.add(30)
            with rig.fault(case.source["url"], **fault, after=dice.randrange(3), every=dice.choice((1, 2, 3))):
                case.run("pull")
            case.figures.trials += 1
            case.recover()
        added(total, source, case.close())
    return total


def destinations_down(rig, dice, seed, long):
    """Let every destination be down for several runs and come back; then let its credential be wrong for a while."""
    case = rig.case("down", seed, kinds=KINDS if long else ("s3", "splunk_hec", "syslog", "sftp"))
    case.recover()
    for kind in case.kinds:
        with _down(rig, kind):
            for number in range(6 if long else 2):
                if number != 1:
                    case.add(25)
                    case.recover("pull")
                ended = case.run(kind)
                case.figures.must(ended.how == "failed", f"{kind} was down and ended {ended.how}")
        case.figures.must(case.offset(kind).failures_in_a_row > 1, f"the failures of {kind} are not counted")
        case.figures.trials += 1
        case.recover(kind)
    for kind, name in _CREDENTIALS.items():
        if kind not in case.kinds:
            continue
        right = rig.described["connections"][name]["password"]
        case.add(25)
        case.recover("pull")
        rig.connect(name, password="whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" if kind == "http" else "wrong")
        ended = case.run(kind)
        rig.connect(name, password=right)
        case.figures.must(ended.how == "failed", f"{kind} took a wrong credential")
        case.figures.trials += 1
        case.recover(kind)
    case.recover()
    figures = case.close()
    figures.must(not any(case.set_aside(kind) for kind in case.kinds), "events were set aside for an outage")
    return figures


_CREDENTIALS = {
    "splunk_hec": "splunk_hec_default",
    "datadog": "datadog_logs_default",
    "elasticsearch": "elasticsearch_logs_default",
    "sentinel": "azure_logs_ingestion_default",
    "http": "http_siem_default",
    "sftp": "sftp_default",
}


def _down(rig, kind):
    if kind == "syslog":
        return rig.fault(kind, "cut", path="/messages")
    if kind == "sftp":
        return rig.fault(kind, "status", path="/write")
    path = f"/{rig.described['bucket']}" if kind == "s3" else "/"
    return rig.fault(kind, "status", status=503, path=path)
