#!/usr/bin/env bash
# An audit log of a database does not see a change from no value to the text None
#
# Software: PyPI django-auditlog 3.4.1 with Django 5.2.16
# Expected: its documentation: each save of a registered model that changes a field makes an entry with the old and
#           the new value. NULL and the text "None" are two values.
# Seen:     Name from NULL to "None", or from "None" to NULL, makes no entry; from NULL to "" and from "None" to
#           "none" make one. Both values are written as the text "None" before they are compared, and stored in this
#           way, so an entry ["None", "admin"] does not say which of the two it was.
# Matters:  Integrations write "None" often enough. The change is in the database and not in its audit log, and nobody
#           can say from the log when a value was first set.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet django-auditlog==3.4.1 Django==5.2.16
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "auditlog"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.core.management import call_command
from django.db import connection, models


class Account(models.Model):
    role = models.CharField(max_length=50, null=True)

    class Meta:
        app_label = "auditlog"


auditlog.register(Account)
call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:
    editor.create_model(Account)


def entries(old, new):
    account = Account.objects.create(role=old)
    before = LogEntry.objects.count()
    account.role = new
    account.save()
    assert Account.objects.get(pk=account.pk).role == new
    return [each.changes for each in LogEntry.objects.order_by("pk")[before:]]


hold("NULL to the empty text", entries(None, ""), [{"role": ["None", ""]}])
hold("None to none", entries("None", "none"), [{"role": ["None", "none"]}])
hold("NULL to admin", entries(None, "admin"), [{"role": ["None", "admin"]}])
hold("None to admin", entries("None", "admin"), [{"role": ["None", "admin"]}])
hold("NULL to None", entries(None, "None"), [])
hold("None to NULL", entries("None", None), [])
PY
