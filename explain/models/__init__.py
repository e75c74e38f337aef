"""Models: loading them, reading texts with them, and the seams into them while they run."""
