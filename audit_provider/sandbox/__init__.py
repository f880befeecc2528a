"""Local stand-ins for the APIs and the SIEMs, as strict about the protocol as the vendors.

``server`` is what all share, ``faults`` what can be made to go wrong; then one file per service.
"""
