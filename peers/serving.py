"""A runtime of this project's models as an engine of compare-models: speaks docs/protocol.md over stdin and stdout."""
import json
import os
import platform
import signal
import sys
import time
import traceback

import numpy as np

from torch_models import DEFAULTS, random_weights, read_safetensors, shapes_of

try:
    import resource
except ImportError:  # Windows
    resource = None

PROTOCOL = 1
REQUESTS = "hello load logits prepare run steps release bye".split()
# Our models, by the names that fixtures and torch_models give them.
MODELS = {
    "BSBR": "bsbr",
    "LinearTransformer": "linear",
    "DeltaNet": "deltanet",
    "Softmax": "softmax",
    "SlidingWindow": "window",
    "RetNet": "retnet",
    "GLA": "gla",
    "Mamba2": "mamba2",
    "GatedDeltaNet": "gated_deltanet",
    "KDA": "kda",
}
# Options of models. `scan_chunk` says what is best for our engines: a peer takes what is best for itself.
OPTIONS = "chunk_size compression_factor retrieval_norm window_size kv_heads state_size gate_rank".split()
# Variables that change how fast it is, by exact name: none is recorded for its beginning alone.
STEERING = """ATEN_CPU_CAPABILITY DNNL_MAX_CPU_ISA GOMP_CPU_AFFINITY KMP_AFFINITY KMP_BLOCKTIME MALLOC_MMAP_THRESHOLD_
MALLOC_TRIM_THRESHOLD_ MKL_DYNAMIC MKL_ENABLE_INSTRUCTIONS MKL_NUM_THREADS OMP_NUM_THREADS OMP_PROC_BIND
ONEDNN_MAX_CPU_ISA""".split()


def greedy(logits):
    """Tokens [B]; numpy's argmax takes 2 us for 10000 logits, torch's 10."""
    return logits.argmax(-1)


def decode(model, logits, state, steps):
    """Tokens [B] after steps that each feed the last token back."""
    for _ in range(steps):
        logits = model.step(state, greedy(logits))
    return greedy(logits)


class Cell:
    """A prompt [B, n] and what is timed of it. `once(start())` is one repeat; its tokens [B] are on the host."""

    def __init__(self, model, phase, ids, n_tokens, steps):
        self.model, self.ids, self.n_tokens = model, ids, n_tokens
        self.once, self.start = getattr(self, phase), lambda: None
        if phase == "decode":
            logits, state = model.prefill(ids)
            logits = logits.copy()
            self.steps, self.start = steps, lambda: (logits, model.copied(state))
            self.walking = list(self.start())

    def prefill(self, _):
        return greedy(self.model.prefill(self.ids)[0])

    def decode(self, start):
        return decode(self.model, *start, self.steps)

    def generate(self, _):
        return decode(self.model, *self.model.prefill(self.ids), self.n_tokens)

    def recompute(self, _):
        ids = self.ids
        for _ in range(self.n_tokens):
            tokens = greedy(self.model.prefill(ids)[0])
            ids = np.concatenate([ids, tokens[:, None]], 1)
        return tokens

    def run(self, repeats):
        """Time in ms and the last tokens. To copy the state that steps will change is no part of the time."""
        ms = 0
        for _ in range(repeats):
            start, begin = self.start(), time.perf_counter()
            tokens = self.once(start)
            ms += (time.perf_counter() - begin) * 1e3
        return ms, tokens.tolist()

    def single_step(self):
        begin = time.perf_counter()
        logits, state = self.walking
        self.walking[0] = self.model.step(state, greedy(logits))
        return (time.perf_counter() - begin) * 1e3


class Worker:
    """What it was asked for so far: a method for each request, which returns the reply."""

    def __init__(self, runtime):
        self.runtime, self.models, self.prepared = runtime, {}, None

    @property
    def cell(self):
        if self.prepared is None:
            raise ValueError("prepare: must come first, got a request for a cell")
        return self.prepared

    def named(self, name):
        if name not in self.models:
            raise ValueError(f"load: must come first, got a request for {name}")
        return self.models[name]

    def hello(self, threads, thorough, **_):
        own = self.runtime.start(threads, thorough)
        versions = {**own.pop("versions"), "numpy": np.__version__, "python": platform.python_version()}
        env = {name: os.environ[name] for name in STEERING if name in os.environ}
        engine = {**own, "versions": versions, "device": "cpu", "native_code": [], "env": env}
        return {"type": "hello", "protocol": PROTOCOL, "engine": engine}

    def load(self, name, model, options, shape, seed, weights, **_):
        layers, config = plan(model, options, shape)
        w = random_weights(layers, config, seed) if weights is None else weights_of(weights, layers, config)
        self.models[name] = self.runtime.model(layers, config, w, weights)
        return {"type": "loaded", "period": self.models[name].period, "same_weights": weights is not None}

    def logits(self, name, tokens, prefill, **_):
        ids, model = np.array(tokens), self.named(name)
        logits, state = model.prefill(ids[:, :prefill])
        for token in ids[:, prefill:].T:
            logits = model.step(state, token)
        return {"type": "logits", "logits": logits.tolist()}

    def prepare(self, name, phase, tokens, n_tokens, steps, **_):
        self.prepared, begin = None, time.perf_counter()
        self.prepared = Cell(self.named(name), phase, np.array(tokens), n_tokens, steps)
        self.cell.run(1)
        built = (time.perf_counter() - begin) * 1e3
        return {"type": "prepared", "compile_ms": max(0, built - self.cell.run(1)[0]) if self.runtime.builds else 0}

    def run(self, repeats, **_):
        ms, tokens = self.cell.run(repeats)
        return {"type": "ran", "ms": ms, "tokens": tokens}

    def steps(self, count, **_):
        return {"type": "stepped", "ms": [self.cell.single_step() for _ in range(count)]}

    def release(self, **_):
        self.prepared = None
        peak = resource and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024
        return {"type": "released", "peak_rss_bytes": peak and peak * unit, "leaked_tensors": None}

    def bye(self, **_):
        return {"type": "bye"}


def plan(model, options, shape):
    """Each layer's mixer with its options, and the sizes of all.

    A hybrid is `3*DeltaNet+Softmax`; its options are `DeltaNet.x`, or `DeltaNet.2.x` of the second where there are two.
    """
    words = [word.rpartition("*") for word in model.split("+")]
    names = [name for _, _, name in words]
    if unknown := [name for name in names if name not in MODELS]:
        raise ValueError(f"model must be one of {', '.join(MODELS)}, got {unknown[0]}")
    layers, known = [], set()
    for i, (count, _, name) in enumerate(words):
        ordinal = f"{names[: i + 1].count(name)}." if names.count(name) > 1 else ""
        prefix = f"{name}.{ordinal}" if len(names) > 1 else ""
        own = {option: options[prefix + option] for option in OPTIONS if prefix + option in options}
        known |= {prefix + option for option in own}
        layers += [(MODELS[name], own)] * int(count or 1)
    if unknown := options.keys() - known - {o for o in options if o.endswith("scan_chunk")}:
        raise ValueError(f"options must be among {', '.join(OPTIONS)}, got {', '.join(unknown)}")
    heads = shape["num_heads"]
    if shape["hidden_dim"] % heads or any(heads % own.get("kv_heads", 1) for _, own in layers):
        raise ValueError(f"hidden_dim must be divisible by num_heads, and that by kv_heads, got {shape} and {options}")
    if not layers or shape["num_layers"] % len(layers):
        raise ValueError(f"the {len(layers)} layers of {model} must divide num_layers, got {shape['num_layers']}")
    return layers * (shape["num_layers"] // len(layers)), {**DEFAULTS, **shape}


def weights_of(file, layers, config):
    """Those of a safetensors file. Raises where it lacks one, or has one of another shape."""
    _, w = read_safetensors(file)
    for name, shape in shapes_of(layers, config).items():
        got = list(w[name].shape) if name in w else "none"
        if got != list(shape):
            raise ValueError(f"weights: {name} must be {list(shape)}, got {got}")
    return w


def reason_of(error):
    """One line that names what an error began with: what it was turned into on its way says less."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".splitlines()[0]


def serve(runtime):
    """Answers requests until `bye`, or until the harness is gone."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no reply
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the harness: it ends its workers
    worker = Worker(runtime)
    for line in sys.stdin:
        request = json.loads(line)
        asked = request.pop("type")
        try:
            if asked not in REQUESTS:
                raise ValueError(f"{asked} is not for this program")
            reply = getattr(worker, asked)(**request)
        except Exception as error:
            traceback.print_exc()
            reply = {"type": "failed", "reason": reason_of(error)}
        print(json.dumps({"id": request["id"], **reply}), file=replies, flush=True)
        if asked == "bye":
            break
