"""Speed, as ratios to a plain loop measured in the same run."""
