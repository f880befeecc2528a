"""Ways to the stand-ins that do not speak HTTP."""

from __future__ import annotations

import ssl
from base64 import b64decode

import paramiko

from audit_provider.core.wire.ssh import SshConnection
from audit_provider.core.wire.tcp import TcpClient


def ssh_of(service, password=None, host_key=None, **options):
    """Return an SSH connection to a stand-in, its host key checked."""

    def connect():
        kind, key = (host_key or service.host_key).split()
        client = paramiko.SSHClient()
        client.get_host_keys().add(
            f"[127.0.0.1]:{service.port}", kind, paramiko.PKey.from_type_string(kind, b64decode(key))
        )
        client.connect(
            "127.0.0.1",
            service.port,
            service.user,
            password or service.password,
            allow_agent=False,
            look_for_keys=False,
            timeout=10,
        )
        return client

    return SshConnection(connect, f"ssh://127.0.0.1:{service.port}", **options)


def tcp_client_of(service, *, tls=True, cert=None, host="localhost", settle=0.0, ca=None, **options):
    """Return what connects to a syslog stand-in."""
    context = None
    if tls:
        context = ssl.create_default_context(cafile=ca or service.authority.ca)
        if cert:
            context.load_cert_chain(cert)
    return TcpClient(host, service.port, tls=context, service="syslog", settle=settle, **options)
