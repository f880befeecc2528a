"""The destinations: how each encodes, sends and judges. Packing and shipping are written once.

``base`` says what a destination is, ``packing`` makes batches, ``ship`` is the loop; then one file per destination, and
``registry``, which knows them all.
"""
