"""The destinations: how each encodes, sends and evaluates answers. Packing and shipping are shared.

``base`` defines what a destination is, ``packing`` makes batches, ``ship`` is the loop; then one file per destination,
and ``registry``, which lists them all.
"""
