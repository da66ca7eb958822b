"""Discrepancies between domains that PM2 is compared with, in the form for many labels at once."""
