"""What all frameworks share: the protocol, the loop, the step of one loss, metrics, checkpoints, export."""
