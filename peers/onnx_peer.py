"""PyTorch's own export (torch.onnx.export) of torch_models, in ONNX Runtime on the CPU: an engine of compare-models.

    npx compare-models --peer onnx-torch='python3 peers/onnx_peer.py'
    python3 peers/onnx_peer.py --check      compare with test/fixtures, and with a plain float64 recurrence; no protocol
"""
import argparse
import contextlib
import io
import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from checking import check
from serving import serve
from torch_models import Model, Softmax

OPSET = 23


class Prefill(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, positions):
        logits, states = self.model.prefill_pass(ids, positions)
        return logits, *(t.contiguous() for state in states for t in state)


class Step(torch.nn.Module):
    """A step as a function: logits, and what it changes of what it is given."""

    def __init__(self, model, given):
        super().__init__()
        self.model, self.sizes = model, [len(parts) for parts in given]

    def forward(self, ids, position, *given):
        parts = iter(given)
        mine = [[next(parts).clone() for _ in range(size)] for size in self.sizes]
        logits = self.model.step_pass(ids, position, mine)
        return logits, *changed(self.model, mine)


def changed(model, given):
    return [t for mixer, parts in zip(model.mixers, given) for t in parts[: mixer.changes]]


def export(module, inputs, dynamic):
    """ONNX bytes. What the exporter prints on its way is nobody's."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            module, inputs, dynamo=True, opset_version=OPSET, dynamic_shapes=dynamic, external_data=False, verbose=False
        )
    return program.model_proto.SerializeToString()


def room_of(model, given):
    """What is dynamic in a step's inputs: the room of a cache."""
    room = torch.export.Dim("room", min=2, max=2**24)
    shapes = []
    for mixer, parts in zip(model.mixers, given):
        k, v, slot, mask = ({2: room}, {2: room}, None, {1: room}) if type(mixer) is Softmax else [None] * 4
        shapes += [k, v, slot, mask] if type(mixer) is Softmax else [None] * len(parts)
    return (None, None, tuple(shapes))


class StepGraph:
    """A session that reads and writes states where they lie.

    In place: what a step makes of a part of its state depends on all that reads that part.
    """

    def __init__(self, session, model, batch):
        self.session, self.model, self.binding, self.bound = session, model, session.io_binding(), {}
        self.ids, self.position = torch.zeros(batch, dtype=torch.int64), torch.zeros(model.d)
        self.logits = torch.zeros(batch, len(model.embedding))
        self.inputs, self.outputs = ([x.name for x in xs] for xs in (session.get_inputs(), session.get_outputs()))

    def bind(self, bind, names, tensors):
        for name, t in zip(names, tensors):
            place = (t.data_ptr(), t.shape)
            if self.bound.get((bind.__name__, name)) != place:
                bind(name, "cpu", 0, np.int64 if t.dtype == torch.int64 else np.float32, tuple(t.shape), t.data_ptr())
                self.bound[bind.__name__, name] = place

    def run(self, ids, position, given):
        self.ids.numpy()[:], self.position[:] = ids, position
        flat = (t for parts in given for t in parts)
        self.bind(self.binding.bind_input, self.inputs, (self.ids, self.position, *flat))
        self.bind(self.binding.bind_output, self.outputs, (self.logits, *changed(self.model, given)))
        self.session.run_with_iobinding(self.binding)
        return self.logits.numpy()


class OnnxModel:
    """As torch_models.Model, whose mixers say what a state is."""

    def __init__(self, layers, config, weights, threads, folder):
        """folder: where graphs are kept for the other processes of a run, or none"""
        self.torch = Model(layers, {**config, "masked_cache": True}, weights)
        self.period, self.copied, self.mixers = self.torch.period, self.torch.copied, self.torch.mixers
        self.threads, self.folder, self.prefills, self.steps = threads, folder, {}, {}

    def session(self, name, module, inputs, dynamic=None):
        path = self.folder and self.folder / f"{name}.onnx"
        if path and path.exists():
            graph = path.read_bytes()
        else:
            graph = export(module, inputs, dynamic)
            if path:
                part = path.with_suffix(".part")
                part.write_bytes(graph), part.rename(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def prefill(self, ids):
        B, T = ids.shape
        inputs = (torch.from_numpy(np.ascontiguousarray(ids)), self.torch.positions(T))
        if (B, T) not in self.prefills:
            self.prefills[B, T] = self.session(f"prefill-{B}-{T}", Prefill(self.torch), inputs)
        session = self.prefills[B, T]
        logits, *flat = session.run(None, {x.name: t.numpy() for x, t in zip(session.get_inputs(), inputs)})
        parts = iter(map(torch.from_numpy, flat))
        return logits, [T, [tuple(next(parts) for _ in range(m.parts)) for m in self.mixers]]

    def step(self, state, ids):
        n, states = state
        states[:] = [m.room(s, n) for m, s in zip(self.mixers, states)]
        given = [m.given(s, n) for m, s in zip(self.mixers, states)]
        position, B = self.torch.positions(n + 1)[n], len(ids)
        if B not in self.steps:
            inputs = (torch.from_numpy(ids), position, *(t for parts in given for t in parts))
            session = self.session(f"step-{B}", Step(self.torch, given), inputs, room_of(self.torch, given))
            self.steps[B] = StepGraph(session, self.torch, B)
        logits = self.steps[B].run(ids, position, given)
        state[0] = n + 1
        self.torch.close(B, state)
        return logits


class Runtime:
    builds = True

    def start(self, threads, thorough):
        self.threads = threads
        torch.set_num_threads(threads)
        versions = {"onnxruntime": onnxruntime.__version__, "torch": torch.__version__, "opset": str(OPSET)}
        return {"runtime": "onnxruntime", "versions": versions, "provider": "CPUExecutionProvider", "way": "compiled"}

    def model(self, layers, config, weights, file=None):
        """Graphs are kept beside the file of weights, which the harness deletes when its run ends."""
        folder = file and Path(f"{file}.graphs")
        folder and folder.mkdir(exist_ok=True)
        return OnnxModel(layers, config, weights, self.threads, folder)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="compare with the fixtures, and with a recurrence; no protocol")
    p.add_argument("--fixtures", type=Path, default=Path(__file__).resolve().parent.parent / "test" / "fixtures")
    args = p.parse_args()
    with torch.no_grad():
        return check(Runtime(), args.fixtures) if args.check else serve(Runtime())


if __name__ == "__main__":
    sys.exit(main())
