"""Vendors that differ in everything HTTP and JSON leave open, and what may never happen with any of them.

A :class:`~tests.fuzz.vendors.vendor.Vendor` is one example: a source's description, how its service behaves, what its
log holds and when the product reads it. It is plain data, so an example that once failed is kept as a line of JSON.

- ``vendor``: the example, and the source that it describes.
- ``drawn``: examples, as hypothesis makes them.
- ``log``, ``written``, ``service``, ``files``: the service: what it holds, how it writes that, how it answers.
- ``desk``: the product, run after run over one service, killed where the example says so.
- ``law``: what was served is in the spool exactly as often as it was served, or the run is not green, or a gap or a
  word names it.
"""
