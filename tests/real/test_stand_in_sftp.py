"""The SFTP stand-in beside OpenSSH: the same operations on both, the same answers. Part of ``make real``."""

from __future__ import annotations

import paramiko
import pytest

from audit_provider.sandbox.sftp import SftpService
from tests.real.beside import obtained
from tests.real.servers import openssh
from tests.real.servers.base import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=[False, True], ids=["writable", "read only"])
def servers(request, tmp_path_factory):
    """Clients of both, whose folders hold a file and a folder."""
    server = openssh.SERVERS[0]
    folder = tmp_path_factory.mktemp("sftp")
    for each in (folder, *list(folder.parents)[:2]):
        each.chmod(0o755)  # OpenSSH serves as nobody
    arguments = f"{'-R ' if request.param else ''}-d {folder}/files"
    with (
        openssh.serving(Place(obtained(server), folder), sftp=arguments) as real,
        SftpService("pw", read_only=request.param) as stand_in,
    ):
        for place in (real.folder, stand_in.folder):
            (place / "file").write_bytes(b"12")
            (place / "folder").mkdir()
            for each in (place / "file", place / "folder"):
                each.chmod(0o777)
        ways = [
            _client(real.port, real.user, key_filename=str(real.key)),
            _client(stand_in.port, stand_in.user, password="pw"),
        ]
        yield ways
        for each in ways:
            each.close()


def _client(port, user, **credential):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", port, user, allow_agent=False, look_for_keys=False, timeout=10, **credential)
    return client


def put(sftp, path, content=b"1"):
    with sftp.open(path, "wb") as file:
        file.write(content)


def read(sftp, path):
    with sftp.open(path, "rb") as file:
        return file.read()


def after(work, *puts):
    """Return an operation that puts files first."""

    def operation(sftp):
        for path in puts:
            put(sftp, path)
        return work(sftp)

    return operation


LONG = "x" * 300
OPERATIONS = {
    "the size of a file": lambda sftp: sftp.stat("file").st_size,
    "the kind of a folder": lambda sftp: sftp.stat("folder").st_mode & 0o170000,
    "attributes of nothing": lambda sftp: sftp.stat("none"),
    "attributes of what is below a file": lambda sftp: sftp.stat("file/x"),
    "attributes of a name of 300 bytes": lambda sftp: sftp.stat(LONG),
    "a folder that is there": lambda sftp: sftp.mkdir("folder"),
    "a folder in no folder": lambda sftp: sftp.mkdir("none/x"),
    "a folder in a file": lambda sftp: sftp.mkdir("file/x"),
    "a folder with a name of 300 bytes": lambda sftp: sftp.mkdir(LONG),
    "reading nothing": lambda sftp: read(sftp, "none"),
    "reading a file": lambda sftp: read(sftp, "file"),
    "writing into no folder": lambda sftp: put(sftp, "none/x"),
    "writing into a file as if it were a folder": lambda sftp: put(sftp, "file/x"),
    "writing over a folder": lambda sftp: put(sftp, "folder"),
    "writing under a name of 300 bytes": lambda sftp: put(sftp, LONG),
    "writing over a file that is longer": lambda sftp: (put(sftp, "a", b"12345"), put(sftp, "a"), read(sftp, "a")),
    "writing only what is not there": lambda sftp: sftp.open("file", "xb"),
    "an odd name": lambda sftp: (put(sftp, "p 1 ü+&=%~"), sftp.stat("p 1 ü+&=%~").st_size),
    "a file of 3 MB": lambda sftp: (put(sftp, "big", b"x" * 3_000_000), sftp.stat("big").st_size),
    "renaming": after(lambda sftp: (sftp.rename("b", "c"), read(sftp, "c")), "b"),
    "renaming over a file": after(lambda sftp: sftp.rename("d", "file"), "d"),
    "renaming over a folder": after(lambda sftp: sftp.rename("e", "folder"), "e"),
    "renaming nothing": lambda sftp: sftp.rename("none", "x"),
    "renaming nothing over a file": lambda sftp: sftp.rename("none", "file"),
    "renaming into no folder": after(lambda sftp: sftp.rename("f", "none/x"), "f"),
    "renaming to the same name": after(lambda sftp: sftp.rename("g", "g"), "g"),
    "renaming as POSIX does": after(lambda sftp: (sftp.posix_rename("h", "i"), read(sftp, "i")), "h", "i"),
    "removing": after(lambda sftp: (sftp.remove("j"), sftp.stat("j")), "j"),
    "removing nothing": lambda sftp: sftp.remove("none"),
    "removing a folder as if it were a file": lambda sftp: sftp.remove("folder"),
    "removing a folder that holds a file": after(lambda sftp: sftp.rmdir("folder"), "folder/a"),
    "listing": after(lambda sftp: sftp.listdir("folder"), "folder/a"),
    "listing nothing": lambda sftp: sftp.listdir("none"),
    "listing a file": lambda sftp: sftp.listdir("file"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_answered_alike(servers, name):
    real, stand_in = (_answer(each, OPERATIONS[name]) for each in servers)
    assert stand_in == real


def _answer(client, operation):
    with client.open_sftp() as sftp:
        sftp.get_channel().settimeout(20)
        try:
            return operation(sftp)
        except OSError as error:
            return type(error).__name__, str(error)


def test_a_wrong_login_is_refused_alike(servers):
    errors = []
    for each in servers:
        port = each.get_transport().getpeername()[1]
        with pytest.raises(paramiko.SSHException) as error:
            _client(port, "audit", pkey=paramiko.RSAKey.generate(2048))
        errors.append(type(error.value))
    assert [issubclass(each, paramiko.AuthenticationException) for each in errors] == [True, True]
