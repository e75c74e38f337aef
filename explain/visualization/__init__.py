"""Views: each file makes one kind of figure from an Explanation and shows nothing itself."""
