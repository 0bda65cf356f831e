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
# # 4. Pooling
#
# **When you have worked through this lecture, you can**
#
# - compute max, average, L2 and stochastic pooling by hand, and say what sets them apart;
# - tell the size of a window from its stride, and predict what is dropped;
# - measure how invariant a representation is, and name two ways in which invariance fails;
# - say what pooling does to channels, and what pooling *across* channels (maxout) can do;
# - make a vector of fixed length from images of any size;
# - turn a fully connected layer into a convolution and slide a classifier over a large image.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 10 seconds.
#
# **Slides:** *Pooling: Motivation*, *Pooling: Invariance*, *Pooling* (the sequence of windows, other
# options, feature maps, cross channel pooling, inputs of varying sizes), *Fully Connected Layer*.
#
# **You need:** lecture 3: kernel, window, stride, feature map, ReLU and the output size.
#
# A convolution layer says how strongly a feature is present at *each* place. Often you want to know less:
# whether it is present *around* a place. That is what pooling is for.

# %%
from time import perf_counter

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal
from torch.nn import functional

from course_utils import figures
from course_utils.data import load
from course_utils.widgets import pooling_shift, question

rng = np.random.default_rng(4)


def listed(curves, at):
    """Return the name of each curve and its value at one place in words, for an alt text."""
    return ", ".join(f"{name} {values[at]:.2f}" for name, values in curves.items())


photographs = load("photographs")
clothes, clothes_to_test = load("fashion_mnist", "train"), load("fashion_mnist", "test")
greys = photographs.images.mean(axis=1) / 255
index = photographs.class_names.index
cup, galaxies, dahlia = (greys[index(name)] for name in ("coffee cup", "galaxies", "dahlia"))

sobel = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
signed = signal.correlate2d(cup, sobel, mode="valid")
detector = np.maximum(signed, 0)
print("photograph", cup.shape, " feature map after ReLU", detector.shape, f"0 to {detector.max():.2f}")

# %% [markdown]
# ## Max pooling
#
# **Pooling** slides a window over a feature map, as a convolution does, and keeps *one* number that sums up
# what is under it. **Max pooling** keeps the largest:
#
# $$y_i = \max_{0 \le m < K}\; x_{iS+m}$$
#
# There is no kernel: nothing is multiplied, and nothing is learned. $K$ is the size of the window, $S$ the
# **stride**, the number of cells from one window to the next. The usual choice is $K = S = 2$.
#
# Take eight neighbouring values of the cup's feature map, where its saucer meets the wood, scaled and rounded
# to whole numbers from 0 to 9 so that you can follow.

# %%
strip = detector[241:247, 277:301]
strip = np.round(9 * strip / strip.max())
x, N, K, S = strip[2, :8], 8, 2, 2
y = []
for start in range(0, N - K + 1, S):
    window = x[start : start + K]
    y.append(window.max())
    print(f"cells {start} to {start + K - 1}: the largest of {window} is {y[-1]:g}")

library = functional.max_pool1d(torch.from_numpy(x)[None, None], K, S)[0, 0].numpy()
print("torch says", library, " the same:", np.array_equal(y, library))

figure, (axes,) = figures.panels(width=8.5, height=2.6)
figures.pooled_row(axes, x, y, kernel_size=K, stride=S, title=f"Max pooling: {N} values become {len(y)}")
figures.show(figure, alt=f"A row of numbers, {x}. Above each pair stands the larger one: {library}.")

# %% [markdown]
# On a map the window is a square and moves along rows and columns. The window of output $(i, j)$ begins at
# row $iS$ and column $jS$, and has $K$ rows and $K$ columns:
#
# $$Y_{i,j} = \max_{0 \le m < K}\;\max_{0 \le n < K}\; X_{iS+m,\,jS+n}$$
#
# The slides show it window by window. Here are four of nine steps. Do **one** of them by hand, $i=1$,
# $j=2$, and let the library do the rest.

# %%
patch = np.ascontiguousarray(strip[:, :6])
i, j, K, S = 1, 2, 2, 2
window = patch[i * S : i * S + K, j * S : j * S + K]
pooled = functional.max_pool2d(torch.from_numpy(patch)[None, None], K, S)[0, 0].numpy()
print(f"rows {i * S} to {i * S + K - 1}, columns {j * S} to {j * S + K - 1}:", window.tolist())
print("the largest:", window.max(), " torch:", pooled[i, j], " whole output", pooled.shape)

figure, axes = figures.panels(2, 2, width=9.5, height=7.4)
for panel, at in zip(axes, (0, 1, 3, 8), strict=True):
    title = f"Window {at + 1} of {pooled.size}: the largest is {pooled.flat[at]:g}"
    figures.pooling_window(panel, patch, pooled, position=at, kernel_size=K, stride=S, title=title)
figures.show(
    figure,
    alt="Four steps of a 2 by 2 window over a 6 by 6 patch: the first window, the second to its right, the "
    "first of the next row, and the last. The 3 by 3 output fills up with the largest value of each window.",
)

# %% [markdown]
# ### Where a maximum begins
#
# Written as a loop, a maximum needs a first value to compare with. **Zero is the wrong one**: if all values
# under the window are negative, zero wins, though it is nowhere in the input. Begin with the window's first
# value, or with $-\infty$. For the same reason a library that pads before max pooling pads with $-\infty$
# and not with zeros.

# %%
window = np.array([-3.0, -1.0, -4.0, -2.0])
for name, best in (("begins at 0", 0.0), ("begins at the first value", window[0])):
    for value in window:
        best = max(best, value)
    print(f"{name:26} {best:g}")
padded = functional.max_pool1d(torch.from_numpy(window)[None, None], 3, 1, padding=1)
print("torch, padded by one cell on each side:", padded[0, 0].numpy())

lowest = functional.max_pool2d(torch.from_numpy(signed)[None, None], 2, 2)
print(f"2×2 windows of the map *before* ReLU with no positive value: {(lowest < 0).double().mean():.0%}")

# %% [markdown]
# Now the whole map, with windows of 4 by 4. The map shrinks to a quarter of its height and width, and the
# edges survive: a strong response wins its window, wherever in the window it lies. Then count what a
# pooling layer has to learn.

# %%
pooled = functional.max_pool2d(torch.from_numpy(detector)[None, None], 4, 4)[0, 0].numpy()
print("feature map", detector.shape, "->", pooled.shape)
print("parameters of the pooling layer:", sum(w.numel() for w in torch.nn.MaxPool2d(4).parameters()))

figure, (a, b, c) = figures.panels(1, 3, width=10.5, height=2.6)
figures.picture(a, cup, title="A photograph")
figures.picture(b, detector / 2, title="Edges: brighter to the right")
figures.picture(c, pooled / 2, title="Edges after max pooling 4/4")
figures.show(
    figure,
    alt="A coffee cup; its edge map, with bright lines where it gets brighter to the right; and that map "
    "after max pooling: coarse, with thick lines in the same places.",
)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
row = torch.tensor([[[3.0, -1.0, -2.0, -5.0, 4.0, 0.0]]])
answer = functional.max_pool1d(row, 2, 2)[0, 0].tolist()
question(
    "What does max pooling with $K=S=2$ make of the row $3, -1, -2, -5, 4, 0$?",
    [
        ("3, 0, 4", answer == [3, 0, 4], "Zero is not in the second window: its values are −2 and −5."),
        ("3, −5, 4", answer == [3, -5, 4], "−5 has the larger magnitude. Max pooling looks at the sign too."),
        ("3, −2, 4", answer == [3, -2, 4], "−2 is larger than −5, so it stands for its window."),
        ("3, −1, −2, 4, 4", answer == [3, -1, -2, 4, 4], "That is stride 1: here the window moves by two."),
    ],
)

# %% [markdown]
# ## Windows that overlap
#
# The size of the window and the stride are two different numbers. With $K = S$ the windows **tile** the
# input: every cell lies in exactly one. With $K > S$ they **overlap**. With $K < S$ there are gaps, and
# some cells are never looked at. In a program, $K$ says how far a window *reaches* and $S$ where the next
# one *begins*. Mixing them up gives the right answer whenever $K = S$, which is why the mistake lives so
# long.

# %%
figure, axes = figures.panels(1, 3, width=10, height=2.4)
for panel, (K, S) in zip(axes, ((2, 2), (3, 2), (2, 3)), strict=True):
    figures.window_positions(panel, 8, K, stride=S)
    starts = range(0, 8 - K + 1, S)
    times = [sum(start <= cell < start + K for start in starts) for cell in range(8)]
    print(f"K = {K}, S = {S}: windows begin at {list(starts)}; cells 0 to 7 lie in {times} windows")
figures.show(
    figure,
    alt="Eight cells three times. Windows of 2 with stride 2 tile them. Windows of 3 with stride 2 share one "
    "cell with each neighbour, and the last cell is crossed out. Windows of 2 with stride 3 leave gaps.",
)

# %% [markdown]
# How many outputs there are follows from the same counting as for a convolution:
#
# $$O = \left\lfloor \frac{N - K}{S} \right\rfloor + 1$$
#
# A window that would hang over the end is **dropped**, with the cells that only it covers. That is the
# floor. Dividing $N$ by $S$ is sure to be right for tiles only. Hold the counting against the library for
# many settings, and then look at 3/2 (say "three by three, stride two") on AlexNet's 55 columns.

# %%
settings = wrong_count = wrong_division = 0
for N in range(1, 30):
    for K in range(1, min(N, 6) + 1):
        for S in range(1, 6):
            library = functional.max_pool1d(torch.zeros(1, 1, N), K, S).shape[-1]
            settings += 1
            wrong_count += library != len(range(0, N - K + 1, S))
            wrong_division += library != N // S
print(f"{settings} settings: counting starts is wrong {wrong_count} times, N // S {wrong_division} times")

columns = torch.zeros(1, 1, 55)
for K, S in ((2, 2), (3, 2), (3, 1)):
    floor = functional.max_pool1d(columns, K, S).shape[-1]
    ceiling = functional.max_pool1d(columns, K, S, ceil_mode=True).shape[-1]
    print(f"55 columns, {K}/{S}: {floor} outputs; rounded up (ceil_mode) {ceiling}")

# %% [markdown]
# Two things to take from the last lines. Pooling makes a map smaller **because of its stride**: with stride
# 1 it hardly shrinks at all (and with padding not at all). And 2/2 and 3/2 give maps of the same size here.
# They differ in what each output sees: with 3/2, neighbours share a row or a column of cells.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
outputs = functional.max_pool1d(torch.zeros(1, 1, 28), 3, 2).shape[-1]
question(
    "How many outputs does pooling with $K=3$, $S=2$ make of 28 cells?",
    [
        ("14", outputs == 14, "28 / 2 counts a window that begins at cell 26 and would end at cell 28."),
        ("13", outputs == 13, "Starts 0, 2, …, 24. The window at 26 would hang over the end: dropped."),
        ("9", outputs == 9, "28 / 3 would be windows side by side: stride 3."),
        ("26", outputs == 26, "26 is the number of outputs with stride 1."),
    ],
)

# %% [markdown]
# ## Average pooling
#
# **Average pooling** keeps the mean of the $K$ cells, or on a map of the $K^2$ cells, under the window:
#
# $$Y_{i,j} = \frac{1}{K^2}\sum_{m=0}^{K-1}\sum_{n=0}^{K-1} X_{iS+m,\,jS+n}$$
#
# Divide by the number of cells *in the window*, whatever the stride. You know this operation already: it is
# a convolution whose weights are all $1/K^2$ and stay so. So it is linear. Max pooling is not: the maximum
# of a sum is not the sum of the maxima.

# %%
window = patch[2:4, 2:4]
library = functional.avg_pool2d(torch.from_numpy(patch)[None, None], 2, 2)[0, 0, 1, 1].item()
print(f"by hand at i = j = 1: {window.sum():g} / {window.size} = {window.mean():g}; torch {library:g}")

a, b = torch.from_numpy(strip[None, 2:3, :8].copy()), torch.from_numpy(strip[None, 3:4, :8].copy())
uniform = np.correlate(x, np.full(3, 1 / 3), mode="valid")
same = np.allclose(uniform, functional.avg_pool1d(a, 3, 1)[0, 0].numpy())
print("average pooling is a convolution with weights 1/K:", same)
for name, pool in (("average", functional.avg_pool1d), ("max", functional.max_pool1d)):
    apart = (pool(a + b, 2, 2) - pool(a, 2, 2) - pool(b, 2, 2)).abs().max().item()
    print(f"{name:8} pooling: pool(a + b) and pool(a) + pool(b) differ by up to {apart:g}")

# %% [markdown]
# Two traps. **Types:** pixels come as `uint8`, whose sums start again at 0 beyond 255, and a mean written
# into an array of integers loses its fraction. **Padding:** if a library pads with zeros, do the zeros
# count as cells? PyTorch counts them unless you say otherwise. In exercise 3 nothing is padded.

# %%
pixels = photographs.images[0, 0, 100:102, 200:202]
added = np.add.reduce(pixels.ravel(), dtype=np.uint8)
print("pixels", pixels.ravel(), f" added up in uint8: {added}, so the mean would be {added / 4:g}")
print("in float64:", pixels.mean(), " in an array of integers:", np.full(1, pixels.mean(), dtype=int))

for counted in (True, False):
    padded = functional.avg_pool1d(torch.ones(1, 1, 4), 3, 1, padding=1, count_include_pad=counted)
    print(f"mean of ones, padded; zeros counted = {counted}:", padded[0, 0].numpy().round(2))

# %% [markdown]
# Which of the two fits depends on what carries the message. Among galaxies it is a few bright dots on a
# dark ground. The maximum keeps them, and also keeps the brightest grain of noise in every dark window. The
# average keeps the total amount of light, and a lone dot fades.

# %%
sky = torch.from_numpy(galaxies)[None, None]
brightest, mean = (pool(sky, 8, 8)[0, 0] for pool in (functional.max_pool2d, functional.avg_pool2d))
pictures = {"Photograph": sky[0, 0], "Max 8/8: dots stay bright": brightest, "Average 8/8: dots fade": mean}

figure, axes = figures.panels(1, 3, width=10.5, height=2.9)
for panel, (title, image) in zip(axes, pictures.items(), strict=True):
    print(f"{title:26} mean {image.mean():.3f}, median {image.median():.3f}, largest {image.max():.3f}")
    figures.picture(panel, image, title=title)
figures.show(
    figure,
    alt="Galaxies as bright dots on black. After max pooling the picture is coarse, its dots are large and "
    "bright and the ground is lighter; after average pooling only the largest galaxies stand out.",
)

# %% [markdown]
# ## L2 pooling
#
# **L2 pooling** reads the window as one vector and keeps its length, the L2 norm:
#
# $$Y_{i,j} = \sqrt{\sum_{m=0}^{K-1}\sum_{n=0}^{K-1} X_{iS+m,\,jS+n}^{\,2}}$$
#
# Signs do not matter, and large values count for more than in a mean. Square first, then add, then take one
# root. Here it is the **sum** of squares, as in PyTorch's `LPPool2d`. Some texts take the *mean* of squares
# (the root mean square). On a map the two differ by the same factor $K$ in every window, so a network can
# make up for it, but your test against a library will not.
#
# L2 pooling lies between adding up and taking the maximum. All three belong to one family,
# $\big(\sum_k{x_k^p}\big)^{1/p}$ for values that are not negative: with $p=1$ it is the sum, with $p=2$ the
# length, and the larger $p$, the more the largest value dominates. The cell measures how far each is from
# the maximum, over the 2 by 2 windows of the cup's map whose largest value is above 0.05.

# %%
window = np.array([[3.0, 0.0], [0.0, -4.0]])
by_sum, by_mean = np.sqrt((window**2).sum()), np.sqrt((window**2).mean())
library = functional.lp_pool2d(torch.from_numpy(window)[None, None], 2, 2).item()
print(f"window {window.tolist()}: root of the sum {by_sum:g}, of the mean {by_mean:g}; torch {library:g}")

edges = torch.from_numpy(detector)[None, None]
top = functional.max_pool2d(edges, 2, 2)
for p in (1, 2, 4, 8, 16):
    ratio = (functional.lp_pool2d(edges, p, 2, 2) / top)[top > 0.05]
    print(f"p = {p:2}: {ratio.mean():.3f} times the maximum on average, at most {ratio.max():.3f}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
length = functional.lp_pool2d(torch.tensor([[[[1.0, 5.0], [-1.0, 3.0]]]]), 2, 2).item()
question(
    "What does L2 pooling, as defined above, make of the window with the values 1, 5, −1, 3?",
    [
        ("3", np.isclose(length, 3), "That is the root of the *mean* of squares, $\\sqrt{36/4}$."),
        ("5", np.isclose(length, 5), "5 is the maximum. The other three add to the length."),
        (
            "6",
            np.isclose(length, 6),
            "$\\sqrt{1 + 25 + 1 + 9} = \\sqrt{36}$. The minus sign is squared away.",
        ),
        ("8", np.isclose(length, 8), "8 is the sum of the values. Square them first."),
    ],
)

# %% [markdown]
# ## Stochastic pooling
#
# The slides also name "random pooling", and leave open what is random. What is usually meant is
# **stochastic pooling** (Zeiler and Fergus, 2013): draw one of the window's values, the larger the
# likelier. The activations $a_k$ must not be negative; after a ReLU they are not. Then
#
# $$p_k = \frac{a_k}{\sum_l a_l}, \qquad\text{training: } y = a_k \text{ with probability } p_k,
# \qquad\text{test: } y = \sum_k p_k\, a_k .$$
#
# While training, the noise is meant to keep the network from relying on one exact value. At test time you
# want the same answer each time, so it uses the expected value: a mean weighted by the same probabilities.
# (A window of zeros has no probabilities; its output is 0.) Sample one window many times, and compare.

# %%
a = np.array([1.0, 2.0, 0.0, 5.0])
p = a / a.sum()
drawn = rng.choice(len(a), size=10_000, p=p)
shares = np.bincount(drawn, minlength=len(a)) / len(drawn)
print(f"mean of the draws {a[drawn].mean():.3f}, weighted mean {(p * a).sum():g}, average {a.mean():g}")

figure, (axes,) = figures.panels(width=7.5, height=2.8)
both = {"probability": list(p), f"share of {len(drawn):,} draws": list(shares)}
title, names = "The larger the value, the more often it is drawn", [f"value {v:g}" for v in a]
figures.bars(axes, names, both, title=title, ylabel="share", form="{:.3f}")
figures.show(figure, alt=f"Bars in pairs for the values 1, 2, 0, 5: probabilities {p}, shares {shares}.")

# %% [markdown]
# Along a row you see what the network sees: another version in every step of training, and one fixed
# version at test time. The weighted mean lies between the average and the maximum in every window.

# %%
rows = {f"draw {number}": [] for number in range(1, 5)}
rest = {"average": [], "weighted": [], "max": []}
for start in range(0, 24, 4):
    window = strip[2, start : start + 4]
    p = window / window.sum()
    for draws in rows.values():
        draws.append(rng.choice(window, p=p))
    rest["average"].append(window.mean())
    rest["weighted"].append((p * window).sum())
    rest["max"].append(window.max())
ordered = np.diff(list(rest.values()), axis=0) >= 0
print("row:", strip[2].astype(int))
print("average ≤ weighted mean ≤ maximum in every window:", ordered.all())

figure, (axes,) = figures.panels(width=7, height=4.2)
title = "Stochastic pooling, K = S = 4: four draws, and what does not change"
figures.named_rows(axes, rows | rest, title=title)
figures.show(
    figure,
    alt="Seven rows of six pooled values: four random draws that differ from each other, the average, "
    "the weighted mean and the maximum. The weighted mean is never below the average or above the maximum.",
)

# %% [markdown]
# ## Invariance
#
# Two words that are easily mixed up. Let $g$ be a shift, and $f$ a layer.
#
# - $f$ is **equivariant** to $g$ if $f(g(x)) = g(f(x))$: the input moves, and the output moves along.
# - $f$ is **invariant** to $g$ if $f(g(x)) = f(x)$: the input moves, and the output stays as it is.
#
# Convolution is equivariant (lecture 2). The maximum over the *whole* map is invariant, as long as nothing
# enters or leaves at the border. Pooling over small windows is something in between, and how much of each
# is a question for measurements.
#
# The slides' figure (from the textbook of Goodfellow and others) has detector values below, pooled values
# with windows of 3 and stride 1 above, and the same again after a shift by one pixel. Here it is with
# numbers.

# %%
long_row = np.array([0.2, 0.3, 0.1, 1.0, 0.2, 0.1, 0.0])
before, after = long_row[1:7], long_row[0:6]
both = functional.max_pool1d(torch.from_numpy(np.stack([before, after]))[:, None], 3, 1)[:, 0].numpy()
low, high = before != after, both[0] != both[1]

figure, (top, bottom) = figures.panels(2, 1, width=9, height=5)
figures.pooled_row(top, before, both[0], kernel_size=3, title="Before")
title = f"After a shift by one: {low.mean():.0%} of the inputs and {high.mean():.0%} of the maxima changed"
marks = {"changed_inputs": low, "changed_outputs": high}
figures.pooled_row(bottom, after, both[1], kernel_size=3, title=title, **marks)
figures.show(
    figure,
    alt=f"Six inputs and the maxima of their four windows of three, before and after a shift by one. "
    f"{low.sum()} of 6 inputs and {high.sum()} of 4 maxima changed; hatched bars mark them.",
)

# %% [markdown]
# Half of them changed, so half stayed. The slides say *most* stay. What is the rule? A window and the
# shifted window cover $K+s$ different cells together and share $K-s$. The maximum stays the same when the
# largest of all $K+s$ lies in the shared part. If the values have nothing to do with each other, it is
# equally likely to be anywhere, so the share of unchanged maxima is
#
# $$\frac{K-s}{K+s} \qquad\text{for a shift } s < K, \text{ and } 0 \text{ beyond.}$$
#
# Measure it on many random numbers.

# %%
noise = torch.from_numpy(rng.random(100_000))[None, None]
shifts, same = np.arange(9), {}
for K in (2, 3, 4, 8):
    maxima = functional.max_pool1d(noise, K, 1)[0, 0].numpy()
    same[f"K = {K}"] = [np.mean(maxima[8:] == maxima[8 - s : len(maxima) - s]) for s in shifts]
    rule = np.maximum(K - shifts, 0) / (K + shifts)
    one, gap = same[f"K = {K}"][1], np.abs(rule - same[f"K = {K}"]).max()
    print(f"K = {K}: shift by one {one:.3f}, rule {rule[1]:.3f}; largest gap over all shifts {gap:.3f}")

figure, (axes,) = figures.panels(width=8.5, height=3.2)
two, eight = (same[f"K = {K}"][1] for K in (2, 8))
title = f"After one cell, {two:.0%} of the maxima of 2 stay, and {eight:.0%} of the maxima of 8"
figures.profiles(axes, shifts, same, title=title, xlabel="shift (cells)", ylabel="share of maxima unchanged")
figures.show(
    figure,
    alt=f"Four falling curves over shifts from 0 to 8. At a shift of one: {listed(same, 1)}. Each reaches "
    "zero when the shift is as large as the window.",
)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
share = same["K = 2"][1]
question(
    "Unrelated values, max pooling with windows of 2, a shift by one. Which share of the maxima stays?",
    [
        ("most of them", share > 0.55, "That takes windows of more than 3. Put $K=2$, $s=1$ into the rule."),
        ("about half", 0.45 < share < 0.55, "One half is the figure's case, $K=3$."),
        ("about a third", 0.28 < share < 0.38, "Of three cells one is shared; it must hold the largest."),
        ("none", share < 0.05, "The shared cell may hold the largest value of both windows."),
    ],
)

# %% [markdown]
# Try it. The picture shows the widget's first setting; the widget lets you change the shift, the window,
# the stride and the kind of pooling. Find a setting in which more than half of the pooled values stay. Then
# shift by a multiple of the stride, and look for *where* the values have gone.

# %%
widget = pooling_shift()
low, high = widget.row(1) != widget.row(0), widget.pooled(1) != widget.pooled(0)
figure, (top, bottom) = figures.panels(2, 1, width=9.5, height=4.7)
sizes = {"kernel_size": 2, "stride": 2}
figures.pooled_row(top, widget.row(0), widget.pooled(0), title="Max pooling 2/2 before the shift", **sizes)
title = f"Shifted by one: {low.sum()} of {len(low)} inputs and {high.sum()} of {len(high)} maxima changed"
marks = {"changed_inputs": low, "changed_outputs": high}
figures.pooled_row(bottom, widget.row(1), widget.pooled(1), title=title, **marks, **sizes)
figures.show(figure, alt=repr(widget))
widget

# %% [markdown]
# ### On photographs
#
# Neighbouring pixels do have to do with each other. So take all photographs, run the edge detector, shift
# the picture by 0 to 8 pixels, and compare the pooled maps before and after in two ways:
#
# - the **share unchanged**: how many values are exactly as before (among those that were not zero, because
#   nothing is won by keeping a zero);
# - the **distance**: the root mean square difference, divided by what two unrelated maps of this spread
#   would have. 0 means the same, 1 means as different as if they had nothing in common.

# %%
maps = torch.relu(functional.conv2d(torch.from_numpy(greys)[:, None], torch.from_numpy(sobel)[None, None]))
ways = {"none": lambda m: m}
for K in (2, 4, 8):
    ways[f"max {K}/{K}"] = lambda m, K=K: functional.max_pool2d(m, K, K)
    ways[f"average {K}/{K}"] = lambda m, K=K: functional.avg_pool2d(m, K, K)

unchanged, distance = {}, {}
for name, way in ways.items():
    moved = [way(maps[..., 8:248, 8 - s : 360 - s]) for s in shifts]  # content moves to the right
    original, spread = moved[0], 2**0.5 * moved[0].std()
    unchanged[name] = [(m == original)[original > 0].double().mean().item() for m in moved]
    distance[name] = [((m - original).square().mean().sqrt() / spread).item() for m in moved]
    one, four = (f"{unchanged[name][s]:4.0%} unchanged, distance {distance[name][s]:.2f}" for s in (1, 4))
    print(f"{name:12} shift by 1: {one}   by 4: {four}")

figure, panels = figures.panels(1, 2, width=10.5, height=3.6)
chosen = ("none", "max 2/2", "max 8/8", "average 8/8")
picked = [{name: curves[name] for name in chosen} for curves in (unchanged, distance)]
label, share, title = "shift (pixels)", "share unchanged", "Larger windows change more slowly"
figures.profiles(panels[0], shifts, picked[0], title="Maxima often stay", xlabel=label, ylabel=share)
figures.profiles(panels[1], shifts, picked[1], title=title, xlabel=label, ylabel="distance")
alt = f"share unchanged: {listed(picked[0], 1)}; distance: {listed(picked[1], 1)}."
figures.show(figure, alt=f"Two charts over shifts of 0 to 8 pixels. After one pixel, {alt}")

# %% [markdown]
# Read the table in three steps. *Slightly invariant* is right: pooling lowers the distance, and larger
# windows lower it more. *Most values do not change* is wrong for max pooling 2/2, the usual choice, and
# right for larger windows at a shift of one. And the two measures rank the kinds differently. Averages
# hardly ever stay exactly the same, yet for equal windows their distance after one pixel is about that of
# maxima. After four pixels it is larger.
#
# ### Where invariance fails
#
# **At the borders of windows.** A shift inside a window changes nothing. The same shift across a border
# moves the value to the next window. The cell puts a single 1 at each place of a row, shifts it by one, and
# counts.
#
# **With every stride above 1.** Pooling at stride $S$ looks at every $S$-th window only. A shift by $S$
# makes the output move by one place, exactly: equivariant. Any other shift lands between the places that
# are looked at, and as a rule the output is not the old one moved, but another one. Engineers call it
# **aliasing**. The stripes below are the worst case.

# %%
for place in range(6):
    row = torch.eye(8)[[place, place + 1]]
    before, after = functional.max_pool1d(row[:, None], 2, 2)[:, 0].int().numpy()
    changed = np.sum(before != after)
    print(f"1 moves from cell {place} to {place + 1}: pooled {before} -> {after}, {changed} changed")

kinds = {
    "every 2nd value": lambda m: m[..., ::2],
    "max 2/2": lambda m: functional.max_pool2d(m, (1, 2), (1, 2)),
    "max 3/2": lambda m: functional.max_pool2d(m, (1, 3), (1, 2)),
    "average 3/2": lambda m: functional.avg_pool2d(m, (1, 3), (1, 2)),
}
stripes = torch.tensor([1.0, 0.0]).repeat(8).double()[None, None, None]
for name, kind in kinds.items():
    even, odd = (kind(stripes[..., s : s + 10]).flatten().numpy().round(2) for s in (0, 1))
    print(f"{name:16} stripes {even}  shifted by one {odd}")

# %% [markdown]
# Whoever keeps every second value sees all white or all black. The maximum sees white in both cases, and
# can no longer tell stripes from a white wall.
#
# On the photographs, shift by 1 to 8 pixels, pool, and move the pooled map back by whole places, as far as
# fits best. What is left is not explained by any movement.

# %%
left_over = {name: [] for name in kinds}
for name, kind in kinds.items():
    here = kind(maps[..., 8:-8])
    wide = here.shape[-1]
    for s in range(1, 9):
        there = kind(maps[..., 8 - s : -8 - s])
        apart = [(here[..., : wide - back] - there[..., back:]).square().mean() for back in range(6)]
        left_over[name].append((min(apart).sqrt() / (2**0.5 * here.std())).item())
    print(f"{name:16}", np.round(left_over[name], 3))

figure, (axes,) = figures.panels(width=9, height=3)
title = "Stride 2 is exact for even shifts only; overlap softens the rest"
figures.profiles(axes, shifts[1:], left_over, title=title, xlabel=label, ylabel="distance left over")
axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
alt = f"Four zigzag curves over shifts 1 to 8, zero at even shifts. At 1: {listed(left_over, 0)}."
figures.show(figure, alt=alt)

# %% [markdown]
# ### What it costs
#
# Invariance means that different inputs become the same, and what they differed in is gone. It is a gain
# when you care *whether* a feature is present, and a loss when you care *where*. Put a single 1 at each of
# the 256 places of a 16 by 16 map, and count how many different outputs are left.

# %%
single = torch.eye(256).reshape(256, 1, 16, 16)
for layers in range(5):
    apart, size = len(torch.unique(single.flatten(1), dim=0)), tuple(single.shape[2:])
    print(f"after {layers} times 2/2: maps of {size}, {apart} of 256 places told apart")
    single = functional.max_pool2d(single, 2, 2) if layers < 4 else single

# %% [markdown]
# ## Every channel by itself
#
# A convolution adds up all its input channels. Pooling does not mix them: each feature map is pooled alone.
# So there are as many maps after it as before, and every image of a batch is pooled alone too. A maximum
# over channels *and* places would only say "something is here", and forget what.
#
# Take eight random filters. Check that pooling all maps at once equals pooling one map alone, and that a
# maximum over all channels is something else.

# %%
filters = torch.from_numpy(rng.normal(size=(8, 1, 3, 3)))
batch = torch.relu(functional.conv2d(torch.from_numpy(greys)[:, None], filters))
together = functional.max_pool2d(batch, 2, 2)
n, f = 5, 3
alone = functional.max_pool2d(batch[n, f][None], 2, 2)[0]
mixed = functional.max_pool2d(batch[n].amax(dim=0)[None], 2, 2)[0]
print("before", tuple(batch.shape), " after", tuple(together.shape))
print(f"image {n}, map {f}, pooled alone, is the same:", torch.equal(together[n, f], alone))
print("pooled over all its channels, is the same: ", torch.equal(together[n, f], mixed))

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
shape = tuple(functional.max_pool2d(torch.zeros(16, 64, 32, 32), 2, 2).shape)
question(
    "A batch of shape $(16, 64, 32, 32)$ goes through max pooling with $K=S=2$. Which shape comes out?",
    [
        ("(16, 32, 16, 16)", shape == (16, 32, 16, 16), "Channels do not halve: each is pooled by itself."),
        ("(8, 64, 16, 16)", shape == (8, 64, 16, 16), "The batch is no axis to pool over."),
        ("(16, 1, 16, 16)", shape == (16, 1, 16, 16), "That would mix all 64 features into one."),
        ("(16, 64, 16, 16)", shape == (16, 64, 16, 16), "Rows and columns halve. Nothing else changes."),
    ],
)

# %% [markdown]
# ### Smaller maps, less work
#
# Pooling has no parameters, but it changes what the layers *after* it cost. Take the 100 maps of lecture
# 3's layer without padding, 26 by 26. After them comes a convolution with 128 filters of 3 by 3, or a fully
# connected layer of 500 units: once directly, once with 2/2 pooling in between. Count what is kept,
# multiplied and learned.

# %%
volume = torch.zeros(1, 100, 26, 26)
for name, maps_in in (("no pooling", volume), ("2/2 pooling", functional.max_pool2d(volume, 2, 2))):
    convolution = torch.nn.Conv2d(100, 128, 3, device="meta")
    products = convolution(maps_in.to("meta")).numel() * convolution.weight[0].numel()
    dense = torch.nn.Linear(maps_in.numel(), 500, device="meta")
    print(f"{name:12} maps {tuple(maps_in.shape[1:])}, {maps_in.numel():6,} values")
    print(f"    convolution: {products:10,} multiplications, {convolution.weight.numel():,} weights")
    print(f"    fully connected: {dense.weight.numel():,} multiplications and weights")
print(f"the pooling itself: {3 * maps_in.numel():,} comparisons, three for each 2×2 window")

figure, (axes,) = figures.panels(width=9, height=3.2)
shapes, names = [tuple(m.shape[1:]) for m in (volume, maps_in)], ["feature maps", "pooled maps"]
figures.blocks(axes, shapes, names, title=f"Pooling keeps all {shapes[1][0]} channels")
figures.show(figure, alt=f"Two blocks of the same depth: {shapes[0]} before, {shapes[1]} after pooling.")

# %% [markdown]
# ## Pooling across channels
#
# Pooling over *places* makes a unit care less about place. What if you pool over *channels* instead? Then
# it cares less about whatever sets the channels apart. Give them the same edge kernel in eight directions,
# and take the largest response: it should answer to an edge of any direction.
#
# Measure it. Show edges of all directions to one kernel, and to the maximum over four and over eight. Such
# a curve, response over stimulus, is called a **tuning curve**.

# %%
down, across = np.mgrid[-4:5, -4:5]
angles = np.radians(45 * np.arange(8))[:, None, None]
along = across * np.cos(angles) + down * np.sin(angles)
beside = down * np.cos(angles) - across * np.sin(angles)
bank = along * np.exp(-(along**2) / 4.5 - beside**2 / 18)
bank /= np.abs(bank).sum(axis=(1, 2), keepdims=True)

degrees = np.arange(0, 361, 3)
directions = np.radians(degrees)[:, None, None]
stimuli = np.tanh(across * np.cos(directions) + down * np.sin(directions))
responses = np.maximum(np.einsum("ayx,kyx->ak", stimuli, bank), 0)
tuning = {"one kernel": responses[:, 0], "maximum of four": responses[:, ::2].max(axis=1)}
tuning["maximum of eight"] = responses.max(axis=1)
for name, curve in tuning.items():
    print(f"{name:17} weakest response / strongest = {curve.min() / curve.max():.2f}")

figure, (top, bottom) = figures.panels(2, 1, width=9.5, height=5)
labels = [f"{45 * number}°" for number in range(8)]
figures.feature_maps(top, bank, title="One kernel in eight directions", labels=labels, unit="weight")
title = "The more directions, the flatter the tuning curve of their maximum"
xlabel, ylabel = "direction of the edge (°)", "response after ReLU"
figures.profiles(bottom, degrees, tuning, title=title, xlabel=xlabel, ylabel=ylabel)
bottom.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
bottom.set_xticks(degrees[::15])
figures.show(
    figure,
    alt="Above: an edge kernel turned in steps of 45 degrees. Below: tuning curves; one kernel is silent "
    "between 90 and 270 degrees, the maximum of four has deep dips, the maximum of eight has shallow ones.",
)

# %% [markdown]
# A dahlia has edges in every direction. One kernel sees those on one side of each petal; the pooled map
# sees them all. It has also forgotten which direction they had.

# %%
turned = functional.conv2d(torch.from_numpy(dahlia)[None, None], torch.from_numpy(bank)[:, None])[0].relu()
both = torch.stack([turned[0], turned.amax(dim=0)]).numpy()
one, eight = (both > 0.02).mean(axis=(1, 2))
print(f"pixels with a response above 0.02: one kernel {one:.0%}, maximum of eight {eight:.0%}")

figure, (axes,) = figures.panels(width=10, height=3.3)
names, title = ["one direction", "maximum over eight"], "Pooled across channels: edges of any direction"
figures.feature_maps(axes, both, title=title, labels=names)
figures.show(
    figure,
    alt="Two maps of a dahlia. With one kernel only edges that brighten to the right show; with the maximum "
    "over eight directions all outlines of the petals show.",
)

# %% [markdown]
# ### Maxout
#
# You need not choose the kernels. In a **maxout** layer the channels stand in groups of $P$ neighbours,
# the *pieces* (this $P$ is no padding); each has its own weights, and a group gives its largest value:
#
# $$h(x) = \max_{0 \le p < P}\; (w_p \cdot x + b_p)$$
#
# At one position with six channels and two pieces, that is three maxima. The maximum is the non-linearity
# here; no ReLU is needed. What can such a unit represent? Each piece is a line, and the largest of several
# lines is a curve of straight pieces that bends upwards (a **convex** function). The absolute value takes
# two pieces. For $x^2$, take lines that touch the parabola.

# %%
channels = [0.5, -2.0, 3.0, 3.5, -1.0, -4.0]
print("six channels", channels, "->", max(channels[0:2]), max(channels[2:4]), max(channels[4:6]))

z = np.linspace(-2, 2, 401)
print("max(x, −x) is |x|:", np.array_equal(np.maximum(z, -z), np.abs(z)))
curves, errors = {"x²": z**2}, {}
for pieces in (2, 4, 8, 16):
    touch = (-2 + 4 * (np.arange(pieces) + 0.5) / pieces)[:, None]
    curve = (2 * touch * z - touch**2).max(axis=0)
    errors[pieces] = np.abs(curve - z**2).max()
    curves |= {f"{pieces} pieces": curve} if pieces < 8 else {}
    print(f"x² from {pieces:2} lines: largest error {errors[pieces]:.4f}")

figure, (left, right) = figures.panels(1, 2, width=10, height=3.2)
absolute = {"x": z, "−x": -z, "their maximum": np.maximum(z, -z)}
figures.profiles(left, z, absolute, title="Two pieces make |x|", xlabel="x", ylabel="h(x)")
title = f"x²: with twice the pieces, {errors[4] / errors[8]:.0f} times less error"
figures.profiles(right, z, curves, title=title, xlabel="x", ylabel="h(x)")
figures.show(
    figure,
    alt="Left: the lines x and −x and their maximum, the absolute value. Right: a parabola, maxima of two "
    "and of four lines below it; four come close.",
)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
unit = np.maximum(1 * z + 0, 0 * z + 0)
question(
    "A maxout unit has the two pieces $1 \\cdot x + 0$ and $0 \\cdot x + 0$. Which function is it?",
    [
        ("the absolute value", np.array_equal(unit, np.abs(z)), "That takes the pieces $x$ and $-x$."),
        ("ReLU", np.array_equal(unit, z * (z > 0)), "$\\max(x, 0)$: ReLU is maxout with a piece fixed at 0."),
        ("$x$", np.array_equal(unit, z), "For negative $x$ the second piece, 0, is larger."),
        ("a constant", np.ptp(unit) == 0, "For positive $x$ the first piece is larger, and it grows."),
    ],
)

# %% [markdown]
# The slides say that features can *learn* which transformations to become invariant to. Try it. Make
# patches of noise, half of them with an edge of a **random** direction. One maxout unit has to say which
# have an edge. Train it by following the gradient: a patch changes the weights of the piece that won, and
# of no other. (How gradients pass a maximum is a subject of lecture 5.) No line of the cell names a
# direction to learn.


# %%
def edge_patches(count):
    """Return patches (count, 81) of noise, and labels: 1 has an edge of a random direction too, 0 has not."""
    labels = rng.integers(0, 2, count)
    turn = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    pure = np.tanh(across * np.cos(turn) + down * np.sin(turn)) * labels[:, None, None]
    return (0.5 * pure + rng.normal(0, 0.6, (count, 9, 9))).reshape(count, 81), labels


(seen, target), (fresh, truth) = edge_patches(1000), edge_patches(1000)
best = {}
for pieces in (1, 2, 4):
    w, b = rng.normal(0, 0.1, (pieces, 81)), np.zeros(pieces)
    for _ in range(150):
        each = seen @ w.T + b
        wins = each.argmax(axis=1)[:, None] == np.arange(pieces)
        error = wins * (1 / (1 + np.exp(-each.max(axis=1))) - target)[:, None] / len(seen)
        w, b = w - error.T @ seen, b - error.sum(axis=0)
    accuracy = np.mean(((fresh @ w.T + b).max(axis=1) > 0) == truth)
    each = 0.5 * stimuli.reshape(-1, 81) @ w.T + b
    best[f"{pieces} piece{'s' * (pieces > 1)}"] = each.max(axis=1)
    winners = np.unique(each.argmax(axis=1))
    peaks = [int(degrees[each[:, k].argmax()]) for k in winners]
    print(f"pieces {pieces}: {accuracy:.0%} right; {len(winners)} win somewhere, peaks at {peaks} degrees")

figure, (left, right) = figures.panels(1, 2, width=10.5, height=3.4)
four, xlabel = {f"piece {k}": each[:, k] for k in range(4)}, "direction of the edge (°)"
title = f"{len(winners)} of 4 learned pieces share the directions"
figures.profiles(left, degrees, four, title=title, xlabel=xlabel, ylabel="w · x + b")
figures.profiles(right, degrees, best, title="A maximum above 0 says: edge", xlabel=xlabel, ylabel="maximum")
lowest = ", ".join(f"{name} {curve.min():.1f}" for name, curve in best.items())
figures.show(
    figure,
    alt="Left: the four learned pieces over the direction of an edge; those that win peak at different "
    f"directions. Right: the maximum of one, two and four pieces; its lowest values are {lowest}.",
)

# %% [markdown]
# One piece is left guessing: an edge and the same edge turned by 180 degrees pull its weights in opposite
# directions, and the pulls cancel. With four, the pieces divide the circle among themselves. Nobody asked for
# invariance to rotation; it was in the data. (A piece that hardly ever wins is hardly ever trained and may
# stay idle; the count of winners says how many do not.) The price: four pieces have four times the weights of
# one.

# %% [markdown]
# ## Inputs of any size
#
# A convolution layer and a pooling layer take images of any size. Their *output* then has any size too, and
# a fully connected layer behind them does not allow that: its weights are counted for one length.
#
# Pooling can fix the length, but not the kind you have seen. Fix the **number of windows** instead of their
# size, and let them grow with the image. **Global average pooling** has one window for the whole map, so it
# makes a vector of one number for each channel. **Adaptive pooling** makes a chosen grid, for example 2 by
# 2.

# %%
dense = torch.nn.Linear(8 * 14 * 14, 10).double()
image = torch.from_numpy(cup)[None, None]
for height, width in ((30, 30), (64, 48), (200, 300)):
    features = functional.conv2d(image[..., :height, :width], filters).relu()
    halved = functional.max_pool2d(features, 2, 2)
    average = functional.adaptive_avg_pool2d(features, 1).flatten(1)
    grid = functional.adaptive_max_pool2d(features, 2).flatten(1)
    try:
        outcome = f"gives {tuple(dense(halved.flatten(1)).shape)}"
    except RuntimeError as error:
        outcome = f"raises {type(error).__name__}"
    print(f"image {height} × {width}: 2/2 pooling {tuple(halved.shape)}, fully connected {outcome}")
    print(f"    global average {tuple(average.shape)}, adaptive 2×2 {tuple(grid.shape)}")

# %% [markdown]
# Where do adaptive windows begin and end when the size is no multiple? Output $i$ of $O$ takes cells from
# $\lfloor iN/O \rfloor$ up to, and without, $\lceil (i+1)N/O \rceil$. So windows may differ in size by one,
# and overlap. Check it in one dimension.

# %%
row, outputs, by_hand = np.arange(11.0) ** 2, 4, []
for i in range(outputs):
    begin, end = i * len(row) // outputs, -(-(i + 1) * len(row) // outputs)
    by_hand.append(row[begin:end].mean())
    print(f"window {i}: cells {begin} to {end - 1}")
library = functional.adaptive_avg_pool1d(torch.from_numpy(row)[None, None], outputs)[0, 0].numpy()
print("by hand", np.round(by_hand, 2), " torch", library.round(2))

# %% [markdown]
# ## The fully connected layer as a convolution
#
# At the end of a classic network the last maps are laid out as one long vector, and **fully connected**
# layers decide: every output has a weight for every input. Look at one output of it,
#
# $$z_f = b_f + \sum_{c,m,n} W_{f,c,m,n}\, X_{c,m,n} .$$
#
# That is the formula of a convolution with a kernel **as large as the map**, at the only position where it
# fits. So carry the weights over: give them the shape $(F, C, H, W)$ in the order in which the map was
# flattened.

# %%
volume = torch.from_numpy(rng.normal(size=(1, 8, 12, 12)))
W, b = torch.from_numpy(rng.normal(size=(10, 8 * 12 * 12))), torch.from_numpy(rng.normal(size=10))
as_vector = functional.linear(volume.flatten(1), W, b)
as_map = functional.conv2d(volume, W.reshape(10, 8, 12, 12), b)
print("fully connected", tuple(as_vector.shape), " convolution", tuple(as_map.shape))
print(f"largest difference: {(as_vector - as_map[..., 0, 0]).abs().max():.1e}")

channels_last = W.reshape(10, 12, 12, 8).permute(0, 3, 1, 2)
apart = (as_vector - functional.conv2d(volume, channels_last, b)[..., 0, 0]).abs().max()
print(f"with the weights read in another order (channels last): {apart:.0f}")

# %% [markdown]
# ### Slide the classifier
#
# Why bother? Because a convolution does not mind a larger image. Where the fully connected layer raises,
# its twin gives a **map of scores**: the classifier's answer for every place. Make a small classifier for
# clothes of 28 by 28 pixels: eight random 5 by 5 filters, ReLU, max pooling 2/2, and one fully connected
# layer, the **head**, whose weights solve a least-squares problem with a penalty on large weights. (No
# training loop is needed; lecture 5 will have one.)

# %%
kernels = torch.from_numpy(rng.normal(size=(8, 1, 5, 5)) / 5)


def pooled_features(images):
    """Return the maps (N, 8, OH, OW) of grey images (N, 1, H, W): convolution, ReLU, 2/2 max pooling."""
    return functional.max_pool2d(functional.conv2d(images, kernels).relu(), 2)


rows = []
for images in (clothes.images[:3000], clothes_to_test.images):
    flat = pooled_features(torch.from_numpy(images / 255)).flatten(1).numpy()
    rows.append(np.hstack([flat, np.ones((len(flat), 1))]))  # a 1 for the bias
A, targets = rows[0], np.eye(10)[clothes.labels[:3000]]
weights = np.linalg.solve(A.T @ A + 300 * np.eye(A.shape[1]), A.T @ targets).T  # 300: the penalty
answers = (rows[1] @ weights.T).argmax(axis=1)
accuracy = np.mean(answers == clothes_to_test.labels)
print(f"weights {weights.shape}, accuracy on {len(answers)} test images {accuracy:.1%}")

# %% [markdown]
# Now a canvas of twelve test images. Slide the classifier over it in one go, and compare with cutting out
# every window of 28 by 28 and classifying it. The score map has stride 2, the stride of the pooling layer:
# windows at odd places are not in it. Count multiplications for both, and take the time.

# %%
canvas = np.block([[clothes_to_test.images[4 * i + j, 0] for j in range(4)] for i in range(3)]) / 255
head, bias = torch.from_numpy(weights[:, :-1].reshape(10, 8, 12, 12)), torch.from_numpy(weights[:, -1])

begin = perf_counter()
score_map = functional.conv2d(pooled_features(torch.from_numpy(canvas)[None, None]), head, bias)[0]
slid = perf_counter() - begin
begin = perf_counter()
cut = sliding_window_view(canvas, (28, 28))[::2, ::2]
crops = torch.from_numpy(cut.reshape(-1, 1, 28, 28))
by_crops = functional.conv2d(pooled_features(crops), head, bias)[..., 0, 0].T.reshape(score_map.shape)
cropped = perf_counter() - begin
print("canvas", canvas.shape, " score map", tuple(score_map.shape), f" from {len(crops)} crops")
print(f"largest difference: {(score_map - by_crops).abs().max():.1e}")

heads = score_map[0].numel() * head.numel()
once = (canvas.shape[0] - 4) * (canvas.shape[1] - 4) * kernels.numel()
often = len(crops) * 24 * 24 * kernels.numel()
for what, crop, slide in (("before", often, once), ("with", often + heads, once + heads)):
    print(f"multiplications {what} the head: {crop:,} and {slide:,}, {crop / slide:.1f} times fewer")
print(f"time here: crops {1000 * cropped:.0f} ms, slid {1000 * slid:.0f} ms")

# %% [markdown]
# The head costs the same both ways; the convolution in front of it is shared between windows, and that is
# the saving. (Time is more than multiplications: the maps of all crops also have to be written to memory.)
# Look at the map for one class. Large dots mark where a window covers a sneaker exactly, small dots where
# it covers something else. The classifier has only seen whole pieces of clothing in the middle of a window,
# so between the dots its scores mean little. They are shown as they are.

# %%
shown = clothes_to_test.labels[:12].reshape(3, 4)
sneaker = clothes_to_test.class_names.index("Sneaker")
figure, (left, right) = figures.panels(1, 2, width=10.5, height=3.4)
figures.picture(left, canvas, title="A canvas of twelve images")
figures.feature_maps(right, score_map[sneaker].numpy(), title="Map of scores for “sneaker”", unit="score")
for i, j in np.ndindex(3, 4):
    dot = {"markersize": 11 if shown[i, j] == sneaker else 4, "clip_on": False}
    right.plot(14 * j + 0.5, 14 * i + 0.5, "o", color="white", markeredgecolor="black", **dot)
at_dots = score_map[sneaker, ::14, ::14].numpy()
large, small = at_dots[shown == sneaker].min(), at_dots[shown != sneaker].max()
figures.show(
    figure,
    alt="Left: three rows of four pieces of clothing. Right: the map of scores for sneakers, brighter at the "
    f"{np.sum(shown == sneaker)} large dots, where a sneaker fills the window, than at the small ones.",
)
exact = score_map[:, ::14, ::14].argmax(dim=0).numpy()
print(f"at the dots, {np.sum(exact == shown)} of 12 are classified rightly")
print(f"score for sneaker: at least {large:.2f} at large dots, at most {small:.2f} at small ones")

# %% [markdown]
# The slides say of fully connected layers that they can be stacked to make better decisions. That needs a
# non-linearity between them. Without one, two layers are one:

# %%
first, second = rng.normal(size=(50, 1152)), rng.normal(size=(10, 50))
vector = rng.normal(size=1152)
stacked, merged = second @ (first @ vector), (second @ first) @ vector
rectified = second @ np.maximum(first @ vector, 0)
print(f"two layers against one merged layer: {np.abs(stacked - merged).max():.1e}")
print(f"with a ReLU between them:            {np.abs(rectified - merged).max():.1f}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
side = functional.conv2d(torch.zeros(1, 1, 20, 20), torch.zeros(1, 1, 12, 12)).shape[-1]
question(
    "A fully connected layer on maps of 12 by 12 is turned into a convolution, and gets maps of 20 by 20. "
    "How many rows has its map of scores?",
    [
        ("1", side == 1, "One row is right for maps of 12: there is only one place for the kernel."),
        ("8", side == 8, "20 − 12 = 8 steps, and the first position needs no step."),
        ("9", side == 9, "$20 - 12 + 1$: the kernel has 12 rows, the stride is 1."),
        ("it raises an error", False, "The fully connected layer would. A kernel of 12 fits into 20."),
    ],
)

# %% [markdown]
# ## Errata
#
# > **Where the slides need a correction.**
# >
# > 1. *Pooling: Motivation* says that most pooled values do not change under a small shift. For max pooling
# >    and unrelated values the share is $(K-s)/(K+s)$: a third for windows of 2, half for windows of 3. The
# >    figure on the next slide itself shows half. On photographs it depends on the window; see
# >    *Invariance*.
# > 2. The same slide defines invariance as $f(g(x)) = f(x)$. No local pooling reaches that for shifts;
# >    "slightly invariant" is right, and the later claim that pooling over regions produces invariance to
# >    translation is too strong. With a stride $S$, shifts by multiples of $S$ give *equivariance*.
# > 3. *Pooling* names "random pooling" and "L2-norm pooling" and defines neither. The first is stochastic
# >    pooling; the second is the root of the sum of squares here, and of their mean in some texts.
# > 4. *Pooling* concludes that it handles inputs of varying sizes because it downsamples. But only a stride
# >    above 1 downsamples, and downsampling gives outputs of varying sizes. What fixes the size is a fixed
# >    *number* of windows; see *Inputs of any size*.
# > 5. *Fully Connected Layer* says that such layers can be stacked to make better decisions. Without a
# >    non-linearity between them they make the same decisions as one.
#
# The cell computes them.

# %%
for K in (2, 4, 8):
    shares = f"random {same[f'K = {K}'][1]:.2f}, photographs {unchanged[f'max {K}/{K}'][1]:.2f}"
    print(f"1. unchanged after one cell, K = {K}: rule {(K - 1) / (K + 1):.2f}, {shares}")
print(f"2. max 2/2: distance after one pixel {distance['max 2/2'][1]:.2f}, and not 0")
print(f"   after two, with the output moved back by one place: {left_over['max 2/2'][1]:.2f}")
print(f"3. L2 pooling of 3, 0, 0, −4: {by_sum:g} from the sum, {by_mean:g} from the mean")
for N in (28, 64):
    volume = torch.zeros(1, 8, N, N)
    every, second = (functional.max_pool2d(volume, 3, S, 1).shape[2] for S in (1, 2))
    single = functional.adaptive_max_pool2d(volume, 1).shape[2]
    print(f"4. {N} rows: stride 1 gives {every}, stride 2 gives {second}, one window gives {single}")
print(f"5. two layers without a ReLU differ from one layer by {np.abs(stacked - merged).max():.0e}")

# %% [markdown]
# ## What you learned
#
# - Pooling keeps one number of each window: the largest, the mean, the length, or one drawn at random. It
#   has no parameters.
# - $K$ says how far a window reaches, $S$ where the next begins. There are $\lfloor (N-K)/S \rfloor + 1$;
#   what does not fit is dropped. A map shrinks because of the stride.
# - A maximum begins at $-\infty$, and a mean is a float.
# - Pooling makes a representation *slightly* invariant. How much is measurable: for unrelated values, a
#   share of $(K-s)/(K+s)$ of the maxima survives. It fails at the borders of windows, and between strides.
# - Each channel is pooled by itself, so their number stays. Less is left to compute and to keep afterwards.
# - Pooled across channels, a unit becomes less sensitive to what sets them apart; maxout *learns* what that
#   is, and with more pieces it comes closer to a convex function such as $x^2$.
# - A fixed number of windows makes a vector of fixed length from an image of any size.
# - A fully connected layer is a convolution with a kernel as large as its map. On a larger image it gives a
#   map of scores, and shares the work between windows.
#
# **Now you:** [exercise 3, pooling](../exercises/ex03_pooling/ex03_pooling.ipynb). You write the pooling
# layers for batches and channels, for any window and stride, and measure what they notice of a shift. After
# that comes lecture 5, backpropagation through convolution.
