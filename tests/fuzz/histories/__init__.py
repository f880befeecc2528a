"""Histories of one pipeline: whatever is done to it, in any order, every event is accounted for."""
