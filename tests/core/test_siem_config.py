"""A product's SIEM settings become a destination that the pipelines file takes."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.text.siem_config import PLACEHOLDER, destination_from, destinations_from

CONFIGS = {
    "datadog": {"endpoint_url": "https://http-intake.logs.datadoghq.eu/api/v2/logs", "api_key": "k1"},
    "splunk": {
        "endpoint_url": "https://splunk.example.com:8088/services/collector/event",
        "auth_header": "Authorization: Splunk t1",
    },
    "elastic": {"endpoint_url": "https://es.example.com:9200/logs-saas-default/_bulk", "api_key": "ApiKey aWQ6a2V5"},
    "custom": {"endpoint_url": "https://siem.example.com/in?x=1", "auth_header": "X-Api-Key: a:b"},
}


def config(provider, **changes):
    return {"name": "My SIEM", "provider_type": provider, "batch_size": 250, **CONFIGS[provider], **changes}


@pytest.mark.parametrize("provider", CONFIGS)
def test_what_comes_out_is_a_destination_of_the_pipelines_file(provider):
    import yaml

    converted = destination_from(config(provider))
    assert converted.name == "my_siem"
    found = read_pipelines(yaml.safe_dump({"p": {"source": "pylon", "destinations": {"my_siem": converted.entry}}}))
    assert found.mistakes == ()
    delivery = found.pipelines["p"].destinations["my_siem"]
    assert delivery.conn_id == converted.conn_id == "my_siem_default"
    assert delivery.options.batch_events == 250


def test_each_connection_is_what_its_hook_reads():
    made = {provider: destination_from(config(provider)).connection for provider in CONFIGS}
    assert made == {
        "datadog": {"conn_type": "datadog_logs", "password": "k1", "extra": {"site": "datadoghq.eu"}},
        "splunk": {"conn_type": "splunk_hec", "host": "https://splunk.example.com:8088", "password": "t1"},
        "elastic": {
            "conn_type": "elasticsearch_logs",
            "host": "https://es.example.com:9200",
            "password": "aWQ6a2V5",
            "extra": {"auth": "api_key"},
        },
        "custom": {
            "conn_type": "http_siem",
            "host": "https://siem.example.com/in?x=1",
            "password": "X-Api-Key: a:b",
            "extra": {"auth": "header", "secret_url": True},
        },
    }


def test_a_custom_one_with_a_key_alone_sends_it_as_bearer():
    url = "https://siem.example.com/in"
    connection = destination_from(config("custom", endpoint_url=url, auth_header=None, api_key="k")).connection
    assert (connection["password"], connection["extra"]) == ("k", {"auth": "bearer"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"provider_type": "splnk"}, "did you mean 'splunk'"),
        ({"provider_type": None}, "no 'provider_type'"),
        ({"endpoint_url": "ftp://x"}, "not an http"),
        ({"api_key": "", "auth_header": ""}, "neither 'api_key' nor"),
        ({"api_key": "", "auth_header": "X-Other: v"}, "neither 'api_key' nor"),
        ({"api_key": "", "auth_header": "Authorization: a\r\nX: b"}, "line break"),
        ({"api_key": "k\r\nX: b", "auth_header": ""}, "'api_key' contains a line break"),
        ({"auth_header": "Token abc"}, "'Name: value'"),
        ({"auth_header": "X-Api-Key:"}, "'Name: value'"),
        ({"api_key": "k"}, "keep the one"),
        ({"auth_header": "Authorization: Bearer t1"}, "not a HEC token"),
        ({"endpoint_url": "https://u:p4ss@splunk.example.com"}, "a user"),
        ({"endpoint_url": "https://splunk.example.com/#/services/collector"}, "a fragment"),
        ({"endpoint_url": "https://[splunk/"}, "not an http"),
        ({"endpoint_url": "https://splunk.example.com:port"}, "not an http"),
        ({"endpoint_url": "https://splunk.example.com/hook"}, "let it end with /services/collector/event"),
        ({"endpoint_url": "https://splunk.example.com/services/collector?token=t1"}, "has a query"),
        ({"endpoint_url": "https://splunk.example.com/services/collector?index=a&index=b"}, "has a query"),
        ({"enabled": "no"}, "'enabled' must be true or false"),
        ({"batch_size": 0}, "'batch_size' must be"),
        ({"batch_size": True}, "'batch_size' must be"),
        ({"endpoint": "https://x"}, "'endpoint'.*did you mean 'endpoint_url'"),
    ],
)
def test_what_cannot_be_converted_is_told(changes, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        destination_from(config("splunk", **changes))
    assert "t1" not in str(caught.value)
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize(
    ("provider", "changes", "said"),
    [
        ("elastic", {"endpoint_url": "https://es.example.com/logs-saas-default"}, "/_bulk"),
        ("elastic", {"endpoint_url": "https://es.example.com/audit/_doc"}, "/_bulk"),
        ("elastic", {"endpoint_url": "https://es.example.com/audit/_bulk?pipeline=p"}, "has a query"),
        ("elastic", {"api_key": None, "auth_header": "Authorization: Bearer t"}, "ApiKey"),
        ("elastic", {"api_key": None, "auth_header": "Authorization: Basic no-base64"}, "ApiKey"),
        ("elastic", {"api_key": None, "auth_header": "Authorization: Basic bm8tY29sb24="}, "ApiKey"),
        ("elastic", {"auth_header": "X-Other: 1"}, "keep the one"),
        ("datadog", {"endpoint_url": "https://http-intake.logs.datadoghq.eu/v1/input/k1"}, "/api/v2/logs"),
        ("datadog", {"endpoint_url": "https://http-intake.logs.datadoghq.eu/api/v2/logs?dd-api-key=k"}, "a query"),
        ("custom", {"api_key": "k"}, "keep the one"),
        ("custom", {"auth_header": "Token abc"}, "'Name: value'"),
    ],
)
def test_what_no_destination_can_be_told_is_not_left_out_silently(provider, changes, said):
    with pytest.raises(ConfigurationError, match=said):
        destination_from(config(provider, **changes))


@pytest.mark.parametrize(
    ("provider", "url", "host", "entry"),
    [
        ("splunk", "https://gw.example.com/splunk/services/collector/event", "https://gw.example.com/splunk", {}),
        ("splunk", "https://gw.example.com/services/collector/raw/1.0", "https://gw.example.com", {}),
        ("splunk", "https://gw.example.com/", "https://gw.example.com", {}),
        (
            "splunk",
            "https://gw.example.com/services/collector?index=audit&sourcetype=saas",
            "https://gw.example.com",
            {"index": "audit", "sourcetype": "saas"},
        ),
        ("elastic", "https://gw.example.com/es/logs-x-y/_bulk", "https://gw.example.com/es", {"target": "logs-x-y"}),
        ("elastic", "https://es.example.com:9200/_bulk", "https://es.example.com:9200", {}),
        ("elastic", "https://es.example.com:9200", "https://es.example.com:9200", {}),
        ("datadog", "https://gw.example.com/dd/api/v2/logs", "https://gw.example.com/dd", {}),
        ("datadog", "https://gw.example.com/v1/input?service=s", "https://gw.example.com", {"service": "s"}),
    ],
)
def test_a_prefix_of_the_path_stays_in_the_host_and_a_known_query_becomes_options(provider, url, host, entry):
    converted = destination_from(config(provider, endpoint_url=url, batch_size=None))
    assert converted.connection["host"] == host
    assert {key: value for key, value in converted.entry.items() if key not in ("type", "conn_id")} == entry


def test_a_login_stays_a_login():
    basic = {"api_key": None, "auth_header": "Authorization: Basic dTpwOnc="}
    connection = destination_from(config("elastic", **basic)).connection
    assert (connection["login"], connection["password"], connection["extra"]) == ("u", "p:w", {"auth": "basic"})


@pytest.mark.parametrize(
    ("changes", "enabled"),
    [
        ({"enabled": False}, False),
        ({"is_active": False}, False),
        ({"enabled": True, "is_active": False}, False),
        ({"enabled": True}, True),
        ({"is_active": None}, None),
        ({}, None),
    ],
)
def test_what_is_switched_off_stays_off(changes, enabled):
    assert destination_from(config("splunk", **changes)).entry.get("enabled") is enabled


@pytest.mark.parametrize(
    "url", ["https://collectors.sumologic.com/receiver/v1/http/ZaVnC4", "https://h.example/in?k=v"]
)
def test_a_url_that_is_itself_a_credential_is_kept_secret(url):
    connection = destination_from(config("custom", endpoint_url=url, auth_header=None)).connection
    assert (connection["host"], connection["extra"]) == (url, {"secret_url": True})


ANSWER = {
    "id": "9d0c2c0e-8c55-4a0f-9f0e-3f1b8f6f0001",
    "org_id": "org-1",
    "name": "My SIEM",
    "provider_type": "Splunk",
    "endpoint_url": "https://splunk.example.com:8088/services/collector",
    "batch_size": 100,
    "enabled": True,
    "last_successful_batch_at": None,
    "failure_count": 0,
    "created_at": "2026-03-01T10:00:00Z",
}
"""As the product's API answers."""

ENDPOINTS = {
    "Datadog": "https://http-intake.logs.datadoghq.com/v1/input",
    "Splunk": "https://splunk.example.com:8088/services/collector",
    "Elastic": "https://es.example.com:9200/logs-x-y/_bulk",
    "Custom": "https://siem.example.com/in",
}


@pytest.mark.parametrize("provider", ENDPOINTS)
def test_the_answer_of_the_products_own_api_is_taken_and_its_hidden_credential_is_a_placeholder(provider):
    (converted,) = destinations_from({**ANSWER, "provider_type": provider, "endpoint_url": ENDPOINTS[provider]})
    assert converted.lacks_credential
    assert converted.connection["password"] == PLACEHOLDER
    assert (converted.entry["batch_events"], converted.entry["enabled"]) == (100, True)


def test_an_answer_with_a_credential_added_keeps_it():
    converted = destination_from({**ANSWER, "api_key": "t1"})
    assert (converted.connection["password"], converted.lacks_credential) == ("t1", False)


def test_a_url_that_is_itself_a_credential_needs_no_other():
    url = "https://collectors.sumologic.com/receiver/v1/http/ZaVnC4"
    converted = destination_from({**ANSWER, "provider_type": "Custom", "endpoint_url": url})
    assert not converted.lacks_credential
    assert "password" not in converted.connection


def test_an_answer_whose_credential_is_empty_is_refused():
    with pytest.raises(ConfigurationError, match="neither 'api_key' nor"):
        destination_from({**ANSWER, "api_key": ""})


def test_a_list_becomes_one_destination_each_under_its_own_name():
    other = {**ANSWER, "provider_type": "datadog", "endpoint_url": ENDPOINTS["Datadog"]}
    found = destinations_from({"siem_configs": [ANSWER, other, {**other, "name": "Another"}], "total": 3})
    assert [each.name for each in found] == ["my_siem", "my_siem_2", "another"]
    assert [each.entry["conn_id"] for each in found] == [each.conn_id for each in found]
    assert found[1].conn_id == "my_siem_2_default"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"siem_configs": [], "total": 0}, "contains no SIEM configuration"),
        ({"siem_configs": [ANSWER], "total": 2}, "has 1 SIEM configurations, but its 'total' is 2"),
        ({"siem_configs": ANSWER, "total": 1}, "must be a list"),
        ({"siem_configs": ["x"]}, "must be a list"),
        ({"siem_configs": [ANSWER], "next": "p2"}, "an unknown key 'next'"),
        ({"siem_configs": [ANSWER, {**ANSWER, "provider_type": "splnk"}]}, r"siem_configs\[1\]: .*'splunk'"),
    ],
)
def test_a_list_that_is_not_understood_is_told(answer, said):
    with pytest.raises(ConfigurationError, match=said):
        destinations_from(answer)
