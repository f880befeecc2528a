"""The runs: what one task does, from the ledger and the spool on. Airflow's operators build them from arguments.

``pulling`` reads a source into the spool, beginning where ``beginning`` says and as often as ``pacers`` allow;
``shipment`` ships what is pending, sends dead letters again and replays a range; ``reconciling`` compares the past with
the source; ``watching`` counts and judges; ``retention`` removes what nobody waits for.
"""
