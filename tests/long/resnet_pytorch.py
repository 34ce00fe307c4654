"""For test_resnet_pytorch.sh: data, weights and PyTorch's verdict.

    data SIZE                                   data.h5: 6 images, in train and in test
    weights CHECKPOINT INIT                     random weights for the network of the checkpoint's lines, for --init
    compare INIT ONE TEN PREDICTED              ONE: after a step at rate 0.1, TEN: after ten at 0.001
"""
import os
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
from make_golden import Network  # noqa: E402

N = 6


def make_data(size):
    random = np.random.default_rng(1)
    with h5py.File("data.h5", "w") as file:
        for split in ("train", "test"):
            file[f"{split}/images"] = random.normal(0, 1, (N, size, size, 3)).astype(np.float32)
            file[f"{split}/labels"] = np.arange(N, dtype=np.int32) * 3 % 10


def read(split):
    with h5py.File("data.h5") as file:
        return (torch.tensor(file[f"{split}/images"][()]).permute(0, 3, 1, 2).double(),
                torch.tensor(file[f"{split}/labels"][()]).long())


def lines_of(path):
    """The [network] section of the configuration that a checkpoint keeps, layers only."""
    with h5py.File(path) as file:
        text = file["config"][()].decode()
    section = text.split("[network]\n")[1].split("\n[")[0]
    return "\n".join(line for line in section.splitlines() if line.strip() and line.split()[0] != "input")


def arrays(path):
    with h5py.File(path) as file:
        return {(layer, name): file["model"][layer][name][()] for layer in file["model"] for name in file["model"][layer]}


def make_weights(checkpoint, init):
    network = Network(lines_of(checkpoint), np.random.default_rng(2), torch.float64)
    network.forward(read("train")[0])
    with h5py.File(init, "w") as file:
        for (layer, name), values in network.parameters.items():
            file[f"model/{layer}/{name}"] = values.detach().numpy().astype(np.float32)
        for (layer, name), values in network.buffers.items():
            file[f"model/{layer}/{name}"] = np.full(values.shape, float(name == "running_var"), np.float32)


def network_of(checkpoint, weights, dtype):
    """PyTorch's, from the lines of one checkpoint and the arrays of another."""
    network = Network(lines_of(checkpoint), np.random.default_rng(2), dtype)
    for place, values in arrays(weights).items():
        tensor = torch.tensor(values).to(dtype)
        if place[1].startswith("running"):
            network.buffers[place] = tensor
        else:
            network.parameters[place] = tensor.requires_grad_()
    return network


def train(checkpoint, init, rate, steps, dtype):
    network = network_of(checkpoint, init, dtype)
    x, labels = read("train")
    optimizer = torch.optim.SGD(network.parameters.values(), lr=rate, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(network.forward(x.to(dtype)), labels).backward()
        optimizer.step()
    return network


def numbers(network):
    return {place: values.detach().double().numpy() for place, values in {**network.parameters, **network.buffers}.items()}


def errors(truth, before, after):
    """Of each array's change, against the change's own size."""
    return {place: np.linalg.norm(after[place] - values) / np.linalg.norm(values - before[place])
            for place, values in truth.items()}


def as_good(what, checkpoint, init, rate, steps):
    """As near to the network in double as PyTorch's own float32 is: signs at the kinks of relu make the distance."""
    before, truth = arrays(init), train(checkpoint, init, rate, steps, torch.float64)
    ours = errors(numbers(truth), before, arrays(checkpoint))
    theirs = max(errors(numbers(truth), before, numbers(train(checkpoint, init, rate, steps, torch.float32))).values())
    place = max(ours, key=lambda place: ours[place] if ours[place] == ours[place] else np.inf)
    print(f"{what}: of {len(ours)} arrays {'/'.join(place)} is furthest off, by {ours[place]:.2g}; "
          f"PyTorch's float32 by {theirs:.2g}")
    return truth, ours[place] <= max(1e-3, 3 * theirs)


def compare(init, one, ten, predicted):
    _, good = as_good("gradients", one, init, 0.1, 1)
    _, good_steps = as_good("ten steps", ten, init, 0.001, 10)
    network = network_of(ten, ten, torch.float64)
    network.training = False
    truth = F.softmax(network.forward(read("test")[0]), 1).detach().numpy()
    with h5py.File(predicted) as file:
        error = np.abs(file["test/probabilities"][()] - truth).max()
    print(f"probabilities in evaluation are off by {error:.2g}")
    return good and good_steps and error < 5e-3


if __name__ == "__main__":
    torch.set_num_threads(2)
    if sys.argv[1] == "data":
        make_data(int(sys.argv[2]))
    elif sys.argv[1] == "weights":
        make_weights(*sys.argv[2:])
    elif not compare(*sys.argv[2:]):
        sys.exit(1)
