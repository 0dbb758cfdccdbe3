"""This project's models in float32 PyTorch, written to be fast on a CPU. The equations are those of docs/models.md."""
from .model import DEFAULTS, MIXERS, Model
from .softmax import Softmax
from .weights import random_weights, read_safetensors, shapes_of

__all__ = ["DEFAULTS", "MIXERS", "Model", "Softmax", "random_weights", "read_safetensors", "shapes_of"]
