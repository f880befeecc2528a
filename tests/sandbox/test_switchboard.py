"""A stand-in that is stopped and started again: the same address, and all that it held."""

from __future__ import annotations

import json

import pytest
import requests

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.sandbox.demo import switch
from audit_provider.sandbox.s3 import S3Service
from audit_provider.sandbox.splunk_hec import SplunkHecService
from audit_provider.sandbox.switchboard import Switchboard


@pytest.fixture
def sandbox(tmp_path):
    with (
        SplunkHecService("token") as splunk,
        S3Service("kept") as s3,
        Switchboard({"splunk": splunk, "s3": s3}) as switchboard,
    ):
        (tmp_path / "sandbox.json").write_text(json.dumps({"switchboard": {"url": switchboard.url}}))
        yield {"splunk": splunk, "s3": s3, "folder": tmp_path}


def send(session, splunk, number):
    body = json.dumps({"event": "e", "fields": {"event_id": str(number)}})
    headers = {"Authorization": "Splunk token"}
    return session.post(f"{splunk.url}/services/collector/event", data=body, headers=headers, timeout=20)


def test_a_service_that_is_stopped_refuses_and_started_again_it_has_what_it_had(sandbox, capsys):
    splunk, folder = sandbox["splunk"], sandbox["folder"]
    with requests.Session() as session:
        url = splunk.url
        assert send(session, splunk, 1).status_code == 200
        for _ in range(2):
            switch(folder, "stop", "splunk")
            switch(folder, "stop", "splunk")
            with pytest.raises(requests.ConnectionError):
                send(session, splunk, 2)  # over the connection that was kept open
            with pytest.raises(requests.ConnectionError):
                requests.get(url, timeout=20)
            switch(folder, "start", "splunk")
            switch(folder, "start", "splunk")
        assert splunk.url == url
        assert send(session, splunk, 3).status_code == 200
    assert splunk.ids() == ["1", "3"]
    said = capsys.readouterr().out
    assert "splunk is down, and keeps what it has" in said
    assert "splunk is up again" in said


def test_a_bucket_keeps_its_objects(sandbox):
    s3 = sandbox["s3"]
    s3.client().put_object(Bucket="kept", Key="k", Body=b"before")
    switch(sandbox["folder"], "stop", "s3")
    with pytest.raises(requests.ConnectionError):
        requests.get(s3.url, timeout=20)
    switch(sandbox["folder"], "start", "s3")
    assert s3.client().get_object(Bucket="kept", Key="k")["Body"].read() == b"before"


def test_what_cannot_be_switched_is_told(sandbox, tmp_path):
    with pytest.raises(ConfigurationError, match="no service 'splnk': name one of s3, splunk"):
        switch(sandbox["folder"], "stop", "splnk")
    with pytest.raises(UnavailableError, match="start one with 'make up'"):
        switch(tmp_path / "nowhere", "stop", "splunk")
    (tmp_path / "sandbox.json").write_text(json.dumps({"switchboard": {"url": sandbox["splunk"].url}}))
    switch_off = sandbox["splunk"].stop
    switch_off()
    with pytest.raises(UnavailableError, match="no sandbox is up"):
        switch(tmp_path, "start", "splunk")
