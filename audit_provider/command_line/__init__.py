"""Commands of ``python -m audit_provider`` that need a module of their own."""
