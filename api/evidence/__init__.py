"""Evidence for outsiders: checkpoints are signed and stored, proofs are made, and a restored backup is found."""
