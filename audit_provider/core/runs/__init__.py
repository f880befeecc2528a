"""The runs: what one task does, from the ledger and the spool on. Airflow's operators build them from arguments.

``shipment`` ships what is pending, sends dead letters again and replays a range; ``reconciling`` compares the past with
the source; ``watching`` counts and judges; ``retention`` removes what nobody waits for; ``beginning`` says where a pull
goes on, ``pacers`` how often it may ask.
"""
