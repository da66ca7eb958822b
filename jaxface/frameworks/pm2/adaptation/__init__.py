"""Domain discrepancies of PM2's baselines, in their form for several labels at once."""
