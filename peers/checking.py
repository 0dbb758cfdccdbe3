"""What a runtime computes against the golden files, against a plain recurrence, and prefill against steps."""
import json

import numpy as np
import torch

import recurrence
from torch_models import DEFAULTS, MIXERS, Model, random_weights, read_safetensors

SMALL = {**DEFAULTS, "hidden_dim": 32, "num_heads": 2, "ff_dim": 32, "vocab_size": 50, "state_size": 24, "gate_rank": 4}
LARGEST = 1e-4


def largest_ratio(model, ids, want, prefixes, splits):
    """rms(error) / rms(want [B, T, V]), the largest of the prefill of prefixes, and of all steps after some of them."""
    worst, T = 0.0, ids.shape[1]
    for m in sorted(prefixes | splits):
        logits, state = model.prefill(ids[:, :m])
        for t in range(m - 1, T if m in splits else m):
            if t >= m:
                logits = model.step(state, ids[:, t])
            error, size = (np.sqrt(np.square(x, dtype=np.float64).mean(-1)) for x in (logits - want[:, t], want[:, t]))
            worst = np.maximum(worst, (error / (size + 1e-8)).max())  # a NaN stays
    return float(worst)


def golden(runtime, fixtures):
    """Name and ratio of each file."""
    for path in sorted(fixtures.glob("*.safetensors")):
        metadata, w = read_safetensors(path)
        fixture = json.loads(metadata["fixture"])
        name, config, ids = fixture["model"], {**DEFAULTS, **fixture["config"]}, w["input.ids"].long().numpy()
        T, layers = ids.shape[1], [(name, {})] * config["num_layers"]
        prefixes, splits = set() if runtime.builds else set(range(1, T + 1)), {1, min(5, T), T}
        models = (runtime.model(layers, {**config, "scan_chunk": C}, w) for C in (4, 16))
        yield path.stem, max(largest_ratio(m, ids, w["expected.logits"].numpy(), prefixes, splits) for m in models)


def set_decays(weights, low, high):
    """Biases of the decays' logits evenly from low to high, shuffled, so that neighbours differ; A is 1 to e^2."""
    g = torch.Generator().manual_seed(1)
    for name, t in weights.items():
        if name.endswith(("dt_bias", "f2.bias")):
            t.copy_(torch.linspace(low, high, t.numel())[torch.randperm(t.numel(), generator=g)])
        if name.endswith("A_log"):
            t.copy_(torch.linspace(0, 2, t.numel()))
        if name.endswith(("a.weight", "dt.weight", "f2.weight")):
            t.mul_(5)  # a spike in some tokens


def recurrences(runtime):
    """Name and ratio of gated recurrences with decays from none to all, of one token repeated and of random ones."""
    for name in ("retnet", "gla", "mamba2", "gated_deltanet", "kda"):
        for low, high in ((-20, 20), (-300, 300), (-1e4, 1e4)):
            layers = [(name, {})] * 2
            w = random_weights(layers, SMALL, seed=2)
            set_decays(w, low, high)
            ids = np.random.default_rng(3).integers(0, SMALL["vocab_size"], (2, 150))
            ids[0, 40:90] = ids[0, 40]
            want = recurrence.logits(layers, SMALL, w, ids)
            model = runtime.model(layers, SMALL, w)
            yield f"{name} {low:g}..{high:g}", largest_ratio(model, ids, want, {64}, {1, 97, 150})


def splits(runtime):
    """Name and ratio of prefill(m) + steps against eager prefill(n), of the default shape."""
    for name in MIXERS:
        layers, config = [(name, {})] * 2, DEFAULTS
        w, C, n = random_weights(layers, config), 32, 163
        ids = np.random.default_rng(1).integers(0, config["vocab_size"], (2, n))
        ids[:, n // 2 :] = ids[:, :1]  # the second half is one repeated token: correlated keys
        eager = Model(layers, config, w)
        want = np.stack([eager.prefill(ids[:, :m])[0] for m in range(1, n + 1)], 1)
        yield name, largest_ratio(runtime.model(layers, config, w), ids, want, {C - 1, C, 2 * C}, {1, C + 1, n})


def check(runtime, fixtures):
    """Exit code: 0 where all are equal to 1e-4."""
    runtime.start(1, thorough=False)
    bad, count = [], 0
    for cases in (golden(runtime, fixtures), recurrences(runtime), splits(runtime)):
        for name, worst in cases:
            print(f"{name:30s} largest ratio {worst:.1e}", flush=True)
            bad, count = bad + [name] * (not worst <= LARGEST), count + 1
    print(f"failed: {', '.join(bad)}" if bad else f"all {count} pass (<= {LARGEST:g})")
    return int(bool(bad))
