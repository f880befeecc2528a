"""What all stand-ins share: how they take a request."""

from __future__ import annotations

import socket

from audit_provider.sandbox.splunk_hec import SplunkHecService

WHOLE = b'{"event": {"id": "a"}}\n{"event": {"id": "b"}}\n'


def test_a_request_that_broke_off_is_not_taken_in_part():
    with SplunkHecService("t") as splunk:
        for sent in (len(WHOLE) // 2, len(WHOLE)):
            head = f"POST /services/collector/event HTTP/1.1\r\nAuthorization: Splunk t\r\nContent-Length: {len(WHOLE)}"
            with socket.create_connection(("127.0.0.1", int(splunk.url.rpartition(":")[2]))) as client:
                client.sendall(f"{head}\r\nHost: localhost\r\n\r\n".encode() + WHOLE[:sent])
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(1000)
            assert bool(answer) == (sent == len(WHOLE))
        assert len(splunk.ids()) == 2
