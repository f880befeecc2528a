"""What ``docs/adding_a_destination.md`` and ``docs/adding_a_source.md`` show, as a newcomer adds it: file by file.

The files are put into a copy of the package, its documentation and its tests, and everything is run there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from tests.documentation import ROOT, blocks

PAGE = ROOT / "docs/adding_a_destination.md"
SHOWN = {block.text.split("\n")[0].removeprefix("# "): block.text for block in blocks("python", pages=[PAGE])}
DESTINATION = "audit_provider/core/destinations/acme.py"
STAND_IN = "audit_provider/sandbox/acme.py"
PRESETS = "audit_provider/core/destinations/http_presets.py"
FORMAT = "audit_provider/core/formats/gelf.py"
SOURCE = "audit_provider/core/sources/vendors/beacon.py"
CONTRACT = "tests/fixtures/beacon"
SUITES = [
    "tests/core/destinations/test_contract.py",
    "tests/core/destinations/test_http_presets.py",
    "tests/core/formats/test_every_format.py",
    "tests/core/sources/test_contracts.py",
]
TABLES = ["tests/test_provider_info.py", "tests/test_public_names.py", "tests/operators/test_links.py"]


class Copy:
    """A copy of what a newcomer edits and runs."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("audit_provider", "docs", "tests", "dags"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
        for path in (*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.yml"), *ROOT.glob("*.yaml")):
            shutil.copy(path, folder / path.name)

    def write(self, path, text):
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def add_destination(self):
        self.write(DESTINATION, SHOWN[DESTINATION])

    def add_stand_in(self):
        self.write(STAND_IN, SHOWN[STAND_IN])

    def add_format(self):
        self.write(FORMAT, SHOWN[FORMAT])

    def add_preset(self, text=None):
        """Add a value to the others, before they are collected."""
        present = (self.folder / PRESETS).read_text(encoding="utf-8")
        head, mark, rest = present.partition("ENTRY_POINTS = ")
        self.write(PRESETS, f"{head}{text or SHOWN[PRESETS]}\n\n{mark}{rest}")

    def add_source(self):
        """Add the source of the page about sources, under another name."""
        page = [ROOT / "docs/adding_a_source.md"]
        for language, path in (
            ("python", SOURCE),
            ("json", f"{CONTRACT}/page.json"),
            ("yaml", f"{CONTRACT}/contract.yaml"),
        ):
            (block,) = blocks(language, pages=page)
            self.write(path, block.text.replace('name="acme"', 'name="beacon"').replace('title="Acme', 'title="Beacon'))

    def run(self, *command):
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def make_docs(self):
        done = self.run("docs/generate.py")
        assert done.returncode == 0, done.stderr

    def test(self, *arguments):
        return self.run("-m", "pytest", "-p", "no:cacheprovider", *arguments)

    def ask(self, expression):
        """Return what an expression prints."""
        done = self.run("-c", textwrap.dedent(expression))
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.split("\n") if not re.match(r"\d{4}-", line)]


pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def passed(done):
    """Return how many tests passed, none failed."""
    assert done.returncode == 0, done.stdout[-3000:]
    return int(re.search(r"(\d+) passed", done.stdout)[1])


def test_the_page_shows_the_files():
    assert set(SHOWN) == {DESTINATION, STAND_IN, PRESETS, FORMAT}


def test_all_of_it_is_found_and_passes_at_once(copy):
    copy.add_destination()
    copy.add_stand_in()
    copy.add_preset()
    copy.add_format()
    copy.add_source()
    copy.make_docs()
    listed = copy.ask(
        """
        from audit_provider import AuditLogsToAcmeOperator, AcmeHook
        from audit_provider.core.formats import FORMATS
        from audit_provider.core.sources import REGISTRY
        from audit_provider.get_provider_info import get_provider_info
        from audit_provider.operators import SHIP_OPERATORS, links

        info = get_provider_info()
        print(SHIP_OPERATORS["acme"].__name__, AcmeHook.conn_type, links.AcmeStreamLink.name)
        print([each["hook-name"] for each in info["connection-types"] if each["connection-type"] == "acme"])
        print([each["integration-name"] for each in info["integrations"] if "acme" in str(each["how-to-guide"])])
        print([each["conn-fields"]["page_url"]["label"] for each in info["connection-types"]
               if each["connection-type"] == "acme"])
        print([each["python-modules"] for each in info["operators"] if each["integration-name"] == "Acme SIEM"])
        print("gelf" in FORMATS, "beacon" in REGISTRY)
        """
    )
    assert listed == [
        "AuditLogsToAcmeOperator acme Acme stream",
        "['Acme SIEM']",
        "['Acme SIEM']",
        "['Page']",
        "[['audit_provider.operators.acme']]",
        "True True",
        "",
    ]
    docs = copy.folder / "docs"
    assert "Acme has stored each event (202)." in (docs / "destinations/acme.md").read_text()
    assert "better_stack" in (docs / "destinations/http.md").read_text()
    assert "| `gelf` |" in (docs / "formats.md").read_text()
    assert "| `acme` | base URL | token | `page_url`, and as above |" in (docs / "connections.md").read_text()
    assert "## Destination `acme`" in (docs / "reference.md").read_text()
    assert "destination_acme" in (docs / "pipelines.schema.json").read_text()
    assert (docs / "sources/beacon.md").exists()
    done = copy.test(*SUITES, *TABLES, "-rA", "-k", "Acme or better_stack or gelf or beacon or info or names or links")
    assert passed(done) > 100
    for path, value in zip(SUITES, ("Acme", "better_stack", "gelf", "beacon"), strict=True):
        assert len(re.findall(rf"PASSED {path}::.*{value}", done.stdout)) >= 5, (path, value)


def test_a_destination_without_its_stand_in_is_told_what_to_write(copy):
    copy.add_destination()
    done = copy.test("tests/core/destinations/test_contract.py", "-k", "Acme")
    assert done.returncode == 1
    assert "write audit_provider/sandbox/acme.py with a subclass of DestinationService" in done.stdout


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ('default_format: ClassVar[str] = "raw"', "", "its options need 'default_format' as a class variable"),
        (":ivar stream:", "stream:", "the docstring of its options needs ':ivar stream:'"),
        (
            'arguments=("stream",)',
            'arguments=("streem",)',
            "'arguments' names 'streem', which is not one",
        ),
        ('guarantee="Acme has stored each event (202)."', 'guarantee=""', "'about' needs 'guarantee'"),
        ('link_label="Acme stream",', "", "'link' needs 'link_label'"),
        ('name="acme",\n    options', 'name="Acme SIEM",\n    options', "its name must consist of lower-case letters"),
        ('"host": Field("Ingest URL"', '"hoost": Field("Ingest URL"', "has no field 'hoost' in Airflow"),
        (
            'name="acme",\n    options',
            'name="s3",\n    options',
            "one destination, with the module's name 'acme', but",
        ),
    ],
)
def test_an_incomplete_destination_is_told_what_is_missing(copy, wrong, right, said):
    assert wrong in SHOWN[DESTINATION]
    copy.write(DESTINATION, SHOWN[DESTINATION].replace(wrong, right))
    done = copy.run("-c", "from audit_provider.core.destinations.registry import DESTINATIONS; DESTINATIONS['acme']")
    assert said in done.stderr


def test_a_preset_of_another_shape_asks_for_a_reader(copy):
    copy.add_preset(SHOWN[PRESETS].replace('Frame(b"[", b",", b"]")', 'Frame(b"<", b";", b">")'))
    done = copy.test("tests/core/destinations/test_http_presets.py", "-k", "better_stack")
    assert done.returncode == 1
    assert (
        "the bodies of the preset 'better_stack' have no plain shape: write a function that reads them" in done.stdout
    )


def test_a_preset_without_a_name_is_told_so(copy):
    copy.add_preset(SHOWN[PRESETS].replace('    name="better_stack",\n', ""))
    done = copy.run("-c", "import audit_provider.core.destinations.http_presets")
    assert "has a public Preset without a name: give it a 'name'." in done.stderr


def test_a_format_that_loses_the_id_fails(copy):
    copy.write(FORMAT, SHOWN[FORMAT].replace('"_event_id": event.id,', ""))
    done = copy.test("tests/core/formats/test_every_format.py", "-k", "gelf and event_id and slack")
    assert "every format contains the event's id" in done.stdout


def test_a_source_without_its_contract_is_told_what_to_write(copy):
    copy.add_source()
    (copy.folder / CONTRACT / "contract.yaml").unlink()
    done = copy.test("tests/core/sources/test_contracts.py", "-k", "beacon and (mistakes or says or contract)")
    assert done.returncode == 1
    assert "the source 'beacon' has no contract: write" in done.stdout


class Installed:
    """Another package, as ``pip install`` leaves it."""

    def __init__(self, folder):
        self.folder = folder
        meta = folder / "acme_audit-1.0.dist-info"
        meta.mkdir()
        (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-audit\nVersion: 1.0\n")
        self.points = meta / "entry_points.txt"

    def run(self, code):
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{self.folder}"}
        command = [sys.executable, "-c", textwrap.dedent(code)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def installed(tmp_path):
    return Installed(tmp_path)


def test_another_package_adds_a_destination_and_a_format(installed):
    (installed.folder / "acme_audit.py").write_text(SHOWN[DESTINATION])
    (installed.folder / "acme_format.py").write_text(SHOWN[FORMAT])
    installed.points.write_text(
        "[audit_provider.destinations]\nacme = acme_audit\n[audit_provider.formats]\ngelf = acme_format:GELF\n"
    )
    done = installed.run(
        """
        from audit_provider.core.delivery import delivery_from
        from audit_provider.core.formats import FORMATS
        from audit_provider.get_provider_info import get_provider_info
        from audit_provider.operators import AuditLogsToAcmeOperator, links
        from airflow.providers_manager import ProvidersManager

        print(delivery_from("a", {"type": "acme", "format": "gelf"}, "p.destinations.a").options.stream)
        print(AuditLogsToAcmeOperator(task_id="t", pipeline="p", stream="x").stream, links.AcmeStreamLink.name)
        print([each["connection-type"] for each in get_provider_info()["connection-types"]][-1])
        print(ProvidersManager().hooks["acme"].hook_class_name)
        """
    )
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.split("\n") if not re.match(r"\d{4}-", line)]
    assert shown == ["main", "x Acme stream", "acme", "audit_provider.hooks.destinations.AcmeHook", ""]


def test_another_package_inherits_the_tests(installed):
    """Each test file is the one that its page shows."""
    sources = ROOT / "docs/adding_a_source.md"
    (source,), (page,), (contract,) = (blocks(each, pages=[sources]) for each in ("python", "json", "yaml"))
    (of_destination,), (of_source,) = (blocks("text", pages=[each]) for each in (PAGE, sources))
    files = {
        "acme_audit/__init__.py": "",
        "acme_audit/destination.py": SHOWN[DESTINATION],
        "acme_audit/stand_in.py": SHOWN[STAND_IN],
        "acme_audit/source.py": source.text,
        "acme/contract.yaml": contract.text,
        "acme/page.json": page.text,
        "test_destination.py": of_destination.text,
        "test_source.py": of_source.text,
    }
    for name, text in files.items():
        (installed.folder / name).parent.mkdir(exist_ok=True)
        (installed.folder / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, str(installed.folder)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{installed.folder}"}
    done = subprocess.run(command, env=environment, cwd=installed.folder, capture_output=True, text=True, check=False)
    assert passed(done) >= 18


def test_another_package_that_is_broken_stops_nothing(installed):
    (installed.folder / "acme_audit.py").write_text("import nothing_of_that_name\n")
    installed.points.write_text(
        "[audit_provider.destinations]\nacme = acme_audit\nother = audit_provider.core.errors:StopError\n"
    )
    done = installed.run(
        """
        from audit_provider.core.destinations.registry import DESTINATIONS
        print(len(DESTINATIONS), "acme" in DESTINATIONS)
        """
    )
    assert re.fullmatch(r"\d+ False\n", done.stdout)
    assert (
        "The entry point 'acme' (acme_audit) of the group 'audit_provider.destinations' cannot be used" in done.stderr
    )
    assert "it leads to no DestinationSpec" in done.stderr
