"""Weights by the names of docs/models.md: drawn at random, or read from a safetensors file."""
import json
import math
import struct
from pathlib import Path

import numpy as np
import torch

from .layers import CONV_WIDTH


def maps(shapes, bias=False):
    """Name -> shape of each map's weights."""
    biases = {f"{name}.bias": shape[:1] for name, shape in shapes.items() if bias}
    return {f"{name}.weight": shape for name, shape in shapes.items()} | biases


def mixer_shapes(name, c):
    """Name -> shape of the weights of one layer's mixer."""
    d, H, r, s = c["hidden_dim"], c["num_heads"], c["gate_rank"], c["state_size"]
    D = d // H
    qkvo, square = {n: (d, d) for n in "qkvo"}, (d, d)
    convs, head_norm = {f"{n}_conv": (d, CONV_WIDTH) for n in "qkv"}, {"out_norm": (D,)}
    if name in ("softmax", "window"):
        kv = (c["kv_heads"] or H) * D
        return maps({**qkvo, "k": (kv, d), "v": (kv, d)}, bias=True)
    if name == "linear":
        return maps(qkvo, bias=True)
    if name == "bsbr":
        e = c["compression_factor"] and d // c["compression_factor"]
        compression = {"compress": (e, D * D), "expand": (D * D, e)} if e else {}
        return maps({**qkvo, "r": square, "h": square, **compression}, bias=True)
    if name == "deltanet":
        return maps({**qkvo, **convs, "beta": (H, d), **head_norm})
    if name == "retnet":
        return maps({**qkvo, "g": square, **head_norm})
    if name == "gla":
        return maps({**qkvo, "g": square, "f1": (r, d), **head_norm}) | maps({"f2": (d, r)}, bias=True)
    if name == "mamba2":
        convs = maps({f"{n}_conv": (size, CONV_WIDTH) for n, size in (("q", s), ("k", s), ("v", d))}, bias=True)
        wide = maps({**qkvo, "q": (s, d), "k": (s, d), "g": square, "dt": (H, d), "out_norm": (d,)})
        return {**wide, **convs, "A_log": (H,), "dt_bias": (H,), "D": (H,)}
    if name == "gated_deltanet":
        all_maps = maps({**qkvo, **convs, "g": square, "beta": (H, d), "a": (H, d), **head_norm})
        return {**all_maps, "A_log": (H,), "dt_bias": (H,)}
    low_rank = {"g1": (D, d), "f1": (D, d), "f2": (d, D)}  # KDA
    all_maps = maps({**qkvo, **convs, **low_rank, "beta": (H, d), **head_norm}) | maps({"g2": (d, D)}, bias=True)
    return {**all_maps, "A_log": (H,), "dt_bias": (d,)}


def shapes_of(layers, config):
    """Name -> shape of all weights of a model."""
    V, d, f = config["vocab_size"], config["hidden_dim"], config["ff_dim"]
    shapes = maps({"embedding": (V, d)}) | maps({"norm": (d,), "head": (V, d)}, bias=True)
    for i, (name, own) in enumerate(layers):
        block = maps({"norm1": (d,), "norm2": (d,), "ff.in": (f, d), "ff.out": (d, f)}, bias=True)
        mixer = {f"mixer.{n}": shape for n, shape in mixer_shapes(name, {**config, **own}).items()}
        shapes |= {f"layers.{i}.{n}": shape for n, shape in {**block, **mixer}.items()}
    return shapes


def random_weights(layers, config, seed=0):
    """Drawn so that decays are realistic: half-lives of 0.4 to 700 tokens."""
    g = torch.Generator().manual_seed(seed)
    return {name: draw(name, shape, g) for name, shape in shapes_of(layers, config).items()}


def draw(name, shape, g):
    if name.endswith("A_log"):
        return torch.log(1 + 15 * torch.rand(shape, generator=g))
    if name.endswith("dt_bias"):
        dt = torch.exp(math.log(1e-3) + math.log(1e2) * torch.rand(shape, generator=g))
        return dt + torch.log(-torch.expm1(-dt))
    if name.endswith("f2.bias") or name.endswith("mixer.D"):
        return torch.zeros(shape) if name.endswith("bias") else torch.ones(shape)
    x = torch.randn(shape, generator=g)
    if name == "embedding.weight":
        return x
    if len(shape) == 2:
        return x / shape[1] ** 0.5
    return 0.1 * x if name.endswith("bias") else 1 + 0.1 * x


def read_safetensors(path):
    """Its metadata, and its tensors by name."""
    raw, w = Path(path).read_bytes(), {}
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:start])
    metadata = header.pop("__metadata__", {})
    for name, t in header.items():
        a, b = (start + i for i in t["data_offsets"])
        w[name] = torch.tensor(np.frombuffer(raw[a:b], {"F32": "<f4", "I32": "<i4"}[t["dtype"]]).reshape(t["shape"]))
    return metadata, w
