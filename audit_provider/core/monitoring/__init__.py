"""Whether every source is read, every SIEM has it, and what is unusual.

``categories`` sorts actions into buckets, ``activity`` counts events by hour and day, ``baseline`` says what is usual,
``findings`` what is not, and ``summary`` is what a pipeline's report leaves for the page.
"""
