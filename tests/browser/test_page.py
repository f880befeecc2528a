"""The page "Audit logs" as a person meets it: a real Airflow over the sandbox, and a real browser."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
import requests
import yaml

from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.monitoring.summary import SUMMARIES
from audit_provider.plugin.problems import TOLD_LIVE
from audit_provider.sandbox.demo import switch
from audit_provider.sandbox.demo_pipelines import SOURCES
from tests.browser.conftest import EVENTS, INCREMENTAL, ROOT, USUAL, api_server, control

PICTURES = Path(os.environ.get("AUDIT_PICTURES", ROOT / ".cache" / "pictures"))
FRAME = "document.querySelector('iframe[title=\"Audit logs\"]').contentDocument"

# Setting up an Airflow takes as long as the machine needs.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900, func_only=True)]


def _ids(world, name):
    return requests.get(f"{world.sandbox[name]['url']}/_sandbox/state", timeout=60).json()["ids"]


def _runs(airflow, dag):
    return airflow.call("GET", f"/dags/{dag}/dagRuns")["dag_runs"]


def test_before_the_first_run_nothing_is_fine(world):
    verdict, state, shown = world.first
    assert (verdict, state) == (f"{len(SOURCES)} of {len(SOURCES)} have not run yet", "new")
    assert "fine" not in shown
    assert "✔" not in shown
    assert f"Sources current 0 of {len(SOURCES)}" in shown


def test_the_login_form_leads_to_the_page_by_airflows_navigation(world):
    browser, airflow = world.browser, world.airflow
    browser.go(f"{airflow.url}/")
    browser.click("document.querySelector('input[name=username]')")
    browser.type("admin")
    browser.click("document.querySelector('input[name=password]')")
    browser.type(airflow.password)
    browser.click("document.querySelector('button[type=submit]')")
    browser.click("[...document.querySelectorAll('a')].find(a => a.innerText.trim() === 'Audit logs')")
    browser.see(f"{FRAME}.querySelectorAll('#pipelines tbody tr').length === {len(SOURCES)}")
    assert browser.run("location.pathname").startswith("/plugin/audit_logs")


def test_the_figures_are_those_of_the_run(world):
    browser, airflow = world.browser, world.airflow
    kept = airflow.variables("audit_logs.pylon.")
    position = POSITIONS.unpack(kept["audit_logs.pylon.cursor"], "the cursor")
    assert position.counts.spooled == EVENTS + 1
    noted = SUMMARIES.unpack(kept["audit_logs.pylon.summary"], "the summary")
    assert noted.dead_letters == {"splunk": 1}
    browser.go(f"{airflow.url}/plugin/audit_logs")
    browser.see(f"{FRAME}.querySelector('#verdict').innerText.startsWith('2 critical of {len(SOURCES)} pipelines')")
    shown = browser.run(f"[...{FRAME}.querySelectorAll('#incidents li')].map(line => line.innerText)")
    assert any("splunk has 1 dead letter (connection " in each and "pylon" in each for each in shown), shown
    assert any("Gap from" in each and "pigment" in each for each in shown)
    totals = browser.run(f"{FRAME}.querySelector('#totals').innerText")
    assert re.match(
        rf". Sources current {len(SOURCES)} of {len(SOURCES)} · . Destinations delivering \d+ of \d+ · ", totals
    )
    first = browser.run(f"{FRAME}.querySelector('#pipelines tbody tr').dataset.pipeline")
    assert first == "pigment", "what is wrong comes first"
    browser.dark(dark=False)
    browser.picture(PICTURES / "overview.png")
    browser.click(f"{FRAME}.getElementById('open-pylon')")
    tab(browser, "deliveries")
    row = browser.see(f"{FRAME}.querySelector('[data-destination=splunk]')?.innerText")
    waiting = re.search(rf"\t{EVENTS}\b[^\t]*\t0 \+ (\d+) of other streams\t", row)
    assert waiting, f"delivered, waiting: {row}"
    assert int(waiting[1]) == len(noted.findings), "the findings come behind the events, and the task failed at those"
    tab(browser, "health")
    hours = f"[...{FRAME}.querySelectorAll('svg.chart .hour')].map(bar => bar.getAttribute('aria-label'))"
    bars = browser.run(f"{hours}.length")
    assert bars >= 24, "a day of lag"
    assert bars % 24 == 0, "a destination has a chart once a second report has seen it grow"
    shown = browser.run(f"{FRAME}.getElementById('detail').innerText")
    assert "splunk has 1 dead letter" in shown
    assert "What did splunk receive? Events by hour" in shown
    browser.picture(PICTURES / "pipeline.png")
    tab(browser, "activity")
    assert browser.run(f"{FRAME}.querySelectorAll('svg.chart .day').length") == len(noted.low) > 7
    assert browser.run(f"{FRAME}.querySelectorAll('svg.chart .band').length") == 1
    shown += browser.run(f"{FRAME}.getElementById('detail').innerText")
    assert all(each.title in shown for each in noted.findings if each.kind not in TOLD_LIVE)
    assert browser.run("location.hash") == "#pipeline=pylon&tab=activity", "the address is Airflow's too"


def tab(browser, name):
    """Open a tab of the pipeline that is shown."""
    browser.click(f"{FRAME}.getElementById('tab-{name}')")
    browser.see(f"{FRAME}.getElementById('tab-{name}').hasAttribute('aria-current')")


def back(browser):
    """Leave the pipeline that is shown."""
    browser.click(f"{FRAME}.getElementById('back')")
    browser.see(f"{FRAME}.getElementById('detail').hidden")


def _choose(browser, choice):
    """Choose how Airflow looks, by its menu."""
    browser.see("!document.querySelector('[role=menuitem]')")  # that of the last choice has closed
    browser.click("[...document.querySelectorAll('button')].find(b => b.innerText.trim() === 'User')")
    browser.click("[...document.querySelectorAll('[role=menuitem]')].find(i => /Appearance/.test(i.innerText))")
    browser.click(f"[...document.querySelectorAll('[role=menuitemradio]')].find(i => /{choice}/.test(i.innerText))")


def test_light_and_dark_follow_airflows_own_switch_whatever_the_system_prefers(world):
    browser = world.browser
    paper = f"getComputedStyle({FRAME}.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(17, 17, 19)"
    for choice, system, expected in (
        ("Dark Mode", False, dark),
        ("Light Mode", True, light),
        ("Follow System Setting", True, dark),
        ("Follow System Setting", False, light),
    ):
        browser.dark(dark=system)
        _choose(browser, choice)
        browser.see(f"{paper} === '{expected}'")
        browser.picture(PICTURES / f"{choice.partition(' ')[0].lower()}_{'dark' if system else 'light'}.png")


def test_a_day_and_a_category_can_be_chosen_by_keyboard(world):
    browser = world.browser
    last = browser.run(f"{FRAME}.querySelectorAll('svg.chart .day').length") - 1
    browser.run(f"{FRAME}.getElementById('day-{last}').focus()")
    browser.press("Enter", 13)
    day = browser.run(f"{FRAME}.getElementById('day-{last}').getAttribute('aria-label')")[:10]
    browser.see(f"{FRAME}.getElementById('detail').innerText.includes('every category, {day}')")
    browser.click(f"{FRAME}.getElementById('category-0')")
    category = browser.run(f"{FRAME}.getElementById('category-0').innerText.trim()")
    browser.see(f"{FRAME}.getElementById('detail').innerText.includes('{category}, {day}')")
    browser.picture(PICTURES / "drill_down.png")


def test_the_page_is_searched_sorted_and_filtered(world):
    browser = world.browser
    names = f"[...{FRAME}.querySelectorAll('#pipelines tbody tr')].map(row => row.dataset.pipeline).join()"
    back(browser)
    browser.click(f"{FRAME}.querySelector('[data-sort=name]')")
    browser.see(f"{names} === '{','.join(sorted(SOURCES))}'")
    browser.click(f"{FRAME}.querySelector('[data-sort=name]')")
    browser.see(f"{names} === '{','.join(sorted(SOURCES, reverse=True))}'")
    browser.click(f"{FRAME}.getElementById('find')")
    browser.type("sentinel")
    browser.see(f"{names} === 'pylon'")
    browser.run(f"{FRAME}.location.hash = ''")
    browser.see(f"{FRAME}.querySelectorAll('#pipelines tbody tr').length === {len(SOURCES)}")


@pytest.mark.parametrize("destination", ["s3", "splunk"])
def test_a_connection_is_tested_and_a_test_event_sent(destination, world):
    browser = world.browser
    if not browser.run(f"{FRAME}.querySelector('[data-destination]') !== null"):
        browser.click(f"{FRAME}.getElementById('open-pylon')")
        tab(browser, "deliveries")
    outcome = f"({FRAME}.querySelector('#outcome-{{}}-{destination}.good')?.innerText ?? '')"
    browser.click(f"{FRAME}.getElementById('test_connection-{destination}')")
    browser.see(f"{outcome.format('test_connection')} !== ''")
    browser.click(f"{FRAME}.getElementById('test_event-{destination}')")
    browser.see(f"{outcome.format('test_event')}.startsWith('{destination} accepted the test event test-')")
    browser.picture(PICTURES / f"test_event_{destination}.png")


def test_the_connection_of_the_source_is_tested(world):
    browser = world.browser
    tab(browser, "health")
    browser.click(f"{FRAME}.getElementById('test_connection')")
    browser.see(f"({FRAME}.querySelector('#outcome-test_connection.good')?.innerText ?? '').includes('Sandbox Inc.')")
    browser.picture(PICTURES / "test_source.png")


def test_dead_letters_are_listed_and_sent_again_by_a_run_once_the_cause_is_fixed(world):
    browser, airflow = world.browser, world.airflow
    before = world.account()
    assert before.adds_up
    assert (before.dead_lettered, before.redriven, before.dead_letters) == (1, 0, 1)
    tab(browser, "deliveries")
    browser.click(f"{FRAME}.getElementById('letters-splunk')")
    letter = browser.see(f"{FRAME}.querySelector('dialog[open] article')?.innerText")
    assert "refused by the destination" in letter
    assert "code 6" in letter, "the destination's own words"
    browser.picture(PICTURES / "dead_letters.png")
    browser.click(f"{FRAME}.querySelector('dialog[open] button')")
    control(world.sandbox, "splunk", "limits", max_event_bytes=USUAL)
    known = {each["dag_run_id"] for each in _runs(airflow, INCREMENTAL)}
    browser.click(f"{FRAME}.getElementById('redrive-splunk')")
    browser.click(f"{FRAME}.getElementById('send')")
    browser.see(f"{FRAME}.querySelector('#outcome-redrive-splunk.good a') !== null")
    (run,) = [each for each in _runs(airflow, INCREMENTAL) if each["dag_run_id"] not in known]
    assert run["conf"] == {"redrive": ["splunk"]}
    assert run["triggering_user_name"] == "admin"
    assert airflow.wait(INCREMENTAL, run["dag_run_id"], print) == "success"
    after = world.account()
    assert after.adds_up
    assert (after.dead_lettered, after.redriven, after.dead_letters, after.pending) == (1, 1, 0, 0)
    held, served = _ids(world, "splunk"), _ids(world, "pylon")
    assert sorted(each for each in held if each in served) == sorted(served), "each event once"
    browser.see(f"{FRAME}.getElementById('letters-splunk') === null")
    back(browser)
    browser.see(f"!/dead letter/.test({FRAME}.getElementById('incidents').innerText)")


def test_findings_have_reached_the_siems_as_events(world):
    kept = world.airflow.variables("audit_logs.pylon.findings.")
    offsets = {key.rpartition(".")[2]: json.loads(text) for key, text in kept.items() if ".to." in key}
    served = {each for source in SOURCES for each in _ids(world, source)}
    for name in ("splunk", "datadog", "webhook"):
        found = [each for each in _ids(world, name) if each not in served and not each.startswith("test-")]
        assert len(found) == len(set(found)) == offsets[name]["counts"]["delivered"] > 0, name


def test_a_gap_is_acknowledged_with_a_note(world):
    browser, airflow = world.browser, world.airflow
    browser.click(f"{FRAME}.getElementById('open-pigment')")
    tab(browser, "gaps")
    browser.click(f"[...{FRAME}.querySelectorAll('button')].find(b => b.id.startsWith('gap-'))")
    browser.click(f"{FRAME}.getElementById('note')")
    browser.type("the vendor sent a file")
    browser.picture(PICTURES / "acknowledge.png")
    browser.click(f"{FRAME}.getElementById('send')")
    browser.see(f"{FRAME}.getElementById('detail').innerText.includes('There is no open gap.')")
    kept = airflow.variables("audit_logs.pigment.gaps.")["audit_logs.pigment.gaps.acknowledged"]
    (record,) = json.loads(kept).values()
    assert (record["by"], record["note"]) == ("admin", "the vendor sent a file")


def test_a_destination_that_is_stopped_is_red_and_catches_up_by_itself_once_it_is_started(world):
    browser, airflow = world.browser, world.airflow
    back(browser)
    state = f"({FRAME}.querySelector('#pipelines [data-pipeline=pylon] [data-key=splunk] .mark')?.ariaLabel)"
    browser.see(f"{state} === 'fine'")
    switch(world.folder, "stop", "splunk")
    control(world.sandbox, "pylon", "events", count=5, span_seconds=60)
    run = airflow.trigger(INCREMENTAL)
    browser.see(f"{state} === 'critical'", 240)
    shown = browser.run(f"{FRAME}.getElementById('incidents').innerText")
    assert "splunk cannot be shipped to (connection " in shown
    assert re.search(r"\d+ events waiting", shown)
    log = f"[...{FRAME}.querySelectorAll('#incidents a')].find(a => a.innerText === 'Task log')"
    assert browser.run(f"{log}.getAttribute('href')").endswith("/tasks/ship_splunk")
    browser.picture(PICTURES / "red.png")
    switch(world.folder, "start", "splunk")
    assert airflow.wait(INCREMENTAL, run, print) == "success", "a task that is tried again"
    browser.see(f"{state} === 'fine'")
    assert world.account().pending == 0
    held, served = _ids(world, "splunk"), _ids(world, "pylon")
    assert len(served) == EVENTS + 6
    assert sorted(each for each in held if each in served) == sorted(served), "each event once"


def look_again(browser):
    """Let the page look at once, as it does whenever its window comes to the front."""
    browser.run(f"{FRAME}.dispatchEvent(new Event('visibilitychange'))")


def test_a_source_that_is_stopped_is_red_while_its_run_goes_on_and_the_next_one_too(world):
    browser, airflow = world.browser, world.airflow
    state = f"({FRAME}.querySelector('#pipelines [data-pipeline=pylon] [data-key=source] .mark')?.ariaLabel)"
    browser.see(f"{state} === 'fine'")
    switch(world.folder, "stop", "pylon")
    run = airflow.trigger(INCREMENTAL)
    browser.see(f"{state} === 'critical'", 240)
    assert airflow.call("GET", f"/dags/{INCREMENTAL}/dagRuns/{run}")["state"] in ("queued", "running")
    shown = browser.run(f"{FRAME}.getElementById('incidents').innerText")
    assert "Pylon audit logs cannot be read (connection " in shown
    look = f"{FRAME}.dispatchEvent(new Event('visibilitychange'))"
    browser.see(f"{look} && /since .* ago\\s+next try in /.test({FRAME}.getElementById('incidents').innerText)")
    log = f"[...{FRAME}.querySelectorAll('#incidents a')].find(a => a.innerText === 'Task log')"
    assert browser.run(f"{log}.getAttribute('href')").endswith(f"/runs/{run}/tasks/pull")
    browser.picture(PICTURES / "source_down.png")
    airflow.call("PATCH", f"/dags/{INCREMENTAL}/dagRuns/{run}", body={"state": "failed"})
    following = airflow.trigger(INCREMENTAL)
    until = time.monotonic() + 240
    while (now := airflow.call("GET", f"/dags/{INCREMENTAL}/dagRuns/{following}")["state"]) == "queued":
        assert time.monotonic() < until
        look_again(browser)
        assert browser.run(state) == "critical"
    assert now == "running"
    for _ in range(5):
        look_again(browser)
        assert browser.run(state) == "critical"
        assert "Pylon audit logs cannot be read" in browser.run(f"{FRAME}.getElementById('incidents').innerText")
    switch(world.folder, "start", "pylon")
    assert airflow.wait(INCREMENTAL, following, print) == "success"
    browser.see(f"{state} === 'fine'")


def test_the_page_leads_to_the_backfills_form_and_it_starts_one(world):
    browser, airflow = world.browser, world.airflow
    browser.click(f"{FRAME}.getElementById('open-pylon')")
    browser.click(f"[...{FRAME}.querySelectorAll('#detail a')].find(a => a.innerText === 'load the past')")
    browser.see("location.pathname === '/dags/audit_backfill_pylon'")
    browser.click("[...document.querySelectorAll('button')].find(b => /^Trigger/.test(b.innerText.trim()))")
    form = "[...document.querySelectorAll('[role=dialog]')].find(d => /Days per window/.test(d.innerText))"
    browser.see(f"{form} !== undefined")
    browser.picture(PICTURES / "backfill_form.png")
    browser.click(f"[...{form}.querySelectorAll('button')].filter(b => /^Trigger/.test(b.innerText.trim())).at(-1)")
    until = time.monotonic() + 60
    while not (runs := _runs(airflow, "audit_backfill_pylon")) and time.monotonic() < until:
        time.sleep(0.5)
    assert runs[0]["triggering_user_name"] == "admin"
    assert runs[0]["conf"]["window_days"] == 180
    assert "webhook" in runs[0]["conf"]["destinations"]


def test_nothing_was_thrown_and_no_secret_was_shown(world):
    shown = world.browser.run("document.documentElement.outerHTML")
    assert not [each for each in world.browser.told if "audit-logs" in each]
    assert not [token for token in world.tokens if token in shown]


FRESH = "audit_incremental_fresh"


def test_a_pipeline_that_airflow_does_not_know_is_red_and_one_that_has_never_run_is_not_fine(world):
    browser, airflow = world.browser, world.airflow
    browser.go(f"{airflow.url}/plugin/audit_logs")
    browser.see(f"{FRAME}.querySelectorAll('#pipelines tbody tr').length === {len(SOURCES)}")
    entries = yaml.safe_load(world.pipelines.read_text())
    fresh = dict(entries["workos"], monitoring={"lag_target": 1})
    fresh["destinations"] = {"splunk": fresh["destinations"]["splunk"]}
    world.pipelines.write_text(yaml.safe_dump({**entries, "fresh": fresh}, sort_keys=False))
    row = f"({FRAME}.querySelector('#pipelines [data-pipeline=fresh]')?.innerText ?? '')"
    look_again(browser)
    browser.see(f"{row}.startsWith('✖ critical')")
    assert f"Airflow knows no DAG {FRESH}" in browser.run(f"{FRAME}.getElementById('incidents').innerText")
    assert "✔" not in browser.run(row)
    airflow.unpause(FRESH)
    look_again(browser)
    browser.see(f"{row}.startsWith('○ never run')")
    assert "1 never run" in browser.run(f"{FRAME}.getElementById('verdict').innerText")
    assert "✔" not in browser.run(row)


def test_a_destination_that_is_behind_is_not_fine_though_nothing_has_failed(world):
    browser, airflow = world.browser, world.airflow
    control(world.sandbox, "splunk", "faults", kind="slow", path="/services/collector", count=None, seconds=20)
    run = airflow.trigger(FRESH)
    state = f"({FRAME}.querySelector('#pipelines [data-pipeline=fresh] [data-key=splunk] .mark')?.ariaLabel)"
    look = f"{FRAME}.dispatchEvent(new Event('visibilitychange'))"
    browser.see(f"{look} && ['warning', 'critical'].includes({state})", 240)
    shown = browser.run(f"{FRAME}.getElementById('incidents').innerText")
    assert "splunk is behind, though no run has failed (connection " in shown
    assert "events waiting" in shown
    assert "fine" not in browser.run(f"{FRAME}.querySelector('#pipelines [data-pipeline=fresh]').innerText")
    requests.delete(f"{world.sandbox['splunk']['url']}/_sandbox/faults", timeout=60).raise_for_status()
    assert airflow.wait(FRESH, run, print) == "success"
    browser.see(f"{look} && {state} === 'fine'")


def nothing_is_green(browser, words):
    """Whether the page says some words, and shows nothing as if it were still so."""
    browser.see(f"{FRAME}.getElementById('verdict').innerText.startsWith('{words}')")
    shown = browser.run(f"{FRAME}.body.innerText")
    return "fine" not in shown and "✔" not in shown and "Not updated for" in shown


def test_a_session_that_has_ended_leaves_nothing_green_and_leads_back_by_the_login(world):
    browser = world.browser
    assert "✔" in browser.run(f"{FRAME}.body.innerText")
    browser.call("Network.clearBrowserCookies")
    look_again(browser)
    assert nothing_is_green(browser, "Your session has ended.")
    browser.picture(PICTURES / "session_ended.png")
    browser.click(f"{FRAME}.getElementById('login')")
    browser.click("document.querySelector('input[name=username]')")
    browser.type("admin")
    browser.click("document.querySelector('input[name=password]')")
    browser.type(world.airflow.password)
    browser.click("document.querySelector('button[type=submit]')")
    browser.see(f"location.pathname.startsWith('/plugin/audit_logs') && {FRAME}.body.innerText.includes('✔')")


def test_an_airflow_that_is_down_leaves_nothing_green_and_the_page_comes_back_with_it(world):
    browser, airflow = world.browser, world.airflow
    for each in api_server(airflow):
        os.kill(each, signal.SIGKILL)
    look_again(browser)
    assert nothing_is_green(browser, "Airflow cannot be reached")
    browser.picture(PICTURES / "airflow_down.png")
    until = time.monotonic() + 240
    while not airflow.healthy():
        assert time.monotonic() < until, airflow.unhealthy()
        time.sleep(0.5)
    look_again(browser)
    browser.see(f"{FRAME}.getElementById('verdict').className !== 'unknown'")
    assert "✔" in browser.run(f"{FRAME}.body.innerText")
