#!/usr/bin/env bash
# An SFTP server that shortens a file fills it with zero bytes
#
# Software: PyPI paramiko 5.1.0, SFTPServer.set_file_attr
# Expected: draft-ietf-secsh-filexfer-02, section 5: "size" in the attributes of a request sets the size of the file.
#           POSIX, truncate(): a file that is made shorter keeps its beginning. The documentation calls the function a
#           "handy helper function for translating SFTP file requests into local file operations".
# Seen:     A client shortens a file of ten bytes to four. The file has four bytes afterwards, and all of them are zero.
#           The answer is "OK", and the size that a client compares is right.
# Matters:  A client that resumes an upload, or takes half a line off a log, shortens the file first. What was delivered
#           before is gone, and a comparison of sizes does not show it.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check paramiko==5.1.0
WORK="$work" "$work/venv/bin/python" - <<'PY'
import os
import socket
import sys
import threading

import paramiko

folder = os.environ["WORK"]


class Login(paramiko.ServerInterface):
    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class Files(paramiko.SFTPServerInterface):
    """A folder, served with the helpers that the library has for it."""

    def stat(self, path):
        return paramiko.SFTPAttributes.from_stat(os.stat(folder + path))

    def chattr(self, path, attr):
        paramiko.SFTPServer.set_file_attr(folder + path, attr)
        return paramiko.SFTP_OK


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


with open(folder + "/audit.log", "wb") as file:
    file.write(b"one\ntwo\nth")
listener = socket.create_server(("127.0.0.1", 0))


def serve():
    connected, _ = listener.accept()
    transport = paramiko.Transport(connected)
    transport.add_server_key(paramiko.ECDSAKey.generate())
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
    transport.start_server(server=Login())
    kept.append((transport, transport.accept(30)))


kept = []
threading.Thread(target=serve, daemon=True).start()
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect(*listener.getsockname(), "user", "password", allow_agent=False, look_for_keys=False)
sftp = client.open_sftp()
hold("before, bytes", sftp.stat("/audit.log").st_size, 10)
sftp.truncate("/audit.log", 4)
hold("after, bytes", sftp.stat("/audit.log").st_size, 4)
with open(folder + "/audit.log", "rb") as file:
    hold("content", file.read(), b"\0\0\0\0")
client.close()
PY
