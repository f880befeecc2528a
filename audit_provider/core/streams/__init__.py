"""A stream as a whole: its position and offsets, its dead letters, and the account of its events."""
