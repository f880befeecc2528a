"""The destinations: how each encodes, sends and evaluates answers. Packing and shipping are shared.

``base`` defines what a destination is, ``spec`` describes one, ``packing`` makes batches, ``ship`` is the loop. Every
public :class:`DestinationSpec` in this folder is a destination, and ``registry`` finds them.
"""
