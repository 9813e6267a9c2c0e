"""Data: load tables, arrays and images, split them, prepare them for a network, write tables."""

from backproof.data.builtin import BUILTIN
from backproof.data.dataset import Dataset, Examples, Rows, Schema, Task
from backproof.data.idx import read_idx
from backproof.data.loading import load, load_features, load_labelled
from backproof.data.preparation import Preparation
from backproof.data.splitting import Split, split
from backproof.data.writing import write_table

__all__ = [
    "BUILTIN",
    "Dataset",
    "Examples",
    "Preparation",
    "Rows",
    "Schema",
    "Split",
    "Task",
    "load",
    "load_features",
    "load_labelled",
    "read_idx",
    "split",
    "write_table",
]
