"""BSBR: attention inside chunks, and what is retrieved from the chunks before: o_t = l_t + D^-1/2 · q_t S̄_c."""
import math

import torch
import torch.nn.functional as F

from .layers import Dense, baddbmm, grow, l2_norm
from .mixer import Mixer


class BSBR(Mixer):
    """State: the open chunk's k and v [B*H, C, D], S̄ [B*H, D, D], the banks of h and G, and the last input [B, d].

    Chunks are counted from the first token, and padded behind the last.
    """

    parts, changes = 6, 3

    def __init__(self, w, m, c):
        super().__init__(w, m, {**c, "scan_chunk": c["chunk_size"]})
        self.rh, self.l2, self.e, self.expand = Dense(w, m + "r", m + "h"), c["retrieval_norm"] == "l2", self.D**2, None
        if c["compression_factor"]:
            self.compress, self.expand = Dense(w, m + "compress"), Dense(w, m + "expand")
            self.e = c["hidden_dim"] // c["compression_factor"]
        self.period = self.C
        self.register_buffer("mask", torch.full((self.C, self.C), -math.inf).triu_(1))
        self.slots = [(torch.tensor([i]), row.view(1, 1, -1)) for i, row in enumerate(self.mask)]

    def prefill(self, h, B, T, last):
        """k and v, and q but for the last layer, lie as [B, N, H, C, D]."""
        C, D, H, full, left = self.C, self.D, self.H, T // self.C, T % self.C
        rows = h.view(B, T, -1)
        x = F.pad(self.maps(h, self.d * last).view(B, T, -1), (0, 0, 0, -T % C))
        x = x.reshape(B, -1, C, x.shape[-1] // self.d, H, D).permute(3, 0, 1, 4, 2, 5).contiguous()
        k, v = x[-2:].unbind(0)
        open_chunk = (k[:, -1], v[:, -1]) if left else h.new_zeros(2, B, H, C, D).unbind(0)
        first = max(0, full - 1 - (left == 0)) if last else 0  # the chunk after this one is the first to be read
        states, bank = self.retrieval(rows, k, v, full, first)
        if last:
            q, size = self.maps.only(rows[:, -1], self.d).view(-1, 1, D), left or C
            a = torch.softmax(torch.bmm(q, k[:, -1, :, :size].flatten(0, 1).transpose(1, 2)) * self.scale, -1)
            o = torch.bmm(a, v[:, -1, :, :size].flatten(0, 1))
            if T > C:
                o = self.retrieve(o, q, states[:, 0].flatten(0, 1))
            o = o.view(B, -1)
        else:
            o = self.attend(x[0], k, v, states, B)[:, :T].reshape(B * T, -1)
        S = states[:, -1].flatten(0, 1).clone() if full else h.new_zeros(B * H, D, D)
        return o, (*(t.flatten(0, 1).clone() for t in open_chunk), S, *bank, h.new_zeros(B, self.d))

    def retrieval(self, rows, k, v, full, first):
        """S̄ [B, full - first, H, D, D] of the chunks after `first`, and the banks."""
        B, H, C = len(rows), self.H, self.C
        if not full:
            return None, (rows.new_zeros(B * H, 8, self.D), rows.new_zeros(B * H, 8, self.e))
        ends = rows[:, C - 1 : full * C : C]  # x_last of every whole chunk
        asked = self.rh.only(ends[:, first:].reshape(-1, self.d), self.d)
        offered = self.rh(ends.reshape(-1, self.d), self.d)
        r, hk = self.heads(asked.view(B, -1, self.d), B), self.heads(offered.view(B, -1, self.d), B)
        g = self.summary(k[:, :full].flatten(0, 2), v[:, :full].flatten(0, 2)).view(B, full, H, -1)
        g = g.transpose(1, 2).reshape(B * H, full, -1)
        bank = tuple(F.pad(t, (0, 0, 0, full + 8)) for t in (hk, g))
        late = torch.full((full, full), -math.inf).triu_(1)[first:]  # row i asks for chunk i+1: sees 0..i
        a = torch.softmax(baddbmm(late, r, hk.transpose(1, 2), self.scale), -1)
        g = torch.bmm(a, g).view(B, H, full - first, -1).transpose(1, 2)
        return self.unfold(g.reshape(-1, self.e)).view(B, full - first, H, self.D, self.D), bank

    def attend(self, q, k, v, states, B):
        """[B, N, H, C, D] -> what is read [B, N*C, d]"""
        n, N, (C, D) = q.shape[:3].numel(), q.shape[1], q.shape[3:]
        if C > 64:
            o = F.scaled_dot_product_attention(*(t.view(1, n, C, D) for t in (q, k, v)), is_causal=True)
        else:
            scores = baddbmm(self.mask, q.view(n, C, D), k.view(n, C, D).transpose(1, 2), self.scale)
            o = torch.bmm(torch.softmax(scores, -1), v.view(n, C, D))
        o = o.view(q.shape)
        if N > 1:
            y = (o[:, 1:].reshape(-1, C, D), q[:, 1:].reshape(-1, C, D), states[:, : N - 1].reshape(-1, D, D))
            o = torch.cat([o[:, :1], self.retrieve(*y).view(B, N - 1, -1, C, D)], 1)
        return o.transpose(2, 3).reshape(B, N * C, -1)

    def summary(self, k, v):
        """[n, C, D] of whole chunks -> [n, e]"""
        f = torch.bmm((l2_norm(k) if self.l2 else k).transpose(1, 2), v).flatten(1)
        return self.compress(f) if self.expand else f

    def unfold(self, g):
        """[n, e] -> [n, D, D]"""
        return (self.expand(g) if self.expand else g).view(-1, self.D, self.D)

    def retrieve(self, local, q, S):
        if not self.l2:
            return baddbmm(local, q, S, self.scale)
        y = torch.bmm(l2_norm(q), S)
        return local + y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-5)

    def given(self, state, n):
        kb, vb, S, _, _, last = state
        return (kb, vb, last, S, *self.slots[n % self.C])

    def step(self, h, B, kb, vb, last, S, slot, mask):
        q, k, v = self.one(self.maps(h), B)
        kb.index_copy_(1, slot, k), vb.index_copy_(1, slot, v), last.copy_(h)
        a = torch.softmax(baddbmm(mask, q, kb.transpose(1, 2), self.scale), -1)
        return self.retrieve(torch.bmm(a, vb), q, S).view(B, -1)

    def close(self, B, state, n):
        """The last token of a chunk is in: bank the chunk, retrieve for the next."""
        kb, vb, _, hbank, gbank, last = state
        j = n // self.C
        hbank, gbank = grow(hbank, j + 1, 1), grow(gbank, j + 1, 1)
        r, hk = self.one(self.rh(last), B)
        hbank[:, j : j + 1], gbank[:, j] = hk, self.summary(kb, vb)
        a = torch.softmax(torch.bmm(r, hbank[:, : j + 1].transpose(1, 2)) * self.scale, -1)
        return kb, vb, self.unfold(torch.bmm(a, gbank[:, : j + 1])[:, 0]), hbank, gbank, last
