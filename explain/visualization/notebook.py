"""Show an explanation where it is made: a heatmap in a notebook, a table elsewhere."""

from __future__ import annotations

import sys

from explain.results import Explanation
from explain.visualization.heatmaps import methods_heatmap


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


def show(explanation: Explanation) -> None:
    """A heatmap in a notebook, a table on the terminal."""
    if in_notebook():
        from IPython.display import display

        display(methods_heatmap(explanation))
    else:
        print(explanation.to_frame().to_string(index=False, float_format="{:.4f}".format))
