"""The port to what runs SQL, and its implementations: one file each."""
