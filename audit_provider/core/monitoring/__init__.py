"""Whether every source is read, every SIEM has it, and what is unusual.

``categories`` sorts actions into buckets, ``activity`` keeps events by hour and day as ``counting`` counts them
(each once, also where a position was deleted: ``chains``),
``figures`` makes series of them and ``baseline`` says what is usual. What is not: ``unusual`` tells surges and
silences, ``findings`` what is new or matters to security, ``conditions`` what is wrong with reading and shipping.
``memory`` knows what was found before, ``judging`` puts all of it together, and ``summary`` is what a pipeline's report
leaves for the page; ``markdown``, ``html`` and ``charts`` show it. ``settings`` is a pipeline's key ``monitoring``.
"""
