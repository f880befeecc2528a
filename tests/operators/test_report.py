"""The report over the sandbox: what it counts, finds, keeps and tells, also where it dies in the midst."""

from __future__ import annotations

import json
import socketserver
import threading
import xml.etree.ElementTree as ET
from datetime import timedelta
from email import message_from_string

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, AirflowFailException, BaseNotifier

from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.monitoring.activity import Activity
from audit_provider.core.monitoring.memory import Memory
from audit_provider.core.monitoring.summary import SUMMARIES
from audit_provider.core.records.derived_names import digest_of
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.core.verification import streams_in, verify
from audit_provider.operators import AuditLogsToSplunkHecOperator, PullAuditLogsOperator, ReportAuditLogsOperator
from audit_provider.sandbox.events import generate
from tests.core.simulation import Crash
from tests.operators.conftest import DAYS, context, crash_at_write, set_clock
from tests.operators.test_pull_and_ship import SECRETS, add

HOSTILE = '<script>alert("1")</script>|`x`&\x00\n# no'


class KeptNotifier(BaseNotifier):
    """A notifier that keeps what it was given to say."""

    template_fields = ("text",)
    said: list[str] = []
    broken = False

    def __init__(self, *, text="{{ audit_pipeline }}: {{ audit_text }}"):
        super().__init__()
        self.text = text

    def notify(self, context):
        if self.broken:
            raise RuntimeError("https://hooks.example.com/secret-path")
        self.said.append(self.text)


NOTIFIER = f"{__name__}.KeptNotifier"


@pytest.fixture
def notifier(monkeypatch):
    monkeypatch.setattr(KeptNotifier, "said", [])
    return KeptNotifier


@pytest.fixture
def report(world):
    def report(monitoring=None, destinations=("splunk_hec",), **arguments):
        task = ReportAuditLogsOperator(
            task_id="report",
            pipeline="p",
            destinations=list(destinations),
            source="pylon",
            monitoring=monitoring or {},
            spool=f"file://{world.spool}",
            **arguments,
        )
        task.execute(context())
        return summary_of(world)

    return report


def summary_of(world):
    return SUMMARIES.unpack(world.variables.get("audit_logs.p.summary"), "it")


def counts_of(world):
    """Return what is counted by action over all days."""
    today = world.now.date()
    counts = {}
    for day in Activity(LocalStore(world.spool), "p").days(today - timedelta(days=40), today + timedelta(days=1)):
        for action, hours in day.actions.items():
            counts[action] = counts.get(action, 0) + sum(hours)
    return counts


def expected(world):
    """Return the same from what the service holds."""
    first = (world.now - timedelta(days=34)).date().isoformat()
    counts = {}
    for time, _, _, action in world.pylon._rows:
        if time.date().isoformat() >= first:
            counts[action] = counts.get(action, 0) + 1
    return counts


def kinds(summary):
    return {each.kind for each in summary.findings}


def test_every_event_of_the_last_days_is_counted_once(world, report):
    world.pull()
    summary = report()
    assert counts_of(world) == expected(world)
    assert sum(map(sum, summary.days.values())) == sum(expected(world).values())
    assert set(summary.days) >= {"authentication", "content change", "SLA"}
    assert "other" not in summary.days
    assert summary.unknown_actions == ()
    assert len(summary.hours) == 7 * 24
    report()
    assert counts_of(world) == expected(world), "a second report counts nothing twice"
    add(world, 40, minutes=30)
    world.pull()
    after = report()
    assert counts_of(world) == expected(world)
    assert sum(after.hours) == sum(summary.hours) + 40


def test_lag_and_deliveries_are_kept_by_hour(world, report):
    world.pull()
    report()
    world.ship("splunk")
    summary = report()
    assert len(summary.lags_by_hour) == len(summary.delivered_by_hour["splunk_hec"]) == len(summary.hours)
    assert sum(summary.delivered_by_hour["splunk_hec"]) == 700
    assert max(summary.lags_by_hour) == max(summary.lags) > 0
    assert sum(report().delivered_by_hour["splunk_hec"]) == 700, "nothing is given twice"


def test_what_reading_has_noticed_reaches_the_log_and_the_report_until_it_holds_no_more(world, report, capsys):
    wrong = {"like": "pylon", "fields": {"action": "acton"}}
    said = "at 'acton' (fields.action) so far: did you mean 'action'?"
    world.pull(source=wrong)
    assert capsys.readouterr().out.count(said) == 1
    world.pull(source=wrong)
    capsys.readouterr()
    (found,) = [each for each in report().findings if each.kind == "notice" and each.severity == "warning"]
    assert said in found.title
    assert f"Notice of reading into p/live: no record of Pylon audit logs has had anything {said}" in (
        capsys.readouterr().out
    )
    world.pull()
    assert not [each for each in report().findings if each.kind == "notice" and each.severity == "warning"]


def test_a_destination_that_is_down_is_named_told_once_and_forgotten_when_it_is_back(world, report, notifier):
    world.pull()
    world.splunk.faults.add("status", status=503, count=None)
    notify = {"notify": [{"notifier": NOTIFIER, "severity": "warning"}]}
    with pytest.raises(AirflowException, match="503"):
        world.ship("splunk")
    summary = report(notify)
    (finding,) = (each for each in summary.findings if each.kind == "undelivered")
    assert (finding.subject, finding.count, finding.severity) == ("splunk_hec", 700, "warning")
    assert "splunk_hec has 700 undelivered events" in finding.title
    assert sum("undelivered events" in said for said in notifier.said) == 1
    report(notify)
    assert sum("undelivered events" in said for said in notifier.said) == 1, "it was told before"
    for _ in range(2):
        with pytest.raises(AirflowException, match="503"):
            world.ship("splunk")
    with pytest.raises(AirflowFailException, match="splunk_hec has 700 undelivered events: its last 3 runs failed"):
        report({"fail_on": "critical"})
    text = (world.spool / "p/reports/latest.md").read_text()
    assert "splunk_hec has 700 undelivered events" in text
    world.splunk.faults.clear()
    world.ship("splunk")
    assert "undelivered" not in kinds(report({"fail_on": "critical"}))


def test_dead_letters_and_what_matters_to_security_are_found(world, report):
    (poison,) = generate(1, world.now - timedelta(minutes=3), world.now, seed=99)
    poison["metadata"] = {"huge": "x" * 1_100_000}
    poison["action"] = "UserDeleted"
    world.pylon.add([poison])
    world.pull()
    with pytest.raises(AirflowFailException):
        world.ship("datadog")
    summary = report(destinations=["datadog"])
    assert summary.dead_letters == {"datadog": 1}
    by_kind = {each.kind: each for each in summary.findings if each.subject in ("datadog", "UserDeleted")}
    assert "has 1 open dead letter" in by_kind["refused"].title
    assert poison["actor_user_id"] in by_kind["security_action"].title


def test_failed_logins_in_a_burst_are_found(world, report):
    burst = generate(30, world.now - timedelta(minutes=5), world.now, seed=5)
    for each in burst:
        each |= {"action": "LoginFailed", "actor_user_id": "mallory"}
    world.pylon.add(burst)
    world.pull()
    found = [each for each in report().findings if each.kind == "failed_logins"]
    assert any(
        each.title.startswith("mallory failed to log in ") and "times in the hour" in each.title for each in found
    )
    assert "failed_logins" in kinds(report()), "it stays on the page"
    assert "failed_logins" not in {each.kind for each in _fresh(world, report, {"without": ["failed_logins"]}).findings}


def _fresh(world, report, monitoring):
    for path in world.spool.glob("p/activity/*"):
        path.unlink()
    with pytest.raises(AirflowFailException, match="somebody changed or deleted them"):
        report(monitoring)
    return report(monitoring)


def test_hostile_names_are_shown_as_they_are_and_nothing_more(world, report):
    strange = generate(3, world.now - timedelta(minutes=9), world.now, seed=6)
    for each in strange:
        each |= {"action": HOSTILE, "actor_user_id": HOSTILE}
    world.pylon.add(strange)
    world.pull()
    summary = report({"watch": ["*script*"]})
    assert summary.unknown_actions == (HOSTILE,)
    page = (world.spool / "p/reports/latest.html").read_text()
    root = ET.fromstring(page.partition("\n")[2])
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    assert '<script>alert("1")</script>|`x`&' in "".join(root.itertext())
    assert len([each for each in root.iter() if each.tag.endswith("svg")]) >= 1
    assert "src=" not in page
    assert "@import" not in page
    text = (world.spool / "p/reports/latest.md").read_text()
    assert "<" not in text
    assert "\n# no" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fatal", range(1, 40, 3))
def test_a_crash_between_any_two_objects_counts_nothing_twice(world, report, monkeypatch, fatal, after):
    world.pull()
    with monkeypatch.context() as patched:
        crash_at_write(patched, fatal, after=after)
        with pytest.raises(Crash):
            report()
    add(world, 25, minutes=40)
    world.pull()
    report()
    assert counts_of(world) == expected(world)


def test_windows_of_a_backfill_are_counted_too_and_then_left_alone(world, report):
    world.pull(start=(world.now - timedelta(days=5)).isoformat())
    report()
    window = {
        "start": (world.now - timedelta(days=DAYS + 1)).isoformat(),
        "end": (world.now - timedelta(days=4)).isoformat(),
    }
    world.pull(window=window)
    report()
    assert counts_of(world) == expected(world)
    assert [each for each in Activity(LocalStore(world.spool), "p").progress().finished if "/backfill-" in each]
    report()
    assert counts_of(world) == expected(world)


def evil(world, ago, count=20):
    """Let somebody make API tokens, and fail to sign in as another, at nine on the day that was some time ago."""
    nine = (world.now - ago).replace(hour=9, minute=0, second=0)
    happened = generate(2 * count, nine, nine + timedelta(minutes=10), seed=3)
    for each in happened[:count]:
        each |= {"action": "APITokenCreated", "actor_user_id": "mallory"}
    for each in happened[count:]:
        each |= {"action": "LoginFailed", "actor_user_id": "victim"}
    world.pylon.add(happened)


def about(world, *names):
    """Return the kinds and days (before now) of the findings that name somebody."""
    memory = Activity(LocalStore(world.spool), "p").memory(Memory)
    return sorted(
        (each.finding.kind, (world.now.date() - each.finding.at.date()).days)
        for each in memory.findings
        if any(name in each.finding.title for name in names)
    )


@pytest.mark.parametrize("days", [3, 9])
def test_what_happened_in_an_outage_is_found_when_it_is_read(world, report, monkeypatch, days):
    begun = world.now - timedelta(days=days + 1)
    set_clock(monkeypatch, begun, ReportAuditLogsOperator)
    world.pull(start=(begun - timedelta(days=20)).isoformat())
    report()
    evil(world, timedelta(days=days))
    set_clock(monkeypatch, world.now, ReportAuditLogsOperator)
    world.pull()
    report()
    assert about(world, "mallory", "victim") == [
        ("failed_logins", days),
        ("new_actor", days),
        ("security_action", days),
        ("security_action", days),
    ]


def test_what_the_reconciliation_has_found_is_found(world, report, compare, ending):
    world.pull()
    report()
    evil(world, world.now - ending + timedelta(hours=3))
    assert compare()["late"] == 40
    report()
    day = (world.now.date() - (ending - timedelta(hours=3)).date()).days
    assert ("security_action", day) in about(world, "mallory")


def test_the_past_that_a_backfill_loads_is_no_news(world, report):
    world.pull(start=(world.now - timedelta(days=1)).isoformat())
    report()
    evil(world, timedelta(days=5))
    before = about(world, "")
    window = {"start": (world.now - timedelta(days=30)).isoformat(), "end": (world.now - timedelta(days=2)).isoformat()}
    world.pull(window=window)
    report()
    assert about(world, "") == before
    assert counts_of(world)["APITokenCreated"] >= 20


def test_the_past_that_a_pipeline_begins_with_is_told_in_few_words(world, report):
    evil(world, timedelta(days=20))
    world.pull()
    report()
    assert about(world, "mallory", "victim") == [("failed_logins", 20), ("security_action", 20)]
    memory = Activity(LocalStore(world.spool), "p").memory(Memory)
    assert len(memory.findings) < 60


def test_a_deleted_position_counts_nothing_twice_and_finds_nothing_again(world, report):
    world.pull()
    world.ship("splunk")
    report()
    counted, found = counts_of(world), about(world, "")
    world.variables.delete("audit_logs.p.cursor")
    world.pull()
    world.ship("splunk")
    report()
    assert counts_of(world) == counted == expected(world)
    assert about(world, "") == found


SECRET = "ada.secret@example.com"


@pytest.fixture
def secretive(world):
    """Something that matters to security, done by somebody whom nobody is to see."""
    nine = (world.now - timedelta(days=1)).replace(hour=9, minute=0, second=0)
    happened = generate(30, nine, nine + timedelta(minutes=10), seed=3)
    for each in happened:
        each |= {"action": "UserRoleChanged", "actor_user_id": SECRET}
    world.pylon.add(happened)
    world.pull()


@pytest.mark.parametrize(
    ("redact", "stands_there"),
    [({"hash": ["actor_user_id"]}, digest_of(SECRET)), ({"drop": ["actor_user_id"]}, "(removed)")],
)
def test_findings_are_redacted_wherever_they_go(
    world, report, notifier, secretive, caplog, capsys, redact, stands_there
):
    notify = [{"notifier": NOTIFIER, "severity": "info"}]
    summary = report({"ship_findings": True, "fail_on": None, "notify": notify}, redact=redact)
    task = AuditLogsToSplunkHecOperator(
        task_id="s",
        pipeline="p",
        source="pylon",
        findings=True,
        spool=f"file://{world.spool}",
        index="audit",
        options={"redact": redact},
    )
    task.execute(context())
    shipped = [each["event"] for each in world.splunk.indexed]
    own = [each for each in shipped if str(each.get("action")).startswith("audit_provider.finding.")]
    (role,) = [each for each in own if each["subject"] == "UserRoleChanged" and stands_there in each["title"]]
    assert " performed UserRoleChanged 30 times on " in role["title"]
    reports = [path.read_text() for path in world.spool.glob("p/reports/*")]
    places = [json.dumps(shipped), *notifier.said, world.variables.get("audit_logs.p.summary"), *reports]
    places += [caplog.text, capsys.readouterr().out]
    assert not [each for each in places if SECRET in each]
    assert any(stands_there in each.title for each in summary.findings)
    assert any(stands_there in each for each in notifier.said)
    for path in world.spool.glob("p/activity/*"):
        path.unlink()
    with pytest.raises(AirflowFailException, match="grave findings") as caught:
        report({"fail_on": "info"}, redact=redact)
    assert SECRET not in str(caught.value)


def test_objects_are_redacted_wherever_they_go(world, report, notifier, caplog, capsys):
    nine = (world.now - timedelta(days=1)).replace(hour=9, minute=0, second=0)
    happened = generate(3, nine, nine + timedelta(minutes=10), seed=3)
    for each in happened:
        each |= {"action": "UserRoleChanged", "object_type": "user", "object_id": SECRET}
    world.pylon.add(happened)
    world.pull()
    redact = {"hash": ["object_id"]}
    notify = [{"notifier": NOTIFIER, "severity": "info"}]
    summary = report({"ship_findings": True, "notify": notify}, redact=redact)
    AuditLogsToSplunkHecOperator(
        task_id="s",
        pipeline="p",
        source="pylon",
        findings=True,
        spool=f"file://{world.spool}",
        index="audit",
        options={"redact": redact},
    ).execute(context())
    shipped = json.dumps([each["event"] for each in world.splunk.indexed])
    reports = [path.read_text() for path in world.spool.glob("p/reports/*")]
    places = [shipped, *notifier.said, world.variables.get("audit_logs.p.summary"), *reports]
    assert not [each for each in (*places, caplog.text, capsys.readouterr().out) if SECRET in each]
    assert f", affecting user {digest_of(SECRET)}." in shipped
    assert any(each.object == digest_of(SECRET) for each in summary.watched)
    assert all(digest_of(SECRET) in each for each in reports)


def test_what_monitoring_says_of_redaction_comes_first(world, report, secretive):
    plain = report({"redact": {}}, redact={"drop": ["actor_user_id"]})
    assert any(SECRET in each.title for each in plain.findings)
    hidden = report({"redact": {"drop": ["action", "actor_user_id"]}})
    assert "UserRoleChanged" not in world.variables.get("audit_logs.p.summary")
    assert SECRET not in world.variables.get("audit_logs.p.summary")
    assert "(removed)" in {each.action for each in hidden.actions}


def test_a_notifier_that_is_down_for_days_is_told_in_the_end(world, report, notifier, monkeypatch, secretive):
    notify = {"notify": [{"notifier": NOTIFIER, "severity": "info"}], "ship_findings": True}
    with monkeypatch.context() as broken:
        broken.setattr(notifier, "broken", True)
        with pytest.raises(AirflowFailException, match="could not send"):
            report(notify)
    set_clock(monkeypatch, world.now + timedelta(days=6), ReportAuditLogsOperator)
    report(notify)
    assert any("UserRoleChanged" in each for each in notifier.said)
    report(notify)
    assert len(notifier.said) == 1


@pytest.mark.parametrize("fatal", range(1, 30))
def test_a_crash_while_findings_are_spooled_spools_each_once_however_long_it_lasts(
    world, report, monkeypatch, secretive, fatal
):
    with monkeypatch.context() as patched:
        crash_at_write(patched, fatal, after=fatal % 2)
        with pytest.raises(Crash):
            report({"ship_findings": True})
    set_clock(monkeypatch, world.now + timedelta(days=6), ReportAuditLogsOperator)
    report({"ship_findings": True, "without": ["lag", "silence"]})
    store = LocalStore(world.spool)
    position = POSITIONS.unpack(world.variables.get("audit_logs.p.findings.cursor"), "it")
    stream = Stream(store, "p/findings", position.chain)
    events = [json.loads(bytes(each.raw)) for _, some in stream.read(position.head, 1) for each in some]
    memory = Activity(store, "p").memory(Memory)
    spooled = [each["finding"] for each in events]
    assert len(set(spooled)) == len(spooled)
    assert set(spooled) >= {each.finding.id for each in memory.findings}


def test_a_notifier_that_fails_is_told_of_and_tried_again(world, report, notifier, monkeypatch, caplog):
    world.pull()
    world.splunk.faults.add("status", status=503, count=None)
    with pytest.raises(AirflowException, match="503"):
        world.ship("splunk")
    notify = {"notify": [{"notifier": NOTIFIER, "severity": "info", "text": "{{ audit_severity }} {{ audit_html }}"}]}
    monkeypatch.setattr(notifier, "broken", True)
    with pytest.raises(AirflowFailException, match="KeptNotifier could not send .*RuntimeError") as caught:
        report(notify)
    assert "secret-path" not in str(caught.value)
    monkeypatch.setattr(notifier, "broken", False)
    report(notify)
    (said,) = notifier.said
    assert said.startswith("warning <table>")
    with pytest.raises(AirflowFailException, match=r"p\.monitoring\.notify: nowhere\.Notifier cannot be imported"):
        report({"notify": [{"notifier": "nowhere.Notifier", "severity": "info"}]})
    with pytest.raises(AirflowFailException, match="is not a notifier"):
        report({"notify": [{"notifier": "pathlib.Path", "severity": "info"}]})


class Mailbox(socketserver.StreamRequestHandler):
    """Enough of SMTP to take one letter."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip():
            command = line[:4].upper()
            if command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                letter = b""
                while not letter.endswith(b"\r\n.\r\n"):
                    letter += self.rfile.readline()
                self.server.letters.append(letter.decode())
            self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 well\r\n")
            if command == b"QUIT":
                return


@pytest.fixture
def mailbox(monkeypatch):
    with socketserver.TCPServer(("127.0.0.1", 0), Mailbox) as server:
        server.letters = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": server.server_address[1],
            "extra": {"disable_ssl": True, "disable_tls": True, "retry_limit": 1},
        }
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield server.letters
        server.shutdown()


def test_airflows_own_smtp_notifier_tells_findings_by_mail(world, report, mailbox):
    pytest.importorskip("airflow.providers.smtp")
    world.pull()
    world.splunk.faults.add("status", status=503, count=None)
    with pytest.raises(AirflowException, match="503"):
        world.ship("splunk")
    entry = {
        "notifier": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
        "to": "soc@example.com",
        "from_email": "airflow@example.com",
        "subject": "{{ audit_pipeline }}: {{ audit_severity }}",
        "html_content": "{{ audit_html }}",
    }
    report({"notify": [entry]})
    (letter,) = message_from_string(mailbox[0]).get_payload()
    assert "Subject: p: warning" in mailbox[0]
    assert "splunk_hec has 700 undelivered events" in letter.get_payload(decode=True).decode()


def test_findings_are_shipped_as_events_where_that_is_wanted(world, report):
    world.pull()
    world.splunk.faults.add("status", status=503, count=None)
    with pytest.raises(AirflowException, match="503"):
        world.ship("splunk")
    report({"ship_findings": True})
    world.splunk.faults.clear()
    report({"ship_findings": True})
    task = AuditLogsToSplunkHecOperator(
        task_id="s", pipeline="p", source="pylon", findings=True, spool=f"file://{world.spool}", index="audit"
    )
    assert task.execute(context())["pending"] == 0
    own = [each["event"] for each in world.splunk.indexed if "finding" in str(each["event"].get("action", ""))]
    undelivered = [each for each in own if each["action"] == "audit_provider.finding.undelivered"]
    assert len(undelivered) == 1, "two reports found it, and it is one event"
    assert undelivered[0]["subject"] == "splunk_hec"
    assert counts_of(world) == expected(world), "findings are not counted as events of the source"


def test_no_secret_is_in_what_a_report_leaves(world, report):
    world.pull()
    world.connect("SPLUNK_HEC_DEFAULT", password="canary-wrong-token")
    with pytest.raises(AirflowFailException):
        world.ship("splunk")
    report()
    left = [path.read_bytes() for folder in ("activity", "reports") for path in world.spool.glob(f"p/{folder}/*")]
    left.append(world.variables.get("audit_logs.p.summary").encode())
    for secret in (*SECRETS, "canary-wrong-token"):
        assert not any(secret.encode() in each for each in left)


def test_reports_and_days_that_are_too_old_are_removed(world, report):
    world.pull()
    old = (world.now - timedelta(days=60)).date()
    for name in (f"reports/{old}.html", f"activity/{old}.json"):
        path = world.spool / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"day": str(old)}))
    report()
    kept = sorted(path.name for path in world.spool.glob("p/reports/*"))
    assert kept == sorted([f"{world.now.date()}.html", f"{world.now.date()}.md", "latest.html", "latest.md"])
    assert not (world.spool / f"p/activity/{old}.json").exists()


def test_what_a_report_leaves_is_no_fault_of_the_spool(world, report):
    world.pull()
    report({"ship_findings": True, "watch": ["*"]})
    found = verify(LocalStore(world.spool))
    assert found.faults == ()
    assert [each.stream.rpartition("/")[0] for each in found.streams] == ["p/evidence", "p/findings", "p/live"]
    assert streams_in(LocalStore(world.spool), "p") == ["p/evidence", "p/findings", "p/live"]


def test_a_report_that_is_not_told_to_watch_leaves_nothing(world):
    world.pull()
    task = ReportAuditLogsOperator(
        task_id="report", pipeline="p", destinations=["s3"], spool=f"file://{world.spool}", source="pylon"
    )
    task.execute(context())
    assert world.variables.get("audit_logs.p.summary") is None
    assert not (world.spool / "p/activity").exists()


@pytest.mark.parametrize("state", ["failed", "upstream_failed", "success", "skipped", None])
def test_a_report_ends_red_where_a_task_before_it_did(world, state):
    world.pull()
    spool = f"file://{world.spool}"
    with DAG("d", schedule=None):
        pull = PullAuditLogsOperator(task_id="pull", pipeline="p", source="pylon", spool=spool)
        report = ReportAuditLogsOperator(task_id="report", pipeline="p", destinations=["s3"], spool=spool)
        pull >> report
    states = {"pull": state, "beside": "failed"}
    if state in ("failed", "upstream_failed"):
        with pytest.raises(AirflowFailException, match="pull did not succeed"):
            report.execute(context(states))
    else:
        assert report.execute(context(states))[0]["spooled"] == 700
