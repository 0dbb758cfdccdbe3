"""The gated recurrences of docs/models.md in float64, token by token: what the fast forms are held against."""
import math

import numpy as np


def sigmoid(x):
    return np.exp(-softplus(-x))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def silu(x):
    return x * sigmoid(x)


def rms_norm(x, gain):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * gain


def layer_norm(x, w, name):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w[name + ".weight"] + w[name + ".bias"]


def dense(x, w, name):
    return x @ w[name + ".weight"].T + w.get(name + ".bias", 0)


def l2(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True) + 1e-6)


def conv(x, w, name):
    padded, taps = np.pad(x, ((3, 0), (0, 0))), w[name + ".weight"]
    return silu(sum(padded[i : i + len(x)] * taps[:, i] for i in range(4)) + w.get(name + ".bias", 0))


def heads(x, H):
    """[T, H*D] -> [T, H, D]"""
    return x.reshape(len(x), H, -1)


def recur(q, k, v, g, beta=None):
    """q, k [T, H, K], v [T, H, D], g [T, H, 1 or K] the log of the decay; with beta [T, H] the delta rule."""
    S, o = np.zeros((*k.shape[1:], v.shape[2])), np.empty_like(v)
    for t in range(len(q)):
        S = np.exp(g[t])[:, :, None] * S
        u = v[t] if beta is None else beta[t][:, None] * (v[t] - np.einsum("hk,hkd->hd", k[t], S))
        S = S + k[t][:, :, None] * u[:, None]
        o[t] = np.einsum("hk,hkd->hd", q[t], S)
    return o


def mix(name, w, x, H):
    """[T, d], before W_o"""
    D = x.shape[1] // H
    each = lambda *names: (heads(dense(x, w, n), H) for n in names)
    flat = lambda o: o.reshape(len(x), -1)
    if name == "retnet":
        q, k, v, gate = each(*"qkvg")
        g = np.broadcast_to(np.log1p(-(2.0 ** (-5 - np.arange(H))))[:, None], (len(x), H, 1))
        return flat(rms_norm(recur(q, k, v, g) / D**0.5, w["out_norm.weight"]) * silu(gate))
    if name == "gla":
        q, k, v, gate = each(*"qkvg")
        g = -softplus(-heads(dense(dense(x, w, "f1"), w, "f2"), H)) / 16
        return flat(rms_norm(recur(q, k, v, g) / D**0.5, w["out_norm.weight"]) * silu(gate))
    if name == "mamba2":
        q, k, v = (conv(dense(x, w, n), w, n + "_conv") for n in "qkv")
        q, k, v = np.repeat(q[:, None], H, 1), np.repeat(k[:, None], H, 1), heads(v, H)
        delta = softplus(dense(x, w, "dt") + w["dt_bias"])
        o = recur(q, k, v * delta[:, :, None], (-delta * np.exp(w["A_log"]))[:, :, None]) + v * w["D"][:, None]
        return rms_norm(flat(o) * silu(dense(x, w, "g")), w["out_norm.weight"])
    q, k, v = (heads(conv(dense(x, w, n), w, n + "_conv"), H) for n in "qkv")
    beta = sigmoid(dense(x, w, "beta"))
    if name == "gated_deltanet":
        f, gate = (dense(x, w, "a") + w["dt_bias"])[:, :, None], silu(dense(x, w, "g"))
    else:  # kda
        f, gate = heads(dense(dense(x, w, "f1"), w, "f2") + w["dt_bias"], H), sigmoid(dense(dense(x, w, "g1"), w, "g2"))
    g = -np.exp(w["A_log"])[:, None] * softplus(f)
    return flat(rms_norm(recur(l2(q), l2(k), v, g, beta) / D**0.5, w["out_norm.weight"])) * gate


def logits(layers, config, weights, ids):
    """[B, T, V] at every position"""
    w, d = {name: t.double().numpy() for name, t in weights.items()}, config["hidden_dim"]
    angle = np.arange(ids.shape[1])[:, None] / 10000 ** (np.arange(0, d, 2) / d)
    positions = np.stack([np.sin(angle), np.cos(angle)], 2).reshape(len(angle), -1)[:, :d]
    erf = np.vectorize(math.erf)

    def row(tokens):
        x = w["embedding.weight"][tokens] + positions
        for i, (name, _) in enumerate(layers):
            p = f"layers.{i}."
            own = {n.removeprefix(p + "mixer."): t for n, t in w.items() if n.startswith(p + "mixer.")}
            o = mix(name, own, layer_norm(x, w, p + "norm1"), config["num_heads"])
            x = x + dense(o, own, "o")
            y = dense(layer_norm(x, w, p + "norm2"), w, p + "ff.in")
            x = x + dense(y * (1 + erf(y / 2**0.5)) / 2, w, p + "ff.out")
        return dense(layer_norm(x, w, "norm"), w, "head")

    return np.stack([row(tokens) for tokens in ids])
