"""The path that ``core/wire/answer.py`` had before."""

from audit_provider.core.wire.answer import Answer as Answer
