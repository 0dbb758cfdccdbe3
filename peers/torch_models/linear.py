"""LinearTransformer.

    phi = elu + 1      S_t = S_{t-1} + phi(k_t)ᵀ v_t      z_t = z_{t-1} + phi(k_t)
    o_t = phi(q_t) S_t / (phi(q_t)·z_t + 1e-6)
"""
import torch
import torch.nn.functional as F

from .layers import compiling
from .mixer import Mixer


def phi(x):
    """Two passes in the cache, faster than F.elu."""
    return x.clamp(max=0).exp_().add_(x.clamp(min=0))


def exclusive_sums(x):
    """[B, N, ..] -> [B, N+1, ..]: entry i is the sum of the first i."""
    y = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 0))
    if compiling():
        return y.cumsum(1)
    for a, b in zip(y.unbind(1), y.unbind(1)[1:]):
        b.add_(a)
    return y


class Linear(Mixer):
    """State: S [B*H, D, D] and z [B*H, D, 1]."""

    parts = 2

    def prefill(self, h, B, T, last):
        return self.absorb(h, B, T) if last else self.attend(h, B, T)

    def absorb(self, h, B, T):
        """All tokens as one chunk, read at the last one."""
        k, v = self.maps(h, self.d).view(B, T, 2, self.d).unbind(2)
        keys = self.heads(phi(k), B).transpose(1, 2)
        S, z = torch.bmm(keys, self.heads(v, B)), keys.sum(2, keepdim=True)
        return self.read(phi(self.maps.only(h.view(B, T, -1)[:, -1], self.d)).view(-1, 1, self.D), S, z, B), (S, z)

    def attend(self, h, B, T):
        C, D, H = self.C, self.D, self.H
        x = self.maps(h)
        q, k = self.chunks(phi(x[:, : -self.d]), B)  # before the padding, since phi(0) is 1
        v = self.chunks(x[:, -self.d :], B)[0]
        N = len(v) // (B * H)
        kt = k.transpose(1, 2)
        a = torch.bmm(q, kt).tril_()  # [n, C, C]
        S = exclusive_sums(torch.bmm(kt, v).view(B, N, H, D, D))
        z = exclusive_sums(k.sum(1).view(B, N, H, D, 1))
        num = torch.bmm(a, v).baddbmm_(q, S[:, :N].reshape(-1, D, D))
        den = a.sum(2, keepdim=True).baddbmm_(q, z[:, :N].reshape(-1, D, 1)).add_(1e-6)
        return self.join(num.div_(den), B, T), (S[:, N].flatten(0, 1).clone(), z[:, N].flatten(0, 1).clone())

    def read(self, q, S, z, B):
        return torch.bmm(q, S).div_(torch.bmm(q, z).add_(1e-6)).view(B, -1)

    def step(self, h, B, S, z):
        x = self.one(self.maps(h), B)
        q, k = F.elu(x[:2]).add_(1).unbind(0)
        S.addcmul_(k.transpose(1, 2), x[2]), z.add_(k.transpose(1, 2))
        return self.read(q, S, z, B)
