"""Transparency: each stream is a Merkle log by the public standard, so that anybody can check it with existing tools.

``merkle`` has the hashes and proofs of RFC 6962. ``checkpoint`` has the checkpoints of a log, signed with Ed25519, and
the proof of one event. ``tree`` makes the log of a chain of segments and keeps what its proofs need. ``witness`` gets
the signature of a witness.
"""
