"""This project's models in PyTorch: linear transformer, DeltaNet, causal BSBR, softmax + KV cache.

The equations are those of docs/models.md; letters: B batch, T tokens, d model dim, H heads, D = d/H,
C chunk, N = ceil(T/C) chunks, e compressed size, V vocabulary. float32, written to be fast: activations are
[B*T, d] and weights [in, out], so that a dense map is one addmm; q, k, v are one map; prefill is batched over
rows, chunks and heads (n = B*N*H); decode updates its state in place.
"""
import json, math, struct
from pathlib import Path
import numpy as np, torch
import torch.nn.functional as F, torch._inductor.config as inductor
# scan_chunk: tokens in a chunk of linear's and delta's prefill, a power of two, for speed alone; trim: the last layer's
# output map and feed-forward for the last position only
DEFAULTS = dict(hidden_dim=128, num_layers=2, num_heads=4, ff_dim=512, vocab_size=10000, chunk_size=32,
                compression_factor=2, retrieval_norm="none", scan_chunk=32, trim=False)
compiling = torch.compiler.is_compiling
# ---- dense maps, norms ------------------------------------------------------------------------------
class Dense(torch.nn.Module):
    def __init__(self, w, *names):             # the maps `names` side by side
        super().__init__()
        self.register_buffer("weight", torch.cat([w[n + ".weight"] for n in names]).t().contiguous())
        biases = [w[n + ".bias"] for n in names if n + ".bias" in w]
        self.register_buffer("bias", torch.cat(biases) if biases else None)
    def forward(self, x):
        return x @ self.weight if self.bias is None else torch.addmm(self.bias, x, self.weight)
    def add_to(self, x, y):                    # x + self(y); eager: in place
        return x + self(y) if compiling() else (x if self.bias is None else x.add_(self.bias)).addmm_(y, self.weight)
class LayerNorm(torch.nn.Module):
    def __init__(self, w, name):
        super().__init__()
        self.register_buffer("weight", w[name + ".weight"]), self.register_buffer("bias", w[name + ".bias"])
    def forward(self, x):
        return torch.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)
def baddbmm(c, a, b, alpha):                   # c + alpha a b; the compiler fuses only the spelled-out form
    return c + alpha * torch.bmm(a, b) if compiling() else torch.baddbmm(c, a, b, alpha=alpha)
def l2_norm(x):
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True).add_(1e-6))
def grow(buffer, n, dim):                      # with room for n entries along dim
    return buffer if n <= buffer.shape[dim] else torch.cat([buffer, torch.zeros_like(buffer)], dim)

# ---- mixers: prefill(h [B*T, d]) -> (o [B*T, d], state); step(h [B, d]) -> o [B, d]; W_o is applied by the layer
class Mixer(torch.nn.Module):
    def __init__(self, w, m, c, *extra):
        super().__init__()
        self.H, self.D = c["num_heads"], c["hidden_dim"] // c["num_heads"]
        self.scale, self.C = self.D ** -0.5, c["scan_chunk"]
        self.qkv, self.o = Dense(w, m + "q", m + "k", m + "v", *extra), Dense(w, m + "o")
    def split(self, x, B, T):                  # [B*T, parts*d] -> [parts, B, N, H, C, D], zero-padded to whole chunks
        if T % self.C:
            x = F.pad(x.view(B, T, -1), (0, 0, 0, -T % self.C))
        return x.reshape(B, -(-T // self.C), self.C, -1, self.H, self.D).permute(3, 0, 1, 4, 2, 5).contiguous()
    def join(self, o, B, T):                   # [n, C, D] -> [B*T, d]
        o = o.view(B, -1, self.H, self.C, self.D).transpose(2, 3).reshape(B, -1, self.H * self.D)
        return o[:, :T].reshape(B * T, -1)
    def one(self, x, B):                       # [B, parts*d] -> [parts, B*H, 1, D]
        return x.view(B, -1, self.H, self.D).transpose(0, 1).reshape(-1, B * self.H, 1, self.D)
def exclusive_sums(x):                         # [B, N, ..] -> [B, N+1, ..]: entry i is the sum of the first i
    y = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 0))
    if compiling():
        return y.cumsum(1)
    for a, b in zip(y.unbind(1), y.unbind(1)[1:]):
        b.add_(a)
    return y
class Linear(Mixer):
    def prefill(self, h, B, T):
        C, D, H = self.C, self.D, self.H
        x = self.split(self.qkv(h), B, T)
        N, v = x.shape[2], x[2].flatten(0, 2)
        qk = x[:2].clamp(max=0).exp_().add_(x[:2].clamp(min=0))                 # elu + 1, faster than F.elu
        if T % C:
            qk[1, :, -1, :, T % C:] = 0                                         # phi(0) is 1: padding must not count
        q, k = qk.flatten(1, 3)
        kt = k.transpose(1, 2)
        a = torch.bmm(q, kt).tril_()                                            # [n, C, C]
        S, z = exclusive_sums(torch.bmm(kt, v).view(B, N, H, D, D)), exclusive_sums(k.sum(1).view(B, N, H, D, 1))
        num = torch.bmm(a, v).baddbmm_(q, S[:, :N].reshape(-1, D, D))
        den = a.sum(2, keepdim=True).baddbmm_(q, z[:, :N].reshape(-1, D, 1)).add_(1e-6)
        return self.join(num.div_(den), B, T), (S[:, N].flatten(0, 1).clone(), z[:, N].flatten(0, 1).clone())
    def step(self, h, B, state, at):
        S, z = state                                                            # [B*H, D, D] and [B*H, D, 1]
        x = self.one(self.qkv(h), B)
        q, k = F.elu(x[:2]).add_(1).unbind(0)
        S.addcmul_(k.transpose(1, 2), x[2]), z.add_(k.transpose(1, 2))
        return torch.bmm(q, S).div_(torch.bmm(q, z).add_(1e-6)).view(B, -1)
def unit_lower_inverse(a):                     # (I + a)^-1, a strictly lower: blocks of 8 substituted, then block recursion
    n, C, _ = a.shape
    s, m = min(8, C), torch.zeros_like(a)
    x = a.as_strided((s, s, n, C // s), (C, 1, C * C, s * (C + 1))).reshape(s, s, -1)
    r = torch.eye(s)[:, :, None].repeat(1, 1, x.shape[2])
    for i in range(1, s):
        r[i, :i] = -(x[i, :i, None] * r[:i, :i]).sum(0)
    m.as_strided((s, s, n, C // s), (C, 1, C * C, s * (C + 1))).copy_(r.view(s, s, n, C // s))
    while s < C:
        size, stride = (n, C // (2 * s), s, s), (C * C, 2 * s * (C + 1), C, 1)
        p, q = m.as_strided(size, stride), m.as_strided(size, stride, s * (C + 1))
        m.as_strided(size, stride, s * C).copy_(torch.matmul(torch.matmul(q, a.as_strided(size, stride, s * C)), p).neg_())
        s *= 2
    return m
@torch.library.custom_op("peer::chunk_states", mutates_args=())                  # opaque to torch.compile: not unrolled
def chunk_states(P: torch.Tensor, Q: torch.Tensor) -> torch.Tensor:
    S = torch.cat([torch.zeros_like(Q[:1]), Q])                                 # S_0 = 0, S_{i+1} = P_i S_i + Q_i
    for p, s, t in zip(P.unbind(0), S.unbind(0), S[1:].unbind(0)):
        t.baddbmm_(p, s)
    return S
@chunk_states.register_fake
def _(P, Q):
    return Q.new_empty(len(Q) + 1, *Q.shape[1:])
class Delta(Mixer):
    def __init__(self, w, m, c):
        super().__init__(w, m, c, m + "beta")
        taps = torch.cat([w[f"{m}{n}_conv.weight"] for n in "qkv"])             # [3d, 4]
        self.register_buffer("taps", taps.view(-1, 1, 1, 4).clone()), self.register_buffer("taps_t", taps.t().contiguous())
        self.register_buffer("gain", w[m + "out_norm.weight"]), self.register_buffer("eye", torch.eye(self.D))
    def norm(self, o):                         # RMSNorm(D^-1/2 o): the scale moves into the epsilon
        return o * torch.rsqrt(o.square().mean(-1, keepdim=True).add_(1e-5 * self.D)) * self.gain
    def prefill(self, h, B, T):
        C, D, H, d = self.C, self.D, self.H, self.H * self.D
        y = self.qkv(h).view(B, T, -1)
        conv = F.pad(y[..., :3 * d], (0, 0, max(3 - T, 0), 0))[:, -3:].clone()  # the last three inputs
        x = y[..., :3 * d].unsqueeze(1).permute(0, 3, 1, 2)                     # channels last, as it lies
        x = F.silu(F.conv2d(x, self.taps, groups=3 * d, padding=(0, 3))[..., :T]).permute(0, 2, 3, 1)
        x = self.split(x.reshape(B * T, 3 * d), B, T)
        N, beta = x.shape[2], F.pad(torch.sigmoid(y[..., 3 * d:]), (0, 0, 0, -T % C))
        beta = beta.view(B, N, C, H).transpose(2, 3).reshape(-1, C, 1)
        q, k = l2_norm(x[:2]).flatten(1, 3)
        kt, bk = k.transpose(1, 2), k * beta
        M = unit_lower_inverse(torch.bmm(bk, kt).tril_(-1))
        U, W = torch.bmm(M, x[2].flatten(0, 2) * beta), torch.bmm(M, bk)
        # R = U - W S, O = Q S + tril(QK^T) R, S' = S + K^T R: so S' = (I - K^T W) S + K^T U, and only that is sequential
        P, Q = torch.baddbmm(self.eye, kt, W, alpha=-1), torch.bmm(kt, U)
        S = chunk_states(*(t.view(B, N, H, D, D).transpose(0, 1).reshape(N, B * H, D, D) for t in (P, Q)))
        Sn = S[:N].view(N, B, H, D, D).transpose(0, 1).reshape(-1, D, D)
        R = U.baddbmm_(W, Sn, alpha=-1)
        o = torch.bmm(torch.bmm(q, kt).tril_(), R).baddbmm_(q, Sn)
        return self.join(self.norm(o), B, T), (S[N].clone(), conv)
    def step(self, h, B, state, at):
        S, conv = state                                                         # [B*H, D, D] and [B, 3, 3d]
        d, y = self.H * self.D, self.qkv(h)
        window = torch.cat([conv, y[:, None, :3 * d]], 1)
        conv.copy_(window[:, 1:])
        x = self.one(F.silu((window * self.taps_t).sum(1)), B)
        q, k = l2_norm(x[:2]).unbind(0)
        u = (x[2] - torch.bmm(k, S)).mul_(torch.sigmoid(y[:, 3 * d:]).view(-1, 1, 1))
        S.addcmul_(k.transpose(1, 2), u)
        return self.norm(torch.bmm(q, S)).view(B, -1)
class BSBR(Mixer):
    def __init__(self, w, m, c):
        super().__init__(w, m, {**c, "scan_chunk": c["chunk_size"]})
        self.rh, self.l2, self.e, self.expand = Dense(w, m + "r", m + "h"), c["retrieval_norm"] == "l2", self.D ** 2, None
        if c["compression_factor"]:
            self.compress, self.expand = Dense(w, m + "compress"), Dense(w, m + "expand")
            self.e = c["hidden_dim"] // c["compression_factor"]
        self.register_buffer("mask", torch.full((self.C, self.C), -math.inf).triu_(1))
    def summary(self, k, v):                   # [n, C, D] of whole chunks -> [n, e]
        f = torch.bmm((l2_norm(k) if self.l2 else k).transpose(1, 2), v).flatten(1)
        return self.compress(f) if self.expand else f
    def unfold(self, g):                       # [n, e] -> [n, D, D]
        return (self.expand(g) if self.expand else g).view(-1, self.D, self.D)
    def retrieve(self, local, q, S):
        if not self.l2:
            return baddbmm(local, q, S, self.scale)
        y = torch.bmm(l2_norm(q), S)
        return local + y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-5)
    def prefill(self, h, B, T):
        C, D, H, full = self.C, self.D, self.H, T // self.C
        x = self.split(self.qkv(h), B, T)
        N, (q, k, v) = x.shape[2], x.flatten(1, 3)
        o = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0] if C > 64 else \
            torch.bmm(torch.softmax(baddbmm(self.mask, q, k.transpose(1, 2), self.scale), -1), v)
        kb, vb = x[1:, :, -1].flatten(1, 2).clone() if T % C else h.new_zeros(2, B * H, C, D)
        hbank, gbank, S = (h.new_zeros(B * H, *s) for s in ((2 * full + 8, D), (2 * full + 8, self.e), (D, D)))
        if full:
            last = h.view(B, T, -1)[:, C - 1:full * C:C].reshape(B * full, -1)  # x_last of every whole chunk
            r, hk = self.rh(last).view(B, full, 2, H, D).permute(2, 0, 3, 1, 4).reshape(2, B * H, full, D)
            g = self.summary(x[1, :, :full].flatten(0, 2), x[2, :, :full].flatten(0, 2)).view(B, full, H, -1)
            hbank[:, :full], gbank[:, :full] = hk, g.transpose(1, 2).reshape(B * H, full, -1)
            late = torch.full((full, full), -math.inf).triu_(1)                 # row i asks for chunk i+1: sees 0..i
            a = torch.softmax(baddbmm(late, r, hk.transpose(1, 2), self.scale), -1)
            g = torch.bmm(a, gbank[:, :full]).view(B, H, full, -1).transpose(1, 2)
            S = self.unfold(g.reshape(B * full * H, -1)).view(B, full, H, D, D)
            if N > 1:
                o = o.view(B, N, -1, D)
                y = self.retrieve(o[:, 1:].reshape(-1, C, D), x[0, :, 1:].flatten(0, 2), S[:, :N - 1].flatten(0, 2))
                o = torch.cat([o[:, :1], y.view(B, N - 1, -1, D)], 1)
            S = S[:, -1].flatten(0, 1).clone()
        return self.join(o, B, T), (kb.clone(), vb.clone(), S, hbank, gbank, h.new_zeros(B, H * D))
    def step(self, h, B, state, at):
        (kb, vb, S, _, _, last), (slot, mask) = state, at
        q, k, v = self.one(self.qkv(h), B)
        kb.index_copy_(1, slot, k), vb.index_copy_(1, slot, v), last.copy_(h)
        a = torch.softmax(baddbmm(mask, q, kb.transpose(1, 2), self.scale), -1)
        return self.retrieve(torch.bmm(a, vb), q, S).view(B, -1)
    def close(self, B, state, j):              # the last token of chunk j is in: bank the chunk, retrieve for the next
        kb, vb, _, hbank, gbank, last = state
        hbank, gbank = grow(hbank, j + 1, 1), grow(gbank, j + 1, 1)
        r, hk = self.one(self.rh(last), B)
        hbank[:, j:j + 1], gbank[:, j] = hk, self.summary(kb, vb)
        a = torch.softmax(torch.bmm(r, hbank[:, :j + 1].transpose(1, 2)) * self.scale, -1)
        return kb, vb, self.unfold(torch.bmm(a, gbank[:, :j + 1])[:, 0]), hbank, gbank, last
class Softmax(Mixer):
    def prefill(self, h, B, T):
        q, k, v = self.qkv(h).view(B, T, 3, self.H, self.D).permute(2, 0, 3, 1, 4)
        cache = h.new_empty(2, B, self.H, T + 256, self.D)
        cache[0, :, :, :T], cache[1, :, :, :T] = k, v
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return o.transpose(1, 2).reshape(B * T, -1), (cache[0], cache[1])
    def step(self, h, B, state, at):
        k, v = state                                                            # views of n+1 entries
        x = self.qkv(h).view(B, 3, self.H, self.D)
        k[:, :, -1], v[:, :, -1] = x[:, 1], x[:, 2]
        return F.scaled_dot_product_attention(x[:, 0].unsqueeze(2), k, v).reshape(B, -1)
MODELS = {"bsbr": BSBR, "linear": Linear, "deltanet": Delta, "softmax": Softmax}
# ---- the model --------------------------------------------------------------------------------------
class Layer(torch.nn.Module):
    def __init__(self, w, p, c, mixer):
        super().__init__()
        self.norm1, self.norm2, self.mixer = LayerNorm(w, p + "norm1"), LayerNorm(w, p + "norm2"), mixer(w, p + "mixer.", c)
        self.ff_in, self.ff_out = Dense(w, p + "ff.in"), Dense(w, p + "ff.out")
    def finish(self, x, o):
        x = self.mixer.o.add_to(x, o)
        return self.ff_out.add_to(x, torch.ops.aten.gelu_(self.ff_in(self.norm2(x))))
class Model(torch.nn.Module):
    """prefill(ids [B, T]) -> logits of the last position, state; step(state, ids [B]) -> logits (the state moves on)"""
    def __init__(self, model, config, w, compile=False, thorough=True):
        super().__init__()
        c = {**DEFAULTS, **config}
        self.model, self.C, self.d, self.trim, self.eager = model, c["chunk_size"], c["hidden_dim"], c["trim"], not compile
        self.period, self.thorough = self.C if model == "bsbr" else None, thorough
        self.register_buffer("embedding", w["embedding.weight"])
        self.layers = torch.nn.ModuleList(Layer(w, f"layers.{i}.", c, MODELS[model]) for i in range(c["num_layers"]))
        self.norm, self.head = LayerNorm(w, "norm"), Dense(w, "head")
        self.table, mask = torch.empty(0, self.d), torch.full((self.C, self.C), -math.inf).triu_(1)
        self.slots = [(torch.tensor([i]), row.view(1, 1, -1)) for i, row in enumerate(mask)]
        self.run_prefill, self.run_step = self.prefill_pass, self.step_pass
        if compile:
            self.run_prefill = torch.compile(self.prefill_pass, dynamic=False)
            self.run_step = torch.compile(self.step_pass, dynamic=model == "softmax")
        else:                                                                   # plain attributes: no Module.__getattr__
            [m.__dict__.update(m._buffers | m._modules) for m in self.modules()]
    def positions(self, n):                    # [n, d], from float64; kept, and doubled when n lies beyond it
        if n > len(self.table):
            p, i = torch.arange(max(n, 2 * len(self.table), 64), dtype=torch.float64), torch.arange(0, self.d, 2)
            angle = p[:, None] / 10000 ** (i / self.d)
            self.table = torch.stack([angle.sin(), angle.cos()], 2).flatten(1)[:, :self.d].float()
        return self.table[:n]
    def prefill_pass(self, ids, positions):
        B, T = ids.shape
        x, states = (F.embedding(ids, self.embedding) + positions).view(B * T, -1), []
        for i, layer in enumerate(self.layers):
            o, state = layer.mixer.prefill(layer.norm1(x), B, T)
            if self.trim and i == len(self.layers) - 1:                         # nobody reads the other positions
                x, o, T = x.view(B, T, -1)[:, -1].clone(), o.view(B, T, -1)[:, -1], 1
            x, states = layer.finish(x, o), states + [state]
        return self.head(self.norm(x.view(B, T, -1)[:, -1])), states
    def step_pass(self, ids, position, states, at):
        x = F.embedding(ids, self.embedding) + position
        for layer, state in zip(self.layers, states):
            x = layer.finish(x, layer.mixer.step(layer.norm1(x), len(ids), state, at))
        return self.head(self.norm(x))
    def prefill(self, ids):
        self.eager and torch._C._set_mkldnn_enabled(True)
        inductor.max_autotune = False                                           # no gain there, long compile times
        logits, states = self.run_prefill(ids, self.positions(ids.shape[1]))
        inductor.max_autotune = self.thorough                                   # steps: C++ templates for one-row products
        return logits, [ids.shape[1], list(states)]
    def step(self, state, ids):
        n, states = state
        position, views = self.positions(n + 1)[n], states
        at = self.slots[n % self.C] if self.model == "bsbr" else None
        if self.model == "softmax":
            states[:] = [tuple(grow(t, n + 1, 2) for t in s) for s in states]
            views = [tuple(t[:, :, :n + 1] for t in s) for s in states]
        self.eager and torch._C._set_mkldnn_enabled(False)                      # oneDNN's gelu: 7 us a call, native 1.3
        logits = self.run_step(ids, position, views, at)
        state[0] = n + 1
        if self.model == "bsbr" and (n + 1) % self.C == 0:
            states[:] = [layer.mixer.close(len(ids), s, n // self.C) for layer, s in zip(self.layers, states)]
        return logits
def copied(state):                             # for steps that change it
    return [state[0], [tuple(t.clone() for t in s) for s in state[1]]]
def greedy(logits):                            # numpy's argmax: 2 us for 10000 logits, torch's 10
    return torch.from_numpy(logits.numpy().argmax(-1))
# ---- weights ----------------------------------------------------------------------------------------
def random_weights(model, c, seed=0):
    V, d, f, H = c["vocab_size"], c["hidden_dim"], c["ff_dim"], c["num_heads"]
    g, w, D2 = torch.Generator().manual_seed(seed), {}, (d // H) ** 2
    shapes = {"norm": (d,), "head": (V, d), "embedding": (V, d)}
    for i in range(c["num_layers"]):
        p, m = f"layers.{i}.", f"layers.{i}.mixer."
        shapes |= {p + "norm1": (d,), p + "norm2": (d,), p + "ff.in": (f, d), p + "ff.out": (d, f)}
        shapes |= {m + n: (d, d) for n in ("qkvorh" if model == "bsbr" else "qkvo")}
        if model == "bsbr" and c["compression_factor"]:
            shapes |= {m + "compress": (d // c["compression_factor"], D2), m + "expand": (D2, d // c["compression_factor"])}
        if model == "deltanet":
            shapes |= {f"{m}{n}_conv": (d, 4) for n in "qkv"} | {m + "beta": (H, d), m + "out_norm": (d // H,)}
    for name, shape in shapes.items():
        x = torch.randn(shape, generator=g)
        w[name + ".weight"] = 1 + 0.1 * x if len(shape) == 1 else x if name == "embedding" else x / shape[1] ** 0.5
        if name != "embedding" and not (model == "deltanet" and ".mixer." in name):
            w[name + ".bias"] = 0.1 * torch.randn(shape[:1], generator=g)
    return w
def read_safetensors(path):                     # its metadata, and its tensors by name
    raw, w = Path(path).read_bytes(), {}
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:start])
    metadata = header.pop("__metadata__", {})
    for name, t in header.items():
        a, b = (start + i for i in t["data_offsets"])
        w[name] = torch.tensor(np.frombuffer(raw[a:b], {"F32": "<f4", "I32": "<i4"}[t["dtype"]]).reshape(t["shape"]))
    return metadata, w
