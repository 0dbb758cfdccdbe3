"""What models are made of. Activations are [B*T, d] and weights [in, out], so that a dense map is one addmm."""
import torch
import torch.nn.functional as F

compiling = torch.compiler.is_compiling
CONV_WIDTH = 4


class Dense(torch.nn.Module):
    """The maps `names` side by side, as one product."""

    def __init__(self, w, *names):
        super().__init__()
        self.register_buffer("weight", torch.cat([w[n + ".weight"] for n in names]).t().contiguous())
        biases = [w[n + ".bias"] for n in names if n + ".bias" in w]
        self.register_buffer("bias", torch.cat(biases) if biases else None)

    def forward(self, x, first=0):
        """Without the first columns, where others have made them."""
        weight, bias = self.weight[:, first:], self.bias
        return x @ weight if bias is None else torch.addmm(bias[first:], x, weight)

    def only(self, x, columns):
        """The first columns alone."""
        weight, bias = self.weight[:, :columns], self.bias
        return x @ weight if bias is None else torch.addmm(bias[:columns], x, weight)

    def add_to(self, x, y):
        """x + self(y), eagerly in place."""
        if compiling():
            return x + self(y)
        return (x if self.bias is None else x.add_(self.bias)).addmm_(y, self.weight)


class LayerNorm(torch.nn.Module):
    def __init__(self, w, name):
        super().__init__()
        self.register_buffer("weight", w[name + ".weight"])
        self.register_buffer("bias", w[name + ".bias"])

    def forward(self, x):
        return torch.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class ShortConv(torch.nn.Module):
    """Depthwise causal convolution of some maps side by side, and SiLU. State: the last three inputs [B, 3, width]."""

    def __init__(self, w, *names):
        super().__init__()
        taps = torch.cat([w[n + ".weight"] for n in names])
        self.width = len(taps)
        self.register_buffer("taps", taps.view(-1, 1, 1, CONV_WIDTH).clone())
        self.register_buffer("taps_t", taps.t().contiguous())
        biases = [w[n + ".bias"] for n in names if n + ".bias" in w]
        self.register_buffer("bias", torch.cat(biases) if biases else None)

    def forward(self, y, first=0):
        """Of y [B, T, width - first], without the first columns."""
        T, taps, bias = y.shape[1], self.taps[first:], None if self.bias is None else self.bias[first:]
        image = y.unsqueeze(1).permute(0, 3, 1, 2)  # channels last, as it lies
        x = F.conv2d(image, taps, bias, groups=len(taps), padding=(0, CONV_WIDTH - 1))[..., :T]
        return F.silu(x).permute(0, 2, 3, 1).squeeze(1)

    def last(self, y):
        """Of the last of y [B, up to 4, columns], the first columns alone."""
        t, columns = y.shape[1:]
        x = (y * self.taps_t[CONV_WIDTH - t :, :columns]).sum(1)
        return F.silu(x if self.bias is None else x + self.bias[:columns])

    def step(self, state, y):
        """Of y [B, width]."""
        window = torch.cat([state, y[:, None]], 1)
        state.copy_(window[:, 1:])
        return self.last(window)

    @staticmethod
    def state(y):
        """After inputs y [B, T, width]."""
        missing = CONV_WIDTH - 1 - y.shape[1]
        return (F.pad(y, (0, 0, missing, 0)) if missing > 0 else y[:, -(CONV_WIDTH - 1) :]).clone()


class HeadNorm(torch.nn.Module):
    """RMSNorm over heads of x times `scale`, which moves into the epsilon, with a gain."""

    def __init__(self, w, name, scale=1.0):
        super().__init__()
        self.register_buffer("gain", w[name + ".weight"])
        self.eps = 1e-5 / scale**2

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True).add_(self.eps)) * self.gain


def l2_norm(x):
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True).add_(1e-6))


def baddbmm(c, a, b, alpha):
    """c + alpha a b; the compiler fuses only the spelled-out form."""
    return c + alpha * torch.bmm(a, b) if compiling() else torch.baddbmm(c, a, b, alpha=alpha)


def grow(buffer, n, dim):
    """With room for n entries along dim."""
    return buffer if n <= buffer.shape[dim] else torch.cat([buffer, torch.zeros_like(buffer)], dim)
