"""Ask a running app from a script: scores of a sentence's tokens, and which method's order the answer follows.

python examples/client.py http://127.0.0.1:7860
"""

from __future__ import annotations

import argparse

import pandas as pd
from gradio_client import Client

METHODS = ["attention", "integrated_gradients", "lrp", "occlusion"]


def main() -> None:
    """Ask /classification and /faithfulness and print a table of each."""
    parser = argparse.ArgumentParser(description="Explain a sentence with a running app.")
    parser.add_argument("url", help="where the app runs, e.g. http://127.0.0.1:7860")
    parser.add_argument("text", nargs="?", default="The plot is thin, but the two leads are a joy.", help="the sentence to explain")
    given = parser.parse_args()
    client = Client(given.url, verbose=False)

    found = client.predict(given.text, methods=METHODS, api_name="/classification")
    scores = {name: method["scores"] for name, method in found["methods"].items()}
    print(f"Why {found['target']['text']} ({found['target']['probability']:.3f})?\n")
    print(pd.DataFrame({"token": [token["label"] for token in found["tokens"]]} | scores).round(3).to_string(index=False))

    found = client.predict([given.text], methods=METHODS, api_name="/faithfulness")["texts"][0]
    measures = ["normalised_comprehensiveness", "normalised_sufficiency", "overall"]
    table = pd.DataFrame({name: [curve[m] for m in measures] for name, curve in found["methods"].items()}, index=measures).T
    print("\nDoes the answer follow the words that a method ranks first? 0: as random orders, 1: as the best order found.\n")
    print(table.astype(float).round(3).to_string())


if __name__ == "__main__":
    main()
