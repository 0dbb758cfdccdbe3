"""PyTorch on the CPU as an engine of compare-models: speaks docs/protocol.md over stdin and stdout.

    npx compare-models --peer torch='python3 peers/torch_peer.py --mode compile'
    python3 peers/torch_peer.py --check      compare with test/fixtures, and prefill with steps; speaks no protocol
"""
import argparse, ctypes, json, os, platform, signal, sys, time, traceback
from pathlib import Path
import numpy as np, torch
import torch._inductor.config as inductor, torch._inductor.cpp_builder as cpp_builder
try:
    import resource
except ImportError:  # Windows
    resource = None
from torch_models import DEFAULTS, Model, copied, greedy, random_weights, read_safetensors

PROTOCOL = 1
# Our models, by the names that fixtures and torch_models give them.
MODELS = {"BSBR": "bsbr", "LinearTransformer": "linear", "DeltaNet": "deltanet", "Softmax": "softmax"}
# Variables that change how fast it is, by exact name: none is recorded for its beginning alone.
STEERING = """ATEN_CPU_CAPABILITY DNNL_MAX_CPU_ISA GOMP_CPU_AFFINITY KMP_AFFINITY KMP_BLOCKTIME MALLOC_MMAP_THRESHOLD_
MALLOC_TRIM_THRESHOLD_ MKL_DYNAMIC MKL_ENABLE_INSTRUCTIONS MKL_NUM_THREADS OMP_NUM_THREADS OMP_PROC_BIND
ONEDNN_MAX_CPU_ISA""".split()


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
            self.steps, self.start = steps, lambda: (logits, copied(state))
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
            ids = torch.cat([ids, tokens[:, None]], 1)
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

    def __init__(self, compiled):
        self.compiled, self.models, self.cell = compiled, {}, None

    def hello(self, threads, thorough, **_):
        if self.compiled:
            cpp_builder.get_cpp_compiler()  # raises where there is none
        self.thorough = thorough
        torch.set_num_threads(threads)
        engine = {
            "runtime": "torch",
            "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
            "device": "cpu",
            "provider": None,
            "way": "compiled" if self.compiled else "eager",
            "native_code": [],
            "env": {name: os.environ[name] for name in STEERING if name in os.environ},
        }
        return {"type": "hello", "protocol": PROTOCOL, "engine": engine}

    def load(self, name, model, options, shape, seed, weights, **_):
        if model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {model}")
        if unknown := options.keys() - DEFAULTS.keys():
            raise ValueError(f"options must be among {', '.join(DEFAULTS)}, got {', '.join(unknown)}")
        scan_chunk = 32 if shape["hidden_dim"] // shape["num_heads"] < 64 else 64
        config, model = {**DEFAULTS, "scan_chunk": scan_chunk, "trim": True, **options, **shape}, MODELS[model]
        if model == "deltanet" and config["scan_chunk"].bit_count() != 1:
            raise ValueError(f"scan_chunk must be a power of two here, got {config['scan_chunk']}")
        w = random_weights(model, config, seed) if weights is None else read_safetensors(weights)[1]
        self.models[name] = Model(model, config, w, self.compiled, self.thorough)
        return {"type": "loaded", "period": self.models[name].period, "same_weights": weights is not None}

    def logits(self, name, tokens, prefill, **_):
        ids, model = torch.tensor(tokens), self.models[name]
        logits, state = model.prefill(ids[:, :prefill])
        for token in ids[:, prefill:].unbind(1):
            logits = model.step(state, token)
        return {"type": "logits", "logits": logits.tolist()}

    def prepare(self, name, phase, tokens, n_tokens, steps, **_):
        self.cell = Cell(self.models[name], phase, torch.tensor(tokens), n_tokens, steps)
        begin = time.perf_counter()
        self.cell.run(1)
        first = (time.perf_counter() - begin) * 1e3
        return {"type": "prepared", "compile_ms": max(0, first - self.cell.run(1)[0]) if self.compiled else 0}

    def run(self, repeats, **_):
        ms, tokens = self.cell.run(repeats)
        return {"type": "ran", "ms": ms, "tokens": tokens}

    def steps(self, count, **_):
        return {"type": "stepped", "ms": [self.cell.single_step() for _ in range(count)]}

    def release(self, **_):
        self.cell = None
        peak = resource and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024
        return {"type": "released", "peak_rss_bytes": peak and peak * unit, "leaked_tensors": None}

    def bye(self, **_):
        return {"type": "bye"}


def serve(compiled):
    """Answers requests until `bye`, or until the harness is gone."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no reply
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the harness: it ends its workers
    worker, known = Worker(compiled), {name for name in vars(Worker) if not name.startswith("_")}
    for line in sys.stdin:
        request = json.loads(line)
        asked = request.pop("type")
        try:
            if asked not in known:
                raise ValueError(f"{asked} is not for this program")
            reply = getattr(worker, asked)(**request)
        except Exception as error:
            traceback.print_exc()
            reply = {"type": "failed", "reason": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps({"id": request["id"], **reply}), file=replies, flush=True)
        if asked == "bye":
            break


def largest_ratio(model, ids, want, splits):
    """rms(error) / rms(want [B, T, V]), the largest of the prefill of each prefix and all steps after it."""
    worst = 0.0
    for m in splits:
        logits, state = model.prefill(ids[:, :m])
        for t in range(m - 1, ids.shape[1]):
            error, size = (x.double().square().mean(-1).sqrt() for x in (logits - want[:, t], want[:, t]))
            worst = np.maximum(worst, (error / (size + 1e-8)).max().item())  # a NaN stays
            if t + 1 < ids.shape[1]:
                logits = model.step(state, ids[:, t + 1])
    return worst


def check(compiled, fixtures):
    """Exit code: 0 where logits are those of the fixtures, and those of a longer prefill after steps."""
    results = {}
    for path in sorted(fixtures.glob("*.safetensors")):
        metadata, w = read_safetensors(path)
        fixture = json.loads(metadata["fixture"])
        ids, want, T = w["input.ids"].long(), w["expected.logits"], w["input.ids"].shape[1]
        splits = {1, min(5, T), T} if compiled else range(1, T + 1)
        configs = ({**fixture["config"], "scan_chunk": C, "trim": C == 4} for C in (4, 16))
        models = [Model(fixture["model"], config, w, compiled) for config in configs]
        results[path.stem] = max(largest_ratio(m, ids, want, splits) for m in models)
        print(f"{path.stem:20s} largest ratio {results[path.stem]:.1e}", flush=True)
    for name in MODELS.values():  # the default shape: prefill(m) + steps against eager prefill(n)
        w, C, n = random_weights(name, DEFAULTS), DEFAULTS["chunk_size"], 5 * DEFAULTS["chunk_size"] + 3
        ids = torch.randint(0, DEFAULTS["vocab_size"], (2, n), generator=torch.Generator().manual_seed(1))
        ids[:, n // 2 :] = ids[:, :1]  # the second half is one repeated token: correlated keys
        want = torch.stack([Model(name, DEFAULTS, w).prefill(ids[:, :m])[0] for m in range(1, n + 1)], 1)
        results[name] = largest_ratio(Model(name, DEFAULTS, w, compiled), ids, want, {1, C - 1, C, C + 1, 2 * C, n})
        print(f"{name:20s} prefill(m) + steps = prefill(n): largest ratio {results[name]:.1e}", flush=True)
    bad = [name for name, worst in results.items() if not worst <= 1e-4]
    print(f"failed: {', '.join(bad)}" if bad else f"all {len(results)} pass (<= 1e-4)")
    return int(bool(bad))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mode", choices=("eager", "compile"), default="eager")
    p.add_argument("--check", action="store_true", help="compare with the fixtures, and prefill with steps")
    p.add_argument("--fixtures", type=Path, default=Path(__file__).resolve().parent.parent / "test" / "fixtures")
    args = p.parse_args()
    if platform.libc_ver()[0] == "glibc":  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD: keep freed memory: no page faults
        ctypes.CDLL("libc.so.6").mallopt(-3, 1 << 30), ctypes.CDLL("libc.so.6").mallopt(-1, 2**31 - 1)
    inductor.freezing, inductor.cpp_wrapper = True, True  # weights packed as constants; calls from C++
    inductor.compile_threads = 1  # no pool of processes beside the one that is timed
    torch._dynamo.config.recompile_limit = 256  # prefill is compiled for each length
    with torch.inference_mode():
        return check(args.mode == "compile", args.fixtures) if args.check else serve(args.mode == "compile")


if __name__ == "__main__":
    sys.exit(main())
