"""The runs: what one task does, from the ledger and the spool on. Airflow's operators build them from arguments.

``pulling`` reads a source into the spool, with what ``source_reading`` opens, from where ``beginning`` says;
``shipment`` ships what is pending and replays a range; ``letters`` sends dead letters again or discards them;
``reconciling`` compares the past with the source; ``watching`` counts and judges; ``retention`` removes what nobody
waits for; ``verifying`` proves the days of the calendar; ``evidence_pack`` collects what an auditor asks for.
"""
