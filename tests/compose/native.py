"""The services of docker-compose.yaml as processes of this machine: their commands, environment and health checks.

What Docker would do is done by hand: each service has an AIRFLOW_HOME and a folder for temporary files of its own, host
names and ports lead to free ports of 127.0.0.1, and volumes to folders. PostgreSQL and Redis are Debian's; MinIO's
place is taken by the S3 stand-in.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from audit_provider.sandbox.local_airflow import free_ports
from audit_provider.sandbox.s3 import S3Service
from tests.chaos.services import S3Gate
from tests.compose.compose_file import ROOT, ServiceDefinition, services
from tests.compose.debian import search_path
from tests.sessions import Watch, signal_session

_HOME = "/opt/airflow"
_PATIENCE = 600.0


class NativeStack:
    """All services of the profiles chosen.

    :param variables: what .env says. :param workers: as ``--scale worker=N``.
    :param overrides: further environment, as an override file would add it.
    :param arguments: further arguments of a service's command. :param mounts: other sources for mounted folders.
    :ivar further: environment of single services, from their next start on.
    """

    def __init__(
        self,
        variables: dict[str, str],
        *,
        workers: int,
        overrides: dict[str, str],
        arguments: dict[str, list[str]],
        mounts: dict[str, str],
    ) -> None:
        # Below /tmp itself, for PostgreSQL and Redis run as users who may not enter the folders of others.
        self.folder = Path(tempfile.mkdtemp(prefix="audit-compose-"))
        self.folder.chmod(0o755)
        self._watch = Watch(self.folder)
        self._overrides, self._arguments, self._mounts = overrides, arguments, mounts
        self._definitions = services(variables)
        self.instances = {name: each for name, each in self._definitions.items() if name != "worker"}
        self.instances |= {f"worker-{number}": self._definitions["worker"] for number in range(1, workers + 1)}
        wanted = [(name, port) for name, each in self.instances.items() for port in each.expose]
        *ports, behind = free_ports(len(wanted) + 1)
        self.ports = dict(zip(wanted, ports, strict=True))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.further: dict[str, dict[str, str]] = {}
        self._lock = threading.RLock()
        self._s3 = S3Service("of-its-own", port=behind)
        self._gate: S3Gate | None = None

    def url(self, service: str, port: int) -> str:
        """Return where a port of a service is."""
        return f"http://127.0.0.1:{self.ports[service, port]}"

    def start(self) -> None:
        """Start everything in the order that the file asks for, and return when every health check says yes."""
        waiting = dict(self.instances)
        while waiting:
            ready = {name: each for name, each in waiting.items() if not any(other in waiting for other in each.needs)}
            for name, each in ready.items():
                for other, condition in each.needs.items():
                    self._await(other, condition)
                self.launch(name)
                del waiting[name]
        for name in self.instances:
            self._await(name, "service_healthy" if self.instances[name].check else "service_completed_successfully")

    def launch(self, name: str) -> None:
        """Start one service."""
        each = self.instances[name]
        if name == "minio":
            if self._gate is None:
                self._gate = S3Gate(self._s3.start().url, port=self.ports[name, 9000])
            self._gate.start()
            return
        first = name == "postgres" and not (self._data(name) / "PG_VERSION").exists()
        if first:
            self._prepare_database(each)
        with self.log(name).open("ab") as log:
            self.processes[name] = self._watch.start(
                [self._here(name, word) for word in [*each.command, *self._arguments.get(each.name, ())]]
                + (["-D", str(self._data(name)), "-k", str(self._data(name))] if name == "postgres" else []),
                env=self._environment(name),
                cwd=self._own(name),
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self._user(name),
            )
        if first:
            self._await(name, "service_healthy")
            self._make_database(each)

    def log(self, name: str) -> Path:
        """Return where a service writes to."""
        return self.folder / f"{name}.log"

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a service and everything that it started."""
        signal_session(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        """``kill -9`` a service and everything that it started; it stays down."""
        with self._lock:
            process = self.processes.pop(name)
            signal_session(process.pid, signal.SIGKILL)
            process.wait(30)

    def halt(self, name: str) -> None:
        """Stop PostgreSQL, Redis or the S3 stand-in, as ``docker compose stop`` does; what it holds stays."""
        if name == "minio":
            assert self._gate is not None
            self._gate.stop()
            return
        with self._lock:
            process = self.processes.pop(name)
            # PostgreSQL's image asks for it, since at SIGTERM it waits for those who are connected.
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            process.wait(60)

    @contextlib.contextmanager
    def restarting(self) -> Iterator[None]:
        """Within the block, start again what ends by itself, as the restart policies say."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(1):
                with self._lock:
                    for name, process in list(self.processes.items()):
                        if process.poll() is not None and self.instances[name].restart != "no":
                            self.kill(name)
                            self.launch(name)

        watcher = threading.Thread(target=watch, name="restart policies")
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def execute(self, name: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command beside a service, as ``docker compose exec`` does."""
        where = {"env": self._environment(name), "cwd": self._own(name)}
        return subprocess.run(command, **where, capture_output=True, text=True, timeout=_PATIENCE)

    def stop(self) -> None:
        """End everything and remove what it kept."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        until = time.monotonic() + 5
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
        for name in list(self.processes):
            self.kill(name)
        if self._gate:
            self._gate.stop()
            self._s3.stop()
        self._watch.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _await(self, name: str, condition: str) -> None:
        if name == "worker":
            raise AssertionError("nothing may wait for a worker: there are several")
        until = time.monotonic() + _PATIENCE
        process = self.processes.get(name)
        if condition == "service_completed_successfully":
            assert process is not None
            assert process.wait(_PATIENCE) == 0, self._said(name)
            return
        if name == "minio":  # its place is taken by a stand-in that has no such program
            return
        check = [self._here(name, word) for word in self.instances[name].check or ()]
        while True:
            done = self.execute(name, check)
            if done.returncode == 0:
                return
            if process is not None:
                assert process.poll() is None, self._said(name)
            assert time.monotonic() < until, f"{done.stdout[-1000:]} {done.stderr[-1000:]} {self._said(name)}"
            time.sleep(1)

    def _said(self, name: str) -> str:
        return f"{name}: {self.log(name).read_text(errors='replace')[-4000:]}"

    def _environment(self, name: str) -> dict[str, str]:
        each = self.instances[name]
        own = {
            "PATH": search_path(),
            "HOME": str(self._own(name)),
            "TMPDIR": str(self._own(name)),
            "LANG": "C.UTF-8",
            "HOSTNAME": name,
            "NO_PROXY": "127.0.0.1,localhost",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        given = each.environment | (self._overrides if "AIRFLOW__CORE__EXECUTOR" in each.environment else {})
        airflow = {"AIRFLOW_HOME": str(self._own(name))} if each.mounts.get(f"{_HOME}/dags") else {}
        return own | {key: self._here(name, text) for key, text in given.items()} | airflow | self.further.get(name, {})

    def _here(self, name: str, text: str) -> str:
        """Return a text of the file with addresses and paths of this machine."""
        each = self.instances[name]
        for (service, port), here in self.ports.items():
            text = re.sub(rf"\b{re.escape(service)}:{port}\b", f"127.0.0.1:{here}", text)
        for port in each.expose:
            text = re.sub(rf"(?<![\d.]){port}\b", str(self.ports[name, port]), text)
        text = text.replace("0.0.0.0", "127.0.0.1").replace(_HOME, str(self._own(name)))
        for target, source in each.mounts.items():
            if not target.startswith(_HOME):
                text = re.sub(rf"{target}(?![\w.-])", str(self._source(source)), text)
        return text

    def _source(self, source: str) -> Path:
        if source in self._mounts:
            return Path(self._mounts[source])
        if source.startswith("."):
            return ROOT / source
        folder = self.folder / "volumes" / source
        if not folder.exists():
            folder.mkdir(parents=True)
            for name, each in self.instances.items():
                if source in each.mounts.values() and (user := self._user(name)):
                    shutil.chown(folder, user)
        return folder

    def _own(self, name: str) -> Path:
        folder = self.folder / "homes" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            if user := self._user(name):
                shutil.chown(folder, user)
            (folder / "make_buckets.py").symlink_to(ROOT / "deploy/make_buckets.py")
            for target, source in self.instances[name].mounts.items():
                if target.startswith(_HOME):
                    (folder / Path(target).relative_to(_HOME)).symlink_to(self._source(source))
        return folder

    def _user(self, name: str) -> str | None:
        """Return who runs a service: PostgreSQL will not be run by root."""
        wanted = "postgres" if name == "postgres" else self.instances[name].user
        if os.geteuid() != 0 or not wanted:
            return None
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(wanted).pw_name
        return "nobody"

    def _data(self, name: str) -> Path:
        return self._source(next(iter(self.instances[name].mounts.values())))

    def _prepare_database(self, each: ServiceDefinition) -> None:
        """Do what the image does at its first start."""
        password = self._own("postgres") / "password"
        password.touch(mode=0o600)
        password.write_text(each.environment["POSTGRES_PASSWORD"])
        if user := self._user("postgres"):
            shutil.chown(password, user)
        user_name = each.environment["POSTGRES_USER"]
        command = ["initdb", "--no-sync", "--auth=scram-sha-256", f"--username={user_name}", f"--pwfile={password}"]
        self._run([*command, "-D", str(self._data("postgres"))])
        password.unlink()

    def _make_database(self, each: ServiceDefinition) -> None:
        port, user = self.ports["postgres", 5432], each.environment["POSTGRES_USER"]
        self._run(
            ["createdb", "--host=127.0.0.1", f"--port={port}", f"--username={user}", each.environment["POSTGRES_DB"]],
            PGPASSWORD=each.environment["POSTGRES_PASSWORD"],
        )

    def _run(self, command: list[str], **environment: str) -> None:
        done = subprocess.run(
            command,
            env={"PATH": search_path(), "LANG": "C.UTF-8", **environment},
            cwd=self._own("postgres"),
            capture_output=True,
            text=True,
            user=self._user("postgres"),
        )
        assert done.returncode == 0, done.stderr
