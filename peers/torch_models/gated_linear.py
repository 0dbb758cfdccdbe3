"""Linear attention that forgets, by head at a constant rate (RetNet) or the token's (Mamba2), or by key channel (GLA).

    S_t = α_t S_{t-1} + k_tᵀ v_t      o_t = D^-1/2 · q_t S_t

The last layer reads S at the end alone: it is one product over all tokens, each key times what is left of it.
"""
import torch
import torch.nn.functional as F

from .decay import ChannelDecay, HeadDecay, exp, tails_to_end
from .layers import Dense, HeadNorm
from .mixer import decayed_sums, pad_front
from .recurrent import Recurrent


class GatedLinear(Recurrent):
    """State: S [B*H, D, D]."""

    def __init__(self, w, m, c, more=()):
        super().__init__(w, m, c, "g", more)
        self.norm = HeadNorm(w, m + "out_norm", self.scale)

    def output(self, o, gate):
        return self.norm(o.reshape(-1, self.H, self.D)).view(-1, self.d) * F.silu(gate)

    def prefill(self, h, B, T, last):
        gate, x, _, more, q = self.inputs(h, B, T, last)
        if last:
            k, v = x.split(self.d, 2)
            S = torch.bmm(self.heads(self.left(k, *more), B).transpose(1, 2), self.heads(v, B))
            return self.output(torch.bmm(q.view(-1, 1, self.D), S), gate), (S,)
        q, k, v = self.chunks(x, B)
        decay = self.decay(B, *more)
        whole = decay.whole.repeat(len(k) // len(decay.whole), 1, 1)
        S = decayed_sums(self.series(whole, B), self.series(torch.bmm(decay.tail(k).transpose(1, 2), v), B))
        o = torch.bmm(decay.scores(q, k), v).baddbmm_(decay.head(q), self.entering(S, B))
        return self.output(self.join(o, B, T), gate.reshape(B * T, -1)), (S[-1].clone(),)

    def step(self, h, B, S):
        gate, x, more = self.step_inputs(h, None)
        q, k, v = self.one(x, B)
        S.view(B, self.H, self.D, self.D).mul_(self.kept(*more))
        S.addcmul_(k.transpose(1, 2), v)
        return self.output(torch.bmm(q, S), gate)


class RetNet(GatedLinear):
    """γ_h = 1 − 2^(−5−h)"""

    def __init__(self, w, m, c):
        super().__init__(w, m, c)
        rate = 2.0 ** (-5 - torch.arange(self.H, dtype=torch.float64))
        self.g = torch.log1p(-rate)
        self.constant = HeadDecay(self.g.float().view(-1, 1, 1).repeat(1, self.C, 1))
        self.register_buffer("gamma", (1 - rate).float().view(-1, 1, 1))

    def decay(self, B):
        return self.constant

    def left(self, k):
        B, T, _ = k.shape
        later = torch.arange(T - 1, -1, -1, dtype=torch.float64)
        return k.reshape(B, T, self.H, self.D) * exp((later[:, None] * self.g).float())[:, :, None]

    def kept(self):
        return self.gamma


class GLA(GatedLinear):
    def __init__(self, w, m, c):
        super().__init__(w, m, c, ("f1",))
        self.f2 = Dense(w, m + "f2")

    def log_decay(self, f):
        """[.., r] -> [.., d]"""
        return F.logsigmoid(self.f2(f.reshape(-1, f.shape[-1]))).mul_(1 / 16).view(*f.shape[:-1], self.d)

    def decay(self, B, f):
        return ChannelDecay(self.chunks(self.log_decay(f), B)[0])

    def left(self, k, f):
        return k * tails_to_end(self.log_decay(f), self.C)

    def kept(self, f):
        return self.log_decay(f).exp_().view(-1, self.H, self.D, 1)


class Mamba2(Recurrent):
    """q and k [s] serve all heads: o_t = q_t S_t + D_h v_t. State: S [B, s, d] and the convolutions' last inputs."""

    def __init__(self, w, m, c):
        super().__init__(w, m, c, "g", ("dt",), convolved=True)
        self.norm = HeadNorm(w, m + "out_norm")
        self.register_buffer("minus_A", -w[m + "A_log"].exp())
        self.register_buffer("dt_bias", w[m + "dt_bias"])
        self.register_buffer("skip", w[m + "D"].repeat_interleave(self.D))

    def split(self, x, dt):
        """q (where it is in x), k, Δ v, what passes by, and the logs of the decays [.., H]"""
        *q, k, v = x.split(([self.q_size] if x.shape[-1] == self.x_size else []) + [self.q_size, self.d], -1)
        delta = F.softplus(dt + self.dt_bias)
        return *q, k, v * self.widened(delta), v * self.skip, delta * self.minus_A

    def widened(self, x):
        """[.., H] -> [.., d]"""
        return x.repeat_interleave(self.D, -1)

    def output(self, o, gate):
        return self.norm(o * F.silu(gate))

    def prefill(self, h, B, T, last):
        gate, x, conv, (dt,), q = self.inputs(h, B, T, last)
        *q_all, k, v, skipped, g = self.split(x, dt)
        if last:
            S = torch.bmm(k.transpose(1, 2), v * self.widened(tails_to_end(g, self.C)))
            return self.output(torch.bmm(q[:, None], S)[:, 0] + skipped[:, -1], gate), (S, conv)
        q, k, v = (pad_front(t, self.C).reshape(-1, self.C, t.shape[2]) for t in (*q_all, k, v))  # [B*N, C, ..]
        decay = HeadDecay(self.rates(g, B))
        tails, heads, whole = (
            self.widened(t.view(len(k), self.H, -1).transpose(1, 2)) for t in (decay.tails, decay.heads, decay.whole)
        )
        KV = torch.bmm(k.transpose(1, 2), v * tails)  # [B*N, s, d]
        S = decayed_sums(*(t.view(B, -1, *t.shape[1:]).transpose(0, 1) for t in (whole, KV)))
        z = torch.bmm(q, k.transpose(1, 2))[:, None] * decay.L.view(len(k), self.H, self.C, self.C)
        inside = torch.bmm(z.view(-1, self.C, self.C), self.chunks(v.view(B, -1, self.d), B)[0])
        before = torch.bmm(q, S[:-1].transpose(0, 1).reshape(KV.shape)) * heads
        o = self.join(inside, B, T).view(B, T, -1) + before.view(B, -1, self.d)[:, -T:] + skipped
        return self.output(o, gate).view(B * T, -1), (S[-1].clone(), conv)

    def step(self, h, B, S, conv):
        gate, x, (dt,) = self.step_inputs(h, conv)
        q, k, v, skipped, g = self.split(x, dt)
        S.mul_(self.widened(g.exp())[:, None]).addcmul_(k[:, :, None], v[:, None])
        return self.output(torch.bmm(q[:, None], S)[:, 0] + skipped, gate)
