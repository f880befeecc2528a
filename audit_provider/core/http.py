"""The path that ``core/wire/http.py`` had before."""

from audit_provider.core.wire.http import HttpClient as HttpClient
