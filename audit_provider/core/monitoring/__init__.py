"""Monitoring: whether every source is read, whether every SIEM receives its events, and which activity is unusual.

``categories`` sorts actions into categories. ``counting`` counts events by hour and day (each once, even if a position
was deleted), and ``activity`` keeps the counts. ``baseline`` makes series of them and determines the usual range.
``findings`` finds new and security-relevant activity, ``conditions`` problems of reading and shipping. ``memory``
remembers earlier findings. ``judging`` finds surges and silences and combines everything. ``summary`` is what a
pipeline's report stores for the page; ``markdown``, ``html`` and ``charts`` show it. ``settings`` is a pipeline's key
``monitoring``.
"""
