"""Internal methods: what the model itself computed is read."""
