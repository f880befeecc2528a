"""Transparency: each stream is a Merkle log in the public standard, so that strangers check it with tools that exist.

``merkle`` is the arithmetic of RFC 6962, ``checkpoint`` is what is signed of a log, with Ed25519,
``tree`` makes the log of a chain of segments and keeps what its proofs need, ``proof`` is one event's proof.
"""
