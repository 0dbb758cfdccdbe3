"""The block that all models share, around mixers: prefill and step, eager or compiled."""
import math

import torch
import torch._inductor.config as inductor
import torch.nn.functional as F

from .bsbr import BSBR
from .delta import KDA, DeltaNet, GatedDeltaNet
from .gated_linear import GLA, Mamba2, RetNet
from .layers import Dense, LayerNorm
from .linear import Linear
from .softmax import SlidingWindow, Softmax

# A layer's mixer, by the name of the model in fixtures.
MIXERS = {
    "bsbr": BSBR,
    "linear": Linear,
    "deltanet": DeltaNet,
    "softmax": Softmax,
    "window": SlidingWindow,
    "retnet": RetNet,
    "gla": GLA,
    "mamba2": Mamba2,
    "gated_deltanet": GatedDeltaNet,
    "kda": KDA,
}
# For speed alone: scan_chunk, tokens in a chunk of a recurrence's prefill, a power of two, None: the mixer's best;
# masked_cache: steps of Softmax attend all of its buffer under a mask, where a slice would be a copy.
DEFAULTS = dict(
    **dict(hidden_dim=128, num_layers=2, num_heads=4, ff_dim=512, vocab_size=10000),
    **dict(scan_chunk=None, masked_cache=False),
    **dict(chunk_size=32, compression_factor=2, retrieval_norm="none"),
    **dict(window_size=64, kv_heads=None, state_size=64, gate_rank=16),
)


class Layer(torch.nn.Module):
    def __init__(self, w, p, c, mixer):
        super().__init__()
        self.norm1, self.norm2 = LayerNorm(w, p + "norm1"), LayerNorm(w, p + "norm2")
        self.mixer = mixer(w, p + "mixer.", c)
        self.ff_in, self.ff_out = Dense(w, p + "ff.in"), Dense(w, p + "ff.out")

    def finish(self, x, o):
        x = self.mixer.o.add_to(x, o)
        return self.ff_out.add_to(x, torch.ops.aten.gelu_(self.ff_in(self.norm2(x))))


class Model(torch.nn.Module):
    """prefill(ids [B, T]) -> logits of the last position, state; step(state, ids [B]) -> logits (the state moves on).

    ids and logits are numpy's.
    """

    def __init__(self, layers, config, w, compile=False, thorough=True):
        """layers: of each, the name of its mixer and the options that are its own"""
        super().__init__()
        c = {**DEFAULTS, **config}
        self.d, self.eager, self.thorough = c["hidden_dim"], not compile, thorough
        self.register_buffer("embedding", w["embedding.weight"])
        self.layers = torch.nn.ModuleList(
            Layer(w, f"layers.{i}.", {**c, **own}, MIXERS[name]) for i, (name, own) in enumerate(layers)
        )
        self.norm, self.head, self.table = LayerNorm(w, "norm"), Dense(w, "head"), torch.empty(0, self.d)
        self.mixers = [layer.mixer for layer in self.layers]
        periods = [m.period for m in self.mixers if m.period]
        self.period = math.lcm(*periods) if periods else None
        self.run_prefill, self.run_step = self.prefill_pass, self.step_pass
        if compile:
            self.run_prefill = torch.compile(self.prefill_pass, dynamic=False)
            self.run_step = torch.compile(self.step_pass, dynamic=any(m.dynamic for m in self.mixers))
        else:  # plain attributes: no Module.__getattr__
            [m.__dict__.update(m._buffers | m._modules) for m in self.modules()]

    def positions(self, n):
        """[n, d], from float64; kept, and doubled when n lies beyond it"""
        if n > len(self.table):
            p, i = torch.arange(max(n, 2 * len(self.table), 64), dtype=torch.float64), torch.arange(0, self.d, 2)
            angle = p[:, None] / 10000 ** (i / self.d)
            self.table = torch.stack([angle.sin(), angle.cos()], 2).flatten(1)[:, : self.d].float()
        return self.table[:n]

    def prefill_pass(self, ids, positions):
        """The last layer reads its mixer, its output map and its feed-forward for the last position alone."""
        B, T = ids.shape
        x, states = (F.embedding(ids, self.embedding) + positions).view(B * T, -1), []
        for i, layer in enumerate(self.layers):
            last = i == len(self.layers) - 1
            o, state = layer.mixer.prefill(layer.norm1(x), B, T, last)
            x = layer.finish(x.view(B, T, -1)[:, -1].clone() if last else x, o)
            states.append(state)
        return self.head(self.norm(x)), states

    def step_pass(self, ids, position, given):
        x = F.embedding(ids, self.embedding) + position
        for layer, mine in zip(self.layers, given):
            x = layer.finish(x, layer.mixer.step(layer.norm1(x), len(ids), *mine))
        return self.head(self.norm(x))

    def prefill(self, ids):
        self.eager and torch._C._set_mkldnn_enabled(True)
        inductor.max_autotune = False  # no gain there, long compile times
        logits, states = self.run_prefill(torch.from_numpy(ids), self.positions(ids.shape[1]))
        inductor.max_autotune = self.thorough  # steps: C++ templates for one-row products
        return logits.numpy(), [ids.shape[1], list(states)]

    def step(self, state, ids):
        n, states = state
        states[:] = [m.room(s, n) for m, s in zip(self.mixers, states)]
        given = [m.given(s, n) for m, s in zip(self.mixers, states)]
        self.eager and torch._C._set_mkldnn_enabled(False)  # oneDNN's gelu: 7 us a call, native 1.3
        logits = self.run_step(torch.from_numpy(ids), self.positions(n + 1)[n], given)
        state[0] = n + 1
        self.close(len(ids), state)
        return logits.numpy()

    def close(self, B, state):
        """Ends the periods that end here."""
        n, states = state
        for i, m in enumerate(self.mixers):
            if m.period and n % m.period == 0:
                states[i] = m.close(B, states[i], n - 1)

    def copied(self, state):
        """For steps, which change it."""
        return [state[0], [tuple(t.clone() for t in s) for s in state[1]]]
