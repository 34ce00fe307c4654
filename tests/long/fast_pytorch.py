"""For test_fast_pytorch.sh: the recipe of arXiv 2404.00498 in PyTorch, for small data in a fixed order.

    data                                 data.h5: 256 images for training, 64 for tests
    compare START END PREDICTED PLAIN    START: the first weights, END: those after 2.3 epochs, and their predictions
"""
import math
import sys

import h5py
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH, EPOCHS, RATE, DECAY = 32, 2.3, 0.005, 0.0153 / 11.5


def make_data():
    random = np.random.default_rng(1)
    patterns = random.normal(0, 1, (10, 32, 32, 3))
    with h5py.File("data.h5", "w") as file:
        for split, count in (("train", 256), ("test", 64)):
            labels = random.integers(0, 10, count).astype(np.int32)
            images = 0.5 * patterns[labels] + random.normal(0, 1, (count, 32, 32, 3))
            images = (images + np.roll(images, 1, 1) + np.roll(images, 1, 2)) / 2  # neighbours alike
            file[f"{split}/images"] = images.astype(np.float32)
            file[f"{split}/labels"] = labels


def read(split):
    with h5py.File("data.h5") as file:
        return torch.tensor(file[f"{split}/images"][()]).permute(0, 3, 1, 2), torch.tensor(file[f"{split}/labels"][()]).long()


class Norm(nn.BatchNorm2d):
    def __init__(self, channels):
        super().__init__(channels, eps=1e-12, momentum=0.4)
        self.weight.requires_grad = False


class Group(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, k, 3, padding="same", bias=False), Norm(k)
        self.conv2, self.bn2 = nn.Conv2d(k, k, 3, padding="same", bias=False), Norm(k)

    def forward(self, x):
        x = F.gelu(self.bn1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.bn2(self.conv2(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.group1, self.group2, self.group3 = Group(24, 64), Group(64, 256), Group(256, 256)
        self.fc = nn.Linear(256, 10, bias=False)

    def forward(self, x):
        x = self.group3(self.group2(self.group1(F.gelu(self.whiten(x)))))
        return self.fc(F.max_pool2d(x, 3).flatten(1)) / 9


def whitened(x, eps=5e-4):
    patches = x.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).double()
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    return (vectors.T / torch.sqrt(values + eps)[:, None]).flip(0)


def load(net, path):
    state = net.state_dict()
    with h5py.File(path) as file:
        for layer in file["model"]:
            for name in file["model"][layer]:
                state[f"{layer}.{name}"].copy_(torch.tensor(file["model"][layer][name][()]))


def train(net):
    x, labels = read("train")
    x = x.to(net.fc.weight.dtype)
    steps = len(x) // BATCH
    total = math.ceil(steps * EPOCHS)
    norms = [p for name, p in net.named_parameters() if p.requires_grad and ".bn" in name]
    others = [p for name, p in net.named_parameters() if p.requires_grad and ".bn" not in name]
    optimizer = torch.optim.SGD([dict(params=norms, lr=64 * RATE, weight_decay=DECAY / 64),
                                 dict(params=others, lr=RATE, weight_decay=DECAY)], momentum=0.85, nesterov=True)
    slow = [value.detach().clone() for value in net.state_dict().values()]
    for step in range(total):
        t = step / total
        rise = 0.2 + 0.8 * t / 0.23 if t < 0.23 else 0.07 + 0.93 * (1 - t) / 0.77
        for group, factor in zip(optimizer.param_groups, (64, 1)):
            group["lr"] = RATE * factor * rise
        net.whiten.bias.requires_grad = step < steps  # learns for one epoch
        batch = slice(step % steps * BATCH, step % steps * BATCH + BATCH)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x[batch]), labels[batch], label_smoothing=0.2).backward()
        optimizer.step()
        if (step + 1) % 5 == 0:
            keep = 0.95 ** 5 * ((step + 1) / total) ** 3
            for s, value in zip(slow, net.state_dict().values()):
                if value.dtype.is_floating_point:
                    s.lerp_(value, 1 - keep)
                    value.copy_(s)
    for s, value in zip(slow, net.state_dict().values()):
        value.copy_(s)


def tta(net, x):
    def mirrored(x):
        return 0.5 * net(x) + 0.5 * net(x.flip(-1))
    p = F.pad(x, (1,) * 4, "reflect")
    return 0.5 * mirrored(x) + 0.25 * mirrored(p[:, :, :32, :32]) + 0.25 * mirrored(p[:, :, 2:, 2:])


def trained(start, dtype):
    net = Net().to(dtype)
    with torch.no_grad():
        load(net, start)
    net.train()
    train(net)
    net.eval()
    return net


def check_whitening(start):
    with h5py.File(start) as file:
        got = torch.tensor(file["model/whiten/weight"][()]).double().reshape(24, 12)
    want = whitened(read("train")[0])
    want *= torch.sign((want * got[:12]).sum(1, keepdim=True))
    error = ((got - torch.cat([want, -want])).abs().max() / want.abs().max()).item()
    print(f"whitening filters are off by {error:.2g}")
    return error < 1e-4


def changes(net, before):
    """What became of every array of the network, running statistics included."""
    return {name: value.double() - before[name].double() for name, value in net.state_dict().items()
            if value.dtype.is_floating_point and name != "whiten.weight" and not name.endswith(("bn1.weight", "bn2.weight"))}


def worst(got, truth):
    errors = {name: (got[name] - truth[name]).norm().item() / truth[name].norm().item() for name in truth}
    name = max(errors, key=lambda name: errors[name] if errors[name] == errors[name] else math.inf)
    return name, errors[name]


def compare(start, end, predicted, plain):
    good = check_whitening(start)
    first, ours = Net(), Net()
    with torch.no_grad():
        load(first, start)
        load(ours, end)
    before = first.state_dict()
    net = trained(start, torch.float64)
    truth = changes(net, before)
    name, error = worst(changes(ours, before), truth)
    _, theirs = worst(changes(trained(start, torch.float32), before), truth)
    print(f"19 steps: of {len(truth)} arrays {name} is furthest off, by {error:.2g} of its way; PyTorch's float32 by {theirs:.2g}")
    good = good and error <= max(1e-3, 3 * theirs) and theirs < 0.03
    x = read("test")[0].double()
    with torch.no_grad():
        for what, path, logits in (("views", predicted, tta(net, x)), ("no views", plain, net(x))):
            with h5py.File(path) as file:
                error = np.abs(file["test/probabilities"][()] - F.softmax(logits, 1).numpy()).max()
            print(f"{what}: probabilities are off by {error:.2g}")
            good = good and error < 1e-3
    return good


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(2)
    if sys.argv[1] == "data":
        make_data()
    elif not compare(*sys.argv[2:]):
        sys.exit(1)
