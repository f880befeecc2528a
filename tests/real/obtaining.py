"""How servers come onto this machine: by a package's name, with the package clients as they are set up here.

Nothing is installed into the system. Whatever is fetched lies in a cache folder outside of the checkout, and stays.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 1800.0
_WORDS = 300


class UnobtainableError(Exception):
    """A server cannot be had on this machine; the message says why."""


@dataclass(frozen=True)
class Obtained:
    """A server's files.

    :ivar root: folder that they lie in; of a Debian package, what would be ``/``. :ivar version: as its package has it.
    :ivar environment: further environment that it needs.
    """

    root: Path
    version: str
    environment: Mapping[str, str]

    def program(self, *places: str) -> str:
        """Return the path of a file, at the first of the places where it is.

        :param places: patterns below the root.
        :raises UnobtainableError: it is at none of them.
        """
        found = next((path for place in places for path in sorted(self.root.glob(place))), None)
        if found is None:
            raise UnobtainableError(f"its package holds no {places[0]}")
        return str(found)

    def copied(self, root: Path) -> Obtained:
        """Return the same files below another folder."""
        shutil.copytree(self.root, root, symlinks=True)
        moved = {key: value.replace(str(self.root), str(root)) for key, value in self.environment.items()}
        return Obtained(root, self.version, moved)


def cache_folder() -> Path:
    """Return where everything that is fetched lies: ``AUDIT_REAL_CACHE``, or a folder among the user's caches."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AUDIT_REAL_CACHE") or Path(base) / "audit-provider-real")


def from_debian(package: str, version: str, *more: str) -> Obtained:
    """Return a Debian package with what it needs and this machine lacks, unpacked side by side.

    Two packages that Debian lets nobody install together can so be used together, and nobody needs to be root.

    :param version: how the package's version must begin; "" takes any. :param more: packages that go with it.
    :raises UnobtainableError: there is no such package.
    """
    _needs("apt-get", "dpkg-deb")
    root = cache_folder() / f"debian-{package}{f'-{version}' if version else ''}"
    whole = root / ".version"
    if not whole.exists():
        names = [package, *more]
        plan = _done(["apt-get", "install", "--simulate", "--no-install-recommends", *names])
        if plan.returncode:
            if os.geteuid() == 0:  # the lists of packages may never have been asked for
                _done(["apt-get", "update"])
            plan = _done(["apt-get", "install", "--simulate", "--no-install-recommends", *names])
        if plan.returncode:
            raise UnobtainableError(f"apt-get has no {package}: {_words(plan.stderr)}")
        missing = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", plan.stdout, re.MULTILINE))
        found = missing.get(package) or _installed(package)
        if not _upstream(found).startswith(version):
            raise UnobtainableError(f"Debian here has {package} {found}, not {version}")
        # Also what is installed, for all files of a server are looked for below one folder.
        _unpack({**{name: _installed(name) for name in names if name not in missing}, **missing}, root)
        whole.write_text(found)
    libraries = sorted({str(each.parent) for place in ("lib", "usr/lib") for each in (root / place).rglob("lib*.so.*")})
    return Obtained(root, _upstream(whole.read_text()), {"LD_LIBRARY_PATH": os.pathsep.join(libraries)})


def from_pypi(package: str, version: str, *more: str, needs_others: bool = True) -> Obtained:
    """Return a package of Python's in an environment of its own.

    :param more: packages that go with it. :param needs_others: install what it depends on, too.
    :raises UnobtainableError: it cannot be installed.
    """
    uv = str(Path(sys.executable).parent / "uv")
    _needs(uv)
    root = cache_folder() / f"pypi-{package}-{version}"
    if not (root / ".whole").exists():
        shutil.rmtree(root, ignore_errors=True)
        _must([uv, "venv", "--quiet", "--python", sys.executable, str(root)], "an environment for it cannot be made")
        command = [uv, "pip", "install", "--quiet", "--system-certs", "--python", str(root / "bin/python")]
        wanted = [f"{package}=={version}", *more]
        _must([*command, *([] if needs_others else ["--no-deps"]), *wanted], f"no {package} {version} can be installed")
        (root / ".whole").touch()
    return Obtained(root, version, {})


def from_go(source: Path | str, name: str, version: str) -> Obtained:
    """Return a program made of Go modules.

    :param source: folder of a module of ours whose ``go.mod`` pins what it needs; or the path of a published one's
        program, which is built at ``version``.
    :raises UnobtainableError: it cannot be built.
    """
    _needs("go")
    root = cache_folder() / f"go-{name}-{version}"
    if isinstance(source, Path):
        digest = hashlib.sha256(b"".join(each.read_bytes() for each in sorted(source.iterdir()))).hexdigest()
        root = root.with_name(f"{root.name}-{digest[:12]}")
    if not (root / name).exists():
        root.mkdir(parents=True, exist_ok=True)
        polite = {"GOFLAGS": "-mod=mod -p=1", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
        if isinstance(source, Path):
            built = Path(tempfile.mkdtemp(prefix="real-go-"))
            try:
                shutil.copytree(source, built, dirs_exist_ok=True)
                _must(["go", "build", "-o", str(root / name), "."], f"{name} cannot be built", polite, built)
            finally:
                shutil.rmtree(built)
        else:
            _must(
                ["go", "install", f"{source}@{version}"],
                f"{name} {version} cannot be built",
                {**polite, "GOBIN": str(root), "GOFLAGS": "-p=1"},
            )
    return Obtained(root, version.removeprefix("v"), {})


def from_maven(artefacts: Sequence[str], name: str, version: str) -> Obtained:
    """Return published artefacts of Java's with everything that they need, as jars in ``root``.

    :param artefacts: ``group:artefact``, or ``group:artefact:version`` where the version is another one.
    :raises UnobtainableError: Maven does not have them.
    """
    _needs("mvn", "java")
    root = cache_folder() / f"maven-{name}-{version}"
    if not (root / ".whole").exists():
        root.mkdir(parents=True, exist_ok=True)
        parts = [(*each.split(":"), version)[:3] for each in artefacts]
        needs = "".join(
            f"<dependency><groupId>{group}</groupId><artifactId>{artefact}</artifactId><version>{of}</version>"
            f"</dependency>"
            for group, artefact, of in parts
        )
        (root / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>real</groupId><artifactId>real</artifactId>"
            f"<version>1</version><packaging>pom</packaging><dependencies>{needs}</dependencies></project>"
        )
        _must(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={root}", "-DincludeScope=runtime"],
            f"Maven has not all of {name} {version}",
            folder=root,
        )
        (root / ".whole").touch()
    return Obtained(root, version, {})


def java_home(least: int) -> Path:
    """Return a Java of at least that version.

    :raises UnobtainableError: there is none.
    """
    homes = {}
    for path in Path("/usr/lib/jvm").glob("*/release"):
        found = re.search(r'JAVA_VERSION="(\d+)', path.read_text())
        if found and int(found[1]) >= least:
            homes[int(found[1])] = path.parent
    if not homes:
        raise UnobtainableError(f"there is no Java {least} here")
    return homes[min(homes)]


def _unpack(packages: Mapping[str, str], root: Path) -> None:
    """Download Debian packages and unpack them into a folder."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="real-debian-") as folder:
        wanted = [f"{name}={version}" for name, version in packages.items()]
        _must(["apt-get", "download", *wanted], f"apt-get cannot download {', '.join(packages)}", folder=Path(folder))
        for each in sorted(Path(folder).glob("*.deb")):
            _must(["dpkg-deb", "--extract", str(each), str(root)], f"{each.name} cannot be unpacked")


def _installed(package: str) -> str:
    """Return the version of an installed package.

    :raises UnobtainableError: it is not installed.
    """
    found = _done(["dpkg-query", "--show", "--showformat=${Version}", package])
    if found.returncode or not found.stdout:
        raise UnobtainableError(f"apt-get neither has {package} nor would install it")
    return found.stdout


def _upstream(version: str) -> str:
    """Return a Debian version without its epoch."""
    return version.partition(":")[2] or version


def _needs(*programs: str) -> None:
    missing = [each for each in programs if not shutil.which(each)]
    if missing:
        raise UnobtainableError(f"{', '.join(missing)} is not on this machine")


def _must(
    command: Sequence[str], otherwise: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> None:
    done = _done(command, environment, folder)
    if done.returncode:
        raise UnobtainableError(f"{otherwise}: {_words(done.stderr or done.stdout)}")


def _done(
    command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    polite = ["nice", "-n", "10"] if shutil.which("nice") else []
    try:
        return subprocess.run(
            [*polite, *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            timeout=_PATIENCE,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(environment or {})},
        )
    except subprocess.TimeoutExpired:
        raise UnobtainableError(f"{command[0]} did not end in {_PATIENCE:.0f} s") from None


def _words(text: str) -> str:
    """Return the end of what a program said, without the addresses in it."""
    lines = [re.sub(r"\w+://\S+", "…", line.strip()) for line in text.splitlines() if line.strip()]
    return " ".join(lines)[-_WORDS:]
