"""What asks models for the page and the endpoints; no gradio here."""
