"""A whole data set explained: a run in a folder, and what it found."""
