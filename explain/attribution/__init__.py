"""External methods: the model is asked from outside."""
