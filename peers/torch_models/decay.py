"""Decays inside a chunk of tokens 1 … C, from their logs g <= 0 (docs/models.md has the reasons).

    head_i = exp g(0,i]      tail_j = exp g(j,C]      whole = exp g(0,C]
    Z(q, k)[i,j] = Σ_c q_ic k_jc exp g_c(j,i] where i >= j, else 0

g(j,i] = g_{j+1} + … + g_i is always a sum of its own terms, or exp of it a product, never a difference or a quotient of
two, so that no exponent is positive.
"""
import functools

import torch
import torch.nn.functional as F


def exp(sums):
    """A decay. What is smaller than 1e-38 may be that: MKL takes a hundred times as long where exp underflows."""
    return sums.clamp(min=-87).exp_()


def triangles(C):
    """1 where i >= j, and where i > j."""
    # What is made while a graph is traced is of that trace: kept, it would be in the next model's way.
    return made_triangles(C) if torch.compiler.is_compiling() else kept_triangles(C)


def made_triangles(C):
    return torch.ones(C, C).tril(), torch.ones(C, C).tril(-1)


kept_triangles = functools.cache(made_triangles)


class NoDecay:
    def scores(self, q, k):
        return torch.bmm(q, k.transpose(1, 2)).tril_()

    def head(self, x):
        return x

    tail = head

    def kept(self, eye):
        """diag(whole)"""
        return eye


class HeadDecay:
    """One number for all channels, g [n, C, 1], or [H, C, 1] where all chunks have the same: Z is L ⊙ (Q Kᵀ)."""

    def __init__(self, g):
        n, C, _ = g.shape
        lower, strict = triangles(C)
        sums = (lower * g.reshape(n, 1, C).contiguous()).view(n * C, C) @ strict
        self.L = exp(sums.view(n, C, C)).tril_()
        self.heads, self.tails = self.L[:, :, :1] * exp(g[:, :1]), self.L[:, -1].unsqueeze(2)
        self.whole = self.heads[:, -1:]

    def scores(self, q, k):
        return times(torch.bmm(q, k.transpose(1, 2)), self.L)

    def head(self, x):
        return times(x, self.heads)

    def tail(self, x):
        return times(x, self.tails)

    def kept(self, eye):
        return eye * self.whole


def times(x, factors):
    """x [n, C, ..] times factors of the first axis [n, ..] or [H, ..]"""
    return (x.view(-1, len(factors), *x.shape[1:]) * factors).view(x.shape)


class ChannelDecay(HeadDecay):
    """One number per key channel, g [n, C, D], C a power of two: Z by halving, so that no [C, C, D] is made.

    For m = 1, 2, …, C/2 pairs of neighbouring blocks of m tokens, early and late, meet at a boundary, and
    Z[late, early] = (Q_late ⊙ products of α inside late) (K_early ⊙ reverse exclusive products inside early)ᵀ.
    """

    def __init__(self, g):
        n, C, D = g.shape
        self.heads, self.tails, self.levels = exp(g), torch.ones_like(g), []
        while len(self.levels) < C.bit_length() - 1:
            m = 2 ** len(self.levels)
            (h0, h1), (t0, t1) = (x.view(n, -1, 2, m, D).unbind(2) for x in (self.heads, self.tails))
            self.levels.append((h1, t0))
            self.heads = torch.stack([h0, h1 * h0[:, :, -1:]], 2).view(n, C, D)
            self.tails = torch.stack([t0 * h1[:, :, -1:], t1], 2).view(n, C, D)
        self.whole = exp(g.sum(1)).unsqueeze(2)  # rounded once: no drift over many chunks

    def scores(self, q, k):
        n, C, D = q.shape
        z = (q * k).sum(-1).view(n, C, 1, 1)
        for late, early in self.levels:
            m = late.shape[2]
            q1, k0 = q.view(n, -1, 2, m, D)[:, :, 1] * late, k.view(n, -1, 2, m, D)[:, :, 0]
            if m == 1:
                x = (q1 * k0).sum(-1, keepdim=True)
            else:
                x = torch.matmul(q1, (k0 * early).transpose(2, 3))
            p0, p1 = z.view(n, -1, 2, m, m).unbind(2)
            z = lower_blocks(p0, x.view(p0.shape), p1)
        return z.view(n, C, C)


def lower_blocks(p, x, q):
    """[[P, 0], [X, Q]] of [.., m, m]"""
    return torch.cat([F.pad(p, (0, p.shape[-1])), torch.cat([x, q], -1)], -2)


def tails_to_end(g, C):
    """tail_j of all of g [B, T, ..] as one chunk: sums within C tokens, and of what is after those."""
    B, T, width = g.shape
    g = F.pad(g, (0, 0, -T % C, 0)).view(B, -1, C, width)
    after = F.pad(g.sum(2).flip(1), (0, 0, 1, -1)).cumsum(1).flip(1)
    return exp(torch.matmul(triangles(C)[1].t(), g) + after[:, :, None]).view(B, -1, width)[:, -T:]
