"""Monitoring: whether every source is read, whether every SIEM receives it, and what is unusual.

``categories`` sorts actions into categories. ``activity`` keeps events by hour and day, as ``counting`` counts them
(each once, even if a position was deleted). ``baseline`` makes series of them and determines the usual range.
``findings`` finds new and security-relevant activity, ``conditions`` problems of reading and shipping. ``memory``
remembers earlier findings, ``judging`` finds surges and silences and combines everything, and ``summary`` is what a
pipeline's report stores for the page; ``markdown``, ``html`` and ``charts`` show it. ``settings``
is a pipeline's key ``monitoring``.
"""
