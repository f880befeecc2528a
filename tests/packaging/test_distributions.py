"""What the wheel and the sdist hold, and say of themselves."""

from __future__ import annotations

import re
import subprocess
import tarfile
import zipfile
from email import message_from_bytes

import pytest

from audit_provider import __version__
from tests.packaging.conftest import ROOT

SANDBOX = "audit_provider/sandbox/"


@pytest.fixture(scope="module")
def wheel(dist):
    with zipfile.ZipFile(dist.wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel[name])


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.split() if (ROOT / name).exists()]


def test_the_wheel_holds_the_package_the_dag_files_and_nothing_else(wheel):
    own = {name for name in tracked() if name.startswith("audit_provider/") and not name.startswith(SANDBOX)}
    dags = {f"audit_provider/dag_files/{path.name}" for path in (ROOT / "dags").iterdir() if path.is_file()}
    assert own | dags <= set(wheel)
    assert {name.split("/")[0] for name in wheel} == {
        "audit_provider",
        "airflow_provider_audit_logs.py",
        f"airflow_provider_audit_logs-{__version__}.dist-info",
    }
    assert not [name for name in wheel if "__pycache__" in name]
    assert not [name for name in wheel if name.startswith(SANDBOX)], "users need no stand-ins"
    assert "audit_provider/testing/destinations.py" in wheel


def test_nothing_in_the_wheel_imports_what_is_not_in_it(wheel):
    importing = [
        name
        for name, content in wheel.items()
        if re.search(rb"^\s*(from|import) audit_provider\.sandbox", content, re.MULTILINE)
    ]
    assert importing == []


def test_the_sdist_holds_what_is_needed_to_build_and_test(dist):
    with tarfile.open(dist.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in tracked() if not name.startswith(".")} <= names, (
        "what begins with a dot is the repository's"
    )


def test_the_metadata_is_complete(metadata, wheel):
    assert (metadata["Name"], metadata["Version"]) == ("airflow-provider-audit-logs", __version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    (licence,) = (content for name, content in wheel.items() if name.endswith("licenses/LICENSE"))
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert metadata["Requires-Python"] == "<3.14,>=3.10"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert set(metadata.get_all("Provides-Extra")) >= {"all", "parquet", "sentinel", "ssh"}
    needs = metadata.get_all("Requires-Dist")
    every = {need.partition(";")[0].strip() for need in needs if "extra == 'all'" in need}
    each = {need.partition(";")[0].strip() for need in needs if re.search("extra == '(parquet|sentinel|ssh)'", need)}
    assert every == each


def test_both_entry_points_lead_somewhere(wheel):
    (name,) = (name for name in wheel if name.endswith("entry_points.txt"))
    for line in re.findall(r"= (\S+)", wheel[name].decode()):
        module, _, attribute = line.partition(":")
        path = module.replace(".", "/")
        source = wheel.get(f"{path}.py", wheel.get(f"{path}/__init__.py", b"")).decode()
        assert re.search(rf"^(def|class) {attribute}\b", source, re.MULTILINE), line
