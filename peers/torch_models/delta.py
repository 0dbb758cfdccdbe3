"""The delta rule: DeltaNet, GatedDeltaNet (one decay per head) and KDA (one per key channel).

    S̃ = α_t S_{t-1}      u_t = beta_t (v_t − k_t S̃)      S_t = S̃ + k_tᵀ u_t      o_t = D^-1/2 · q_t S_t
"""
import torch
import torch.nn.functional as F

from .decay import ChannelDecay, HeadDecay, NoDecay, lower_blocks
from .layers import Dense, HeadNorm, l2_norm
from .mixer import chunk_states
from .recurrent import Recurrent


class DeltaNet(Recurrent):
    """State: S [B*H, D, D] and the convolutions' last inputs [B, 3, 3d]."""

    def __init__(self, w, m, c, gate=None, more=("beta",)):
        super().__init__(w, m, c, gate, more, convolved=True)
        self.norm = HeadNorm(w, m + "out_norm", self.scale)
        self.register_buffer("eye", torch.eye(self.D))

    def log_decay(self, more):
        """[B, T, H or d], or none"""

    def decay(self, g, B):
        return NoDecay()

    def gated(self, o, gate):
        """[.., d]"""
        return o

    def output(self, o, gate):
        return self.gated(self.norm(o.reshape(-1, self.H, self.D)).view(-1, self.d), gate)

    def prefill(self, h, B, T, last):
        gate, x, conv, (beta, *more), q_last = self.inputs(h, B, T, last)
        *q, k, v = self.chunks(x, B)
        beta, k = self.rates(torch.sigmoid(beta), B), l2_norm(k)
        decay = self.decay(self.log_decay(more), B)
        bk, onward = k * beta, decay.tail(k).transpose(1, 2)
        M = unit_lower_inverse(decay.scores(bk, k).tril_(-1))
        U, W = torch.bmm(M, v * beta), torch.bmm(M, decay.head(bk))
        # R = U − W S, O = head Q S + Z(Q, K) R, S' = whole S + tail Kᵀ R: only S' = P S + Q is sequential
        P, Q = torch.baddbmm(decay.kept(self.eye), onward, W, alpha=-1), torch.bmm(onward, U)
        S = chunk_states(self.series(P, B), self.series(Q, B))
        if last:
            o = torch.bmm(l2_norm(q_last.view(-1, 1, self.D)), S[-1]).view(B, -1)
        else:
            q, Sn = l2_norm(q[0]), self.entering(S, B)
            R = U.baddbmm_(W, Sn, alpha=-1)
            o = self.join(torch.bmm(decay.scores(q, k), R).baddbmm_(decay.head(q), Sn), B, T)
            gate = gate.reshape(B * T, -1)
        return self.output(o, gate), (S[-1].clone(), conv)

    def step(self, h, B, S, conv):
        gate, x, (beta, *more) = self.step_inputs(h, conv)
        x = self.one(x, B)
        q, k = l2_norm(x[:2]).unbind(0)
        self.forget(S, self.log_decay(more))
        u = (x[2] - torch.bmm(k, S)).mul_(torch.sigmoid(beta).view(-1, 1, 1))
        S.addcmul_(k.transpose(1, 2), u)
        return self.output(torch.bmm(q, S), gate)

    def forget(self, S, g):
        """Decays S in place."""


class GatedDeltaNet(DeltaNet):
    def __init__(self, w, m, c, gate="g", more=("beta", "a")):
        super().__init__(w, m, c, gate, more)
        self.register_buffer("minus_A", -w[m + "A_log"].exp())
        self.register_buffer("dt_bias", w[m + "dt_bias"])

    def log_decay(self, more):
        return F.softplus(more[0] + self.dt_bias).mul_(self.minus_A)

    def decay(self, g, B):
        return HeadDecay(self.rates(g, B))

    def gated(self, o, gate):
        return o * F.silu(gate)

    def forget(self, S, g):
        S.mul_(g.exp().view(len(S), -1, 1))


class KDA(GatedDeltaNet):
    def __init__(self, w, m, c):
        super().__init__(w, m, c, "g1", ("beta", "f1"))
        self.g2, self.f2 = Dense(w, m + "g2"), Dense(w, m + "f2")
        self.register_buffer("minus_A", self.minus_A.repeat_interleave(self.D))

    def log_decay(self, more):
        f = more[0]
        return super().log_decay([self.f2(f.reshape(-1, self.D)).view(*f.shape[:-1], self.d)])

    def decay(self, g, B):
        return ChannelDecay(self.chunks(g, B)[0])

    def gated(self, o, gate):
        return o * torch.sigmoid(self.g2(gate))


def unit_lower_inverse(a):
    """(I + a)^-1, a strictly lower: blocks of 8 substituted, side by side on the last axis, then block recursion."""
    n, C, _ = a.shape
    s = min(8, C)
    x = torch.stack([a[:, i : i + s, i : i + s] for i in range(0, C, s)], 3).permute(1, 2, 0, 3).reshape(s, s, -1)
    r = torch.eye(s)[:, :, None].repeat(1, 1, x.shape[2])
    for i in range(1, s):
        r[i, :i] = -(x[i, :i, None] * r[:i, :i]).sum(0)
    m = r.view(s, s, n, C // s).permute(2, 3, 0, 1).contiguous()
    while s < C:
        p, q = m.reshape(n, -1, 2, s, s).unbind(2)
        x = torch.stack([a[:, i + s : i + 2 * s, i : i + s] for i in range(0, C, 2 * s)], 1)
        m = lower_blocks(p, torch.matmul(torch.matmul(q, x), p).neg_(), q)
        s *= 2
    return m.reshape(n, C, C)
