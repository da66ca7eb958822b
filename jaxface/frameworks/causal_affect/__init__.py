"""CausalAffect (Hu et al. 2025): signed causal graphs among action units and expressions."""
