#!/usr/bin/python3
"""Makes the golden files beside it: small networks with PyTorch's numbers, against which test_golden.c holds ours.

    /usr/bin/python3 tests/golden/make_golden.py          (Debian: python3-torch python3-h5py)

Everything is computed in double, so that the numbers are the truth and not another rounding of it. A network is written in
our own [network] lines and built here from PyTorch's functions only. The seed of a file is the first one for which
PyTorch's own float32 run agrees with the double one to a tenth of the test's tolerance: no value may sit on a kink.

A file holds
    attributes             network, input = HxWxC, loss, lr, momentum, nesterov, weight_decay, clip_norm, seed;
                           where the optimizer is not sgd: optimizer, beta1, beta2, alpha, eps
    /x                     (n, h, w, c)
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
import os
import warnings

import h5py
import numpy as np
import torch
import torch.nn.functional as F

STEPS = 10

# Every network: input, samples, optimizer settings, lines.
NETWORKS = {
    "plain": dict(input="8x8x1", n=5, lr=0.05, lines="""
        conv1 = conv2d filters=6 kernel=3 padding=same
        relu1 = relu
        pool1 = maxpool size=2
        conv2 = conv2d filters=8 kernel=3 padding=1
        relu2 = relu
        pool2 = maxpool size=2
        drop1 = dropout rate=0
        flat = flatten
        fc1 = dense units=12
        relu3 = relu
        fc2 = dense units=10
        out = softmax"""),
    "single": dict(input="5x7x1", n=1, lr=0.1, lines="""
        conv1 = conv2d filters=1 kernel=3 padding=valid
        tanh1 = tanh
        conv2 = conv2d filters=1 kernel=1 bias=no
        flat = flatten
        fc = dense units=2
        out = softmax"""),
    "stride": dict(input="11x14x3", n=4, lr=0.05, momentum=0.9, lines="""
        conv1 = conv2d filters=5 kernel=3x5 stride=2x1 padding=1x2
        relu1 = leaky_relu slope=0.2
        conv2 = conv2d filters=4 kernel=2x3 stride=1x3 padding=0x1 bias=no
        relu2 = relu
        conv3 = conv2d filters=4 kernel=1x2 stride=2x3 padding=valid
        tanh3 = tanh
        flat = flatten
        fc = dense units=4
        out = softmax"""),
    "same_even": dict(input="7x6x2", n=3, lr=0.05, momentum=0.9, nesterov=True, lines="""
        conv1 = conv2d filters=4 kernel=2 padding=same
        tanh1 = tanh
        conv2 = conv2d filters=3 kernel=4x3 padding=same
        sig2 = sigmoid
        conv3 = conv2d filters=4 kernel=5x2 padding=same bias=no
        flat = flatten
        fc = dense units=3 bias=no
        out = softmax"""),
    "same_stride": dict(input="13x10x2", n=3, lr=0.05, weight_decay=0.02, lines="""
        conv1 = conv2d filters=4 kernel=3 stride=2 padding=same
        tanh1 = tanh
        conv2 = conv2d filters=4 kernel=4x2 stride=3x2 padding=same
        tanh2 = tanh
        conv3 = conv2d filters=3 kernel=1 stride=2 padding=same
        flat = flatten
        fc = dense units=5
        out = softmax"""),
    "dilation": dict(input="12x9x2", n=3, lr=0.05, clip_norm=0.3, lines="""
        conv1 = conv2d filters=4 kernel=3 dilation=2 padding=2
        relu1 = leaky_relu slope=0.1
        conv2 = conv2d filters=3 kernel=2x3 dilation=3x2 padding=1x0 stride=2x1
        tanh2 = tanh
        conv3 = conv2d filters=3 kernel=3x2 dilation=2x3 padding=same
        flat = flatten
        fc = dense units=3
        out = softmax"""),
    "groups": dict(input="7x9x4", n=3, lr=0.05, momentum=0.5, weight_decay=0.01, lines="""
        conv1 = conv2d filters=6 kernel=3 padding=1 groups=2
        relu1 = leaky_relu slope=0.3
        conv2 = conv2d filters=6 kernel=3 padding=same groups=6
        tanh2 = tanh
        conv3 = conv2d filters=12 kernel=3x2 stride=2 groups=6 bias=no
        relu3 = leaky_relu
        conv4 = conv2d filters=4 kernel=1 groups=4
        flat = flatten
        fc = dense units=3
        out = softmax"""),
    "maxpool": dict(input="13x11x2", n=4, lr=0.05, momentum=0.9, clip_norm=0.4, lines="""
        conv1 = conv2d filters=4 kernel=3 padding=same
        pool1 = maxpool size=3 stride=2 padding=1
        conv2 = conv2d filters=5 kernel=2 padding=same
        pool2 = maxpool size=2x3 stride=2 ceil=yes padding=0x1
        tanh2 = tanh
        pool3 = maxpool size=2x1 stride=3x2 ceil=yes
        flat = flatten
        fc = dense units=4
        out = softmax"""),
    "avgpool": dict(input="13x11x2", n=4, lr=1, momentum=0.9, nesterov=True, weight_decay=0.01, clip_norm=0.06,
                    lines="""
        conv1 = conv2d filters=4 kernel=3 padding=same
        tanh1 = tanh
        pool1 = avgpool size=3 stride=2 padding=1
        conv2 = conv2d filters=5 kernel=2 padding=same
        pool2 = avgpool size=3x2 stride=2 ceil=yes padding=1
        tanh2 = tanh
        pool3 = avgpool size=2 stride=3 ceil=yes
        flat = flatten
        fc = dense units=4
        out = softmax"""),
    "global_pool": dict(input="6x5x3", n=2, lr=0.1, lines="""
        conv1 = conv2d filters=7 kernel=3
        relu1 = relu
        pool1 = avgpool size=4x3
        fc = dense units=3
        out = softmax"""),
    "residual": dict(input="6x7x3", n=3, lr=0.05, momentum=0.9, lines="""
        conv1 = conv2d filters=4 kernel=3 padding=same
        relu1 = relu
        conv2 = conv2d filters=4 kernel=3 padding=same
        relu2 = leaky_relu slope=0.1
        conv3 = conv2d filters=4 kernel=3 padding=same
        sum1 = add from=conv3,relu1
        relu3 = relu
        short = conv2d from=relu1 filters=5 kernel=1 stride=2
        conv4 = conv2d from=relu3 filters=5 kernel=3 stride=2 padding=1
        pool4 = avgpool from=conv1 size=2 ceil=yes
        wide4 = conv2d filters=5 kernel=1
        sum2 = add from=short,conv4,wide4
        tanh4 = tanh
        flat = flatten
        fc = dense units=4
        out = softmax"""),
    "deep_sigmoid": dict(input="5x5x2", n=4, lr=0.5, momentum=0.9, lines="""
        conv1 = conv2d filters=4 kernel=2 stride=1
        sig1 = sigmoid
        conv2 = conv2d filters=4 kernel=3 padding=2x1
        tanh2 = tanh
        flat = flatten
        fc1 = dense units=9
        sig3 = sigmoid
        fc2 = dense units=6
        relu3 = leaky_relu slope=0.5
        fc3 = dense units=3
        out = sigmoid"""),
    "binary_one": dict(input="4x3x2", n=5, lr=0.2, weight_decay=0.1, lines="""
        flat = flatten
        fc1 = dense units=8
        relu1 = relu
        fc2 = dense units=1
        out = sigmoid"""),
    "regression": dict(input="9x7x1", n=4, lr=0.05, momentum=0.9, nesterov=True, lines="""
        conv1 = conv2d filters=3 kernel=3 stride=2 padding=1
        tanh1 = tanh
        pool1 = maxpool size=2 ceil=yes
        flat = flatten
        fc = dense units=3
        out = linear"""),
    "batchnorm": dict(input="6x7x3", n=5, lr=0.05, momentum=0.9, weight_decay=0.01, lines="""
        conv1 = conv2d filters=5 kernel=3 padding=1 bias=no
        bn1 = batchnorm
        relu1 = relu
        conv2 = conv2d filters=5 kernel=3 padding=1 bias=no
        bn2 = batchnorm momentum=0.3 eps=0.01
        sum2 = add from=bn2,relu1
        relu2 = relu
        conv3 = conv2d filters=6 kernel=3 stride=2 padding=1 bias=no
        bn3 = batchnorm scale=no
        tanh3 = tanh
        bn4 = batchnorm from=sum2 shift=no
        conv4 = conv2d filters=6 kernel=1 stride=2 bias=no
        sum4 = add from=conv4,tanh3
        pool = globalavgpool
        fc1 = dense units=7 bias=no
        bn5 = batchnorm eps=0.1
        fc2 = dense units=4
        out = softmax"""),
    "smooth": dict(input="6x5x2", n=4, lr=0.05, momentum=0.5, lines="""
        conv1 = conv2d filters=6 kernel=3 padding=same
        gelu1 = gelu
        conv2 = conv2d filters=4 kernel=3 padding=same
        gelu2 = gelu approximate=tanh
        conv3 = conv2d filters=4 kernel=3 padding=same
        silu3 = silu
        both = concat from=gelu1,silu3,input
        conv4 = conv2d filters=6 kernel=3
        elu4 = elu alpha=0.7
        pool = globalavgpool
        fc = dense units=3
        out = softmax"""),
    "norms": dict(input="7x6x3", n=3, lr=0.05, momentum=0.9, weight_decay=0.02, lines="""
        conv1 = conv2d filters=8 kernel=3 padding=same
        gn1 = groupnorm groups=4
        relu1 = leaky_relu slope=0.2
        lrn1 = lrn size=5 alpha=0.5 beta=0.75 k=2
        conv2 = conv2d filters=6 kernel=3 stride=2
        gn2 = groupnorm groups=2 affine=no eps=0.001
        lrn2 = lrn size=4 alpha=0.3
        scale2 = scale factor=0.5 learned=yes
        conv3 = conv2d filters=6 kernel=1 bias=no
        gn3 = groupnorm groups=6
        drop3 = dropout2d rate=0
        tanh3 = tanh
        scale3 = scale factor=-1.5
        flat = flatten
        fc = dense units=3
        out = softmax"""),
    "residual_batchnorm": dict(input="7x6x3", n=4, lr=0.05, momentum=0.9, weight_decay=0.01, lines="""
        stem = conv2d filters=3 kernel=3 padding=1 bias=no
        stembn = batchnorm
        relu0 = relu
        conv1 = conv2d filters=3 kernel=3 padding=1 groups=3 bias=no
        bn1 = batchnorm
        relu1 = relu
        conv2 = conv2d filters=3 kernel=3 padding=1 bias=no
        bn2 = batchnorm scale=no
        sum2 = add from=bn2,relu0
        relu2 = relu
        down = conv2d filters=5 kernel=1 stride=2 bias=no
        downbn = batchnorm
        conv3 = conv2d from=relu2 filters=5 kernel=3 stride=2 padding=1 bias=no
        bn3 = batchnorm shift=no
        sum3 = add from=bn3,downbn
        relu3 = relu
        conv4 = conv2d filters=5 kernel=3 padding=1 bias=no
        bn4 = batchnorm eps=0.01
        conv5 = conv2d from=relu3 filters=5 kernel=1 bias=no
        sum4 = add from=relu3,bn4,conv5
        pool = globalavgpool
        fc = dense units=4
        out = softmax"""),
    "flat_input": dict(input="1x1x13", n=7, lr=0.1, clip_norm=0.05, lines="""
        fc1 = dense units=11
        tanh1 = tanh
        fc2 = dense units=11
        sum = add from=fc2,tanh1
        fc3 = dense units=2
        out = linear"""),
}

# The optimizers that PyTorch has, on one network.
OPTIMIZED = dict(input="6x7x2", n=4, lines="""
        conv1 = conv2d filters=4 kernel=3 padding=same
        tanh1 = tanh
        conv2 = conv2d filters=3 kernel=2 stride=2
        sig2 = sigmoid
        flat = flatten
        fc = dense units=4
        out = softmax""")
for _name, _settings in {
        "adam": dict(lr=0.01, optimizer="adam", weight_decay=0.02),
        "adam_betas": dict(lr=0.02, optimizer="adam", beta1=0.7, beta2=0.9, eps=1e-3, clip_norm=0.2),
        "adamw": dict(lr=0.01, optimizer="adamw", weight_decay=0.5),
        "rmsprop": dict(lr=0.002, optimizer="rmsprop", weight_decay=0.02),
        "rmsprop_momentum": dict(lr=0.002, optimizer="rmsprop", momentum=0.8, alpha=0.7, eps=1e-3)}.items():
    NETWORKS[_name] = {**OPTIMIZED, **_settings}


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

    out = {"x": image, "labels": labels, "output": OUTPUTS[last](z)}
    out.update({f"model/{l}/{p}": v.detach().clone() for (l, p), v in network.parameters.items()})
    weights, biases = ([v for p, v in network.parameters.items() if (p in network.decayed) == b] for b in (True, False))
    optimizer = make_optimizer(settings, [dict(params=weights, weight_decay=settings.get("weight_decay", 0)),
                                          dict(params=biases or [torch.zeros(1)], weight_decay=0)])
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = LOSSES[last](network.forward(x), target)
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
