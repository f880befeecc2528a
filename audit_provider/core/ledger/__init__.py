"""The ledger: records of progress, and their values: positions, offsets, gaps, the health of sources."""
