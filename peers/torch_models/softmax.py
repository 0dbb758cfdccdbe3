"""Softmax attention with a KV cache, over all tokens (Softmax) or the last w, itself included (SlidingWindow).

    o_t = softmax_{t-w < j <= t}( q_t·k_j / sqrt D ) V          heads may share keys and values
"""
import math

import torch
import torch.nn.functional as F

from .layers import baddbmm, grow
from .mixer import Mixer


class Softmax(Mixer):
    """State: k and v [B, kv_heads, room, D] each."""

    parts = changes = 2

    def __init__(self, w, m, c):
        super().__init__(w, m, c)
        self.shared = c["kv_heads"] or self.H
        self.masked = c["masked_cache"]
        self.dynamic = not self.masked
        self.order, self.ramp = torch.arange(0), torch.empty(0)

    def queries(self, x, B):
        """[B*T, d] -> [B, H, T, D]"""
        return x.view(B, -1, self.H, self.D).transpose(1, 2)

    def split(self, x, B):
        """[B*T, d + 2*kv_heads*D] -> q [B, H, T, D], k and v [B, kv_heads, T, D]"""
        x = x.view(B, -1, self.H + 2 * self.shared, self.D).transpose(1, 2)
        return x.split([self.H, self.shared, self.shared], 1)

    def read_last(self, rows, B):
        """Of rows [B, T, d]: what the last position reads [B, d], and k and v of all."""
        kv = self.maps(rows.reshape(-1, self.d), self.d).view(B, -1, 2 * self.shared, self.D)
        k, v = kv.transpose(1, 2).chunk(2, 1)
        return self.read(self.maps.only(rows[:, -1], self.d), k, v, B), (k, v)

    def prefill(self, h, B, T, last):
        if last:
            o, kv = self.read_last(h.view(B, T, -1), B)
        else:
            q, *kv = self.split(self.maps(h), B)
            o = self.attend_all(q, *kv)
        return o, tuple(F.pad(t, (0, 0, 0, 256)) for t in kv)

    def attend_all(self, q, k, v):
        """[B*T, d]"""
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.shared < self.H)
        return o.transpose(1, 2).reshape(-1, self.d)

    def read(self, q, k, v, B, mask=None):
        """Of q [B, d], at the last position: the heads that share keys ask for them together."""
        q = q.reshape(B, self.shared, -1, self.D)
        return F.scaled_dot_product_attention(q, k, v, mask).reshape(B, -1)

    def room(self, state, n):
        return tuple(grow(t, n + 1, 2) for t in state)

    def given(self, state, n):
        """Where a slice is a view, the tokens so far; else all, the slot that is written, and a mask."""
        return self.all_of(state, n) if self.masked else tuple(t[:, :, : n + 1] for t in state)

    def all_of(self, state, n):
        room = state[0].shape[2]
        if len(self.order) != room:
            self.order, self.ramp = torch.arange(room), torch.zeros(2 * room)
            self.ramp[room:] = -math.inf
        slot, unseen = n % room, max(0, room - 1 - n)
        return (*state, self.order[slot : slot + 1], self.ramp[unseen : unseen + room].view(1, room))

    def step(self, h, B, k, v, slot=None, mask=None):
        q, *new = self.split(self.maps(h), B)
        for t, last in zip((k, v), new):
            if slot is None:
                t[:, :, -1:] = last
            else:
                t.index_copy_(2, slot, last)
        return self.read(q, k, v, B, mask)


class SlidingWindow(Softmax):
    """State: rings of k and v [B, kv_heads, w, D]; token n lies in slot n mod w."""

    def __init__(self, w, m, c):
        super().__init__(w, m, {**c, "masked_cache": True})
        self.w, C = c["window_size"], self.C
        self.before = -(-(self.w - 1) // C)  # blocks that a query sees beside its own
        apart = torch.arange(C)[:, None] + self.before * C - torch.arange((self.before + 1) * C)
        mask = torch.zeros(apart.shape).masked_fill_((apart < 0) | (apart >= self.w), -math.inf)
        self.register_buffer("mask", mask.repeat(self.H // self.shared, 1))

    def prefill(self, h, B, T, last):
        seen = h.view(B, T, -1)[:, max(0, T - self.w) :]
        if last:  # nothing else is read or kept
            o, kv = self.read_last(seen, B)
        else:
            q, *kv = self.split(self.maps(h), B)
            o = self.attend_all(q, *kv) if T <= self.w else self.attend_near(q, *kv, B, T)
        return o, tuple(self.ring(t[:, :, -self.w :], T) for t in kv)

    def attend_near(self, q, k, v, B, T):
        """Blocks of C queries, each against its own keys and those of the blocks before that it sees: [B*T, d]."""
        C, G, D, before = self.C, self.H // self.shared, self.D, self.before
        q, k, v = (F.pad(t, (0, 0, 0, -T % C)) for t in (q, k, v))
        N = q.shape[2] // C
        q = q.reshape(B, self.shared, G, N, C, D).transpose(2, 3).reshape(-1, G * C, D)
        k, v = (F.pad(t.reshape(B, self.shared, N, C, D), (0, 0, 0, 0, before, 0)) for t in (k, v))
        k, v = (torch.cat([t[:, :, i : N + i] for i in range(before + 1)], 3).flatten(0, 2) for t in (k, v))
        scores = baddbmm(self.mask, q, k.transpose(1, 2), self.scale)
        for i in range(min(before, N)):  # there is nothing before the first token
            scores.view(B, self.shared, N, G * C, -1)[:, :, i, :, : (before - i) * C] = -math.inf
        o = torch.bmm(torch.softmax(scores, -1), v).view(B, self.shared, N, G, C, D)
        return o.permute(0, 2, 4, 1, 3, 5).reshape(B, N * C, self.d)[:, :T].reshape(B * T, self.d)

    def ring(self, t, T):
        """Of the last tokens' k or v."""
        return torch.roll(t, T % self.w, 2) if T >= self.w else F.pad(t, (0, 0, 0, self.w - T))

    def room(self, state, n):
        return state
