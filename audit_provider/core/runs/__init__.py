"""The runs: each does the work of one task on the ledger and the spool. Airflow's operators build them from arguments.

``pulling`` reads a source into the spool: ``source_reading`` opens the source, ``beginning`` says where to start;
``shipment`` ships what is pending and replays a range; ``letters`` sends dead letters again or discards them;
``reconciling`` compares the past with the source; ``watching`` counts and judges; ``retention`` removes segments that
nobody needs; ``verifying`` verifies the spool and judges the days of the calendar; ``evidence_pack`` collects what an
auditor asks for.
"""
