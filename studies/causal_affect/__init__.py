"""Studies of CausalAffect: Table 3, the comparison with a known truth, rival methods, costs."""
