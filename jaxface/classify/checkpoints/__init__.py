"""From the checkpoint files that authors publish to the arrays of a net; PyTorch is never needed."""
