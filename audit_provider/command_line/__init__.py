"""Commands of ``audit-logs``: their arguments, and those that need a module of their own."""
