#!/usr/bin/python3
"""Makes the golden files beside it: small networks with PyTorch's numbers, against which test_golden.c holds ours.

    /usr/bin/python3 tests/golden/make_golden.py          (Debian: python3-torch python3-h5py)

Everything is computed in double, so that the numbers are the truth and not another rounding of it. A network is written in
our own [network] lines (networks.py) and built here from PyTorch's functions only. The seed of a file is the first one for
which PyTorch's own float32 run agrees with the double one to a tenth of the test's tolerance: no value may sit on a kink.

A file holds
    attributes             network, input = HxWxC, loss, lr, momentum, nesterov, weight_decay, clip_norm, seed;
                           where the optimizer is not sgd: optimizer, beta1, beta2, alpha, eps;
                           where samples are blended in pairs: share, label_smoothing
    /x                     (n, h, w, c), before it is blended
    /labels                (n) int32 class index, or (n, k) float32
    /model/LAYER/NAME      initial parameters: weights OIHW or (out, in)
    /loss                  of the initial parameters
    /output                (n, k), of the last layer: probabilities, or the values where it is linear
    /grad/LAYER/NAME       gradients of the loss
    /losses                (10) before each of ten steps on this batch
    /after/LAYER/NAME      parameters after the ten steps
    /buffers/LAYER/NAME    running statistics after the ten steps, where there are any
    /evaluated             (n, k), output after the ten steps, in evaluation: with the running statistics
"""
import functools
import os
import warnings

import h5py
import numpy as np
import torch
import torch.nn.functional as F

from networks import NETWORKS

STEPS = 10


def pair(text):
    """(h, w) of "3" or "3x5"."""
    numbers = [int(part) for part in text.split("x")]
    return (numbers[0], numbers[-1])


def parse(lines):
    """[(name, type, options)] of [network] lines."""
    layers = []
    for line in lines.strip().splitlines():
        name, text = (part.strip() for part in line.split("=", 1))
        words = text.split()
        layers.append((name, words[0], dict(word.split("=", 1) for word in words[1:])))
    return layers


def pads_same(size, kernel, stride, dilation):
    """Padding before and after one axis, as ONNX's SAME_UPPER."""
    total = max(0, (-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size)
    return total // 2, total - total // 2


def pads(option, x, kernel, stride, dilation):
    """(left, right, top, bottom) for F.pad."""
    if option == "valid":
        return (0, 0, 0, 0)
    if option == "same":
        top, bottom = pads_same(x.shape[2], kernel[0], stride[0], dilation[0])
        left, right = pads_same(x.shape[3], kernel[1], stride[1], dilation[1])
        return (left, right, top, bottom)
    h, w = pair(option)
    return (w, w, h, h)


def gelu(x, approximate):
    if approximate == "tanh":  # not in every PyTorch
        return 0.5 * x * (1 + torch.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x ** 3)))
    return F.gelu(x)


class Network:
    """A network of our lines; parameters made on the first pass, from `random`, as float32 values."""

    def __init__(self, lines, random, dtype):
        self.layers, self.random, self.dtype, self.parameters = parse(lines), random, dtype, {}
        self.buffers, self.decayed, self.training = {}, set(), True

    def parameter(self, layer, name, shape, fan_in):
        if (layer, name) not in self.parameters:
            values = self.random.uniform(-1, 1, shape) * (2.0 / (fan_in or 1)) ** 0.5 * (1.2 if name == "weight" else 0.3)
            if fan_in == 0:  # of a normalisation: around 1 and 0
                values = self.random.uniform(-0.4, 0.4, shape) + (name == "weight")
            elif name == "weight":
                self.decayed.add((layer, name))
            values = torch.tensor(values.astype(np.float32)).to(self.dtype)
            self.parameters[layer, name] = values.requires_grad_()
        return self.parameters[layer, name]

    def conv2d(self, name, options, x):
        kernel, stride, dilation = (pair(options.get(key, "1")) for key in ("kernel", "stride", "dilation"))
        groups, filters, c = int(options.get("groups", 1)), int(options["filters"]), x.shape[1]
        fan_in = c // groups * kernel[0] * kernel[1]
        weight = self.parameter(name, "weight", (filters, c // groups, *kernel), fan_in)
        bias = self.parameter(name, "bias", (filters,), fan_in) if options.get("bias", "yes") == "yes" else None
        padding = options.get("padding", "valid")
        y = F.conv2d(F.pad(x, pads(padding, x, kernel, stride, dilation)), weight, bias, stride, 0, dilation, groups)
        if padding == "same" and stride == (1, 1):  # PyTorch has its own `same` there: ours must be that
            assert torch.equal(y, F.conv2d(x, weight, bias, 1, "same", dilation, groups))
        return y

    def dense(self, name, options, x):
        x = x.flatten(1)
        units, fan_in = int(options["units"]), x.shape[1]
        weight = self.parameter(name, "weight", (units, fan_in), fan_in)
        bias = self.parameter(name, "bias", (units,), fan_in) if options.get("bias", "yes") == "yes" else None
        return F.linear(x, weight, bias)

    def affine(self, name, options, x, scale="yes", shift="yes"):
        weight = self.parameter(name, "weight", (x.shape[1],), 0) if scale == "yes" else None
        return weight, self.parameter(name, "bias", (x.shape[1],), 0) if shift == "yes" else None

    def batchnorm(self, name, options, x):
        weight, bias = self.affine(name, options, x, options.get("scale", "yes"), options.get("shift", "yes"))
        if (name, "running_mean") not in self.buffers:
            self.buffers[name, "running_mean"] = torch.zeros(x.shape[1], dtype=self.dtype)
            self.buffers[name, "running_var"] = torch.ones(x.shape[1], dtype=self.dtype)
        return F.batch_norm(x, self.buffers[name, "running_mean"], self.buffers[name, "running_var"], weight, bias,
                            self.training, float(options.get("momentum", 0.1)), float(options.get("eps", 1e-5)))

    def groupnorm(self, name, options, x):
        weight, bias = self.affine(name, options, x, *[options.get("affine", "yes")] * 2)
        return F.group_norm(x, int(options["groups"]), weight, bias, float(options.get("eps", 1e-5)))

    def scale(self, name, options, x):
        if options.get("learned", "no") == "no":
            return x * float(options.get("factor", 1))
        return x * self.parameter(name, "weight", (x.shape[1],), 0).reshape(1, -1, *[1] * (x.dim() - 2))

    @staticmethod
    def pool(kind, options, x):
        size = pair(options["size"])
        stride = pair(options.get("stride", options["size"]))
        padding, ceil = pair(options.get("padding", "0")), options.get("ceil", "no") == "yes"
        if kind == "maxpool":
            return F.max_pool2d(x, size, stride, padding, ceil_mode=ceil)
        return F.avg_pool2d(x, size, stride, padding, ceil_mode=ceil, count_include_pad=True)

    def layer(self, name, kind, options, inputs):
        x = inputs[0]
        if kind == "conv2d":
            return self.conv2d(name, options, x)
        if kind == "dense":
            return self.dense(name, options, x)
        if kind in ("maxpool", "avgpool"):
            return self.pool(kind, options, x)
        if kind in ("batchnorm", "groupnorm", "scale"):
            return getattr(self, kind)(name, options, x)
        if kind == "concat":
            return torch.cat(inputs, 1)
        if kind == "lrn":
            return F.local_response_norm(x, int(options["size"]), float(options.get("alpha", 1e-4)),
                                         float(options.get("beta", 0.75)), float(options.get("k", 1)))
        if kind == "add":
            return sum(inputs[1:], x)
        simple = dict(relu=F.relu, tanh=torch.tanh, sigmoid=torch.sigmoid, flatten=lambda v: v.flatten(1),
                      leaky_relu=lambda v: F.leaky_relu(v, float(options.get("slope", 0.01))),
                      dropout=lambda v: F.dropout(v, float(options["rate"])),
                      dropout2d=lambda v: F.dropout2d(v, float(options["rate"])), silu=F.silu,
                      elu=lambda v: F.elu(v, float(options.get("alpha", 1))),
                      gelu=lambda v: gelu(v, options.get("approximate", "none")),
                      globalavgpool=lambda v: F.adaptive_avg_pool2d(v, 1))
        return simple[kind](x)

    def forward(self, x):
        """What the last layer is fed with."""
        values, previous = {"input": x}, x
        for name, kind, options in self.layers[:-1]:
            names = options.get("from")
            inputs = [values[source] for source in names.split(",")] if names else [previous]
            previous = values[name] = self.layer(name, kind, options, inputs)
        return previous.flatten(1)


LOSSES = dict(softmax=F.cross_entropy, sigmoid=F.binary_cross_entropy_with_logits, linear=F.mse_loss)
OUTPUTS = dict(softmax=lambda z: F.softmax(z, 1), sigmoid=torch.sigmoid, linear=lambda z: z)


def make_labels(last, n, k, random):
    if last == "softmax":
        return np.arange(n, dtype=np.int32) % k
    if last == "sigmoid":
        return random.integers(0, 2, (n, k)).astype(np.float32)
    return random.uniform(-1, 1, (n, k)).astype(np.float32)


DEFAULTS = dict(beta1=0.9, beta2=0.999, alpha=0.99, eps=1e-8)


def make_optimizer(settings, groups):
    kind, momentum = settings.get("optimizer", "sgd"), settings.get("momentum", 0)
    beta1, beta2, alpha, eps = (settings.get(key, value) for key, value in DEFAULTS.items())
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=settings["lr"], momentum=momentum, nesterov=settings.get("nesterov", False))
    if kind == "rmsprop":
        return torch.optim.RMSprop(groups, lr=settings["lr"], alpha=alpha, eps=eps, momentum=momentum)
    return dict(adam=torch.optim.Adam, adamw=torch.optim.AdamW)[kind](groups, lr=settings["lr"], betas=(beta1, beta2),
                                                                     eps=eps)


def blend(settings, x, target, k):
    """Images and class probabilities, each with those of the sample as far from the end."""
    share, target = settings["share"], F.one_hot(target, k).to(x.dtype)
    return tuple(share * v + (1 - share) * v.flip(0) for v in (x, target))


def run(settings, seed, dtype):
    """All numbers of a file, as {path: array}."""
    random = np.random.default_rng(seed)
    network, last = Network(settings["lines"], random, dtype), parse(settings["lines"])[-1][1]
    h, w, c = (int(part) for part in settings["input"].split("x"))
    image = random.uniform(-1, 1, (settings["n"], h, w, c)).astype(np.float32)
    x = torch.tensor(image).permute(0, 3, 1, 2).to(dtype)
    z = network.forward(x)
    network.buffers = {}  # the first step of the ten begins with fresh running statistics
    labels = make_labels(last, settings["n"], z.shape[1], random)
    target = torch.tensor(labels).long() if last == "softmax" else torch.tensor(labels).to(dtype)

    loss_function = LOSSES[last]
    if "share" in settings:
        x, target = blend(settings, x, target, z.shape[1])
        z = network.forward(x)
        loss_function = functools.partial(loss_function, label_smoothing=settings.get("label_smoothing", 0))

    out = {"x": image, "labels": labels, "output": OUTPUTS[last](z)}
    out.update({f"model/{l}/{p}": v.detach().clone() for (l, p), v in network.parameters.items()})
    weights, biases = ([v for p, v in network.parameters.items() if (p in network.decayed) == b] for b in (True, False))
    optimizer = make_optimizer(settings, [dict(params=weights, weight_decay=settings.get("weight_decay", 0)),
                                          dict(params=biases or [torch.zeros(1)], weight_decay=0)])
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_function(network.forward(x), target)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            out["loss"] = loss
            out.update({f"grad/{l}/{p}": v.grad.clone() for (l, p), v in network.parameters.items()})
        if settings.get("clip_norm"):
            norm = torch.nn.utils.clip_grad_norm_(weights + biases, settings["clip_norm"])
            assert step or norm > settings["clip_norm"], f"norm {norm}: nothing to clip"
        optimizer.step()
    out["losses"] = np.array(losses)
    if network.buffers:
        network.training = False
        out["evaluated"] = OUTPUTS[last](network.forward(x))
        out.update({f"buffers/{l}/{p}": v for (l, p), v in network.buffers.items()})
    out.update({f"after/{l}/{p}": v for (l, p), v in network.parameters.items()})
    return {path: v.detach().numpy() if torch.is_tensor(v) else v for path, v in out.items()}


def far_from_kinks(truth, other):
    return all(np.abs(other[p] - v).max() <= 1e-5 * np.abs(v).max() for p, v in truth.items())


def write(path, settings, seed, numbers):
    with h5py.File(path, "w", libver=("earliest", "v108")) as file:
        file.attrs["network"] = np.bytes_("\n".join(line.strip() for line in settings["lines"].strip().splitlines()))
        file.attrs["input"] = np.bytes_(settings["input"])
        file.attrs["seed"] = np.int64(seed)
        for key in ("lr", "momentum", "weight_decay", "clip_norm"):
            file.attrs[key] = np.float64(settings.get(key, 0))
        file.attrs["nesterov"] = np.int64(settings.get("nesterov", False))
        if "share" in settings:
            for key in ("share", "label_smoothing"):
                file.attrs[key] = np.float64(settings.get(key, 0))
        if "optimizer" in settings:
            file.attrs["optimizer"] = np.bytes_(settings["optimizer"])
            for key, value in DEFAULTS.items():
                file.attrs[key] = np.float64(settings.get(key, value))
        for name, values in numbers.items():
            kind = np.float64 if name in ("loss", "losses") else np.int32 if values.dtype == np.int32 else np.float32
            file.create_dataset(name, data=np.asarray(values, kind), track_times=False)


def main():
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")
    folder = os.path.dirname(os.path.abspath(__file__))
    for name, settings in NETWORKS.items():
        for seed in range(1, 200):
            numbers = run(settings, seed, torch.float64)
            if far_from_kinks(numbers, run(settings, seed, torch.float32)):
                break
        else:
            raise SystemExit(f"{name}: no seed will do")
        path = os.path.join(folder, name + ".h5")
        write(path, settings, seed, numbers)
        print(f"{name}: seed {seed}, loss {numbers['losses'][0]:.4f} to {numbers['losses'][-1]:.4f}, "
              f"{os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
