"""The destinations: how each encodes, sends and evaluates answers. All share :mod:`audit_provider.core.shipping`.

``base`` defines what a destination is, and ``spec`` describes one. Every public
:class:`~audit_provider.core.destinations.spec.DestinationSpec` in this folder is a destination, and ``registry`` finds
them.
"""
