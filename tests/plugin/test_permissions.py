"""Nobody gets an answer whom Airflow has not let in; who may do what is Airflow's to say."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.routing import Mount
from starlette.testclient import TestClient

from audit_provider.core.ledger.position import POSITIONS
from audit_provider.plugin import URL_PREFIX
from tests.plugin.conftest import GAP, PAGE, USERS, gap_id, keep_pipeline, position

P = "/api/pipelines/p"
ALL = dict.fromkeys(USERS, 200)
VARIABLES = {"admin": 200, "op": 200, "user": 403, "viewer": 403}
# 409: the permission is there, but this database knows no DAG. 422: there, but no letter is named.
ROUTES = {
    ("GET", "/"): ("/", ALL),
    ("GET", "/static/{name}"): ("/static/page.js", ALL),
    ("GET", "/api/overview"): ("/api/overview", VARIABLES),
    ("GET", "/api/openapi.json"): ("/api/openapi.json", VARIABLES),
    ("GET", "/api/pipelines/{pipeline}"): (P, VARIABLES),
    ("GET", "/api/pipelines/{pipeline}/runs"): (f"{P}/runs", VARIABLES),
    ("GET", "/api/pipelines/{pipeline}/calendar"): (f"{P}/calendar", VARIABLES),
    # 422: the permission is there, but nothing is asked for.
    ("POST", "/api/pipelines/{pipeline}/search"): (f"{P}/search", VARIABLES | {"admin": 422, "op": 422}),
    ("POST", "/api/pipelines/{pipeline}/evidence"): (f"{P}/evidence", VARIABLES | {"admin": 422, "op": 422}),
    ("GET", "/api/pipelines/{pipeline}/destinations/{destination}/dead-letters"): (
        f"{P}/destinations/splunk/dead-letters",
        VARIABLES,
    ),
    ("POST", "/api/pipelines/{pipeline}/test-connection"): (f"{P}/test-connection", VARIABLES),
    ("POST", "/api/pipelines/{pipeline}/destinations/{destination}/test-connection"): (
        f"{P}/destinations/splunk/test-connection",
        VARIABLES,
    ),
    ("POST", "/api/pipelines/{pipeline}/destinations/{destination}/test-event"): (
        f"{P}/destinations/splunk/test-event",
        VARIABLES,
    ),
    ("POST", "/api/pipelines/{pipeline}/destinations/{destination}/redrive"): (
        f"{P}/destinations/splunk/redrive",
        {"admin": 409, "op": 409, "user": 409, "viewer": 403},
    ),
    ("POST", "/api/pipelines/{pipeline}/destinations/{destination}/discard"): (
        f"{P}/destinations/splunk/discard",
        {"admin": 422, "op": 422, "user": 422, "viewer": 403},
    ),
    ("POST", "/api/pipelines/{pipeline}/gaps/{gap}/acknowledge"): (f"{P}/gaps/0123456789ab/acknowledge", VARIABLES),
    ("POST", "/api/pipelines/{pipeline}/gaps/{gap}/reopen"): (f"{P}/gaps/0123456789ab/reopen", VARIABLES),
}


def mounted(app) -> FastAPI:
    (found,) = [each.app for each in app.routes if isinstance(each, Mount) and each.path == URL_PREFIX]
    return found


def test_every_route_has_its_permissions_here_and_none_is_open_by_being_a_folder(server):
    found = set()
    for route in mounted(server.app).routes:
        assert hasattr(route, "dependant"), f"{route} asks nobody who it is"
        found |= {(method, route.path) for method in route.methods}
    assert found == set(ROUTES)


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_without_airflows_login_there_is_no_answer(method, route, world):
    path = URL_PREFIX + ROUTES[method, route][0]
    nobody = TestClient(world.app, base_url="http://testserver")
    body = {} if method == "GET" else {"json": {}}
    assert nobody.request(method, path, headers=PAGE, **body).status_code == 401
    wrong = {**PAGE, "Authorization": "Bearer eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJhZG1pbiJ9.AAAA"}
    assert nobody.request(method, path, headers=wrong, **body).status_code == 403
    nobody.cookies.set("_token", "nonsense")
    assert nobody.request(method, path, headers=PAGE, **body).status_code in (401, 403)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_a_user_gets_what_airflow_allows(method, route, user, world):
    path, expected = ROUTES[method, route]
    keep_pipeline(world)
    answer = world.get(user, path) if method == "GET" else world.post(user, path)
    assert answer.status_code == expected[user], answer.text


@pytest.mark.parametrize(("method", "route"), [each for each in ROUTES if each[0] == "POST"])
def test_another_site_cannot_press_a_button(method, route, world):
    path, _ = ROUTES[method, route]
    assert world.post("admin", path, headers={}).status_code == 403, "a form cannot add a header"
    for site in ("cross-site", "same-site"):
        assert world.post("admin", path, headers={**PAGE, "Sec-Fetch-Site": site}).status_code == 403
    assert world.get("admin", path).status_code == 405, "nothing is changed by a link"


def test_a_pipeline_whose_variables_may_not_be_read_is_left_out(world, server, monkeypatch):
    world.pipelines(
        p={"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}}},
        q={"source": "slack", "destinations": {"splunk": {"type": "splunk_hec"}}},
    )
    keep_pipeline(world, "p", ["splunk"])
    keep_pipeline(world, "q", ["splunk"])
    auth = server.app.state.auth_manager
    allowed = auth.is_authorized_variable

    def only_p(*, method, user, details=None):
        theirs = details is not None and (details.key or "").startswith("audit_logs.q.")
        return not (theirs and user.get_name() == "op") and allowed(method=method, user=user, details=details)

    monkeypatch.setattr(auth, "is_authorized_variable", only_p)
    for _ in range(2):  # what is kept for the one is not shown to the other
        for user, names in (("admin", ["p", "q"]), ("op", ["p"])):
            answer = world.get(user, "/api/overview?opened=q").json()
            assert [each["name"] for each in answer["pipelines"]] == names
            assert (answer["opened"] is not None) == ("q" in names)
            assert answer["hidden"] == 2 - len(names)
    assert world.get("op", "/api/pipelines/q").status_code == 403
    assert world.get("op", "/api/pipelines/q/destinations/splunk/dead-letters").status_code == 403
    assert world.post("op", "/api/pipelines/q/gaps/0123456789ab/acknowledge").status_code == 403


def test_buttons_are_offered_to_those_who_may_press_them(world):
    keep_pipeline(world)
    pipeline = world.get("op", "/api/pipelines/p").json()["pipeline"]
    assert pipeline["may"] == ["test_connection", "acknowledge"]
    assert pipeline["destinations"][0]["may"] == ["test_connection", "test_event", "redrive", "read_events"]


TESTS = [f"{P}/test-connection", f"{P}/destinations/splunk/test-connection"]


@pytest.mark.parametrize("path", TESTS)
@pytest.mark.parametrize("said", ["Disabled", "Hidden"])
def test_no_connection_is_tested_where_airflow_has_that_turned_off(said, path, world, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", said)
    assert world.post("admin", path).status_code == 403
    pipeline = world.get("admin", "/api/pipelines/p").json()["pipeline"]
    assert pipeline["may"] == ["acknowledge"]
    assert [each["may"][0] for each in pipeline["destinations"]] == ["test_event", "test_event"]


@pytest.mark.parametrize("path", TESTS)
@pytest.mark.parametrize("lacking", ["POST", "GET"])
def test_a_connection_is_tested_by_those_alone_whom_airflows_own_route_lets(lacking, path, world, server, monkeypatch):
    keep_pipeline(world)
    auth = server.app.state.auth_manager
    allowed = auth.is_authorized_connection

    def without(*, method, user, details=None):
        return method != lacking and allowed(method=method, user=user, details=details)

    monkeypatch.setattr(auth, "is_authorized_connection", without)
    assert world.post("admin", path).status_code == 403
    pipeline = world.get("admin", "/api/pipelines/p").json()["pipeline"]
    assert "test_connection" not in (*pipeline["may"], *pipeline["destinations"][0]["may"])


def test_the_events_of_dead_letters_are_for_those_who_may_read_the_connection(world, server, monkeypatch):
    keep_pipeline(world)
    path = "/api/pipelines/p/destinations/splunk/dead-letters"
    assert world.get("op", f"{path}?events=true").status_code == 200
    monkeypatch.setattr(server.app.state.auth_manager, "is_authorized_connection", lambda **_: False)
    assert world.get("op", f"{path}?events=true").status_code == 403
    assert world.get("op", path).status_code == 200
    pipeline = world.get("op", "/api/pipelines/p").json()["pipeline"]
    assert pipeline["destinations"][0]["may"] == ["redrive"]


def test_every_answer_tells_the_browser_to_be_strict(world):
    for path in ("/", "/static/page.js", "/api/overview", "/nowhere"):
        headers = world.get("admin", path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "nothing.js"])
def test_no_other_file_is_served(name, world):
    assert world.get("admin", f"/static/{name}").status_code == 404


def test_what_was_pressed_stands_in_airflows_audit_log(world):
    from airflow.models import Log
    from airflow.utils.session import create_session

    where = position(gaps=[GAP])
    world.keep("audit_logs.p.cursor", POSITIONS.pack(where))
    world.post("op", f"{P}/gaps/{gap_id(where)}/acknowledge", {"note": "seen"})
    with create_session() as session:
        logged = session.query(Log).filter(Log.event == "audit_logs.acknowledge").order_by(Log.id.desc()).first()
        assert (logged.owner, gap_id(where) in logged.extra) == ("op", True)


def test_mistakes_are_for_those_who_may_see_the_pipeline(world, server, monkeypatch):
    """Also where nothing was ever recorded of it, so that there is no Variable to be denied."""
    s3 = {"destinations": {"s3": {"type": "s3", "bucket": "b"}}}
    world.pipelines(
        p={"source": "pylon", **s3},
        mine={"source": "pylon", "page_size": 0, **s3},
        theirs={"source": "slack", "settings": {"organization": "a secret project"}, **s3},
        theirs_too={"source": "slack", **s3},
    )
    auth = server.app.state.auth_manager
    allowed = auth.is_authorized_variable

    def not_theirs(*, method, user, details=None):
        denied = details is not None and (details.key or "").startswith("audit_logs.theirs")
        return not (denied and user.get_name() == "op") and allowed(method=method, user=user, details=details)

    monkeypatch.setattr(auth, "is_authorized_variable", not_theirs)
    for _ in range(2):
        every = world.get("admin", "/api/overview").json()
        assert "theirs.settings.organization" in every["mistakes"]
        assert str(world.home) in every["mistakes"]
        assert ([each["name"] for each in every["pipelines"]], every["hidden"]) == (["p", "theirs_too"], 0)
        own = world.get("op", "/api/overview").json()
        assert own["mistakes"].startswith("the pipelines file:\n  mine.page_size: must be")
        assert "theirs" not in own["mistakes"]
        assert ([each["name"] for each in own["pipelines"]], own["hidden"]) == (["p"], 2)
    assert world.get("op", "/api/pipelines/theirs_too").status_code == 403
    assert world.get("op", "/api/pipelines/theirs_too/destinations/s3/dead-letters").status_code == 403


def test_a_file_that_cannot_be_read_is_quoted_to_those_who_may_see_all(world, server, monkeypatch):
    keep_pipeline(world, "theirs", ["splunk"])
    (world.home / "pipelines.yaml").write_text("theirs: 1\ntheirs: 2\n")
    auth = server.app.state.auth_manager
    allowed = auth.is_authorized_variable

    def not_theirs(*, method, user, details=None):
        denied = details is not None and (details.key or "").startswith("audit_logs.theirs")
        return not (denied and user.get_name() == "op") and allowed(method=method, user=user, details=details)

    monkeypatch.setattr(auth, "is_authorized_variable", not_theirs)
    assert "'theirs' is used twice" in world.get("admin", "/api/overview").json()["mistakes"]
    told = world.get("op", "/api/overview").json()["mistakes"]
    assert "cannot be read" in told
    assert "theirs" not in told
