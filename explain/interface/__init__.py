"""The Gradio app: the only place that imports gradio. It shows and asks; it never computes."""
