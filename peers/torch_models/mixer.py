"""What a mixer is, and tokens by chunks. Letters as in docs/models.md; n = B*N*H in batched products.

Chunks are padded with zeros in front: the state before the first token is zero, and neither a decay nor a correction
changes a state of zero, so that the last chunk ends with the last token and needs no care.
"""
import torch
import torch.nn.functional as F

from .layers import Dense


class Mixer(torch.nn.Module):
    """One layer's mixing of tokens; `o`, the map W_o, is applied by the layer.

    prefill(h [B*T, d], B, T, last) -> what is read at every position [B*T, d], or with `last` at the last one [B, d],
    and the state; step(h [B, d], B, *given) -> [B, d], which updates in place what `given` holds of the state.
    """

    period = None  # tokens after which `close` is due
    dynamic = False  # whether what a step is given changes in shape
    parts = 1  # tensors of a state
    changes = None  # how much of what a step is given it changes, from the first on: all

    def __init__(self, w, m, c, maps="qkv"):
        super().__init__()
        self.d, self.H = c["hidden_dim"], c["num_heads"]
        self.D = self.d // self.H
        self.scale, self.C = self.D**-0.5, c["scan_chunk"] or self.best_chunk()
        self.maps, self.o = Dense(w, *(m + name for name in maps)), Dense(w, m + "o")

    def best_chunk(self):
        """Measured for the first four models; 16 to 64 differed by less than the noise for the others."""
        return 32 if self.D < 64 else 64

    def room(self, state, n):
        """The state, with room for token n."""
        return state

    def given(self, state, n):
        """What the step of token n is given."""
        return state

    def close(self, B, state, n):
        """The state after token n, the last of a period."""
        return state

    def chunks(self, x, B):
        """[B*T, parts*d] or [B, T, parts*d] -> [parts, n, C, D]"""
        x = pad_front(x.reshape(B, -1, x.shape[-1]), self.C)
        x = x.view(B, -1, self.C, x.shape[-1] // self.d, self.H, self.D).permute(3, 0, 1, 4, 2, 5)
        return x.reshape(-1, x.shape[1] * x.shape[2] * self.H, self.C, self.D)

    def rates(self, x, B):
        """One number per head, [B, T, H] -> [n, C, 1]"""
        return pad_front(x, self.C).view(B, -1, self.C, self.H).transpose(2, 3).reshape(-1, self.C, 1)

    def join(self, o, B, T):
        """[n, C, D] -> [B*T, d]"""
        o = o.view(B, -1, self.H, self.C, self.D).transpose(2, 3).reshape(B, -1, self.d)
        return o[:, -T:].reshape(B * T, self.d)

    def heads(self, x, B):
        """[B, T, d] -> [B*H, T, D]: no copy for one row"""
        return x.reshape(B, -1, self.H, self.D).transpose(1, 2).reshape(B * self.H, -1, self.D)

    def one(self, x, B):
        """[B, parts*d] -> [parts, B*H, 1, D]"""
        return x.view(B, -1, self.H, self.D).transpose(0, 1).reshape(-1, B * self.H, 1, self.D)

    def entering(self, S, B):
        """[N + 1, B*H, ..] -> the states that enter chunks [n, ..]"""
        shape = S.shape[2:]
        return S[:-1].view(-1, B, self.H, *shape).transpose(0, 1).reshape(-1, *shape)

    def series(self, x, B):
        """[n, ..] -> [N, B*H, ..]"""
        return x.view(B, -1, self.H, *x.shape[1:]).transpose(0, 1).reshape(-1, B * self.H, *x.shape[1:])


def pad_front(x, C):
    """[B, T, ..] with zeros before it, to whole chunks."""
    return F.pad(x, (0, 0, -x.shape[1] % C, 0)) if x.shape[1] % C else x


@torch.library.custom_op("peer::chunk_states", mutates_args=())  # opaque to torch.compile: not unrolled
def run_chunk_states(P: torch.Tensor, Q: torch.Tensor) -> torch.Tensor:
    S = torch.cat([torch.zeros_like(Q[:1]), Q])
    for p, s, t in zip(P.unbind(0), S.unbind(0), S[1:].unbind(0)):
        t.baddbmm_(p, s)
    return S


@torch.library.custom_op("peer::decayed_sums", mutates_args=())
def run_decayed_sums(a: torch.Tensor, Q: torch.Tensor) -> torch.Tensor:
    S = torch.cat([torch.zeros_like(Q[:1]), Q])
    for p, s, t in zip(a.unbind(0), S.unbind(0), S[1:].unbind(0)):
        t.addcmul_(p, s)
    return S


@run_chunk_states.register_fake
@run_decayed_sums.register_fake
def _(P, Q):
    return Q.new_empty(len(Q) + 1, *Q.shape[1:])


def chunk_states(P, Q):
    """S_0 = 0, S_{i+1} = P_i S_i + Q_i"""
    return unrolled(torch.bmm, P, Q) if torch.compiler.is_exporting() else run_chunk_states(P, Q)


def decayed_sums(a, Q):
    """S_0 = 0, S_{i+1} = a_i ⊙ S_i + Q_i"""
    return unrolled(torch.mul, a, Q) if torch.compiler.is_exporting() else run_decayed_sums(a, Q)


def unrolled(times, P, Q):
    S = [torch.zeros_like(Q[0])]
    for p, q in zip(P.unbind(0), Q.unbind(0)):
        S.append(times(p, S[-1]) + q)
    return torch.stack(S)
