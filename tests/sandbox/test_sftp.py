"""The SSH stand-in refuses what servers refuse: wrong logins, names that are taken, ways out of its folder."""

from __future__ import annotations

import gzip
from contextlib import contextmanager

import paramiko
import pytest
import requests

from audit_provider.sandbox.sftp import SftpService


@contextmanager
def logged_in(service, password="pw"):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.WarningPolicy())
    with pytest.warns(UserWarning, match="Unknown ssh-ed25519"):
        client.connect("127.0.0.1", service.port, "audit", password, allow_agent=False, look_for_keys=False)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def sftp():
    with SftpService("pw") as service, logged_in(service) as client:
        yield client.open_sftp(), service


def write(sftp, path, content=b"x"):
    with sftp.open(path, "wb") as file:
        file.write(content)


def test_files_are_written_read_renamed_and_removed(sftp):
    client, service = sftp
    client.mkdir("in")
    write(client, "in/a", b"one")
    client.rename("in/a", "in/b")
    with client.open("in/b") as file:
        assert file.read() == b"one"
    assert client.stat("in/b").st_size == 3
    assert client.listdir("in") == ["b"]
    client.remove("/in/b")
    assert service.files() == []


def test_a_rename_never_replaces(sftp):
    client, service = sftp
    write(client, "a", b"new")
    write(client, "b", b"old")
    with pytest.raises(OSError, match="Failure"):
        client.rename("a", "b")
    assert (service.folder / "b").read_bytes() == b"old"


def test_what_is_not_there_is_said(sftp):
    client, _ = sftp
    for call in (client.stat, client.remove, client.open):
        with pytest.raises(FileNotFoundError):
            call("nothing")
    with pytest.raises(FileNotFoundError):
        write(client, "no/folder/a")


def test_no_path_leads_out(sftp):
    client, service = sftp
    write(client, "../../escaped")
    assert service.files() == ["escaped"]


def test_who_may_not_write_writes_nothing():
    with SftpService("pw", read_only=True) as service, logged_in(service) as client:
        files = client.open_sftp()
        for call in (lambda: write(files, "a"), lambda: files.mkdir("d"), lambda: files.rename("a", "b")):
            with pytest.raises(PermissionError):
                call()
        assert service.files() == []


def test_logins_and_commands_are_refused():
    with SftpService("pw") as service:
        with pytest.raises(paramiko.AuthenticationException), logged_in(service, "no"):
            pass
        with logged_in(service) as client, pytest.raises(paramiko.SSHException):
            client.exec_command("ls")


def test_forwarding_can_be_off():
    with SftpService("pw", forwards=False) as service, logged_in(service) as client:
        with pytest.raises(paramiko.ChannelException) as caught:
            client.get_transport().open_channel("direct-tcpip", ("127.0.0.1", 9), ("127.0.0.1", 0))
        assert caught.value.code == 1
        assert service.forwarded == []


def test_faults_refuse_or_cut(sftp):
    client, service = sftp
    service.faults.add("status", path="/write")
    with pytest.raises(OSError, match="Failure"):
        write(client, "a")
    service.faults.add("cut", path="/rename")
    write(client, "a")
    with pytest.raises((OSError, EOFError, paramiko.SSHException)):
        client.rename("a", "b")
    assert service.files() == ["b"]


def test_what_is_held_can_be_asked_for(sftp):
    client, service = sftp
    write(client, "a.ndjson.gz", gzip.compress(b'{"id":"1"}\n{"id":"2"}\n'))
    write(client, ".b.part", b"unfinished")
    assert service.ids() == ["1", "2"]
    state = requests.get(f"{service.url}/_sandbox/state", timeout=10).json()
    assert state == {"events": 2, "duplicates": 0, "files": [".b.part", "a.ndjson.gz"], "ids": ["1", "2"]}
    assert requests.post(service.url, timeout=10).status_code == 404
