"""Builds the app and launches it: `python gradio_app.py`."""

from explain.interface.app import build, launch_options, warm_up

demo = build()

if __name__ == "__main__":
    warm_up()
    demo.launch(**launch_options())
