"""What a visitor sees: one file per part of the page."""
