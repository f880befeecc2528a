"""Chaos: real processes, real signals, real HTTP to the stand-ins, and every event counted at every destination.

``python -m tests.chaos`` prints a table; ``test_chaos.py`` runs a short version of it.
"""
