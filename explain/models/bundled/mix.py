"""Write the weighted mean of two checkpoints of one model as a checkpoint, with the first one's configuration and tokenizer.

python explain/models/bundled/mix.py FIRST SECOND --share 0.1 --output FOLDER
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoTokenizer

sys.path.insert(0, str(Path(__file__).parent))
from training import save


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


def mixed(first: Path, second: Path, share: float) -> dict[str, torch.Tensor]:
    """The weights of `first` with a share of those of `second`."""
    one, other = weights(first), weights(second)
    if not one or {name: tensor.shape for name, tensor in one.items()} != {name: tensor.shape for name, tensor in other.items()}:
        raise ValueError(f"only two checkpoints of one model can be mixed: names or shapes of the weights in {first} and {second} differ")
    return {name: (1 - share) * tensor + share * other[name] for name, tensor in one.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path, help="folder of a checkpoint")
    parser.add_argument("second", type=Path, help="folder of another one of the same model")
    parser.add_argument("--share", type=float, default=0.5, help="of the second one (default: %(default)s)")
    parser.add_argument("--output", type=Path, required=True, help="folder that receives the checkpoint")
    options = parser.parse_args()
    state = mixed(options.first, options.second, options.share)
    save(options.output, state, AutoConfig.from_pretrained(options.first), AutoTokenizer.from_pretrained(options.first))


if __name__ == "__main__":
    main()
