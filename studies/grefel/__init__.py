"""Studies of GReFEL's supplement."""
