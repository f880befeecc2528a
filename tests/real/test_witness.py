"""A witness of others, litewitness, cosigns the checkpoints of a stream."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import sqlite3
import subprocess
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.transparency.checkpoint import Note
from audit_provider.core.transparency.witness import WitnessKey
from audit_provider.hooks.checkpoint_key import CheckpointKeyHook
from tests.core.runs.test_checkpoints import CHAIN, KEY, LIVE, rig  # noqa: F401
from tests.real.obtaining import UnobtainableError, from_go
from tests.real.process import Process, listens
from tests.real.servers.base import free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

PROGRAM, VERSION = "filippo.io/torchwood/cmd/litewitness", "v0.6.1"
ORIGIN = f"logs.example.com/p/live/{CHAIN}"
NAME = "witness.example/real"


@pytest.fixture
def witness(tmp_path):
    """Yield the address of a witness that knows the log, its verifier key and its database."""
    try:
        program = from_go(PROGRAM, "litewitness", VERSION).program("litewitness")
    except UnobtainableError as error:
        pytest.skip(str(error))
    key = Ed25519PrivateKey.generate()
    private = tmp_path / "key"
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1]
    shown = base64.b64encode(hashlib.sha256(base64.b64decode(public)).digest()).decode().rstrip("=")
    raw = b"\x04" + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    number = hashlib.sha256(f"{NAME}\n".encode() + raw).digest()[:4]
    socket, database, port = tmp_path / "agent", tmp_path / "db", free_port()
    started = [program, "-name", NAME, "-key", f"SHA256:{shown}", "-ssh-agent", str(socket)]
    started += ["-db", str(database), "-listen", f"127.0.0.1:{port}"]
    with Process(["ssh-agent", "-D", "-a", str(socket)], tmp_path / "agent.log") as agent:
        agent.wait_for(socket.exists)
        added = {"SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", str(private)], env=added, check=True)
        with Process(started, tmp_path / "log") as server:
            server.wait_for(lambda: listens(port))
            yield f"http://127.0.0.1:{port}", f"{NAME}+{number.hex()}+{base64.b64encode(raw).decode()}", database


def add_log(database, origin):
    empty = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    with contextlib.closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", (origin, empty))
        opened.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (origin, KEY.public.verifier(origin)))


def test_litewitness_cosigns_what_goes_on_and_nothing_else(rig, witness, monkeypatch):  # noqa: F811
    url, verifier, database = witness
    extra = {"witness": url, "witness_key": verifier}
    connection = {"conn_type": "audit_checkpoint_key", "host": "logs.example.com", "password": "A" * 43 + "="}
    monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps({**connection, "extra": extra}))
    rig.signer = CheckpointKeyHook("k").signer()
    key = WitnessKey.of_text(verifier)

    def next_one(count):
        rig.read(count)
        rig.make(LIVE)
        rig.now += timedelta(hours=2)
        record = [each for each in rig.kept() if each["subject"] == "p/live"][-1]
        return record, key.cosigned_at(Note.of(record["checkpoint"]))

    record, cosigned_at = next_one(3)
    assert cosigned_at is None
    assert "does not know the log" in record["witness"]["why_not"]
    add_log(database, ORIGIN)
    for count in (2, 1, 7, 64):
        record, cosigned_at = next_one(count)
        assert record["witness"]["why_not"] == ""
        assert cosigned_at is not None
    with contextlib.closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT tree_size FROM log").fetchall() == [(77,)]
    window = StreamName("p", "20260101T000000Z_20260102T000000Z")
    rig.read(9, window)
    rig.make(window)
    assert "does not know the log" in rig.kept()[-1]["witness"]["why_not"]
    add_log(database, f"logs.example.com/{window.folder}/{CHAIN}")
    rig.now += timedelta(hours=2)
    rig.make(LIVE)
    late = [each for each in rig.kept() if each["subject"] == window.folder][-1]
    assert key.cosigned_at(Note.of(late["checkpoint"])) is not None
    assert late["size"] == 9
    with contextlib.closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("UPDATE log SET tree_hash = ?", (base64.b64encode(bytes(32)).decode(),))
    record, cosigned_at = next_one(1)
    assert cosigned_at is None
    assert "does not accept that" in record["witness"]["why_not"]
