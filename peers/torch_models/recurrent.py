"""What gated recurrences share: maps, convolved or not, some of which the last layer makes for one position alone."""
import torch

from .layers import CONV_WIDTH, ShortConv
from .mixer import Mixer


class Recurrent(Mixer):
    """The map's columns are gate, q, k, v, and `more`: of gate and q the last layer needs the last position alone."""

    def __init__(self, w, m, c, gate=None, more=(), convolved=False):
        gates = [gate] if gate else []
        super().__init__(w, m, c, [*gates, *"qkv", *more])
        size = lambda names: sum(len(w[f"{m}{name}.weight"]) for name in names)
        self.gate_size, self.q_size, self.x_size = size(gates), size("q"), size("qkv")
        self.more = [size([name]) for name in more]
        self.conv = ShortConv(w, *(f"{m}{name}_conv" for name in "qkv")) if convolved else None
        self.parts = 2 if convolved else 1

    def inputs(self, h, B, T, last):
        """gate, x [B, T, q and k and v], state of the convolution, more, and none.

        With `last` gate is of the last position, and q of that stands at the end, not in x.
        """
        first = self.gate_size + self.q_size
        y = self.maps(h, first * last).view(B, T, -1)
        if not last:
            gate, x, *more = y.split([self.gate_size, self.x_size, *self.more], 2)
            return gate, *self.convolve(x), more, None
        near = min(T, CONV_WIDTH if self.conv else 1)
        y_near = self.maps.only(h.view(B, T, -1)[:, -near:].reshape(B * near, -1), first).view(B, near, first)
        gate, q = y_near[:, -1, : self.gate_size], y_near[:, :, self.gate_size :]
        x, *more = y.split([self.x_size - self.q_size, *self.more], 2)
        x, state = self.convolve(x, self.q_size)
        if self.conv:
            q, state = self.conv.last(q), torch.cat([self.conv.state(q), state], 2)
        return gate, x, state, more, q.reshape(B, self.q_size).contiguous()

    def convolve(self, x, first=0):
        return (self.conv(x, first), self.conv.state(x)) if self.conv else (x, None)

    def step_inputs(self, h, conv):
        """gate, x [B, q and k and v], and more"""
        gate, x, *more = self.maps(h).split([self.gate_size, self.x_size, *self.more], 1)
        return gate, x if conv is None else self.conv.step(conv, x), more
