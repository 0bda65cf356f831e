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
# # 2. Why convolution
#
# **When you have worked through this lecture, you can**
#
# - train a perceptron with Rosenblatt's rule, and show how it breaks when a picture moves;
# - name the layers of a convolutional network and say what each one does;
# - count the weights and multiplications of a fully connected, a sparse and a shared layer;
# - find out which inputs reach an output, and predict how that grows with depth;
# - test whether a layer is equivariant to a shift, a turn or a change of size, and explain the exceptions;
# - compute a convolution and a cross-correlation at one position, and say which of the two commutes.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 10 seconds.
#
# **Slides:** *Historical Background* (two), *What is Convolutional Neural Network?*, *Convolutions:
# Motivation*, *Motivation: Sparse Connectivity* (three), *Motivation: Parameter Sharing* (two), *Motivation:
# Equivariance* (three), *Aside*.
#
# **You need:** numpy arrays (indexing, slices, `shape`) and the layers of
# [lecture 1](01_feedforward_review.ipynb).
#
# The cells compute every number while you read. Change them and run them again: that is what they are for.

# %%
from collections import Counter
from itertools import combinations
from timeit import repeat

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage, signal, sparse
from torch import nn

from course_utils import figures
from course_utils.data import load
from course_utils.widgets import kernel_editor, question
from course_utils.widgets.kernel_editor import PRESETS

rng = np.random.default_rng(2)
photographs = load("photographs")
photo = photographs.images[photographs.class_names.index("coffee cup")].mean(axis=0).round()
print("one photograph in grey:", photo.shape, photo.dtype, "from", photo.min(), "to", photo.max())

# %% [markdown]
# ## Where the idea comes from
#
# The story starts with a machine. By 1960 Frank Rosenblatt's **Mark I Perceptron** looked at the world
# through 20 by 20 photocells. Motors turned the knobs that held its weights, it added up weight times number,
# and it answered by the sign of the sum. It learned to tell letters apart. (In the real machine the
# photocells were wired at random to a layer of units in between. You leave that out: one weight for each
# photocell.)
#
# You can build it in a few lines. For letters, take clothes: small grey pictures of T-shirts and trousers. At
# half their size they have 14 by 14 pixels, and they stand in the middle of the 20 by 20 cells. So there is
# room to move them later without cutting anything off.

# %%
train, test = load("fashion_mnist", "train"), load("fashion_mnist", "test")


def photocells(images):
    """Pictures (N, 1, 28, 28) -> (N, 20, 20), 0 to 1: half as large, in the middle of the cells."""
    halved = images[:, 0].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255
    return np.pad(halved, ((0, 0), (3, 3), (3, 3)))


seen, unseen = photocells(train.images), photocells(test.images)
print("training", seen.shape, " test", unseen.shape, " inputs of the perceptron:", seen[0].size)
shirt, trousers = (train.class_names.index(name) for name in ("T-shirt/top", "Trouser"))
figure, axes = figures.panels(1, 4, width=10, height=2.9)
for panel, kind, number in zip(axes, (shirt, trousers) * 2, (0, 0, 1, 1), strict=True):
    figures.picture(panel, seen[train.labels == kind][number], title=train.class_names[kind])
figures.show(figure, "Two T-shirts and two pairs of trousers, small and grey, amid 20 by 20 black pixels.")

# %% [markdown]
# **Rosenblatt's rule** changes the weights only after a mistake. Write $t=+1$ for one class and $t=-1$ for
# the other. When the sign of $w \cdot x + b$ is not $t$, add $t\,x$ to the weights and $t$ to the bias:
#
# $$w \leftarrow w + t\,x \qquad b \leftarrow b + t$$
#
# No gradient, no learning rate: that is all.


# %%
def perceptron(x, t, passes=10):
    """Rosenblatt's rule: pictures x (N, 20, 20) and targets t (N,) of -1 and 1 -> weights, bias, mistakes."""
    w, b, mistakes = np.zeros(x[0].shape), 0.0, []
    for _ in range(passes):
        mistakes.append(0)
        for n in rng.permutation(len(x)):
            if t[n] * (np.vdot(w, x[n]) + b) <= 0:
                w, b = w + t[n] * x[n], b + t[n]
                mistakes[-1] += 1
    return w, b, mistakes


def two_classes(pictures, labels, first, second):
    """Only the pictures of two classes, and their targets: -1 for the first, 1 for the second."""
    kept = np.isin(labels, (first, second))
    return pictures[kept], np.where(labels[kept] == second, 1, -1)


x, t = two_classes(seen, train.labels, shirt, trousers)
x_test, t_test = two_classes(unseen, test.labels, shirt, trousers)
w, b, mistakes = perceptron(x, t)
accuracy = np.mean(np.sign(np.tensordot(x_test, w) + b) == t_test)
print("mistakes in each pass over", len(x), "pictures:", mistakes)
print(f"weights: {w.size}, and one bias.  Accuracy on {len(x_test)} new pictures: {accuracy:.1%}")

# %% [markdown]
# ### It breaks when the picture moves
#
# Now move the test pictures. Up to three pixels, not a pixel of clothing is lost: the same trousers stand
# elsewhere. You would not even notice. The perceptron does. The cell trains one for each of the 45 pairs of
# classes too, so that you see it is not the choice of the pair.


# %%
def accuracy_when_moved(w, b, x, t, steps):
    """The share of right answers after moving all pictures by some columns, for each of the steps."""
    moved = (np.roll(x, step, axis=2) for step in steps)
    return np.array([np.mean(np.sign(np.tensordot(pictures, w) + b) == t) for pictures in moved])


steps = np.arange(-3, 4)
one_pair = accuracy_when_moved(w, b, x_test, t_test, steps)
all_pairs = []
for pair in combinations(range(10), 2):
    w_pair, b_pair, _ = perceptron(*two_classes(seen, train.labels, *pair), passes=5)
    all_pairs.append(accuracy_when_moved(w_pair, b_pair, *two_classes(unseen, test.labels, *pair), steps))
mean_pairs = np.mean(all_pairs, axis=0)
for step, one, mean in zip(steps, one_pair, mean_pairs, strict=True):
    print(f"moved by {step:+} columns: T-shirt against trousers {one:.1%}, mean of all pairs {mean:.1%}")

figure, (left, right) = figures.panels(1, 2, width=10, height=3.3)
curves = {"T-shirt against trousers": one_pair, "mean of 45 pairs": mean_pairs, "guessing": 0.5 + 0 * steps}
title = f"Two columns aside: from {one_pair[3]:.0%} to {one_pair[5]:.0%}"
figures.profiles(left, steps, curves, title=title, xlabel="moved to the right (pixels)", ylabel="accuracy")
left.set_ylim(0.3, 1.02)
figures.feature_maps(right, w, title="Its 400 weights: each for one place", unit="weight")
alt = f"Left: accuracy, {one_pair[3]:.0%} unmoved, {one_pair[5]:.0%} moved right by two; 45 pairs: from "
alt += f"{mean_pairs[3]:.0%} to {mean_pairs[6]:.0%} at three. Right: the weights, darkest between the legs."
figures.show(figure, alt)

# %% [markdown]
# Look at the weights: they are a stencil. The darkest ones say "no trousers" where the gap between the legs
# should be. Each weight belongs to one photocell, and what was learned for one place is not known at the
# next. To tell the machine about moved trousers, you would have to show it trousers at every place. That is
# the problem that the rest of this lecture solves.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
lost = np.abs(np.roll(x_test, 3, axis=2).sum(axis=(1, 2)) - x_test.sum(axis=(1, 2))).max()
right = lost < 1e-9 and one_pair[6] < one_pair[3] and mistakes[-1] < len(x) / 10
question(
    "Why does the perceptron fail on pictures that moved by three columns?",
    [
        ("Part of the clothes was cut off", lost > 1e-9, "All pixels are still there: the sums agree."),
        ("Each weight knows one place only", right, "The same pixels met weights of other places."),
        ("It was trained too little", mistakes[-1] > len(x) / 10, "It is right when the pictures stay."),
        ("The two classes look alike", one_pair[3] < 0.75, "Unmoved, it tells nearly all of them apart."),
    ],
)

# %% [markdown]
# ### What a cat's brain does
#
# The other root of the idea is biology. From 1959 on, David Hubel and Torsten Wiesel measured single nerve
# cells in the visual cortex of cats while showing them bars of light. They found two things that matter here:
#
# - A cell looks at a small part of the field of view, its **receptive field**. Elsewhere it sees nothing.
# - What they called a **simple cell** answers to a bar of one *orientation* at one *place*. A **complex
#   cell** answers to its orientation wherever the bar stands in a larger area.
#
# A grid of weights behaves like a simple cell. Such a grid is called a **kernel**. This one is positive in
# the middle and negative on both sides. Its response is the sum of weight times brightness, and negative sums
# count as zero, because a cell cannot fire less than not at all. Turn the bar, and measure.

# %%
half = 7
down, across = np.mgrid[-half : half + 1, -half : half + 1]
simple_cell = np.exp(-(across**2 + down**2) / 18) * np.cos(across * np.pi / 4)
simple_cell -= simple_cell.mean()  # so that an evenly lit field gives no response


def bar(angle, shift=0.0, half=7):
    """A bright bar through the middle, turned by an angle in degrees, moved sideways by a shift in pixels."""
    down, across = np.mgrid[-half : half + 1, -half : half + 1]
    turn = np.radians(angle)
    distance = across * np.cos(turn) + down * np.sin(turn) - shift
    return np.exp(-((distance / 1.5) ** 2))


angles = np.arange(-90, 91, 5)
tuning = np.array([max(0.0, np.vdot(simple_cell, bar(angle))) for angle in angles])
above_half = angles[tuning > tuning.max() / 2]
print(f"strongest response {tuning.max():.2f} at {angles[tuning.argmax()]}°; at 90°: {tuning[-1]:.2f}")
print(f"more than half of it from {above_half.min()}° to {above_half.max()}°")

figure, (a, b2, c, d) = figures.panels(1, 4, width=10.5, height=2.9)
figures.feature_maps(a, simple_cell, title="The kernel", unit="weight")
figures.picture(b2, bar(0), title="Bar at 0°")
figures.picture(c, bar(40), title="Bar at 40°")
title = "It prefers upright bars"
figures.profiles(d, angles, {"": tuning}, title=title, xlabel="angle of the bar (°)", ylabel="response")
alt = "A kernel with a white upright stripe between dark ones; an upright and a turned bar; their responses, "
figures.show(figure, alt + f"a peak of {tuning.max():.1f} at 0°, down to {tuning[-1]:.1f} on both sides.")

# %% [markdown]
# That is a *tuning curve*: the response over the orientation. Now leave the bar upright and move it sideways.
# One simple cell loses it after a few pixels. Take **the same kernel at every place** of a larger field and
# keep the strongest response: that behaves like a complex cell. These two steps, the same small kernel
# everywhere and the maximum over places, are what a convolutional network is made of.

# %%
shifts = np.arange(-10, 11)
fields = [bar(0, shift, half=20) for shift in shifts]
middle = slice(20 - half, 20 + half + 1)
simple = np.array([max(0.0, np.vdot(simple_cell, field[middle, middle])) for field in fields])
everywhere = [signal.correlate2d(field, simple_cell, mode="valid") for field in fields]
complex_cell = np.array([responses.max() for responses in everywhere])
for name, cell in (("simple", simple), ("complex", complex_cell)):
    print(f"{name} cell: from {cell.min():.2f} to {cell.max():.2f}")

figure, (axes,) = figures.panels(width=8, height=3)
curves = {"one kernel in the middle": simple, "the maximum over all places": complex_cell}
title = "The maximum over places does not mind where the bar stands"
figures.profiles(axes, shifts, curves, title=title, xlabel="place of the bar (pixels)", ylabel="response")
alt = "Response over the place of an upright bar. One kernel answers within a few pixels of its middle; the "
figures.show(figure, alt + f"maximum over all places stays at {complex_cell.min():.2f}.")

# %% [markdown]
# ## What a convolutional network is made of
#
# A **convolutional network** (CNN) is a network with at least one layer that slides a small kernel over its
# input. Its usual layers are these:
#
# | layer | what it does | what it learns | lecture |
# | --- | --- | --- | --- |
# | convolution | slides kernels over the input; each makes a **feature map** | the kernels | 3 |
# | non-linearity, such as ReLU | changes each number on its own | nothing | 3 |
# | pooling | keeps one number, such as the maximum, of each small window | nothing | 4 |
# | fully connected | connects every input with every output | a weight for each pair | 1 |
# | others | recurrent layers, normalisation, your own | it depends | later |
#
# Here is a small one for the 20 by 20 photocells. PyTorch builds it; the cell sends one picture through and
# counts what comes out of each layer. Note where the weights are.

# %%
network = nn.Sequential(
    nn.Conv2d(1, 8, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(16 * 5 * 5, 10),
)
values, sizes = torch.from_numpy(x_test[:1, np.newaxis]).float(), [(1, 20, 20)]
with torch.no_grad():
    for layer in network:
        values = layer(values)
        learned = sum(parameter.numel() for parameter in layer.parameters())
        print(f"{type(layer).__name__:10} output {tuple(values.shape[1:])!s:14} learned numbers {learned:5}")
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            sizes.append(tuple(values.shape[1:]))

figure, (axes,) = figures.panels(width=10, height=3.2)
names = ["input", "convolution", "pooling", "convolution", "pooling"]
figures.blocks(axes, sizes, names, title="Maps get smaller, and there are more of them")
alt = ", ".join(f"{name} {c} by {h} by {w}" for name, (c, h, w) in zip(names, sizes, strict=True))
figures.show(figure, f"Five blocks, channels by rows by columns: {alt}.")

# %% [markdown]
# ### One kernel, one feature map
#
# Before you count, look. Here are six kernels of nine weights, and what each makes of a photograph. The
# response at a pixel is the sum of weight times brightness in the 3 by 3 window around it.

# %%
kernels = {name: np.array(weights) for name, weights in PRESETS.items() if name != "identity"}
maps = np.stack([signal.correlate2d(photo / 255, kernel, mode="valid") for kernel in kernels.values()])
for name, made in zip(kernels, maps, strict=True):
    print(f"{name:16} sum of weights {kernels[name].sum():.0f}; map {made.min():+.2f} to {made.max():+.2f}")

figure, (axes,) = figures.panels(width=10.5, height=4.4)
title = "Nine weights decide what a map shows"
figures.feature_maps(axes, maps, title=title, labels=list(kernels), columns=3)
figures.show(figure, "Maps of a cup: blurred, sharpened; upright edges, level edges, fine lines; embossed.")

# %% [markdown]
# Now your own kernel. Choose one from the list, change a weight with the arrow keys, turn it, and change the
# photograph. Try to make a kernel that answers to edges along one diagonal only. What does a kernel whose
# weights add up to 0 do with flat areas?

# %%
kernel_editor()

# %% [markdown]
# ## Sparse interactions
#
# The slides name four ideas behind convolution: sparse interactions, parameter sharing, equivariance, and
# inputs of any size. Take them one by one.
#
# A fully connected layer computes $y = Wx$ with $x \in \mathbb{R}^m$ and $y \in \mathbb{R}^n$: every output
# looks at every input. With **sparse interactions** an output looks at $k$ inputs only, those under its
# kernel. Compare the slides' two drawings, with $m = n = 5$ and $k = 3$. Follow $h_3$.

# %%
cells = np.arange(5)
full = np.ones((5, 5))
near = (np.abs(cells[:, np.newaxis] - cells) <= 1).astype(float)

figure, (left, right) = figures.panels(1, 2, width=9.5, height=3.2)
for axes, matrix, name in ((left, full, "Fully connected"), (right, near, "Kernel of 3")):
    paths = figures.reaching([matrix], 2)
    title = f"{name}: {paths[0].sum()} of {np.count_nonzero(matrix)} connections end at h₃"
    figures.connections(axes, [matrix], title=title, strong=paths)
alt = "Five inputs, five outputs. Left: h3 is connected with all inputs. Right: h3 with x2, x3 and x4 only."
figures.show(figure, alt)

# %% [markdown]
# Do not trust a drawing: perturb. Change one input at a time, and see whether $h_3$ changes.

# %%
weights = rng.normal(size=(5, 5))
inputs = rng.normal(size=5)
for name, matrix in (("fully connected", weights), ("kernel of 3", weights * near)):
    changes = [not np.isclose((matrix @ (inputs + pulse))[2], (matrix @ inputs)[2]) for pulse in np.eye(5)]
    reached = [f"x{number + 1}" for number in np.flatnonzero(changes)]
    print(f"{name:15} multiplications {np.count_nonzero(matrix):2}, h3 depends on", *reached)

# %% [markdown]
# The fully connected layer multiplies $m \cdot n$ times, the sparse one $k \cdot n$ times: $O(m\,n)$ against
# $O(k\,n)$, where $n$ is the number of **outputs**. The drawing shows two connections fewer than
# $k \cdot n$: at the ends the kernel hangs over, and there it would multiply zeros that stand for nothing.
# Without those ends there are three outputs. Count all three cases, then a whole photograph.

# %%
k, fitting = 3, 5 - 3 + 1
print(f"ends filled with zeros:  {5} outputs, k·n = {k * 5:2}, of these with a real input {int(near.sum())}")
print(f"only windows that fit:   {fitting} outputs, k·n = {k * fitting:2}")

m, n, k = photo.size, photo.size, 3 * 3
rows = {"fully connected": (m * n, m * n), "sparse": (k * n, k * n), "sparse, shared": (k, k * n)}
print(f"\na photograph of {photo.shape[0]} by {photo.shape[1]} pixels, a map of the same size, k = {k}")
for name, (stored, products) in rows.items():
    print(f"{name:18} weights {stored:13,}  in float32 {4 * stored / 1e6:12,.5g} MB  products {products:13,}")

figure, axes = figures.panels(2, 1, width=9.5, height=4.2)
for panel, place, what in zip(axes, (0, 1), ("weights to store", "multiplications"), strict=True):
    counts = [row[place] for row in rows.values()]
    title = f"Sparse and shared: {counts[0] / counts[-1]:,.0f} times fewer than fully connected"
    figures.log_bars(panel, list(rows), counts, title=title, xlabel=f"{what} (log)", form="{:,}")
alt = ", ".join(f"{name}: {stored:,} and {products:,}" for name, (stored, products) in rows.items())
figures.show(figure, f"Weights and multiplications for one photograph, on a logarithmic scale. {alt}.")

# %% [markdown]
# ### The same layer as a matrix
#
# A convolution is a fully connected layer in which nearly all weights are zero. You can have that matrix:
# send the unit vectors through the convolution, one at a time. What comes back are the columns. Each row
# holds the kernel, one place further to the right. Such a band with equal diagonals is called a **Toeplitz**
# matrix.

# %%
w = np.array([-1.0, 3.0, -1.0])
small = np.stack([np.correlate(unit, w, mode="valid") for unit in np.eye(7)], axis=1)
banded = np.stack([np.correlate(unit, w, mode="valid") for unit in np.eye(64)], axis=1)
row = photo[128, :64]
print("largest difference:", np.abs(banded @ row - np.correlate(row, w, mode="valid")).max())
print(f"weights {banded.size:,}, not zero {np.count_nonzero(banded)}, in the kernel {w.size}")

figure, (left, right) = figures.panels(1, 2, width=10, height=3.8)
figures.number_grid(left, small, title="7 inputs: the kernel moves along", signed=True)
share = np.count_nonzero(banded) / banded.size
figures.weight_matrix(right, banded, title=f"64 inputs: {share:.1%} of the weights are not zero")
alt = "Left: five rows with -1, 3, -1, one column further right from row to row, and zeros elsewhere. "
figures.show(figure, alt + "Right: the same for 64 inputs, a thin diagonal band on grey.")

# %% [markdown]
# Same input, same output, so the times can be compared. Take eight rows of the photograph in one line. The
# three ways are: the matrix with all its zeros; a sparse matrix, which stores the $k \cdot n$ numbers of the
# band; and the convolution, which stores $k$. The times are from your machine, the best of several
# runs: whatever else it does can only make a run slower.


# %%
line = photo[:8].ravel()
n = len(line) - len(w) + 1
band = sparse.diags_array(w, offsets=[0, 1, 2], shape=(n, len(line))).tocsr()
dense = band.toarray()
ways = {
    "fully connected": (lambda: dense @ line, dense.size, 9),
    "sparse": (lambda: band @ line, band.nnz, 200),
    "sparse, shared": (lambda: np.correlate(line, w, mode="valid"), w.size, 200),
}
times = []
for name, (work, stored, runs) in ways.items():
    difference = np.abs(work() - np.correlate(line, w, mode="valid")).max()
    times.append(1000 * min(repeat(work, number=1, repeat=runs)))
    print(f"{name:18} {times[-1]:8.4f} ms, {stored:9,} weights, largest difference {difference:g}")

figure, (axes,) = figures.panels(width=9, height=2.5)
title = f"{len(line):,} inputs: the convolution is {times[0] / times[2]:,.0f} times as fast here"
figures.log_bars(axes, list(ways), times, title=title, xlabel="time (ms, logarithmic scale)")
alt = ", ".join(f"{name} {value:.3g} ms" for name, value in zip(ways, times, strict=True))
figures.show(figure, f"Bars on a logarithmic scale: {alt}.")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
products = np.count_nonzero(np.stack([np.correlate(u, np.ones(5), "valid") for u in np.eye(100)], axis=1))
question(
    "A kernel of 5 slides over 100 inputs, only where it fits. How many multiplications is that?",
    [
        ("500", products == 500, "That is kernel times inputs. But only 96 windows fit: count outputs."),
        ("480", products == 480, "$k \\cdot n = 5 \\cdot 96$, where $n = 100 - 5 + 1$ counts the outputs."),
        ("9,600", products == 9600, "That is $m \\cdot n$: the fully connected layer of the same sizes."),
        ("5", products == 5, "5 is the number of weights to store. Each is used once in every window."),
    ],
)

# %% [markdown]
# ## Receptive fields
#
# If an output sees three inputs only, how can a network judge a whole picture? By depth. The inputs that can
# change a unit are its **receptive field**, as with Hubel and Wiesel's cells. A unit of the second layer sees
# three units of the first, and each of those sees three inputs. These windows overlap, so together they are
# five. The slides' drawing again, for the middle unit and for one at the end:

# %%
figure, (left, right) = figures.panels(1, 2, width=9.5, height=4)
for axes, unit in ((left, 2), (right, 0)):
    paths = figures.reaching([near, near], unit)
    title = f"g{'₁₂₃₄₅'[unit]} sees {paths[0].any(axis=0).sum()} of 5 inputs"
    figures.connections(axes, [near, near], title=title, strong=paths)
figures.show(figure, "Two layers, kernels of 3. Left: all five inputs reach g3. Right: x1, x2, x3 reach g1.")


# %%
def receptive_field(unit, depth, size, n):
    """Count the inputs (of n) that change a unit after some layers, by changing each input on its own."""

    def respond(values):
        for _ in range(depth):
            values = np.correlate(values, np.ones(size), mode="same")
        return values[unit]

    start = np.ones(n)
    return sum(bool(respond(start + pulse) != respond(start)) for pulse in np.eye(n))


print("two layers, five inputs, kernel 3:", [receptive_field(unit, 2, 3, 5) for unit in range(5)])
for size in (3, 5, 7):
    fields = [receptive_field(50, depth, size, 101) for depth in range(6)]
    rule = [1 + depth * (size - 1) for depth in range(6)]
    print(f"kernel {size}: 0 to 5 layers see {fields} inputs; 1 + L·(K − 1) = {rule}")

# %% [markdown]
# So each layer adds $K - 1$ inputs, and $L$ layers see $1 + L\,(K-1)$. That is slow: the cell counts how many
# layers of kernel 3 it takes until the unit in the middle sees a whole row. A **stride** of 2, where the
# window moves two places at a time, doubles the step of every layer after it, and makes it fast. (Pooling
# does the same.) In two dimensions the receptive field is a square, and its area grows with the square of the
# depth.

# %%
for n in (5, 28, 224):
    depth = next(depth for depth in range(n) if 1 + 2 * depth >= n)
    print(f"a row of {n:3}: {depth:3} layers of kernel 3 until the middle unit sees all of it")

reach, one = [], torch.ones(1, 1, 3, dtype=torch.float64)
for depth in range(1, 6):
    responses = torch.eye(127, dtype=torch.float64)[:, None]  # one changed input in each row
    for _ in range(depth):
        responses = nn.functional.conv1d(responses, one, stride=2, padding=1)
    reach.append(int((responses[:, 0, responses.shape[2] // 2] != 0).sum()))
print("stride 2, kernel 3: 1 to 5 layers see", reach, "inputs")

pixels = torch.eye(15 * 15, dtype=torch.float64).reshape(-1, 1, 15, 15)  # one changed pixel in each image
areas = []
for _ in range(5):
    pixels = nn.functional.conv2d(pixels, torch.ones(1, 1, 3, 3, dtype=torch.float64), padding=1)
    areas.append(int((pixels[:, 0, 7, 7] != 0).sum()))
print("in two dimensions: 1 to 5 layers of 3 by 3 see", areas, "pixels")

# %% [markdown]
# To reach is not yet to matter. Many paths lead from the middle of the field to the unit, and few from its
# rim. Send a 1 through layers that take the mean of three, and see how much of it arrives.

# %%
place, influence = np.arange(-9, 10), {}
pulse = (place == 0).astype(float)
for depth in range(1, 9):
    pulse = np.convolve(pulse, np.full(3, 1 / 3), mode="same")
    if depth in (1, 2, 4, 8):
        influence[f"depth {depth}"] = pulse
print(f"8 layers: {np.count_nonzero(pulse)} inputs reach; the middle 9 carry {pulse[5:14].sum():.0%}")

figure, (axes,) = figures.panels(width=8.5, height=3)
title, xlabel = "The middle of a receptive field counts most", "place of the input (0 is the middle)"
figures.profiles(axes, place, influence, title=title, xlabel=xlabel, ylabel="influence")
figures.show(figure, "Influence on one unit after 1, 2, 4 and 8 layers: from a flat top to a wide bell.")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
needed = next(depth for depth in range(20) if receptive_field(10, depth, 5, 21) >= 9)
question(
    "How many layers with kernel 5 and stride 1 does a unit need to see 9 neighbouring inputs?",
    [
        ("1", needed == 1, "One layer sees as many inputs as its kernel has weights: 5."),
        ("2", needed == 2, "$1 + 2 \\cdot (5 - 1) = 9$: five, and two more on each side."),
        ("4", needed == 4, "4 would be right for kernel 3, where each layer adds two inputs."),
        ("5", needed == 5, "Five layers of kernel 5 see $1 + 5 \\cdot 4 = 21$ inputs."),
    ],
)

# %% [markdown]
# ## Parameter sharing
#
# Sparse interactions alone leave a kernel of its own for every place. The second idea ties them together: all
# places use **the same** kernel. That is **parameter sharing**. A feature that is worth finding here is worth
# finding there.
#
# In a fully connected layer each element of $W$ is used exactly once to compute the output for one example.
# How often is a shared weight used? Count, as in the slides' drawings: mark one weight in each layer.

# %%
used_full = Counter((i, j) for i in range(5) for j in range(5))
used_shared = Counter(f"w{j - i + 2}" for i in range(5) for j in range(5) if near[i, j])
print("fully connected:", len(used_full), "weights, uses of each:", set(used_full.values()))
print("shared:         ", len(used_shared), "weights, uses of each:", dict(sorted(used_shared.items())))

numbers = near * (cells - cells[:, np.newaxis] + 2)  # which of the three weights joins two units
single = np.eye(5) * (cells == 2)
figure, (left, right) = figures.panels(1, 2, width=9.5, height=3.2)
title = f"Shared: the middle weight is used {used_shared['w2']} times"
figures.connections(left, [near], title=title, strong=[numbers == 2])
title = f"Fully connected: a weight is used {used_full[2, 2]} time"
figures.connections(right, [full], title=title, strong=[single])
alt = "Left, kernel of 3: five heavy lines, the middle weight, join each input with the output above. "
figures.show(figure, alt + "Right, fully connected: one weight is one heavy line, x3 to h3.")

# %% [markdown]
# On a photograph the numbers get large. To count the uses of one weight, set it to 1 and the other eight to
# 0, and slide that kernel over an image of ones: every product is 1, and their sum is the count. Zeros of the
# padding give zero, so they do not count.

# %%
ones = np.ones(photo.shape)
uses = np.zeros((3, 3))
for place in np.ndindex(3, 3):
    alone = np.zeros((3, 3))
    alone[place] = 1
    uses[place] = signal.correlate2d(ones, alone, mode="same").sum()
print(uses.astype(int))
print(f"9 weights, {uses.sum():,.0f} multiplications with pixels; pixels: {photo.size:,}")

# %% [markdown]
# Sharing does not change how much is *computed*: $O(k\,n)$ products, as in the sparse layer without sharing.
# It changes how much is *stored*: $k$ numbers, whatever $m$ and $n$ are. It also changes how much there is to
# *learn*, and that is the larger gain. Measure it: take short rows of the photograph, let a hidden kernel
# (and a little noise) produce the outputs, and find the weights from examples by least squares. One learner
# may use any matrix, the other only a shared kernel. An error below 0.012 counts as reaching the noise, which
# is 0.01.

# %%
pieces = rng.permutation(photo.reshape(-1, 48) / 255)
targets = sliding_window_view(pieces, 3, axis=1) @ np.array([0.5, -1.0, 0.5])
targets = targets + rng.normal(scale=0.01, size=targets.shape)
x_new, y_new = pieces[1024:], targets[1024:]

examples, errors = np.sort([*2 ** np.arange(11), 48]), {"any matrix": [], "shared kernel": []}
for N in examples:
    windows = sliding_window_view(pieces[:N], 3, axis=1).reshape(-1, 3)
    matrix = np.linalg.lstsq(pieces[:N], targets[:N], rcond=None)[0]
    shared = np.linalg.lstsq(windows, targets[:N].ravel(), rcond=None)[0]
    guesses = x_new @ matrix, sliding_window_view(x_new, 3, axis=1) @ shared
    for guess, series in zip(guesses, errors.values(), strict=True):
        series.append(np.sqrt(np.mean((guess - y_new) ** 2)))
    print(f"{N:4} rows: error with any matrix {errors['any matrix'][-1]:.4f}, ", end="")
    print(f"with a shared kernel {errors['shared kernel'][-1]:.4f}")
print(f"weights: any matrix {matrix.size:,}, shared kernel {shared.size}: {shared.round(3)}")

enough = {name: examples[np.argmax(np.array(series) < 0.012)] for name, series in errors.items()}
figure, (axes,) = figures.panels(width=8.5, height=3.3)
title = f"To reach the noise: {enough['shared kernel']} rows when shared, {enough['any matrix']} when not"
curves, xlabel = errors | {"the noise": np.full(len(examples), 0.01)}, "rows to learn from"
figures.profiles(axes, examples, curves, title=title, xlabel=xlabel, ylabel="error on new rows")
axes.set_xscale("log", base=2)
axes.set_yscale("log")
alt = "Error over rows, both logarithmic. Any matrix is worst at 48. The shared kernel is at the noise with "
figures.show(figure, alt + f"{enough['shared kernel']} rows, any matrix with {enough['any matrix']}.")

# %% [markdown]
# (At 48 rows the matrix is at its worst: with as many rows as each of its outputs has weights, it fits the
# noise exactly.) The price of sharing: a shared kernel cannot do one thing at the left and another at
# the right. Where place itself has a meaning, for example in portraits that are all cut alike, layers without
# sharing (*locally connected*) can be better.

# %% [markdown]
# ## Equivariance
#
# A function $f$ is **equivariant** to a change $g$ when it does not matter which comes first:
#
# $$f(g(x)) = g(f(x))$$
#
# For $f$ take a layer, for $g$ a shift. Move the picture and then compute the map, or compute the map and
# then move it: if the results agree, the map *moves along*. Do not confuse that with **invariance**, where
# the result does not change at all: $f(g(x)) = f(x)$.
#
# Start with a time series. A pattern of 12 samples hides in a signal, and the kernel is that pattern. The
# response tells when it appeared. Let it appear 45 samples later.

# %%
event = np.array([0, 1, 3, 6, 4, -2, -6, -3, 0, 1, 1, 0.0])
early = np.zeros(200)
early[60:72] = event
early += np.sin(np.arange(200) / 9)  # a slow wave, which moves along
late = np.roll(early, 45)
both = {"early": early, "late": late}
responses = {name: np.correlate(series, event, mode="valid") for name, series in both.items()}
peaks = {name: int(response.argmax()) for name, response in responses.items()}
print("strongest response at", peaks, "moved by", peaks["late"] - peaks["early"])
apart = np.abs(responses["late"][45:] - responses["early"][:-45]).max()
print("largest difference after moving back, over the samples that both have:", apart)

figure, (top, bottom) = figures.panels(2, 1, width=9.5, height=4.4)
title, xlabel = "An event, and the same event 45 samples later", "time (samples)"
figures.profiles(top, np.arange(200), both, title=title, xlabel=xlabel, ylabel="signal")
title, xlabel = "The response moves by the same 45 samples", "start of the window (samples)"
figures.profiles(bottom, np.arange(189), responses, title=title, xlabel=xlabel, ylabel="response")
alt = "Above: a slow wave with a sharp event, early and late. Below: the two responses, one peak each, at "
figures.show(figure, alt + f"{peaks['early']} and {peaks['late']}.")

# %% [markdown]
# Now a photograph, three changes and four layers. The changes are a shift (5 rows, 9 columns), a turn by 90
# degrees, and a doubling of the size in which each pixel becomes four. The shift is *circular*: what leaves
# on one side comes in on the other. The kernels use the same border, so there is no end of the image that
# could disturb. The numbers in the table are $\max|f(g(x)) - g(f(x))|$. Pixels and weights are whole numbers,
# so a zero is exactly zero.

# %%
square = photo[:, 64:320]
changes = {
    "shift": lambda image: np.roll(image, (5, 9), axis=(0, 1)),
    "turn by 90°": np.rot90,
    "twice the size": lambda image: image.repeat(2, axis=0).repeat(2, axis=1),
}
one_weight = np.array([[0, 0, 0], [0, 2, 0], [0, 0, 0]])


def both_orders(g, kernel):
    """f(g(x)) and g(f(x)) for the square photograph, with a circular border."""
    made = ndimage.correlate(square, kernel, mode="wrap")
    return ndimage.correlate(g(square), kernel, mode="wrap"), g(made)


def gap(first, last):
    """The largest difference."""
    return np.abs(first - last).max()


edges, laplacian = kernels["edges left-right"], kernels["Laplacian"]
for name, kernel in (("edges", edges), ("Laplacian", laplacian), ("one weight", one_weight)):
    gaps = (f"{change} {gap(*both_orders(g, kernel)):5g}" for change, g in changes.items())
    print(f"{name:16}", "   ".join(gaps))
turned = ndimage.correlate(np.rot90(square), np.rot90(edges), mode="wrap")
print("edges, when the kernel is turned too:", gap(turned, both_orders(np.rot90, edges)[1]))

tiny = square.reshape(16, 16, 16, 16).mean(axis=(1, 3))
mixing = rng.normal(size=(tiny.size, tiny.size)) / 16
mapped = (mixing @ tiny.ravel()).reshape(16, 16)
dense_gaps = [gap(mixing @ g(tiny).ravel(), g(mapped).ravel()) for g in list(changes.values())[:2]]
print(f"fully connected  shift {dense_gaps[0]:5.0f}   turn by 90° {dense_gaps[1]:5.0f}   size: does not fit")

# %% [markdown]
# Read the table by columns. **Shift:** zero for every kernel, whatever its weights. That is the sharing: the
# same weights at every place. The fully connected layer does not have it. **Turn:** not zero for the edge
# kernel. Turn the kernel along with the picture, and the two agree again: that is another layer, though. Zero
# for the Laplacian, because that kernel looks the same after a quarter turn. So the
# rule that convolution is not equivariant to rotation has an exception, and you can see why. **Size:** zero
# only for the trivial kernel of one weight.

# %%
panels, labels = [], []
for name, kernel, change in (("shift, edges", edges, "shift"), ("turn, edges", edges, "turn by 90°")):
    first, last = both_orders(changes[change], kernel)
    panels += [first, last, first - last]
    labels += [f"{name}: f(g(x))", "g(f(x))", f"difference, max {gap(first, last):g}"]
figure, (axes,) = figures.panels(width=8.5, height=6)
title = "Shift and layer can swap places; turn and layer cannot"
figures.feature_maps(axes, np.stack(panels), title=title, labels=labels, columns=3)
alt = "f(g(x)), g(f(x)), difference. Shift: the difference is grey, zero. Turn: the maps show different "
figures.show(figure, alt + "edges, and the difference is as strong as they are.")

# %% [markdown]
# ### Where it ends: borders and strides
#
# "Equivariant to translation" has small print. A real camera that turns brings *new* pixels in, and the layer
# pads with zeros. Then maps agree away from the border only. And with a stride of 2, every second window is
# left out: after a shift by one pixel the layer looks at other windows. Measure both: first the columns that
# differ at the border, for layers one after the other; then the best match of a strided map, over all shifts
# of the output.

# %%
one_view, next_view = square[:, :200], square[:, 5:205]  # the camera turned by 5 columns
for depth in range(1, 5):
    one_view, next_view = (ndimage.correlate(v, edges, mode="constant") for v in (one_view, next_view))
    differs = np.abs(one_view[:, 5:] - next_view[:, :-5]).max(axis=0) > 0
    inner = gap(one_view[:, 5 + depth : -depth], next_view[:, depth : -5 - depth])
    print(f"{depth} layers: {differs.sum()} of {differs.size} columns differ, further in {inner:g}")

full_map = ndimage.correlate(square, edges, mode="wrap")
print("\nthe largest response of a map is", np.abs(full_map).max())
for step in range(1, 5):
    moved = ndimage.correlate(np.roll(square, step, axis=1), edges, mode="wrap")
    gaps = {t: gap(moved[::2, ::2], np.roll(full_map[::2, ::2], t, axis=1)) for t in range(-8, 9)}
    match = min(gaps, key=gaps.get)
    print(f"stride 2, moved by {step}: best match with the map moved by {match}, difference {gaps[match]:g}")

# %% [markdown]
# What about a shift by half a pixel, each new pixel the mean of two neighbours? That is a convolution too, so
# it can swap places with the layer. But a non-linearity after the layer ends that.

# %%
for name, g in (
    ("half a pixel", lambda image: (image + np.roll(image, 1, axis=1)) / 2),
    ("three pixels", lambda image: np.roll(image, 3, axis=1)),
):
    first, last = both_orders(g, edges)
    relu_gap = gap(first.clip(0), g(full_map.clip(0)))
    print(f"{name}: convolution alone {gap(first, last):g}, with a ReLU after it {relu_gap:g}")

# %% [markdown]
# ### Back to the perceptron
#
# Now mend the machine from the beginning. Do what the complex cell does: let PyTorch slide 100 kernels over
# the picture, here small pieces of training pictures with their mean removed, and keep the largest response
# of each map. The maps move along with the picture (equivariance), and the maximum over all places does not
# change at all (invariance). On these 100 numbers, train the same perceptron with the same rule. There is a
# price, for pictures that did not move: the machine no longer knows *where* a kernel answered.

# %%
patches = sliding_window_view(x, (5, 5), axis=(1, 2)).reshape(-1, 5, 5)
patches = patches[patches.std(axis=(1, 2)) > 0.1]
patches = rng.choice(patches, 100)
patches -= patches.mean(axis=(1, 2), keepdims=True)
bank = torch.from_numpy(patches[:, np.newaxis])


def strongest(pictures):
    """Pictures (N, 20, 20) -> (N, 1, 100): the largest response of each kernel, wherever it is."""
    maps = nn.functional.conv2d(torch.from_numpy(pictures[:, np.newaxis]), bank, padding=4)
    return maps.amax(dim=(2, 3)).numpy()[:, np.newaxis]


w_deep, b_deep, _ = perceptron(strongest(x), t)
moved = [strongest(np.roll(x_test, step, axis=2)) for step in steps]
with_kernels = np.array([np.mean(np.sign(np.tensordot(z, w_deep) + b_deep) == t_test) for z in moved])
print("400 weights, one a place:  ", " ".join(f"{value:6.1%}" for value in one_pair))
print("100 kernels, then the rule:", " ".join(f"{value:6.1%}" for value in with_kernels))

figure, (axes,) = figures.panels(width=8.5, height=3)
curves = {"one weight a photocell": one_pair, "kernels, maximum, perceptron": with_kernels}
title = f"With kernels the accuracy stays at {with_kernels.min():.0%} wherever the picture stands"
figures.profiles(axes, steps, curves, title=title, xlabel="moved to the right (pixels)", ylabel="accuracy")
alt = f"Accuracy over the shift. One weight a photocell: a peak of {one_pair.max():.0%} in the middle. With "
figures.show(figure, alt + f"kernels and the maximum over places: {with_kernels.min():.0%} everywhere.")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
coarse = full_map[::4, ::4]
moves = {s: gap(np.roll(full_map, s, axis=1)[::4, ::4], np.roll(coarse, 1, axis=1)) for s in (1, 2, 4)}
exact = [s for s, difference in moves.items() if difference == 0]
question(
    "A layer has stride 4. By how many pixels must the picture move so that the map moves by exactly one?",
    [
        ("1", exact == [1], "The windows start at 0, 4, 8... After one pixel they see other windows."),
        ("2", exact == [2], "Half a stride still lands between two windows."),
        ("4", exact == [4], "One stride: then each window sees what its neighbour saw."),
        ("any number", len(exact) == 3, "Only multiples of the stride bring windows onto windows."),
    ],
)

# %% [markdown]
# ## Convolution and cross-correlation
#
# So far the word *convolution* was used as this field uses it. Mathematics defines it for functions. $x$ is
# the **input**, $w$ the **kernel**, and $s$ the feature map:
#
# $$s(t) = (x * w)(t) = \int x(a)\, w(t-a)\, da$$
#
# Let $w$ be zero before time 0 and read it as a memory: the value at time $t$ gathers all earlier inputs
# $x(a)$, each weighted by how long ago it was, $t - a$. A computer replaces the integral by a sum over short
# steps. Take $x(a) = e^{-a}$ and $w(a) = e^{-2a}$, both zero before time 0. Then $s(t) = e^{-t} - e^{-2t}$,
# so you can measure the error. In the end it halves with the step.


# %%
def decay(rate, a):
    """e to the minus rate times a from time 0 on, and 0 before."""
    return np.where(a >= 0, np.exp(-rate * np.abs(a)), 0.0)


t0, errors = 1.0, []
exact = np.exp(-t0) - np.exp(-2 * t0)
for step in (0.5, 0.25, 0.125, 0.0625, 0.03125):
    a = np.arange(0, t0, step)
    approximation = step * np.sum(decay(1, a) * decay(2, t0 - a))
    errors.append(abs(approximation - exact))
    ratio = f", {errors[-1] / errors[-2]:.2f} of the last" if len(errors) > 1 else ""
    print(f"step {step:7.5f}, {len(a):2} terms: s(1) = {approximation:.5f}, error {errors[-1]:.5f}{ratio}")

times = np.linspace(0, 4, 161)
curves = {"the integral": np.exp(-times) - np.exp(-2 * times)}
for step in (0.5, 0.25, 0.05):
    a = np.arange(0, 4.5, step)
    sums = step * np.convolve(decay(1, a), decay(2, a))[: len(a)]
    curves[f"sum, step {step:g}"] = np.interp(times, a, sums)
figure, (axes,) = figures.panels(width=8.5, height=3)
title = "Sums with shrinking steps approach the integral"
figures.profiles(axes, times, curves, title=title, xlabel="time t", ylabel="s(t)")
figures.show(figure, "A hump, the integral, and three sums: the smaller the step, the closer they are to it.")

# %% [markdown]
# ### One position, two orders
#
# For images there are two sums, and the slides write them in two ways:
#
# $$S(i,j) = \sum_m \sum_n I(m,n)\, K(i-m,\, j-n) = \sum_m \sum_n I(i-m,\, j-n)\, K(m,n)$$
#
# In the first, $m, n$ run over the image; in the second, over the kernel. What lies outside of either counts
# as zero. Compute **one** position in both orders, and look at the terms.

# %%
I = np.round(photo[153:157, 222:227] / 28)  # noqa: E741
K = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]])
i, j = 2, 3

over_image = {}
for m, n in np.ndindex(I.shape):
    if 0 <= i - m < K.shape[0] and 0 <= j - n < K.shape[1]:
        over_image[m, n] = I[m, n] * K[i - m, j - n]
over_kernel = {}
for m, n in np.ndindex(K.shape):
    if 0 <= i - m < I.shape[0] and 0 <= j - n < I.shape[1]:
        over_kernel[m, n] = I[i - m, j - n] * K[m, n]

print("over the image: ", {key: float(term) for key, term in over_image.items()})
print("over the kernel:", {key: float(term) for key, term in over_kernel.items()})
S = signal.convolve2d(I, K)
print("S(2, 3) =", sum(over_image.values()), "=", sum(over_kernel.values()), " scipy:", S[i, j])
print("pairs (m, n) looked at:", I.size, "in the first order,", K.size, "in the second")

figure, (left, right) = figures.panels(1, 2, width=9.5, height=3)
figures.number_grid(left, I, title="Image I")
figures.number_grid(right, K, title="Kernel K", signed=True)
figures.show(figure, alt=f"The image, 4 rows and 5 columns: {I.tolist()}. The kernel, 3 by 2: {K.tolist()}.")

# %% [markdown]
# The same six products, in opposite order. That the two sums agree means $I * K = K * I$: convolution is
# **commutative**. Libraries prefer the second order, because the range of valid $m$ and $n$ hardly changes
# from one output to the next. Count the different ranges over all outputs, in one dimension.

# %%
for N, size in ((6, 3), (384, 3)):
    ranges_image, ranges_kernel = set(), set()
    for out in range(N + size - 1):
        ranges_image.add((max(0, out - size + 1), min(N - 1, out)))  # places m of the input
        ranges_kernel.add((max(0, out - N + 1), min(size - 1, out)))  # places m of the kernel
    print(f"{N:3} inputs, kernel {size}, {N + size - 1:3} outputs: ", end="")
    print(f"{len(ranges_image):3} different ranges over the image, {len(ranges_kernel)} over the kernel")

# %% [markdown]
# Libraries of this field compute neither. They leave the kernel as it is, and that is **cross-correlation**:
#
# $$S(i,j) = \sum_m \sum_n I(i+m,\, j+n)\, K(m,n)$$
#
# The plus sign changes three things. The kernel is not flipped. The window of $S(i,j)$ *starts* at $(i,j)$,
# where the window of the convolution *ends* there. And it does not commute. Check all three, the last in one
# dimension.

# %%
i, j = 1, 2
by_hand = (I[i : i + 3, j : j + 2] * K).sum()
end = (i + K.shape[0] - 1, j + K.shape[1] - 1)
print("cross-correlation at (1, 2):", by_hand, " scipy:", signal.correlate2d(I, K, mode="valid")[i, j])
print("convolution at (1, 2):      ", S[i, j])
print(f"convolution with the turned kernel at {end}:", signal.convolve2d(I, K[::-1, ::-1])[end])
library = nn.functional.conv2d(torch.from_numpy(I)[None, None], torch.from_numpy(K)[None, None])
print("PyTorch's conv2d at (1, 2): ", library[0, 0, i, j].item())

u, v = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, -2.0])
print("\nconvolution        u, v:", np.convolve(u, v), "  v, u:", np.convolve(v, u))
print("cross-correlation  u, v:", np.correlate(u, v, "full"), "  v, u:", np.correlate(v, u, "full"))

# %% [markdown]
# Swapping the two reverses the result of a cross-correlation. Why does nobody mind? A network *learns* its
# kernels, and it learns the turned one as readily. [Lecture 3](03_convolution_layer.ipynb) comes back to
# this.

# %% [markdown]
# ## Inputs of any size
#
# The fourth idea follows from the first two. A kernel does not know how large the image is: it needs a
# window. A fully connected layer has one weight for each input, so another size is an error. Try both on two
# sizes.

# %%
cup_small = photo[::2, ::2]
for image in (photo, cup_small):
    print("9 weights on", image.shape, "make", signal.correlate2d(image, laplacian, mode="valid").shape)

layer = rng.normal(size=(10, cup_small.size))
print("fully connected on", cup_small.shape, "gives", (layer @ cup_small.ravel()).shape)
try:
    layer @ photo.ravel()
except ValueError as error:
    print("fully connected on", photo.shape, "raises a ValueError:", str(error)[:60], "...")

# %% [markdown]
# A whole network is as flexible as its least flexible layer. The small network above ends with a fully
# connected layer for maps of 5 by 5. So it accepts 20 by 20 (and up to 23 by 23, because pooling drops a row
# that is left over), and nothing else, unless you leave out the last two layers.
# [Lecture 4](04_pooling.ipynb) shows how to end a network so that it takes any size.

# %%
for side in (20, 23, 24, 28):
    picture = torch.zeros(1, 1, side, side)
    with torch.no_grad():
        print(f"{side} by {side}: maps {tuple(network[:-2](picture).shape[1:])}", end=", ")
        try:
            print("whole network", tuple(network(picture).shape[1:]))
        except RuntimeError as error:
            print("whole network: RuntimeError,", error)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
same = [nn.Conv2d(1, 8, 3).weight.numel() for side in (20, 28)]
question(
    "You use a trained convolution layer on images of twice the side. What happens to its weights?",
    [
        ("twice as many", same[1] == 2 * same[0], "Weights belong to the kernel, not to pixels."),
        ("four times as many", same[1] == 4 * same[0], "That holds for one weight a pixel."),
        ("nothing", same[0] == same[1], "The same weights, each used about four times as often."),
        ("it raises an error", False, "That is what a fully connected layer does."),
    ],
)

# %% [markdown]
# ## Errata
#
# > **Where the slides are wrong, or need a word more.**
# >
# > 1. *Historical Background* calls the Mark I the first implementation of the perceptron algorithm. The
# >    first was a program on an IBM 704 computer; the machine followed. (No cell can compute that one.)
# > 2. *Convolutions: Motivation* gives $O(m\,n)$ against $O(k\,n)$ without saying that $n$ counts **outputs**
# >    and that $k$ is *all* weights of one output: $K \cdot K$ for a square kernel, times the channels.
# > 3. The same slide gives one bracket, $O(k\,n)$, for what is stored and for what is computed. A sparse
# >    layer stores $k\,n$ weights, a shared one only $k$.
# > 4. *Sparse Connectivity* says that deeper units are connected to all of the input. Only when the network
# >    is deep enough: in its own drawing that holds for one unit of five.
# > 5. *Parameter Sharing* says that a fully connected layer uses each element of $W$ once. That is meant for
# >    one example: in a batch of $N$ it is used $N$ times.
# > 6. *Parameter Sharing* calls the cost of the forward pass unchanged, $O(k\,n)$. That compares with the
# >    sparse layer without sharing. Against the fully connected layer it has changed, from $O(m\,n)$.
# > 7. *Equivariance* promises it for *each layer* and *any* translation, by *the same amount*. Fully
# >    connected layers do not have it. Convolutions have it away from the border, for multiples of the
# >    stride, and (with a ReLU) for whole pixels. With stride $S$ the map moves $S$ times less.
# > 8. *Equivariance* denies it for rotations. There are exceptions, such as the Laplacian and a quarter turn.
# > 9. *Equivariance* calls convolution commutative. That holds for sums over everything, with zeros outside.
# >    Cropped results (`same`) do not even have equal sizes after a swap.
# > 10. *Aside* writes $I * K$ for cross-correlation too, and calls the missing flip the only difference. The
# >     window also starts where the other one ends.
#
# The cell computes 2 to 10, what the slides say beside what is counted.

# %%
K, C = 3, 16
layer = nn.Conv2d(C, 1, K, bias=False)
print(f"2. one output of a {K} by {K} kernel on {C} channels: K = {K}, weights k = {layer.weight.numel()}")
print(f"3. stored for k = 3, n = 5: sparse {3 * 5}, shared {len(used_shared)}")
print("4. inputs that reach g1 to g5:", [receptive_field(unit, 2, 3, 5) for unit in range(5)])
batch = rng.normal(size=(32, 5))
print(f"5. uses of one weight of W for one example: 1, for a batch: {(batch @ weights.T)[:, 0].size}")
print(f"6. products for m = n = 5, k = 3: full {5 * 5}, sparse {3 * 5}, shared {3 * 5} (ends included)")
odd, even = np.roll(full_map, 1, axis=1)[::2, ::2], full_map[::2, ::2]
best = min(gap(odd, np.roll(even, t, axis=1)) for t in range(-8, 9))
print(f"7. stride 2, shift 1: difference {best:g} where equivariance would give 0")
print(f"8. Laplacian and a quarter turn: difference {gap(*both_orders(np.rot90, laplacian)):g}")
kernel = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]])
for mode in ("full", "same"):
    there, back = signal.convolve2d(I, kernel, mode=mode), signal.convolve2d(kernel, I, mode=mode)
    print(f"9. {mode}: sizes {there.shape} and {back.shape}, equal: {np.array_equal(there, back)}")
there, back = signal.correlate2d(I, kernel), signal.correlate2d(kernel, I)
print("10. cross-correlation, swapped: equal", np.array_equal(there, back), end="; ")
print("equal after half a turn", np.array_equal(there, back[::-1, ::-1]))

# %% [markdown]
# ## What you learned
#
# - A perceptron on pixels learns a stencil. It breaks when the picture moves by two pixels.
# - A simple cell answers to one orientation at one place; the same kernel everywhere and the maximum over
#   places makes a complex cell. A network of convolution, non-linearity, pooling and fully connected layers
#   does that.
# - **Sparse interactions:** $k\,n$ products in place of $m\,n$, with $n$ the number of outputs. A convolution
#   is a banded matrix with equal diagonals.
# - Depth makes up for it: $L$ layers see $1 + L\,(K-1)$ inputs, the middle ones most.
# - **Parameter sharing:** $k$ weights in all, each used at every place. It saves memory, not products, and it
#   needs far fewer examples.
# - **Equivariance:** move the input, and the map moves along; exactly away from borders and for multiples of
#   the stride. Not for turns (unless the kernel is symmetric) and not for changes of size.
# - Convolution flips the kernel and commutes; cross-correlation does neither, and is what libraries compute.
# - **Any size:** kernels do not know the size of the image; fully connected layers do.
#
# **Next:** [lecture 3, the convolution layer](03_convolution_layer.ipynb), builds the layer itself: sizes,
# strides, padding, channels and many filters.
