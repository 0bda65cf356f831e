# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1. Feedforward networks, a review
#
# **When you have worked through this lecture, you can**
#
# - write down the cost that belongs to each kind of output unit, and say why it has a minus sign;
# - choose hidden units by their derivatives, and measure when they saturate;
# - set weights by hand for a Boolean function, a region and a curve, and count the units that this takes;
# - show with an example what depth buys, and what training does not guarantee;
# - carry one example forward and backward through the slides' network, and check the result in two ways;
# - choose a learning rate, and explain when single examples beat the whole batch.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 15 seconds.
#
# **Slides:** *Review: Feedforward Neural Network*, *Review: Basic Components and Examples* (two), *Review:
# Architecture Design*, *Review: Backpropagation* (two), *Backpropagation: example*.
#
# **You need:** numpy arrays, derivatives and the chain rule.
#
# The cells compute every number while you read. Change them and run them again: that is what they are for.

# %%
from itertools import product
from math import tanh

import numpy as np
import torch
from matplotlib.path import Path
from scipy import optimize, special, stats
from torch.nn import functional

from course_utils import figures
from course_utils.data import load
from course_utils.widgets import backpropagation, question

rng = np.random.default_rng(1)
torch.set_num_threads(1)  # the networks here are so small that threads only get in each other's way

clothes, photographs = load("fashion_mnist", "train"), load("photographs")
sneaker, boot = (clothes.class_names.index(name) for name in ("Sneaker", "Ankle boot"))
shoes = np.isin(clothes.labels, (sneaker, boot))
x = clothes.images[shoes].mean(axis=(1, 2, 3))
x, y = (x - x.mean()) / x.std(), (clothes.labels[shoes] == boot) * 1.0
print(f"{len(x)} pictures of shoes, {y.mean():.0%} of them boots")

# %% [markdown]
# ## A feedforward network
#
# Somewhere there is an ideal function $f^*$ from inputs to outputs: from a picture to the name of what it
# shows. You do not have it. You have examples of it. A **feedforward network** is a function
# $\hat y = f(x, \theta)$ with many **parameters** $\theta$, and *learning* means: find the $\theta$ for which
# $f$ comes close to $f^*$ on the examples, and, you hope, elsewhere too.
#
# *Feedforward* says how it computes: from the input, through **hidden units**, to the output, and never back.
# Each **unit** adds up what reaches it, every value times the **weight** of its connection, and applies a
# function to the sum. Here is the network of the slides, small enough to do by hand. A unit with index 0 is
# always 1, so its weights are the **biases**.

# %%
names = ["x₀", "x₁", "x₂", "z₀", "z₁", "z₂", "ŷ"]
layers = [names[:3], names[3:6], names[6:]]
links = {(f"x{i}", f"z{j}"): f"w{i}{j}" for i in "₀₁₂" for j in "₁₂"}
links |= {(f"z{j}", "ŷ"): f"w{j}" for j in "₀₁₂"}
figure, (axes,) = figures.panels(width=8, height=4.4)
figures.network(axes, layers, links, title=f"{len(links)} weights: inputs x, hidden units z, output ŷ")
figures.show(
    figure,
    alt="Three columns of circles, from left to right: x0, x1, x2; z0, z1, z2; y-hat. Each x is joined to z1 "
    "and z2, each z to y-hat. Every line has the name of its weight.",
)

# %% [markdown]
# No connection leads back. You can test that without a picture. Put the connections into a matrix $A$ with
# $A_{ij}=1$ where unit $i$ feeds unit $j$. Then $A^k$ counts the paths with $k$ connections. In a feedforward
# network paths end. Add one connection from the output back to $z_1$, and they never do: that would be a
# *recurrent* network.

# %%
A = np.array([[(first, second) in links for second in names] for first in names], dtype=int)
recurrent = A.copy()
recurrent[names.index("ŷ"), names.index("z₁")] = 1
for name, matrix in {"feedforward": A, "one connection back": recurrent}.items():
    paths = [int(np.linalg.matrix_power(matrix, k).sum()) for k in range(1, 8)]
    print(f"{name:20} paths with 1, 2, 3, ... connections: {paths}")

# %% [markdown]
# ## Cost functions
#
# A network for classes puts out probabilities. How good are they? Look at one number: the probability $p$
# that it gave to what *did* happen. The **cost** of this example is $-\log p$: zero for $p=1$, and without
# limit as $p$ approaches 0.
#
# The mean over the examples is the **cross-entropy**. With $\hat p_{data}$ for the examples that you have:
#
# $$J(\theta) = -\,\mathbb{E}_{x, y \sim \hat p_{data}} \log p_{model}(y \mid x)$$
#
# The slides leave out the minus sign. Does it matter? Take the simplest model: it says "boot with probability
# $p$" whatever it sees, about 40 pictures of which 12 are boots.

# %%
for p in (0.99, 0.9, 0.5, 0.1, 0.01):
    print(f"probability {p:4} for what happened: cost {-np.log(p):.2f}")

answers = np.repeat([1, 0], [12, 28])
grid = np.linspace(0.01, 0.99, 99)
mean_log = np.array([np.log(np.where(answers == 1, p, 1 - p)).mean() for p in grid])
lowest = {name: float(grid[J.argmin()]) for name, J in (("with", -mean_log), ("without", mean_log))}
print("share of boots:", answers.mean(), "  p with the lowest cost:", lowest)

figure, (axes,) = figures.panels(width=9.5, height=3)
curves = {"J, with the minus": -mean_log, "the slides' J": mean_log}
title = f"With the minus the best p is {lowest['with']:.2f}, the share of boots; without, p runs to the end"
figures.profiles(axes, grid, curves, title=title, xlabel="p, the same for all pictures", ylabel="J")
figures.show(
    figure,
    alt=f"Two curves over p, mirror images: lowest with the minus, highest without, at {lowest['with']:.2f}.",
)

# %% [markdown]
# Whoever minimises the slides' formula gets the worst model there is. So $J$ needs its minus: it is a cost.
#
# And where does the squared error come from? From the same formula. If the model says "normal distribution
# with mean $\hat y$ and standard deviation 1", then $-\log p(y)$ is $\frac12(y-\hat y)^2$ and a constant that
# no parameter can change.

# %%
for y_hat in (0.0, 1.0, 3.0):
    cost = -stats.norm.logpdf(2.0, loc=y_hat)
    half_square = (2.0 - y_hat) ** 2 / 2
    print(f"y = 2, ŷ = {y_hat}: −log p = {cost:.4f} = {half_square:.4f} + {cost - half_square:.4f}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
cost = round(float(-np.log(np.full(10, 1 / 10))[0]), 2)
question(
    "An untrained network gives each of ten classes the same probability. What is its cross-entropy?",
    [
        ("0.10", cost == 0.10, "That is the probability. The cost is minus its logarithm."),
        ("2.30", cost == 2.30, "$-\\log\\frac{1}{10} = \\log 10$, whatever the labels are."),
        ("10", cost == 10.0, "10 is $1/p$. The cost is the logarithm of that."),
        ("It depends on the labels", False, "Every label gets the same probability, so the same cost."),
    ],
)

# %% [markdown]
# ## Output units
#
# Let $h$ be what the last hidden layer gives, and $z = w^\mathsf{T}h + b$ the sum at the output. Which
# function comes last depends on what you predict:
#
# | unit | output | it says | its cost $-\log p$ |
# | --- | --- | --- | --- |
# | **linear** | $\hat y = z$ | the mean of a normal distribution | squared error |
# | **sigmoid** | $\hat y = \sigma(z) = 1/(1+e^{-z})$ | the probability of class 1 of two | cross-entropy |
# | **softmax** | $p_i = e^{z_i} / \sum_j e^{z_j}$ | the probability of each of $C$ classes | cross-entropy |
#
# See the first two at work, with one input each. A linear unit predicts a pixel of a photograph from its
# left neighbour. A sigmoid unit predicts from its brightness whether a shoe is a boot. Neither ever saw a
# mean or a share, only single examples. Yet both come close to the means of 16 groups of them, the dots.

# %%
grey = photographs.images[photographs.class_names.index("coffee cup")].mean(axis=0) / 255
left_pixel, right_pixel = grey[:, :-1].ravel(), grey[:, 1:].ravel()
slope, start = np.polyfit(left_pixel, right_pixel, 1)


def cost_and_gradient(theta, rows=slice(None)):
    """Mean cross-entropy of the sigmoid unit with theta = (w, b) on some of the shoes, and its gradient."""
    w, b = theta
    z, t = w * x[rows] + b, y[rows]
    error = special.expit(z) - t
    return np.mean(np.logaddexp(0, z) - t * z), np.array([np.mean(error * x[rows]), np.mean(error)])


best = optimize.minimize(cost_and_gradient, [0.0, 0.0], jac=True, tol=1e-12).x
print(f"linear: ŷ = {slope:.3f} x + {start:.3f}     sigmoid: ŷ = σ({best[0]:.2f} x + {best[1]:.2f})")

figure, (left, right) = figures.panels(1, 2, width=10, height=3.5)
panels = (
    (left, left_pixel, right_pixel, lambda at: slope * at + start, "A linear unit predicts the mean"),
    (right, x, y, lambda at: special.expit(best @ [at, 1 + 0 * at]), "A sigmoid unit predicts the share"),
)
for axes, inputs, targets, unit, title in panels:
    groups = np.array_split(np.argsort(inputs), 16)
    centres, means = (np.array([values[group].mean() for group in groups]) for values in (inputs, targets))
    print(f"{title}: largest gap to the mean of a group {np.abs(unit(centres) - means).max():.3f}")
    axes.plot(centres, means, "o", color="#d55e00")
    figures.profiles(axes, centres, {"": unit(centres)}, title=title, xlabel="", ylabel="")
left.set(xlabel="brightness of a pixel (0 to 1)", ylabel="brightness of its right neighbour")
right.set(xlabel="brightness of the picture (standardised)", ylabel="probability of a boot")
figures.show(
    figure,
    alt="Left: a straight line through dots, the mean brightness of the right neighbour for 16 groups of "
    "pixels. Right: an S-shaped curve from near 0 to near 1 through the shares of boots in 16 groups.",
)

# %% [markdown]
# For more than two classes there is **softmax**: one sum for each class, the **logits** $z$, become positive
# numbers with sum 1. Three facts, each checked below on one vector:
#
# 1. Only *differences* of logits count. Add the same number to all, and nothing changes.
# 2. For two classes it is the sigmoid of the difference: $p_1 = \sigma(z_1 - z_0)$.
# 3. Formulas taken literally overflow: $e^{1000}$ is too large for any float. Fact 1 is the way out, and
#    libraries take it.

# %%
z = np.array([2.0, 1.0, -1.0])
print("softmax of", z, "is", special.softmax(z).round(3))
print("with 100 added to each:    ", special.softmax(z + 100).round(3))
print("two classes:", special.softmax(z[:2])[1], "=", special.expit(z[1] - z[0]))
with np.errstate(over="ignore", invalid="ignore"):
    print("logits 1000 and 999, literally:", np.exp(1000.0) / (np.exp(1000.0) + np.exp(999.0)), end="")
print("; by scipy:", special.softmax([1000.0, 999.0])[0].round(4), "= σ(1) =", special.expit(1.0).round(4))

# %% [markdown]
# ### Why cost and unit belong together
#
# For all three pairs of the table the derivative of the cost with respect to $z$ is the same short thing:
# output minus target, $\hat y - y$. For softmax the output is the vector $p$, and the target is 1 for the
# class that happened, 0 for the others. Ask PyTorch's **autograd**, which finds derivatives by itself.

# %%
at = torch.tensor([2.0], requires_grad=True)  # the z of a linear and of a sigmoid unit; the target is 1
costs = (at - 1) ** 2 / 2, functional.binary_cross_entropy_with_logits(at, torch.ones(1))
for name, output, cost in zip(("linear ", "sigmoid"), (at, at.sigmoid()), costs, strict=True):
    print(f"{name}  ŷ {output.item():.4f}, y 1, gradient {torch.autograd.grad(cost, at)[0].item():.4f}")
logits = torch.tensor(z, requires_grad=True)
functional.cross_entropy(logits[None], torch.tensor([2])).backward()
print("softmax  p", special.softmax(z).round(4), "target (0, 0, 1), gradient", logits.grad.numpy().round(4))

# %% [markdown]
# Mix them up, and learning stalls. Give a sigmoid unit the squared error, and the derivative gets a factor
# $\sigma'(z) = \hat y(1-\hat y)$. It is tiny where $\hat y$ is close to 0 or 1, so also where the unit is
# *confidently wrong*. Start there, at $z=-8$ with $y=1$, and walk downhill on $z$ itself, each time by the
# slope.

# %%
print("      z   cross-entropy's slope   squared error's slope")
for at in (-8.0, -4.0, 0.0, 4.0):
    p = special.expit(at)
    print(f"{at:7} {p - 1:22.5f} {(p - 1) * p * (1 - p):23.5f}")
steps_needed = {}
for name, factor in {"cross-entropy": lambda p: 1, "squared error": lambda p: p * (1 - p)}.items():
    at, count = -8.0, 0
    while at < 0:
        p = special.expit(at)
        at, count = at - (p - 1) * factor(p), count + 1
    steps_needed[name] = count
print("steps from z = −8 until the answer is right:", steps_needed)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
p = special.expit(-8.0)
ratio = (p - 1) / ((p - 1) * p * (1 - p))
question(
    "Why did the squared error take so many more steps with the sigmoid unit?",
    [
        ("Its minimum is elsewhere", False, "Both are lowest for $\\hat y = y$."),
        ("Its slope is tiny at the start", ratio > 1000, f"At $z=-8$ it is {ratio:,.0f} times smaller."),
        ("The learning rate was smaller", ratio < 1, "It was 1 for both."),
        ("Squared errors are smaller", False, "Slopes decide about steps, not the height of the cost."),
    ],
)

# %% [markdown]
# ## Hidden units
#
# A hidden unit applies a bent function to its sum, or else all layers together would be one linear map
# (lecture 3 measures that). Two families:
#
# - **tanh** and **sigmoid** level off on both sides. They are one function: $\tanh(a) = 2\sigma(2a) - 1$.
# - **ReLU**, $\max(0, a)$, and its relatives do not level off to the right. **Leaky ReLU** keeps a small
#   slope on the left, **ELU** bends to $-1$, and **softplus** $\log(1+e^a)$ rounds the corner.
#
# The backward pass needs their derivatives. The slides' $\tanh'(a) = 1 - \tanh(a)^2$ is one of them. Autograd
# draws them all.

# %%
series = {
    "ReLU": torch.relu,
    "leaky ReLU": lambda a: functional.leaky_relu(a, 0.1),
    "ELU": functional.elu,
    "softplus": functional.softplus,
}
flat = {"tanh": torch.tanh, "sigmoid": torch.sigmoid}
a = torch.linspace(-4, 4, 161, dtype=torch.float64, requires_grad=True)
slopes = {name: torch.autograd.grad(unit(a).sum(), a)[0] for name, unit in (series | flat).items()}
print("tanh′ against 1 − tanh²:   ", f"{(slopes['tanh'] - (1 - torch.tanh(a) ** 2)).abs().max():.0e}")
print("tanh(a) against 2σ(2a) − 1:", f"{(torch.tanh(a) - (2 * torch.sigmoid(2 * a) - 1)).abs().max():.0e}")

figure, panels = figures.panels(2, 2, width=10, height=6)
for column, (units, kind) in enumerate([(series, "ReLU and relatives"), (flat, "tanh and sigmoid")]):
    at, name = a.detach(), "input of the unit, a"
    curves = {name: unit(at) for name, unit in units.items()}
    figures.profiles(panels[column], at, curves, title=kind, xlabel=name, ylabel="output")
    curves = {name: slopes[name] for name in units}
    title = f"Slopes of {kind}"
    figures.profiles(panels[2 + column], at, curves, title=title, xlabel=name, ylabel="derivative")
figures.show(
    figure,
    alt="Above: ReLU, leaky ReLU, ELU and softplus grow without limit to the right; tanh and sigmoid level "
    "off on both sides. Below, their slopes: the first four go up to 1 on the right; those of tanh and "
    "sigmoid have a peak at 0, 1 and 0.25 high, and go to 0 on both sides.",
)

# %% [markdown]
# A unit is **saturated** when its slope is almost 0: then hardly any gradient gets through. How often does
# that happen? Let the sums be normally distributed with growing spread, and call less than 0.01 saturated.

# %%
draws = torch.tensor(rng.normal(size=100_000))
print("share of saturated units by the spread of a")
for spread in (1, 3, 10):
    a = (spread * draws).requires_grad_()
    shares = {}
    for name, unit in (series | flat).items():
        shares[name] = (torch.autograd.grad(unit(a).sum(), a)[0] < 0.01).double().mean().item()
    print(f"spread {spread:2}:", "  ".join(f"{name} {share:.0%}" for name, share in shares.items()))

# %% [markdown]
# ReLU is off for half of its inputs, whatever the spread. Tanh and sigmoid saturate the more, the larger the
# sums become; leaky ReLU never does.
#
# Through many layers the slopes multiply. The cell builds networks of 20 layers with 100 units each. Random
# weights have variance $1/100$, or $2/100$ for ReLU, which stops half of its inputs. Autograd says how large
# the gradient is at each layer: with the sigmoid next to nothing is left of it at the bottom.

# %%
depth, width = 20, 100
for name, unit, gain in (("ReLU", torch.relu, 2), ("tanh", torch.tanh, 1), ("sigmoid", torch.sigmoid, 1)):
    layer_outputs = [torch.tensor(rng.normal(size=(50, width)), requires_grad=True)]
    for _ in range(depth):
        weights = torch.tensor(rng.normal(size=(width, width)) * np.sqrt(gain / width))
        layer_outputs.append(unit(layer_outputs[-1] @ weights))
    top = (layer_outputs[-1] * torch.tensor(rng.normal(size=width))).sum()
    sizes = [gradient.norm().item() for gradient in torch.autograd.grad(top, layer_outputs)]
    shown = ", ".join(f"{sizes[layer] / sizes[-1]:.0e}" for layer in (20, 15, 10, 5, 0))
    print(f"{name:8} gradient / gradient at the top, at layer 20, 15, 10, 5, 0: {shown}")

# %% [markdown]
# ## What a network can represent
#
# The slides claim three things: networks can be any Boolean function, any classifier, and approximate any
# function. Build an example of each by hand. The unit for it is the oldest one, a **threshold**: 1 if the sum
# is positive, else 0 (`np.heaviside`).
#
# ### Boolean functions
#
# One threshold unit is AND, OR or NOT, with the right weights. How far does one unit get? Try many weights,
# all whole numbers from −3 to 3 with biases halfway between whole numbers, and collect every truth table.

# %%
units = {"AND": (1, 1, -1.5), "OR": (1, 1, -0.5), "NAND": (-1, -1, 1.5)}
table = np.array(list(product([0, 1], repeat=2)))
for name, (w_1, w_2, b) in units.items():
    print(f"{name:4} of 00, 01, 10, 11:", np.heaviside(table @ [w_1, w_2] + b, 0).astype(int))

for n in (2, 3, 4):
    table = np.array(list(product([0, 1], repeat=n)))
    weights = np.array(list(product(range(-3, 4), repeat=n))).T
    found = set()
    for bias in np.arange(-12.5, 13):
        found |= {tuple(column) for column in np.heaviside(table @ weights + bias, 0).T}
    xor = f"; XOR is among them: {(0, 1, 1, 0) in found}" if n == 2 else ""
    print(f"{n} inputs: one unit makes {len(found):,} of {2 ** (2**n):,} functions{xor}")

# %% [markdown]
# XOR is missing, and with four inputs nearly everything is. One hidden layer changes that. Take a hidden unit
# for every row of the truth table, which answers 1 to that row only. The output adds up the rows where the
# function is 1. For four inputs that is 16 hidden units, and *all* 65,536 functions come out right.
#
# Some functions need fewer. **Parity** asks if the number of ones is odd; XOR is parity of two. Let hidden
# unit $k$ ask "at least $k$ ones?", for $k=1,\dots,n$, and add up with the weights $+1, -1, +1, \dots$

# %%
table = np.array(list(product([0, 1], repeat=4)))
hidden = np.heaviside(table @ (2 * table.T - 1) - (table.sum(axis=1) - 0.5), 0)
wanted = (np.arange(2**16)[np.newaxis] >> np.arange(16)[:, np.newaxis]) & 1
outputs = np.heaviside(hidden @ wanted - 0.5, 0)
print(f"{wanted.shape[1]:,} functions of 4 inputs,", np.count_nonzero(outputs != wanted), "wrong outputs")

for n in (2, 3, 6, 12):
    table = np.array(list(product([0, 1], repeat=n)))
    hidden = np.heaviside(table.sum(axis=1, keepdims=True) - np.arange(1, n + 1) + 0.5, 0)
    outputs = np.heaviside(hidden @ (-1.0) ** np.arange(n) - 0.5, 0)
    wrong = np.count_nonzero(outputs != table.sum(axis=1) % 2)
    print(f"parity of {n:2}, {len(table):5,} inputs: {wrong} wrong, {n:2} units; by rows {2 ** (n - 1):5,}")

# %% [markdown]
# ### Classifiers
#
# A threshold unit over two real inputs says on which side of a line a point lies. An AND of such units is a
# convex polygon. An OR of polygons is a region with corners and gaps. So three layers of hand-set units
# classify by any such region. Compare with a library that tests polygons in its own way.

# %%
pentagon = 0.9 * np.exp(2j * np.pi * (np.arange(5) / 5 + 0.05)) - 0.9
triangle = 0.8 * np.exp(2j * np.pi * (np.arange(3) / 3 + 0.1)) + 1.1 + 0.2j
points = rng.uniform((-2.2, -1.3), (2.2, 1.3), (20_000, 2))

inside, expected, sides = [], [], 0
for corners in (pentagon, triangle):
    xy = np.stack([corners.real, corners.imag], axis=1)
    edge = np.roll(xy, -1, axis=0) - xy
    normals = np.stack([-edge[:, 1], edge[:, 0]])  # to the left of each side, which is inside
    hidden = np.heaviside(points @ normals - (xy * normals.T).sum(axis=1), 0)
    inside.append(np.heaviside(hidden.sum(axis=1) - len(xy) + 0.5, 0))
    expected.append(Path(xy).contains_points(points))
    sides += len(xy)
region = np.heaviside(np.sum(inside, axis=0) - 0.5, 0)
wrong = np.count_nonzero(region != np.logical_or(*expected))
print(f"{sides} + {len(inside)} hidden units, 1 output: {wrong} of {len(points):,} points differ")

figure, (axes,) = figures.panels(width=8, height=4)
for value, colour, marker in ((0, "#c4c4c4", "."), (1, "#00204d", "x")):
    axes.scatter(*points[:4000][region[:4000] == value].T, s=9, c=colour, marker=marker, linewidths=0.8)
axes.set(xlabel="x₁", ylabel="x₂", aspect="equal")
axes.set_title(f"{sides} lines, {len(inside)} ANDs and an OR: crosses are answered with 1")
figures.show(figure, "Points in a plane: crosses fill a pentagon and a triangle; the others are pale dots.")

# %% [markdown]
# ### Approximators
#
# Two thresholds $s$ make a **bump**: $s(x-l) - s(x-r)$ is 1 between $l$ and $r$. Put bumps side by side, each
# as high as the curve there, and you have a staircase. Bumps that touch share an edge, so $M$ bumps need
# $M+1$ threshold units. With $M$ ReLU units in place of thresholds you get $M$ straight pieces.
#
# The curve is $f^*(x) = \sin 2\pi x$. The cell measures the largest error for growing $M$.

# %%
at = np.linspace(0, 1, 8192, endpoint=False)
curve = np.sin(2 * np.pi * at)


def staircase(M):
    """The output of M + 1 threshold units: on each of M intervals the middle between highest and lowest."""
    ends = np.linspace(0, 1, M + 1)
    parts = np.array_split(curve, M)
    heights = np.array([0, *((part.max() + part.min()) / 2 for part in parts), 0])
    return np.heaviside(at[:, np.newaxis] - ends, 1) @ np.diff(heights)


def straight_pieces(M):
    """The output of M ReLU units that agrees with the curve at M + 1 points."""
    ends = np.linspace(0, 1, M + 1)
    slopes = np.diff(np.sin(2 * np.pi * ends)) * M
    return np.maximum(at[:, np.newaxis] - ends[:-1], 0) @ np.diff(slopes, prepend=0)


sizes, errors, enough = 2 ** np.arange(2, 10), {}, {}
for name, build in {"bumps": staircase, "ReLU units": straight_pieces}.items():
    errors[name] = np.array([np.abs(build(M) - curve).max() for M in sizes])
    enough[name] = {tol: int(sizes[np.argmax(errors[name] <= tol)]) for tol in (0.1, 0.03, 0.01)}
    print(f"{name}: twice as many divide the error by {errors[name][4] / errors[name][5]:.2f};", end="")
    print(" enough for an error of", ", ".join(f"{tol}: {M}" for tol, M in enough[name].items()))

figure, (left, right) = figures.panels(1, 2, width=10, height=3.5)
curves = {"sin 2πx": curve, "16 bumps": staircase(16), "8 ReLU units": straight_pieces(8)}
figures.profiles(left, at, curves, title="Built by hand, no training", xlabel="x", ylabel="output")
title = "More units, smaller error"
figures.profiles(right, sizes, errors, title=title, xlabel="bumps, or ReLU units", ylabel="largest error")
right.set(xscale="log", yscale="log")
figures.show(
    figure,
    alt="A sine wave, a staircase and straight pieces; the errors fall in straight lines, steeper for ReLU.",
)

# %% [markdown]
# The slides say that one hidden layer "will require infinite hidden neurons". The cell measured something
# more useful: for each tolerance a *finite* number is enough. A theorem says the same of every continuous
# function on a bounded region, with any number of inputs. You need ever more only if the error must go to
# zero: straight pieces never *are* a sine.
#
# ### To represent is not to learn
#
# Being able to represent a function does not mean that training finds it. Two hidden tanh units can make XOR.
# Start 200 networks at random, train them all, and count those that end with four right answers.

# %%
corners, targets = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1.0]]), torch.tensor([0, 1, 1, 0.0])
torch.manual_seed(1)
learned = {}
for M in (2, 3, 4, 8):
    starts = [torch.randn(200, 2, M), torch.zeros(200, 1, M), torch.randn(200, M, 1), torch.zeros(200, 1, 1)]
    parameters = [start.requires_grad_() for start in starts]
    optimiser = torch.optim.Adam(parameters, lr=0.05)
    for _ in range(300):
        z = (torch.tanh(corners @ parameters[0] + parameters[1]) @ parameters[2] + parameters[3])[..., 0]
        loss = functional.binary_cross_entropy_with_logits(z, targets.expand(200, 4), reduction="sum")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    learned[M] = ((z > 0) == (targets > 0.5)).all(dim=1).double().mean().item()
    print(f"{M} hidden units: {learned[M]:4.0%} of 200 random starts learn XOR")

# %% [markdown]
# ## Width against depth
#
# Parity took $2^{n-1}$ hidden units row by row, and only $n$ with a better idea. Are there functions for
# which no idea helps a single layer? Here is one. Two ReLU units make a **tent**,
# $t(x) = 2\,r(x) - 4\,r(x-\tfrac12)$ with $r(a) = \max(0, a)$: up to 1, and down again. Put the output into
# another tent, and it goes up and down twice. Each layer folds the interval once more. Count the straight
# pieces.

# %%
fine = np.linspace(0, 1, 2**12 + 1)
folded, pieces, teeth = fine, {}, {}
for layer in range(1, 9):
    folded = teeth[layer] = 2 * np.maximum(folded, 0) - 4 * np.maximum(folded - 0.5, 0)
    pieces[layer] = 1 + np.count_nonzero(np.diff(np.sign(np.diff(folded))))
    print(f"{layer} layers, {2 * layer:2} units: {pieces[layer]:3} pieces")

slopes = np.diff(folded[::16]) * 256  # of the 256 pieces; build them in one layer, as in Approximators
one_layer = np.maximum(fine[:, np.newaxis] - fine[:-1:16], 0) @ np.diff(slopes, prepend=0)
print(f"one layer of {len(slopes)} units: largest difference to 8 layers", np.abs(one_layer - folded).max())

figure, (axes,) = figures.panels(width=9.5, height=2.6)
curves = {"1 layer": teeth[1], "2 layers": teeth[2], "4 layers": teeth[4]}
title = f"Units add, pieces multiply: 4 layers, 8 units, {pieces[4]} pieces"
figures.profiles(axes, fine, curves, title=title, xlabel="x", ylabel="output")
figures.show(figure, "Sawtooth curves over x from 0 to 1. 1 layer: one tent; 2 layers: two; 4 layers: eight.")

# %% [markdown]
# Why is one layer so slow? A sum of ReLU units over one input bends only where one of them does, so every
# corner takes a unit, and one more makes the first slope. Depth composes, and composing multiplies.
#
# That was by hand. Does *training* profit? Take a target on the plane that is a composition: rings, the
# cosine of the squared radius. For comparison take one that is not so folded: a product of two sine waves,
# four hills. Train networks of about 200 parameters with one, two or three hidden layers, from eight random
# starts each.


# %%
def fit(inputs, goal, widths, starts=8, steps=700):
    """Train ReLU networks from several starts at once -> parameters of one, errors, outputs of the best."""
    parameters = []
    for below, above in zip([inputs.shape[1], *widths], [*widths, 1], strict=True):
        parameters.append(torch.randn(starts, below, above) * (2 / below) ** 0.5)
        parameters.append((torch.rand(starts, 1, above) * 2 - 1) / below**0.5)
    optimiser = torch.optim.Adam([parameter.requires_grad_() for parameter in parameters])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.02, steps)
    for _ in range(steps):
        h = inputs @ parameters[0] + parameters[1]
        for W, b in zip(parameters[2::2], parameters[3::2], strict=True):
            h = torch.relu(h) @ W + b
        errors = ((h[..., 0] - goal) ** 2).mean(dim=1)
        optimiser.zero_grad()
        errors.sum().backward()
        optimiser.step()
        schedule.step()
    best_outputs = h[errors.argmin(), :, 0].detach().numpy()
    return sum(p[0].numel() for p in parameters), errors.detach().sqrt().numpy(), best_outputs


torch.manual_seed(0)
plane = torch.cartesian_prod(torch.linspace(-1, 1, 21), torch.linspace(-1, 1, 21))
rings, hills = torch.cos(2 * np.pi * (plane**2).sum(dim=1)), torch.sin(np.pi * plane).prod(dim=1)
maps, labels = [], []
for name, goal in {"rings": rings, "hills": hills}.items():
    maps, labels = [*maps, goal.numpy()], [*labels, f"{name}, target"]
    for widths in ([50], [13, 13], [9, 9, 9]):
        count, errors, outputs = fit(plane, goal, widths)
        maps, labels = [*maps, outputs], [*labels, f"{len(widths)} hidden"]
        print(f"{name}, {len(widths)} hidden, {count} parameters, errors", np.sort(errors).round(3))

figure, (axes,) = figures.panels(width=10, height=5)
maps, title = np.stack(maps).reshape(-1, 21, 21), "The best of eight trained networks, by hidden layers"
figures.feature_maps(axes, maps, title=title, labels=labels, columns=4, unit="output")
figures.show(
    figure,
    alt="Above: rings, and what networks of 1, 2 and 3 hidden layers made of them; the deeper, the clearer. "
    "Below: four hills of two signs, which all three networks match.",
)

# %% [markdown]
# The errors are sorted. On the rings most deep starts beat the best wide one; on the
# hills depth buys nothing. That is the **trade-off**: with the same number of parameters, depth pays where
# the target is a composition. It is no magic either: deep networks are harder to train. Give `fit` the
# sawtooth as a goal, and see how many starts find it, although eight units set by hand do it exactly. Later
# lectures are about making depth trainable.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
needed = pieces[8]
question(
    "Eight tent layers, 16 units, make a sawtooth. How many ReLU units does one hidden layer need for it?",
    [
        ("16", needed == 16, "16 units in one layer bend at 16 places at most."),
        ("64", needed == 64, "Units grow faster than the depth squared: each layer doubles the pieces."),
        ("256", needed == 256, "Each of the 255 corners needs its own unit, and the first slope one more."),
        ("It is impossible", False, "One layer can make any number of pieces, if it is wide enough."),
    ],
)

# %% [markdown]
# ## The forward pass
#
# Now the network from the beginning, with numbers. Write $w^{(1)}_{ij}$ for the weight from input $i$ to
# hidden unit $j$, and $w^{(2)}_j$ for the weight from hidden unit $j$ to the output. In code the number of
# indices tells them apart: `w_21` is $w^{(1)}_{21}$, and `w_2` is $w^{(2)}_2$.
#
# $$a_j = \sum_{i=0}^{d} w^{(1)}_{ij} x_i, \qquad z_j = \tanh(a_j), \qquad
# \hat y = \sum_{j=0}^{m} w^{(2)}_j z_j, \qquad L = \tfrac12 (y - \hat y)^2$$
#
# Here $d=2$ and $m=2$, with $x_0 = z_0 = 1$ for the biases.

# %%
x_0, x_1, x_2, target = 1.0, 0.5, -1.0, -0.5
w_01, w_11, w_21 = 0.1, 0.8, -0.4
w_02, w_12, w_22 = -0.3, 0.2, 0.5
w_0, w_1, w_2 = 0.2, 0.5, -0.6

a_1 = w_01 * x_0 + w_11 * x_1 + w_21 * x_2
a_2 = w_02 * x_0 + w_12 * x_1 + w_22 * x_2
z_0, z_1, z_2 = 1.0, tanh(a_1), tanh(a_2)
y_hat = w_0 * z_0 + w_1 * z_1 + w_2 * z_2
L = (target - y_hat) ** 2 / 2
print(f"{a_1 = :.4f}, {a_2 = :.4f}\n{z_1 = :.4f}, {z_2 = :.4f}\n{y_hat = :.4f}, {L = :.4f}")

# %% [markdown]
# ## The backward pass
#
# Ask of every number: if it grew a little, by how much would $L$ grow? Start at the end, where it is easy,
# and use the chain rule to go back. Write $\delta$ for $\partial L / \partial \hat y$ and $\delta_j$ for
# $\partial L / \partial a_j$.
#
# 1. The output: $\delta = \hat y - y$.
# 2. The weights into it: $\partial L / \partial w^{(2)}_j = \delta\, z_j$.
# 3. Each hidden unit passes on its share, times its own slope:
#    $\delta_j = (1 - z_j^2)\, w^{(2)}_j\, \delta$.
# 4. The weights into it: $\partial L / \partial w^{(1)}_{ij} = \delta_j\, x_i$.
#
# Steps 2 and 4 are one rule: *what the weight was multiplied with, times the $\delta$ of where it leads.*

# %%
delta = y_hat - target
dw_0, dw_1, dw_2 = delta * z_0, delta * z_1, delta * z_2
delta_1 = (1 - z_1**2) * w_1 * delta
delta_2 = (1 - z_2**2) * w_2 * delta
dw_01, dw_11, dw_21 = delta_1 * x_0, delta_1 * x_1, delta_1 * x_2
dw_02, dw_12, dw_22 = delta_2 * x_0, delta_2 * x_1, delta_2 * x_2

print(f"{delta = :.4f}, {delta_1 = :.4f}, {delta_2 = :.4f}")

weights = {"w_01": w_01, "w_02": w_02, "w_11": w_11, "w_12": w_12, "w_21": w_21, "w_22": w_22}
weights |= {"w_0": w_0, "w_1": w_1, "w_2": w_2}
derivatives = [dw_01, dw_02, dw_11, dw_12, dw_21, dw_22, dw_0, dw_1, dw_2]
labels = {
    link: f"{name} = {weight:.3f}\n∂ = {derivative:.3f}".replace("-", "−")
    for (link, name), weight, derivative in zip(links.items(), weights.values(), derivatives, strict=True)
}
values = {"x₀": f"{x_0:g}", "x₁": f"{x_1:g}", "x₂": f"{x_2:g}", "z₀": f"{z_0:g}"}
values["z₁"] = f"z₁ = {z_1:.3f}\nδ₁ = {delta_1:.3f}"
values["z₂"] = f"z₂ = {z_2:.3f}\nδ₂ = {delta_2:.3f}"
values["ŷ"] = f"ŷ = {y_hat:.3f}\nδ = {delta:.3f}"
figure, (axes,) = figures.panels(width=9.5, height=5.2)
figures.network(axes, layers, labels, title="Forward: left to right. Backward: right to left", values=values)
figures.show(
    figure,
    alt=f"The network with its numbers: y-hat {y_hat:.3f}, delta {delta:.3f}, delta 1 {delta_1:.3f}, delta 2 "
    f"{delta_2:.3f}; and on each connection its weight and, below it, the derivative of the loss.",
)

# %% [markdown]
# The widget walks through the same network one number at a time. Move *Step* with the arrow keys, or play.
# Then change an input or the target, and watch which numbers follow. What happens to the loss at the last
# step when you turn the learning rate up?

# %%
backpropagation()

# %% [markdown]
# Is it right? PyTorch's autograd does the same bookkeeping. Build the same network there with the same names,
# and compare every derivative by name.

# %%
t = {name: torch.tensor(weight, dtype=torch.float64, requires_grad=True) for name, weight in weights.items()}
t["a_1"] = t["w_01"] * x_0 + t["w_11"] * x_1 + t["w_21"] * x_2
t["a_2"] = t["w_02"] * x_0 + t["w_12"] * x_1 + t["w_22"] * x_2
t["y_hat"] = t["w_0"] * z_0 + t["w_1"] * torch.tanh(t["a_1"]) + t["w_2"] * torch.tanh(t["a_2"])
for name in ("a_1", "a_2", "y_hat"):
    t[name].retain_grad()
((target - t["y_hat"]) ** 2 / 2).backward()

by_hand = dict(zip(weights, derivatives, strict=True)) | {"a_1": delta_1, "a_2": delta_2, "y_hat": delta}
auto = {name: tensor.grad.item() for name, tensor in t.items()}
print("derivative of L by   by hand    autograd   difference")
for name, hand in by_hand.items():
    print(f"{name:18} {hand: .6f}   {auto[name]: .6f}   {abs(hand - auto[name]):.0e}")

# %% [markdown]
# ### Four slips on one slide
#
# *Backpropagation: example* prints $(1-z_j)^2$ for $1 - z_j^2$, $(y-\hat y)\,z_j$ next to $\delta\,z_j$,
# $x_j$ for $x_i$ in the update, and calls $\eta$ the weight decay. The first three can be held against
# autograd.

# %%
slips = {
    "delta_1 with (1 − z_1)²": ((1 - z_1) ** 2 * w_1 * delta, auto["a_1"]),
    "delta_2 with (1 − z_2)²": ((1 - z_2) ** 2 * w_2 * delta, auto["a_2"]),
    "dw_1 = (y − y_hat) z_1": ((target - y_hat) * z_1, auto["w_1"]),
    "dw_21 = delta_1 x_j, j = 1": (delta_1 * x_1, auto["w_21"]),
    "dw_12 = delta_2 x_j, j = 2": (delta_2 * x_2, auto["w_12"]),
}
for name, (slide, right) in slips.items():
    print(f"{name:27} {slide: .4f}   autograd {right: .4f}   slide / right = {slide / right:6.2f}")

# %% [markdown]
# Wrong gradients raise no error. What do they do to learning? Teach the network a product: $y = x_1 x_2$ on
# nine points. One example at a time, with the right formulas and with each slip.


# %%
def step_on_one(w, example, eta, slip="right"):
    """One step on one example; w["ij"] are the first layer's weights, w["j"] the second's -> new w, loss."""
    inputs, goal = example[:3], example[3]
    z = [1.0] + [tanh(sum(w[f"{i}{j}"] * inputs[i] for i in range(3))) for j in (1, 2)]
    delta = sum(w[f"{j}"] * z[j] for j in range(3)) - goal
    new = {f"{j}": w[f"{j}"] - eta * (-delta if slip == "(y − ŷ) z" else delta) * z[j] for j in range(3)}
    for i, j in product(range(3), (1, 2)):
        slope = (1 - z[j]) ** 2 if slip == "(1 − z)²" else 1 - z[j] ** 2
        factor = inputs[j if slip == "x_j" else i]
        new[f"{i}{j}"] = w[f"{i}{j}"] - eta * slope * w[f"{j}"] * delta * factor
    return new, delta**2 / 2


examples = [(1.0, p, q, p * q) for p in (-1.0, 0.0, 1.0) for q in (-1.0, 0.0, 1.0)]
print("always answering 0 gives the mean loss", round(np.mean([e[3] ** 2 / 2 for e in examples]), 3))
first = {name.removeprefix("w_"): weight for name, weight in weights.items()}
curves = {}
for slip in ("right", "(1 − z)²", "x_j", "(y − ŷ) z"):
    w, curves[slip] = first, []
    while len(curves[slip]) < 400 and max(curves[slip], default=0) < 1000:
        losses = []
        for n in rng.permutation(len(examples)):
            w, loss = step_on_one(w, examples[n], 0.1, slip)
            losses.append(loss)
        curves[slip].append(np.mean(losses))
    print(f"{slip:10} mean loss after {len(curves[slip]):3} passes: {curves[slip][-1]:.3g}")
del curves["(y − ŷ) z"]

figure, (axes,) = figures.panels(width=9.5, height=3)
title = "From this start only the right gradient learns the product"
figures.profiles(axes, range(400), curves, title=title, xlabel="passes over the examples", ylabel="mean loss")
axes.set_yscale("log")
figures.show(
    figure,
    alt="Mean loss against passes, logarithmic. "
    + "; ".join(f"{slip}: {curve[-1]:.3g} at the end" for slip, curve in curves.items())
    + ".",
)

# %% [markdown]
# With the sign turned the loss explodes within a few passes: that you notice. The other two, from the same
# start, end no better than always answering 0, and look like a network that "does not train so well". That is
# the dangerous kind, and the reason for the next section.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
saturated = 1 - 1.0**2
question(
    "A hidden unit is saturated, $z_j = -1$. What is its true $\\delta_j$, and what do the slides get?",
    [
        ("0, and they 0 too", (1 - -1.0) ** 2 == 0, "At $z_j=+1$ both are 0. At $-1$ they are not."),
        ("0, and they $4 w_j \\delta$", saturated == 0, "Where $1 - z^2$ is 0, $(1-z)^2$ is largest: $2^2$."),
        ("$w_j \\delta$, and they 0", saturated == 1, "$w_j \\delta$ is right for $z_j = 0$."),
        ("The same", saturated == (1 - -1.0) ** 2, "They agree at $z = 0$ and $z = 1$ only."),
    ],
)

# %% [markdown]
# ## Checking a gradient
#
# You will not always have autograd to compare with. But you always have the function. Move **one** weight by
# a small $h$ to both sides, run the forward pass twice, and divide:
#
# $$\frac{\partial L}{\partial w} \approx \frac{L(w+h) - L(w-h)}{2h}$$
#
# This **central difference** is off by about $h^2$. The one-sided difference $(L(w+h) - L(w))/h$ is off by
# about $h$. And both suffer when $h$ is too small: then $L(w+h)$ and $L(w-h)$ agree in nearly all their
# digits, and the subtraction leaves rounding noise. Measure it for one weight, $w^{(1)}_{11}$.


# %%
def loss_of_w_11(weight):
    """The loss of the example as a function of one weight, all the others as they are."""
    through_1 = w_1 * tanh(w_01 * x_0 + weight * x_1 + w_21 * x_2)
    return (target - (w_0 * z_0 + through_1 + w_2 * z_2)) ** 2 / 2


steps = 10.0 ** -np.arange(1, 14)
central = np.array([(loss_of_w_11(w_11 + h) - loss_of_w_11(w_11 - h)) / (2 * h) for h in steps])
one_sided = np.array([(loss_of_w_11(w_11 + h) - L) / h for h in steps])
errors = {"central": np.abs(central - dw_11), "one-sided": np.abs(one_sided - dw_11)}
best_h = {name: steps[error.argmin()] for name, error in errors.items()}
print(f"backward pass {dw_11:.10f}, central difference {central[errors['central'].argmin()]:.10f}")

figure, (axes,) = figures.panels(width=9.5, height=3.2)
title = f"Too large is inexact, too small is noise; the central difference wants h = {best_h['central']:.0e}"
figures.profiles(axes, steps, errors, title=title, xlabel="h", ylabel="error of the derivative")
axes.set(xscale="log", yscale="log")
figures.show(
    figure,
    alt="Error of both differences against h, both axes logarithmic: two V shapes. The central one falls "
    f"twice as steeply to its lowest point at {best_h['central']:.0e}; the one-sided is lowest at "
    f"{best_h['one-sided']:.0e} and much higher there.",
)

# %% [markdown]
# ## Gradient descent
#
# The gradient says where up is, so go the other way: $w \leftarrow w - \eta\, \partial L/\partial w$. The
# **learning rate** $\eta$ is the length of the step, per unit of slope. How long may it be?
#
# Near a minimum a smooth loss looks like $L(w) = \frac{c}{2}(w - w^*)^2$ and a constant, with the
# **curvature** $c$. One step multiplies the distance to $w^*$ by $1 - \eta c$. So it shrinks for
# $0 < \eta c < 2$, is gone in one step for $\eta c = 1$, and grows beyond 2. That is the kind of theory that
# the slides call *well understood*, and it holds for batch learning. See both: the parabola, and our network
# on its one example.

# %%
print("distance to the minimum after 20 steps, from 1, with curvature c:")
for eta_c in (0.1, 1.0, 1.9, 2.0, 2.1):
    distance = 1.0
    for _ in range(20):
        distance -= eta_c * distance
    print(f"  ηc = {eta_c}: {abs(distance):.3g}")

for eta in (0.01, 0.3, 0.8, 1.2):
    w, losses = first, []
    for _ in range(25):
        w, loss = step_on_one(w, (x_0, x_1, x_2, target), eta)
        losses.append(loss)
    print(f"our network, η = {eta:4}: loss after 0, 1, 2, 24 steps", end=" ")
    print(", ".join(f"{losses[n]:.2g}" for n in (0, 1, 2, 24)))

# %% [markdown]
# The slides call $\eta$ the *weight decay*. That is something else: a term $\lambda w$ added to the gradient,
# which pulls every weight towards 0, $w \leftarrow w - \eta\,(\partial L/\partial w + \lambda w)$. Change
# each alone on the parabola with $w^* = 3$ and $c = 1$. The learning rate changes *when* you arrive, weight
# decay *where*.

# %%
for eta, decay in ((0.1, 0.0), (0.2, 0.0), (0.1, 0.5), (0.2, 0.5)):
    w, path = 0.0, []
    for _ in range(300):
        w -= eta * ((w - 3.0) + decay * w)
        path.append(w)
    arrived = 1 + int(np.argmax(np.abs(np.array(path) - w) < 0.01))
    print(f"η = {eta}, λ = {decay}: ends at w = {w:.3f}, within 0.01 of it after {arrived} steps")

# %% [markdown]
# ## Stochastic against batch
#
# So far one example. With $N$ of them the loss is their mean, and so is its gradient. **Batch** learning
# computes that mean over all $N$ for each step. **Stochastic** learning takes one example, at random, and
# steps right away. In between: a **minibatch** of $B$ examples.
#
# The problem is the sigmoid unit for shoes: two parameters, $w$ and $b$, so you can see the whole loss as a
# map. The minimum is known from *Output units*. Its curvature is nowhere above $c = \frac14$ (because
# $\hat y(1-\hat y) \le \frac14$ and $x$ is standardised), so $2/c = 8$, and batch learning gets a generous
# $\eta = 4$; single examples get 0.05. Both may look at 1,200 pictures three times. On the maps the grey
# lines join equal losses, and the star is the minimum.


# %%
def descend(eta, batch, passes, rows, theta=(-2.0, 2.0), decay=0.0):
    """Walk down the loss of the shoes with minibatches from some rows -> the path, (steps + 1, 2)."""
    path = [np.array(theta)]
    for _ in range(passes):
        order = rng.permutation(rows)
        for begin in range(0, len(rows), batch):
            gradient = cost_and_gradient(path[-1], order[begin : begin + batch])[1]
            path.append(path[-1] - eta / (1 + decay * (len(path) - 1)) * gradient)
    return np.array(path)


everything, lowest_cost = np.arange(len(x)), cost_and_gradient(best)[0]
walks = {"batch": descend(4.0, len(x), 3, everything), "one at a time": descend(0.05, 1, 3, everything)}
w_grid, b_grid = np.meshgrid(np.linspace(-2.5, 5, 61), np.linspace(-2.5, 2.5, 41))
surface = [cost_and_gradient(theta)[0] for theta in zip(w_grid.ravel(), b_grid.ravel(), strict=True)]

figure, axes = figures.panels(1, 2, width=10, height=3.8)
for panel, (name, path) in zip(axes, walks.items(), strict=True):
    panel.contour(w_grid, b_grid, np.reshape(surface, w_grid.shape), 15, colors="#9a9a9a", linewidths=0.7)
    panel.plot(*path.T, "-o" if len(path) < 10 else "-", color="#0072b2", linewidth=1.2, markersize=5)
    panel.plot(*best, "*", color="#d55e00", markersize=14)
    panel.set(xlabel="w", ylabel="b", title=f"{name}: {len(path) - 1:,} steps")
    print(f"{name}: cost above the minimum {cost_and_gradient(path[-1])[0] - lowest_cost:.4f}")
figures.show(
    figure,
    alt="The loss as contours over w and b, a star at the minimum. Left, batch: three steps, still "
    "away from the star. Right, one at a time: a jagged path that reaches the star and wanders around it.",
)

# %% [markdown]
# For the same number of pictures, the stochastic path made 1,200 times as many steps. They are noisy, but on
# average they point the right way.
#
# ### How noisy?
#
# At the starting point, draw many minibatches and measure how far their gradients scatter around the true
# one.

# %%
start_at, sizes = np.array([-2.0, 2.0]), 4 ** np.arange(5)
true = cost_and_gradient(start_at)[1]
scatter = []
for B in sizes:
    drawn = np.array([cost_and_gradient(start_at, rng.integers(0, len(x), B))[1] for _ in range(1500)])
    scatter.append(np.sqrt(np.mean(np.sum((drawn - true) ** 2, axis=1))))
    print(f"B = {B:3}: scatter {scatter[-1]:.3f}; {np.mean(drawn @ true < 0):4.0%} of the steps go uphill")
power = np.polyfit(np.log(sizes), np.log(scatter), 1)[0]
print(f"the scatter goes with B to the power {power:.2f}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
factor = round(16**-power)
question(
    "You want the gradient's noise to be a quarter of what it is. How many times larger must the batch be?",
    [
        ("2 times", 2**-power > 3.5, "The noise goes with $1/\\sqrt B$: twice the batch divides it by 1.4."),
        ("4 times", 4**-power > 3.5, "That halves it: $\\sqrt 4 = 2$."),
        ("16 times", factor == 4, "$\\sqrt{16} = 4$. Exactness is expensive, and that is why noise pays."),
        ("It cannot be reduced", False, "The cell measured that it falls as the batch grows."),
    ],
)

# %% [markdown]
# ### Redundancy
#
# The slides say stochastic learning is faster "especially when training data has redundancy". Take redundancy
# at its purest: every picture ten times. The loss and its minimum stay exactly as they are. Count the
# examples that each method looks at until its cost is within 0.02 of the minimum.

# %%
for copies in (1, 10):
    rows = np.tile(everything, copies)
    for name, eta, batch, passes in (("batch", 4.0, len(rows), 60), ("stochastic", 0.05, 1, 1)):
        path = descend(eta, batch, passes, rows)
        arrived = next(t for t, theta in enumerate(path) if cost_and_gradient(theta)[0] < lowest_cost + 0.02)
        print(f"{name:10} data × {copies:2}: {arrived * batch:7,} examples seen")

# %% [markdown]
# Batch learning pays for every copy. To stochastic learning a copy is as good as a new example, so it does
# not notice. Real data are rarely copies, but ten thousand pictures of shoes say much the same thing too.
#
# ### Fluctuation at the end
#
# Noise has a price. With a constant $\eta$ the path never settles: each example pulls its own way. Measure
# the mean excess cost over the last 8 of 16 passes, for several $\eta$, and for one that shrinks:
# $\eta_t = \eta/(1 + t/200)$.

# %%
print("mean cost above the minimum in the last 8 of 16 passes, one example at a time:")
for eta, decay in ((0.2, 0.0), (0.1, 0.0), (0.05, 0.0), (0.2, 1 / 200)):
    path = descend(eta, 1, 16, everything, decay=decay)
    excess = np.mean([cost_and_gradient(theta)[0] for theta in path[len(path) // 2 :: 8]]) - lowest_cost
    print(f"  η = {eta:4}{', shrinking' if decay else ''}: {excess:.6f}")
exact = descend(4.0, len(x), 400, everything)
print(f"  batch, η = 4, after 400 passes: {abs(cost_and_gradient(exact[-1])[0] - lowest_cost):.6f}")

# %% [markdown]
# Half the learning rate, about half the fluctuation or less. A learning rate that shrinks lets the path
# settle. So the slides' "may not fully converge" holds for a constant $\eta$.
#
# ### Noise that helps, and methods that cannot bear it
#
# Two more claims of the slides. *Noise often results in better solutions*: take a loss with two valleys,
# $\frac14(w^2-1)^2 + 0.15\,w$, the left one lower. Start 500 walks anywhere from −2 to 2, without and with
# noise in the slope, and with steps that shrink.
# *Some acceleration techniques only operate in batch learning*: BFGS, which guesses curvature from
# differences of gradients, is one. Count the gradients that it needs to come within $10^{-8}$ of the lowest
# cost of the shoes.

# %%
for noise in (0.0, 1.0, 2.0):
    w = rng.uniform(-2, 2, 500)
    for t in range(600):
        slope = w * (w**2 - 1) + 0.15 + noise * rng.normal(size=500)
        w = np.clip(w - 0.2 / (1 + t / 200) * slope, -3, 3)
    print(f"noise {noise}: {np.mean(w < 0):.0%} of the walks end in the lower valley")

reached = [cost_and_gradient(theta)[0] < lowest_cost + 1e-8 for theta in exact]
result = optimize.minimize(cost_and_gradient, start_at, jac=True, method="BFGS")
print(f"gradients of the whole batch: gradient descent {np.argmax(reached)}, BFGS {result.nfev}", end="")
print(f" (and it ends {abs(result.fun - lowest_cost):.0e} from the lowest)")
ends = []
for _ in range(20):
    noisy = optimize.minimize(
        lambda theta: cost_and_gradient(theta, rng.integers(0, len(x), 16)), start_at, jac=True, method="BFGS"
    )
    ends.append(cost_and_gradient(noisy.x)[0] - lowest_cost)
print(f"BFGS on minibatches of 16: stops {np.median(ends):.2f} above the lowest (median of 20 runs)")

# %% [markdown]
# | | stochastic | batch |
# | --- | --- | --- |
# | a step costs | one example | all $N$ examples |
# | its direction | right on average, scatter $\propto 1/\sqrt B$ | right |
# | redundant data | cost nothing extra | cost in full |
# | at the end | fluctuates, unless $\eta$ shrinks | converges for $\eta c < 2$ |
# | several valleys | noise can leave a poor one | stays in the one it is in |
# | theory, acceleration | harder, few methods | simpler, more methods |
#
# In practice minibatches are usual: some of the noise, and full use of the machine.

# %% [markdown]
# ## Errata
#
# > **Where the slides need a correction.**
# >
# > 1. *Basic Components and Examples*: $J = \mathbb{E} \log p$ lacks its minus sign. Minimised as printed, it
# >    makes the data as improbable as possible; see *Cost functions*.
# > 2. *Architecture Design*: one hidden layer "will require infinite hidden neurons". A finite number is
# >    enough for any tolerance above zero; see *Approximators*. Boolean functions need finitely many even for
# >    no error. The same slide lets a large MLP *represent* whatever function we want to learn. In general it
# >    only comes close.
# > 3. *Backpropagation: example*: $\delta_j = (1-z_j)^2 w_j \delta$. It is $(1-z_j^2)\,w_j\,\delta$, as the
# >    slide's own $h'(a) = 1-h(a)^2$ says.
# > 4. The same slide: $\partial L/\partial w_j = (y-\hat y) z_j = \delta z_j$ contradicts itself, since
# >    $\delta = \hat y - y$. The second expression is right; with the first, the update goes uphill.
# > 5. The same slide: the update of $w_{ij}$ uses $x_j$. It is $x_i$; with more hidden units than inputs
# >    there is not even an $x_j$.
# > 6. The same slide: $\eta$ is the learning rate, not the weight decay; see *Gradient descent*.
#
# The cell puts a number on each.

# %%
w_right = w_wrong = np.zeros(2)
for _ in range(50):
    w_right = w_right - cost_and_gradient(w_right)[1]
    w_wrong = w_wrong + cost_and_gradient(w_wrong)[1]
p_right, p_wrong = (np.exp(-cost_and_gradient(theta)[0]) for theta in (w_right, w_wrong))
print(f"1. probability of what happened, after 50 steps: {p_right:.2f}; without the minus {p_wrong:.0e}")
print("2. bumps that are enough for an error of", enough["bumps"])
print(f"3. δ_2: slide {(1 - z_2) ** 2 * w_2 * delta:.3f}, right {delta_2:.3f}, autograd {auto['a_2']:.3f}")
print(f"4. dw_1: (y − ŷ) z_1 = {(target - y_hat) * z_1:.3f}, δ z_1 = {dw_1:.3f}, autograd {auto['w_1']:.3f}")
moved = {name: w_21 - 0.1 * delta_1 * factor for name, factor in {"x_i": x_2, "x_j": x_1}.items()}
print(f"5. w_21 = {w_21} becomes {moved['x_i']:.3f} with x_i, {moved['x_j']:.3f} with x_j: the other way")
print(f"6. w_1 = {w_1} becomes {w_1 - 0.1 * dw_1:.3f} with a learning rate of 0.1;", end=" ")
print(f"a weight decay of 0.1, alone, makes {w_1 - 0.1 * w_1:.3f} of it, whatever the example")

# %% [markdown]
# ## What you learned
#
# - The cost is the mean of $-\log p$ of what happened. Squared error is that for a normal distribution.
# - Linear, sigmoid and softmax outputs with their own costs all have the gradient $\hat y - y$.
# - ReLU and its relatives keep their slope on one side; tanh and sigmoid saturate on both, and through many
#   layers the sigmoid's small slopes multiply to nearly nothing.
# - One hidden layer can be any Boolean function, and come as close to a curve as you like, with finitely many
#   units. Training may not find the weights.
# - Depth multiplies pieces where width adds them. It pays for targets that are compositions.
# - Backward: $\delta = \hat y - y$, $\delta_j = (1 - z_j^2) w_j \delta$; a weight's gradient is what it was
#   multiplied with, times the $\delta$ of where it leads.
# - Check a gradient with a central difference, $h$ about $10^{-5}$.
# - The learning rate must stay below $2/c$. Weight decay is something else.
# - Single examples make more progress for each example seen. Their noise falls with $1/\sqrt B$, and a
#   shrinking $\eta$ settles it.
#
# **Now you:** [exercise 1, backpropagation](../exercises/ex01_backprop/ex01_backprop.ipynb). You write the
# same passes for whole batches, and its checks tell you which mistake you made. After that comes lecture 2,
# why convolution.
