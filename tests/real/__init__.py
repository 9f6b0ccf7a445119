"""Real two-party data, read in place where it lies beside the clone."""
