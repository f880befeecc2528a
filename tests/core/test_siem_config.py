"""A product's SIEM settings become a destination that the pipelines file takes."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.siem_config import destination_from

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
            "extra": {"auth": "header"},
        },
    }


def test_a_custom_one_with_a_key_alone_sends_it_as_bearer():
    connection = destination_from(config("custom", auth_header=None, api_key="k")).connection
    assert (connection["password"], connection["extra"]) == ("k", {"auth": "bearer"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"provider_type": "splnk"}, "did you mean 'splunk'"),
        ({"provider_type": None}, "no 'provider_type'"),
        ({"endpoint_url": "ftp://x"}, "no http"),
        ({"api_key": "", "auth_header": ""}, "neither 'api_key' nor"),
        ({"api_key": "", "auth_header": "X-Other: v"}, "neither 'api_key' nor"),
        ({"api_key": "", "auth_header": "Authorization: a\r\nX: b"}, "line break"),
        ({"batch_size": 0}, "'batch_size' must be"),
        ({"batch_size": True}, "'batch_size' must be"),
        ({"endpoint": "https://x"}, "'endpoint'.*did you mean 'endpoint_url'"),
    ],
)
def test_what_cannot_be_converted_is_told(changes, said):
    with pytest.raises(ConfigurationError, match=said):
        destination_from(config("splunk", **changes))
