"""What all destinations share: the ship loop, packing, refusals, dead letters, and sending again."""
