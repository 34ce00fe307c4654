#!/usr/bin/python3
"""Training speed and memory of cnn-train against PyTorch, on the same network, batch and threads, in turns.

    bench/against_pytorch.py [--threads N] [--rounds N] [--seconds S] [--program FILE] CONFIG.ini...

PyTorch's network is built from the configuration's own lines. A step of both: forward, loss, backward, SGD with momentum, on one batch of
random images. PyTorch in its faster memory layout of the two, with a malloc that keeps its memory, and without the
variables that choose OpenBLAS's code. Speed: medians of the rounds' images/s, and the median of the rounds' ratios. Memory: the peak of
cnn-train's process, all of it; of PyTorch's what it has taken since its libraries were loaded.
"""
import argparse
import configparser
import json
import os
import re
import statistics
import subprocess
import sys
import time

KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "8589934592", "MALLOC_TRIM_THRESHOLD_": "17179869184",
               "MALLOC_TOP_PAD_": "268435456"}


def read_config(path):
    config = configparser.ConfigParser(inline_comment_prefixes=(";",), delimiters=("=",), interpolation=None)
    config.optionxform = str
    config.read(path)
    return config


def split_line(text, values):
    """TYPE and its options, with the block's parameters put in."""
    text = re.sub(r"\$(\w+)", lambda match: values[match.group(1)], text)
    kind, *options = text.split()
    return kind, dict(option.split("=", 1) for option in options)


def lines(config, section, values, prefix, before):
    """(name, type, options, inputs) of every layer, blocks put in; `before`: what the first one reads."""
    reads, result = before, []
    for key, text in config[section].items():
        if key in ("params", "input"):
            continue
        kind, options = split_line(text, values)
        inputs = [before if name == "input" else prefix + name for name in options.pop("from", "").split(",") if name]
        inputs = inputs or [reads]
        if config.has_section("block " + kind):
            given = dict(part.partition("=")[::2] for part in config["block " + kind]["params"].split())
            given.update(options)
            result += lines(config, "block " + kind, given, prefix + key + ".", last_of(result, inputs[0]))
            reads = prefix + key
        else:
            reads = prefix + key
            result.append((reads, kind, options, [last_of(result, name) for name in inputs]))
    return result


def last_of(result, name):
    """A block's name stands for its last layer."""
    inside = [line[0] for line in result if line[0] == name or line[0].startswith(name + ".")]
    return inside[-1] if inside else name


def network(config):
    import torch.nn as nn
    import torch.nn.functional as F
    height, width, channels = map(int, config["network"]["input"].split("x"))
    layers = lines(config, "network", {}, "", "input")
    shapes, modules = {"input": (channels, height, width)}, nn.ModuleDict()

    def side(size, o):
        return (size + 2 * int(o.get("padding", 0)) - int(o.get("kernel", o.get("size", 1)))) // int(
            o.get("stride", o.get("size", 1))) + 1

    for name, kind, o, inputs in layers:
        c, h, w = shapes[inputs[0]]
        if kind == "conv2d":
            shapes[name] = int(o["filters"]), side(h, o), side(w, o)
            modules[name.replace(".", "/")] = nn.Conv2d(c, int(o["filters"]), int(o["kernel"]), int(o.get("stride", 1)),
                                                        int(o.get("padding", 0)), bias=o.get("bias") != "no")
        elif kind == "batchnorm":
            shapes[name], modules[name.replace(".", "/")] = (c, h, w), nn.BatchNorm2d(c)
        elif kind == "dense":
            shapes[name], modules[name.replace(".", "/")] = (int(o["units"]), 1, 1), nn.Linear(c * h * w, int(o["units"]))
        elif kind == "maxpool":
            shapes[name] = c, side(h, o), side(w, o)
            modules[name.replace(".", "/")] = nn.MaxPool2d(int(o["size"]), int(o.get("stride", o["size"])),
                                                           int(o.get("padding", 0)))
        elif kind == "dropout":
            shapes[name], modules[name.replace(".", "/")] = (c, h, w), nn.Dropout(float(o["rate"]))
        else:
            shapes[name] = {"flatten": (c * h * w, 1, 1), "globalavgpool": (c, 1, 1)}.get(kind, (c, h, w))
    readers = {}
    for i, line in enumerate(layers):
        for name in line[3]:
            readers[name] = i

    def forward(x):
        values = {"input": x}
        for i, (name, kind, _, inputs) in enumerate(layers):
            taken = [values[n] for n in inputs]
            for n in set(inputs):
                if readers[n] == i:
                    del values[n]
            if name.replace(".", "/") in modules:
                values[name] = modules[name.replace(".", "/")](taken[0])
            elif kind == "relu":
                values[name] = F.relu(taken[0], inplace=True)
            elif kind == "add":
                values[name] = taken[0] + taken[1]
            elif kind == "flatten":
                values[name] = taken[0].flatten(1)
            elif kind == "globalavgpool":
                values[name] = taken[0].mean((2, 3))
            elif kind == "softmax":
                return taken[0] # the loss does it
            else:
                sys.exit(f"error: this script knows no layer of type {kind}")
        sys.exit("error: the network does not end with softmax")
    return modules, forward, (channels, height, width), shapes[layers[-1][0]][0]


def peak_bytes():
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"VmHWM:\s*(\d+)", file.read()).group(1))


def measure_pytorch(path, layout, threads, seconds):
    import torch
    import torch.nn.functional as F
    torch.set_num_threads(threads)
    loaded, config = peak_bytes(), read_config(path)
    modules, forward, shape, classes = network(config)
    layout = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    modules.to(memory_format=layout)
    batch = int(config["train"]["batch"])
    x, y = torch.randn(batch, *shape).to(memory_format=layout), torch.randint(0, classes, (batch,))
    optimizer = torch.optim.SGD(modules.parameters(), lr=0.01, momentum=0.9)

    def step():
        start = time.time()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(forward(x), y).backward()
        optimizer.step()
        return time.time() - start
    warm = min(step() for _ in range(3))
    times = [step() for _ in range(max(3, int(seconds / warm)))]
    print(json.dumps([batch / statistics.median(times), peak_bytes() - loaded]))


def run_pytorch(path, layout, args, keep):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    environment.update(KEEP_MEMORY if keep else {}, OMP_NUM_THREADS=str(args.threads))
    command = [sys.executable, __file__, "--pytorch", layout, "--threads", str(args.threads), "--seconds", str(args.seconds), path]
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)


def run_ours(path, args):
    """With the peak of the process, as the kernel tells at its end."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
    environment.pop("OMP_WAIT_POLICY", None)
    process = subprocess.Popen([args.program, "--benchmark", str(args.seconds), path], env=environment,
                               stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    found = re.search(r"^throughput: ([0-9.]+) images/s", text, re.M)
    if status or not found:
        sys.exit(f"error: {args.program} --benchmark {path} failed")
    return float(found.group(1)), usage.ru_maxrss * 1024


def compare(path, args):
    layouts = {layout: run_pytorch(path, layout, args, True) for layout in ("contiguous", "channels_last")}
    layout = max(layouts, key=lambda name: layouts[name][0])
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(run_ours(path, args))
        theirs.append(run_pytorch(path, layout, args, True))
    memory = run_pytorch(path, layout, args, False)[1]
    ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, theirs))
    print(f"| {os.path.splitext(os.path.basename(path))[0]} | {statistics.median(a[0] for a in ours):,.1f} | "
          f"{statistics.median(b[0] for b in theirs):,.1f} | {ratio:.2f} | {max(a[1] for a in ours) / 2**20:,.0f} MiB | "
          f"{memory / 2**20:,.0f} MiB |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--program", default="build/cnn-train")
    parser.add_argument("--pytorch", metavar="LAYOUT", help=argparse.SUPPRESS)
    parser.add_argument("configs", nargs="+", metavar="CONFIG.ini")
    args = parser.parse_args()
    if args.pytorch:
        measure_pytorch(args.configs[0], args.pytorch, args.threads, args.seconds)
        return
    print("| network | cnn-train, images/s | PyTorch, images/s | ratio | memory | PyTorch's |")
    print("|---|---|---|---|---|---|")
    for path in args.configs:
        compare(path, args)


if __name__ == "__main__":
    main()
