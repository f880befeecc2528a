"""The commands of ``audit-logs``: the argument parser, and the commands that need a module of their own."""
