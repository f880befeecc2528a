"""Documentation is held to the code."""

from __future__ import annotations

import pkgutil
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import yaml

from audit_provider.core.pipeline import read_pipelines
from audit_provider.get_provider_info import get_provider_info
from tests.documentation import LANGUAGES, PAGES, ROOT, blocks, name_of

MADE = runpy.run_path(str(ROOT / "docs/generate.py"))["PAGES"]
OF_A_FILE = re.compile(r"# (\S+\.ya?ml)\n")
"""How a block of YAML begins that shows another file than the pipelines file."""


def pipelines_shown():
    """Return the blocks of YAML that are pipelines files."""
    return [each for each in blocks("yaml") if not OF_A_FILE.match(each.text)]


@pytest.mark.parametrize("name", MADE)
def test_generated_pages_are_fresh(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == MADE[name](), "run: make docs"


def test_every_key_of_the_reference_has_a_default_and_a_meaning():
    text = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 200
    for row in rows:
        assert len(row) == 3, row
        assert all(cell.strip() for cell in row), row


def test_no_page_is_left_of_a_source_that_is_gone():
    assert {f"sources/{path.name}" for path in (ROOT / "docs/sources").glob("*.md")} <= set(MADE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_every_block_says_what_it_is(block):
    assert block.language in LANGUAGES, f"begin it with one of {sorted(LANGUAGES)}"


@pytest.mark.parametrize("block", pipelines_shown(), ids=str)
def test_pipelines_shown_are_right(block):
    found = read_pipelines(block.text)
    assert not found.mistakes
    assert found.pipelines


@pytest.mark.parametrize("block", [each for each in blocks("yaml") if OF_A_FILE.match(each.text)], ids=str)
def test_other_yaml_shown_can_be_read(block):
    assert yaml.safe_load(block.text)


@pytest.mark.airflow
@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_shown_works(block):
    # By itself: what this file imports from __future__ is not shown.
    exec(compile(block.text, str(block), "exec", dont_inherit=True), {"__name__": "shown"})


@pytest.mark.parametrize("form", get_provider_info()["connection-types"], ids=lambda form: form["connection-type"])
def test_every_extra_of_a_connection_stands_in_its_row(form):
    hook = pkgutil.resolve_name(form["hook-class-name"])
    page = (ROOT / "docs/connections.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{hook.conn_type}` .*$", page, re.MULTILINE)
    said = set(re.findall(r"`(\w+)`", row.split(" | ")[3]))
    assert said >= set(hook.own_extras)


def test_the_shipped_pipelines_file_is_that_of_the_readme():
    (readme,) = blocks("yaml", pages=[ROOT / "README.md"])
    shown = yaml.safe_load(readme.text)
    shipped = yaml.safe_load((ROOT / "dags/audit_pipelines.yaml").read_text())
    del shown["pylon"]["start"]
    assert shown == shipped


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lists_and_tables_begin_after_an_empty_line(page):
    """GitHub does without; the site's Markdown would draw them into the paragraph."""
    before, fenced = "", False
    for line in page.read_text(encoding="utf-8").split("\n"):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            assert not line.startswith(" "), f"{line}: a block inside a list is no block on the site"
        if not fenced and before.strip() and not before.startswith(" "):
            for mark in (r"([-*]|\d+\.) ", r"\|"):
                assert not re.match(mark, line) or re.match(mark, before), line
        before = line


class Fetched(HTMLParser):
    """What a browser fetches by itself to show a page, and does not come from the site."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if (key == "src" or (tag == "link" and key == "href")) and re.match(r"(https?:)?//", value or ""):
                self.found.append((tag, value))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as ``make docs`` does it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_is_built_without_a_warning_and_holds_every_page(site):
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix().replace("README", "index")
        assert (site / name).exists(), name
    assert (site / "pipelines.schema.json").exists()
    assert not list(site.rglob("*.py"))


def test_the_site_fetches_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        fetched = Fetched()
        fetched.feed(page.read_text(encoding="utf-8"))
        assert not fetched.found, page
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", text), style


def test_a_reader_comes_to_every_page():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    led_to = set(re.findall(r"[\w/]+\.md", yaml.safe_dump(nav)))
    for page in PAGES:
        if page.is_relative_to(ROOT / "docs"):
            targets = re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8"))
            found = ((page.parent / target).resolve() for target in targets)
            led_to |= {each.relative_to(ROOT / "docs").as_posix() for each in found}
    assert {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")} <= led_to


def test_constraints_pin_by_version_alone():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( ;.*)?", line), line


def test_no_path_of_a_machine_and_no_registry_is_in_the_repository():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    unwanted = [str(ROOT), "pypi" + ".org", "files.python" + "hosted"]
    for name in done.stdout.split():
        if (ROOT / name).is_file():
            text = (ROOT / name).read_bytes().decode(errors="replace")
            assert not any(each in text for each in unwanted), name
