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
# # Exercise 07: AlexNet, piece by piece
#
# You take the network of 2012 apart and build every piece of it: its table of layers, dropout, response normalisation,
# the two towers, the crops and mirror images that it was trained on, and the search for similar images with its
# last hidden layer. Then a small AlexNet of your own learns from your crops, and finds photographs.
#
# **Objectives.** After this exercise you can
#
# - compute the shapes, neurons and parameters of any stack of layers, with groups;
# - drop units in training so that nothing has to change at test time;
# - normalise a response by those of neighbouring channels, in the paper's formula and in a library's;
# - build two towers that meet where they should, as a PyTorch module of any width;
# - augment a batch of images, each in its own way;
# - find the nearest images in a space of features, whatever the features' type.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `layer_table` | 6 | ●●○○○ | ●●●●● | 25 |
# | 2 `dropout` | 4 | ●●○○○ | ●●●●● | 15 |
# | 3 `local_response_norm` | 6 | ●●●○○ | ●●○○○ | 25 |
# | 4 `TwoTowers` | 8 | ●●●●○ | ●●●●○ | 45 |
# | 5 `crop_and_flip` | 5 | ●●○○○ | ●●●●● | 15 |
# | 6 `retrieve` | 5 | ●●○○○ | ●●●●○ | 20 |
# | 7 a question to answer in words | 3 | ●●●○○ | ●●●●○ | 10 |
#
# **Time:** about 190 minutes to read and do; the tasks take 155 of them. All cells together run in about 15 seconds.
#
# You need [lecture 07](../../lectures/07_alexnet.ipynb). Each task has a cell that you fill in and a
# check cell below it: run it as often as you like. It shows which cases pass, what differs, and often which
# mistake was made.
#
# **Rules of the house**, for every task here: arrays are float64 unless said otherwise; results within
# 1e-6 of the right ones count as right; integer input is accepted and must not cut off the result's fractions;
# your functions do not change the arrays that they are given. You may rename arguments, not reorder them.
# Write tasks 1, 2, 3, 5 and 6 with NumPy: when they are graded, torch, `scipy.signal` and `scipy.ndimage` are not
# there. Task 4 is a PyTorch module; when it is graded, `course_utils.zoo` is not there.

# %% tags=["setup"]
import numpy as np
from course_utils.check import check, progress

# %%
progress()

# %% [markdown]
# ## 1. The table of layers
#
# Before anyone trains a network, they make a table: what does each layer put out, and how many parameters has it? Here
# a network is a tuple of layers, and each layer a tuple that begins with its kind:
#
# - `("conv", filters, kernel_size, stride, padding, groups)` is a convolution, with biases. With $G$ groups, channels
#   and filters are split into $G$ parts, and the filters of a part see the channels of that part only. So each filter
#   sees $C / G$ channels. AlexNet's two towers are two groups. $G$ always divides both numbers.
# - `("pool", kernel_size, stride)` is max pooling, without padding.
# - `("fc", units)` is a fully connected layer, with biases. Each unit sees every number that the layer below puts out.
#
# Kernels, windows and images are square, and windows that do not fit are dropped. The table has a row for the input
# and then a row for each layer, with four columns:
#
# | column | input | convolution | pooling | fully connected |
# | --- | --- | --- | --- | --- |
# | 0, channels | those of the image | filters | as below it | units |
# | 1, side: rows of a map, as many as columns | size of the image | $\lfloor (N + 2P - K) / S \rfloor + 1$ | the same with $P = 0$ | 1 |
# | 2, neurons | all numbers of the image | filters · side · side | **0** | units |
# | 3, parameters | 0 | weights and biases | 0 | weights and biases |
#
# Pooling has no neurons in this table, as in the paper's count, where a neuron is a unit with weights. The input's
# numbers count, as on the slide.
#
# By hand: an image of 4 channels and 8 x 8, and four layers.
#
# | | channels | side | neurons | parameters |
# | --- | --- | --- | --- | --- |
# | input | 4 | 8 | 4 · 8 · 8 = 256 | 0 |
# | `("conv", 6, 3, 2, 1, 2)` | 6 | (8 + 2 - 3) // 2 + 1 = 4 | 6 · 4 · 4 = 96 | 6 · (4 / 2) · 3 · 3 + 6 = 114 |
# | `("pool", 3, 1)` | 6 | (4 - 3) // 1 + 1 = 2 | 0 | 0 |
# | `("fc", 5)` | 5 | 1 | 5 | 5 · (6 · 2 · 2) + 5 = 125 |
# | `("fc", 3)` | 3 | 1 | 3 | 3 · 5 + 3 = 18 |


# %% nbgrader={"grade": false, "grade_id": "solution_layer_table", "locked": false, "schema_version": 3, "solution": true, "task": false}
def layer_table(layers, channels, size):
    """Count what each layer of a network puts out and how many parameters it has.

    layers: a tuple of layers, each a tuple: ("conv", filters, kernel_size, stride, padding, groups),
    ("pool", kernel_size, stride) or ("fc", units); channels: of the input image; size: its rows, as many as columns.
    Returns an integer array (1 + number of layers, 4): channels, side, neurons, parameters; the input comes first.
    """
    ### BEGIN SOLUTION
    side = size
    rows = [(channels, side, channels * side**2, 0)]
    for kind, *numbers in layers:
        if kind == "conv":
            filters, kernel_size, stride, padding, groups = numbers
            side = (side + 2 * padding - kernel_size) // stride + 1
            parameters = filters * (channels // groups * kernel_size**2 + 1)
            channels = filters
            rows.append((channels, side, channels * side**2, parameters))
        elif kind == "pool":
            kernel_size, stride = numbers
            side = (side - kernel_size) // stride + 1
            rows.append((channels, side, 0, 0))
        else:
            (units,) = numbers
            parameters = units * (channels * side**2 + 1)
            channels, side = units, 1
            rows.append((channels, side, units, parameters))
    return np.array(rows)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "layer_table", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(layer_table)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Go through the layers once and carry two numbers along: how many channels there are, and how long a side is. Every
# row follows from these two and from the layer.
#
# <details><summary>Help 2: the next step</summary>
#
# `kind, *numbers = layer` takes the kind off. Collect rows in a list, as tuples of four numbers, and make an array of it
# at the end. A fully connected layer sees `channels * side * side` numbers. Behind it, one unit is one channel with a side
# of 1: then the next fully connected layer needs no rule of its own.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Order matters: the parameters of a convolution need the channels **below** it, its neurons need the side **behind**
# it. So first the new side, then the parameters, then the new channels, then the row. A filter has
# `channels // groups` times K times K weights and one bias.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# AlexNet as the paper has it: conv2, conv4 and conv5 in two groups. The slide says that it has 154,587 numbers in the
# input, 290,400, 186,624, 64,896, 64,896, 43,264, 4,096, 4,096 and 1,000 neurons, 813,859 in all, and 60,965,224
# parameters. Does your table?

# %%
from course_utils import figures

ALEXNET = (
    ("conv", 96, 11, 4, 0, 1),
    ("pool", 3, 2),
    ("conv", 256, 5, 1, 2, 2),
    ("pool", 3, 2),
    ("conv", 384, 3, 1, 1, 1),
    ("conv", 384, 3, 1, 1, 2),
    ("conv", 256, 3, 1, 1, 2),
    ("pool", 3, 2),
    ("fc", 4096),
    ("fc", 4096),
    ("fc", 1000),
)
names = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8"]
try:
    table = layer_table(ALEXNET, 3, 227)
except NotImplementedError:
    print("Write layer_table first, then come back to this cell.")
else:
    for name, (maps, side, neurons, parameters) in zip(["input", *names], table, strict=True):
        print(f"{name:6} {maps:5} x {side:3} x {side:3} {neurons:10,} neurons {parameters:12,} parameters")
    print(f"{'sum':31} {table[:, 2].sum():,} neurons {table[:, 3].sum():12,} parameters")
    figure, (axes,) = figures.panels(width=9, height=4)
    learned = table[1:, 3] > 0
    amounts = {"neurons": table[1:, 2][learned], "parameters": table[1:, 3][learned]}
    kept = [name for name, has in zip(names, learned, strict=True) if has]
    share = {name: values / values.sum() for name, values in amounts.items()}
    first, last = share["neurons"][:5].sum(), share["parameters"][5:].sum()
    title = (
        f"Convolutions hold {first:.0%} of the neurons, fully connected layers {last:.0%} of the parameters"
    )
    figures.costs(axes, kept, amounts, title=title)
    spoken = "; ".join(
        f"{name}: {a:.1%} of the neurons, {b:.1%} of the parameters"
        for name, a, b in zip(kept, share["neurons"], share["parameters"], strict=True)
    )
    figures.show(figure, alt=f"Two bars for each layer of AlexNet. {spoken}.")

# %% [markdown]
# ## 2. Dropout
#
# In training, each unit is dropped with the probability $p$: its value becomes 0, and it takes no part in this step.
# What is left is divided by $1 - p$, so that the next layer sees as much as before on average. At test time
# nothing is dropped and nothing is scaled. This form is called *inverted* dropout, and every library has it; the
# paper did not scale in training and multiplied by $1 - p$ at test time instead.
#
# Which units go is random. So that your result is certain, the random numbers are an argument: `u` has the shape of `x`, with
# a number from 0 to 1 for each number of `x`. With `train` True:
#
# $$y_i = \begin{cases} 0 & u_i < p \\ \dfrac{x_i}{1 - p} & u_i \ge p \end{cases}$$
#
# With `train` False, $y = x$. $p$ is at least 0 and less than 1.
#
# By hand: $x = (3, -6, 9, 12)$, $p = 0.25$, $u = (0.9, 0.1, 0.25, 0.2)$. The second and the fourth are dropped; the
# third is not, since 0.25 is not less than 0.25. The others are divided by 0.75: $y = (4, 0, 12, 0)$.


# %% nbgrader={"grade": false, "grade_id": "solution_dropout", "locked": false, "schema_version": 3, "solution": true, "task": false}
def dropout(x, p, u, train):
    """Drop numbers of x in training, and scale the others; at test time pass x on.

    x: any shape; p: probability to drop, 0 <= p < 1; u: random numbers from 0 to 1, of the shape of x: x is dropped
    where u < p; train: True in training, False at test time.
    Returns an array of the shape of x; at test time it may be x itself.
    """
    ### BEGIN SOLUTION
    if not train:
        return x
    return x * (u >= p) / (1 - p)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "dropout", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(dropout)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# There are two cases that have nothing in common: write the one for test time first.
#
# <details><summary>Help 2: the next step</summary>
#
# A comparison of `u` with `p` gives an array of True and False of the right shape. True counts as 1 and False as 0
# when you multiply. Or use `np.where(condition, a, b)`.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Keep where `u >= p`, and divide what is kept by `1 - p`. Do not write zeros into `x` itself: it is not yours, and with
# integers it could not hold the quotients.
#
# </details></details></details>

# %% [markdown]
# ## 3. Local response normalisation
#
# AlexNet normalises the responses after its first two convolutions, once ReLU has been applied. At each position, the
# response of a channel is divided by a power of what its neighbours respond **at the same position**. Neighbours are
# channels whose numbers are close: a window of `size` channels ($n$, an odd number) around channel $i$.
#
# $$b^i = \frac{a^i}{\left( k + \alpha \displaystyle\sum_{j = \max(0,\, i - \lfloor n/2 \rfloor)}^{\min(C - 1,\, i + \lfloor n/2 \rfloor)} (a^j)^2 \right)^{\beta}}$$
#
# That is the paper's formula, for one image and one position. The window includes channel $i$ itself, and both ends of the sum
# belong to it. Near the first and the last channel it is shorter, and nothing takes the place of what is missing. The
# paper's numbers are $n = 5$, $\alpha = 10^{-4}$, $\beta = 0.75$, $k = 2$. Libraries differ: torch divides $\alpha$ by $n$.
# Here you do not.
#
# By hand: one position, three channels $a = (1, 2, 3)$, $n = 3$, $\alpha = 1$, $\beta = 0.5$, $k = 2$.
#
# | channel | its window | $k + \alpha \sum$ | $b$ |
# | --- | --- | --- | --- |
# | 0 | 1, 2 | $2 + 1 + 4 = 7$ | $1 / \sqrt{7} = 0.378$ |
# | 1 | 1, 2, 3 | $2 + 1 + 4 + 9 = 16$ | $2 / \sqrt{16} = 0.5$ |
# | 2 | 2, 3 | $2 + 4 + 9 = 15$ | $3 / \sqrt{15} = 0.775$ |


# %% nbgrader={"grade": false, "grade_id": "solution_local_response_norm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def local_response_norm(x, size, alpha, beta, k):
    """Divide each response by a power of its neighbouring channels' responses.

    x: (N, C, H, W); size: channels in a full window, odd; alpha, beta, k: as in the paper's formula.
    Returns a float array (N, C, H, W).
    """
    ### BEGIN SOLUTION
    half, C = size // 2, x.shape[1]
    squares = x.astype(float) ** 2
    total = np.zeros(x.shape)
    for i in range(C):
        total[:, i] = squares[:, max(0, i - half) : i + half + 1].sum(axis=1)
    return x / (k + alpha * total) ** beta
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "local_response_norm", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(local_response_norm)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# One loop, over the channels, is enough: images, rows and columns can be treated all at once. Which channels are in
# the window of channel $i$?
#
# <details><summary>Help 2: the next step</summary>
#
# `x[:, a:b]` are channels a to b - 1 of all images. A slice may end beyond the last channel, and NumPy stops there. It may not
# begin below 0: -1 means the last channel.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Square the input once. For each channel, sum the squares from `max(0, i - size // 2)` to `i + size // 2`, both included, over
# axis 1, into an array of zeros of the shape of `x`. Then one line for the whole formula. Do not write results into
# the array that later sums read.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# Eight filters look at a photograph, for lines in eight directions, and their neighbours in direction are their neighbours
# in number. Above what ReLU leaves, below what your function makes of it, with an $\alpha$ for numbers of this size. Run this
# cell when task 3 passes.

# %%
from course_utils.data import load

photographs = load("photographs")
photograph = photographs.images[photographs.class_names.index("pagoda")].mean(axis=0)
small = photograph.reshape(64, 4, 96, 4).mean(axis=(1, 3)) / 255
down, across = np.mgrid[-4:5, -4:5]
angles = np.arange(8) * np.pi / 8
kernels = np.stack([np.cos(1.3 * (np.cos(a) * across + np.sin(a) * down)) for a in angles])
kernels *= np.exp(-(down**2 + across**2) / 8)
kernels -= kernels.mean(axis=(1, 2), keepdims=True)
windows = np.lib.stride_tricks.sliding_window_view(small, (9, 9))
responses = np.maximum(np.einsum("hwmk,fmk->fhw", windows, kernels), 0)[None]
try:
    normalised = local_response_norm(responses, 5, 4.0, 0.75, 1.0)
except NotImplementedError:
    print("Write local_response_norm first, then come back to this cell.")
else:
    shown = [0, 2, 4, 6]
    figure, (above, below) = figures.panels(2, 1, width=10, height=5)
    words = [f"{np.degrees(angles[number]):.0f} degrees" for number in shown]
    strong, middle = np.quantile(responses, 0.999), np.quantile(responses[responses > 0], 0.5)
    ends = [np.quantile(normalised, 0.999), np.quantile(normalised[normalised > 0], 0.5)]
    before, after = strong / middle, ends[0] / ends[1]
    for axes, maps, title in (
        (above, responses, f"Before: a strong response is {before:.0f} times as large as a common one"),
        (below, normalised, f"After: it is {after:.0f} times as large as a common one"),
    ):
        figures.feature_maps(axes, maps[0, shown], title=title, labels=words)
    figures.show(
        figure,
        alt="Responses to lines in four directions on a photograph of a pagoda, before normalisation and after it. "
        f"Before, a few lines outshine all else: the strongest responses are {before:.0f} times the median. After, "
        f"they are {after:.0f} times the median, and faint lines show as well.",
    )

# %% [markdown]
# Where a whole group of neighbours responds strongly, all of them are damped, and the strongest stays the strongest. The
# paper compares it with brightness that is evened out. Later networks left it out: batch normalisation did more.

# %% [markdown]
# ## 4. The two towers
#
# AlexNet was too large for one graphics card of 2012. So it is two towers of convolutions, one a card, that see each other in
# the third convolution only. Write it as a PyTorch module. The two towers may have **different widths** here, so
# that every layer of yours has its own shape:
#
# `TwoTowers(left, right, hidden, classes, channels, size, first, dropout)`
#
# | argument | what it is | in the paper |
# | --- | --- | --- |
# | `left`, `right` | filters of the five convolutions of each tower, two tuples of five | (48, 128, 192, 192, 128) both |
# | `hidden` | units of the two hidden fully connected layers | (4096, 4096) |
# | `classes` | units of the last layer | 1000 |
# | `channels`, `size` | of the images, which are (N, channels, size, size) | 3, 227 |
# | `first` | kernel size and stride of conv1 | (11, 4) |
# | `dropout` | probability to drop after each of the two hidden layers | (0.5, 0.5) |
#
# **In each tower**, with convolutions of its own, all with biases:
#
# | layer | reads | kernel, stride, padding | and then |
# | --- | --- | --- | --- |
# | conv1 | the images | `first`, padding 0 | ReLU, normalisation, pooling |
# | conv2 | conv1 of its own tower | 5, 1, 2 | ReLU, normalisation, pooling |
# | conv3 | conv2 of **both** towers, the left's maps first | 3, 1, 1 | ReLU |
# | conv4 | conv3 of its own tower | 3, 1, 1 | ReLU |
# | conv5 | conv4 of its own tower | 3, 1, 1 | ReLU, pooling |
#
# Pooling is max pooling with windows of 3 x 3 and stride 2, without padding. Normalisation is that of task 3 with the paper's
# $n = 5$, $\alpha = 10^{-4}$, $\beta = 0.75$, $k = 2$, over the channels of one tower. You may use
# `nn.LocalResponseNorm`; read what it does with its `alpha`, and give it what the paper's formula needs.
#
# **After the towers**, the pooled maps of conv5 are flattened, the left tower's first, and three fully connected layers
# (`nn.Linear`) with biases follow: fc6 with `hidden[0]` units, ReLU, dropout with `dropout[0]`; fc7 with `hidden[1]` units, ReLU, dropout
# with `dropout[1]`; fc8 with `classes` units. The module returns these, the **logits** (N, classes), without ReLU or softmax.
#
# Dropout works in training mode only, as in task 2. Use `nn.Dropout`, which takes any probability from 0 to 1; the check
# uses 0 and 1, because with them the result is certain: after a hidden layer with 1, nothing but zeros goes on.
#
# Make all layers in `__init__`, and one convolution for each row of the table and each tower. How they are named, and in which order they are made, is up to you. The check gives the layers weights
# of its own, by their shapes and by what stands before and behind them, and looks at three results: `parameters`, their
# number, a quarter of the points; `output` in eval mode, half; `trained`, the output in training mode, a quarter. For
# the paper's own network only numbers and shapes are looked at.
#
# By hand: `TwoTowers((1, 1, 1, 1, 1), (2, 2, 2, 2, 2), (3, 3), 2, 1, 17, (3, 1), (0.5, 0.5))`. A side has 17 pixels, 15
# after conv1, 7 pooled, 7 after conv2, 3 pooled, 3 after conv3, conv4 and conv5, and 1 pooled. So fc6 sees
# (1 + 2) · 1 · 1 = 3 numbers.
#
# | | conv1 | conv2 | conv3 | conv4 | conv5 | fc6 | fc7 | fc8 | sum |
# | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
# | left | 1·1·9 + 1 = 10 | 1·1·25 + 1 = 26 | 1·3·9 + 1 = 28 | 10 | 10 | | | | |
# | right | 2·1·9 + 2 = 20 | 2·2·25 + 2 = 102 | 2·3·9 + 2 = 56 | 38 | 38 | | | | |
# | both | 30 | 128 | 84 | 48 | 48 | 12 | 12 | 8 | 370 |

# %% tags=["setup"]
import torch
from torch import nn


# %% nbgrader={"grade": false, "grade_id": "solution_TwoTowers", "locked": false, "schema_version": 3, "solution": true, "task": false}
class TwoTowers(nn.Module):
    """AlexNet: two towers of convolutions that meet in the third one, then three fully connected layers.

    left, right: filters of the five convolutions of each tower; hidden: units of the two hidden layers; classes:
    units of the last one; channels, size: of the images; first: kernel size and stride of conv1; dropout:
    probability to drop after each hidden layer.
    Input: images (N, channels, size, size), float. Output: logits (N, classes).
    """

    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        ### BEGIN SOLUTION

        def below(one, two, *_):
            convs = nn.Conv2d(channels, one, *first), nn.Conv2d(one, two, 5, padding=2)
            layers = []
            for conv in convs:
                norm = nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2)
                layers += [conv, nn.ReLU(), norm, nn.MaxPool2d(3, 2)]
            return nn.Sequential(*layers)

        def above(_, __, *widths):
            layers, inputs = [], left[1] + right[1]
            for filters in widths:
                layers += [nn.Conv2d(inputs, filters, 3, padding=1), nn.ReLU()]
                inputs = filters
            return nn.Sequential(*layers, nn.MaxPool2d(3, 2))

        self.below = nn.ModuleList([below(*left), below(*right)])
        self.above = nn.ModuleList([above(*left), above(*right)])
        side = (size - first[0]) // first[1] + 1
        for _ in range(3):
            side = (side - 3) // 2 + 1
        inputs = (left[4] + right[4]) * side**2
        layers = []
        for units, rate in zip(hidden, dropout, strict=True):
            layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(rate)]
            inputs = units
        self.classifier = nn.Sequential(*layers, nn.Linear(inputs, classes))
        ### END SOLUTION

    def forward(self, x):
        """Return the logits (N, classes) of images (N, channels, size, size)."""
        ### BEGIN SOLUTION
        met = torch.cat([tower(x) for tower in self.below], dim=1)
        tops = torch.cat([tower(met) for tower in self.above], dim=1)
        return self.classifier(tops.flatten(1))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "TwoTowers", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
check(TwoTowers)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Cut a tower where the towers meet: a lower half up to conv2's pooling, and an upper half from conv3 on. Each half is an
# `nn.Sequential`, so you need four of them. What stands between the halves, and behind them?
#
# <details><summary>Help 2: the next step</summary>
#
# Write a function that makes a lower half from a tower's widths, and one that makes an upper half. `torch.cat([a, b], dim=1)`
# puts maps side by side. conv3 of either tower reads `left[1] + right[1]` channels. For fc6 you need the side of
# the last maps: `first` once, then three poolings; all other convolutions keep the side.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# In `forward`: both lower halves of x, joined; both upper halves of that, joined and flattened with `.flatten(1)`; then
# the three fully connected layers. `nn.LocalResponseNorm` divides its `alpha` by its size. If only
# `parameters` is right, look at the order ReLU, normalisation, pooling, and at which tower's maps come first. If
# `trained` alone is wrong, look at where dropout stands, and in which order its probabilities are used.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# The paper's network is your class with the paper's numbers. On torch's *meta* device, tensors have shapes and no values, so
# that 60 million parameters take no memory and no time.

# %%
PAPER = (48, 128, 192, 192, 128)
try:
    with torch.device("meta"):
        whole = TwoTowers(PAPER, PAPER, (4096, 4096), 1000, 3, 227, (11, 4), (0.5, 0.5))
except NotImplementedError:
    print("Write TwoTowers first, then come back to this cell.")
else:
    count = sum(parameter.numel() for parameter in whole.parameters())
    print(f"{count:,} parameters; the slide says 60,965,224")

# %% [markdown]
# ## 5. Crops and mirror images
#
# The paper's images have 256 x 256 pixels, and the network sees a part of each: another one every time, and every second one
# mirrored. That makes a small data set large: the label stays, the pixels do not.
#
# Image $n$ is **first** cropped: `size` rows from row `top[n]` on, and `size` columns from column `left[n]` on. **Then**,
# where `flip[n]` is True, the crop is mirrored from left to right: its columns come in the opposite order. Every image has a
# crop and a flip of its own. What is random is an argument again, so that the result is certain. All crops lie inside
# their images, which need not be square. The result may have the type of the images.
#
# By hand: one image of 3 x 4 pixels, `top` 1, `left` 0, `size` 2, `flip` True.
#
# $$\begin{pmatrix} 1 & 2 & 3 & 4 \\ 5 & 6 & 7 & 8 \\ 9 & 10 & 11 & 12 \end{pmatrix} \to
# \begin{pmatrix} 5 & 6 \\ 9 & 10 \end{pmatrix} \to \begin{pmatrix} 6 & 5 \\ 10 & 9 \end{pmatrix}$$


# %% nbgrader={"grade": false, "grade_id": "solution_crop_and_flip", "locked": false, "schema_version": 3, "solution": true, "task": false}
def crop_and_flip(images, top, left, flip, size):
    """Crop each image of a batch at its own place, and mirror some of the crops from left to right.

    images: (N, C, H, W), any type of numbers; top, left: integers (N,), first row and first column of each crop;
    flip: booleans (N,), which crops to mirror; size: rows and columns of a crop.
    Returns an array (N, C, size, size).
    """
    ### BEGIN SOLUTION
    crops = np.empty((*images.shape[:2], size, size), dtype=images.dtype)
    for n, (row, column) in enumerate(zip(top, left, strict=True)):
        crop = images[n, :, row : row + size, column : column + size]
        crops[n] = crop[:, :, ::-1] if flip[n] else crop
    return crops
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "crop_and_flip", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(crop_and_flip)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Write a loop over the images. What is the crop of image `n` as a slice?
#
# <details><summary>Help 2: the next step</summary>
#
# `images[n]` has three axes: channels, rows, columns. All channels get the same crop. `[::-1]` on one axis reverses the order along it.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Rows `top[n]` to `top[n] + size`, columns likewise; reverse the last axis of the crop if `flip[n]`; put it into an
# array that you made before, of shape (N, C, size, size) and with the images' `dtype`; or collect crops in a list and
# `np.stack` them.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# Eight of the many views of one photograph. Run this cell several times.

# %%
generator = np.random.default_rng()
cat = photographs.images[photographs.class_names.index("cat")]
views, side = 8, 160
tops = generator.integers(0, cat.shape[1] - side + 1, views)
lefts = generator.integers(0, cat.shape[2] - side + 1, views)
flips = generator.random(views) < 0.5
try:
    crops = crop_and_flip(np.stack([cat] * views), tops, lefts, flips, side)
except NotImplementedError:
    print("Write crop_and_flip first, then come back to this cell.")
else:
    figure, panels = figures.panels(2, 4, width=10, height=5)
    for axes, crop, row, column, flipped in zip(panels, crops, tops, lefts, flips, strict=True):
        figures.picture(axes, crop, title=f"row {row}, column {column}{', mirrored' if flipped else ''}")
        axes.set_axis_off()
    different = 2 * (cat.shape[1] - side + 1) * (cat.shape[2] - side + 1)
    figure.suptitle(f"Eight of {different:,} views of one photograph")
    figures.show(figure, alt=f"Eight crops of a photograph of a cat, {int(flips.sum())} of them mirrored.")

# %% [markdown]
# ## 6. Find images that look alike
#
# Take what the last hidden layer says of an image as a point in space. The paper did: images whose points are
# close show the same things, although their pixels have little in common. `features` has a row for each image of a
# collection, `queries` a row for each image to look up.
#
# For each query, return the numbers of the $k$ images with the smallest **Euclidean** distance, the nearest first:
#
# $$d(q, n) = \sqrt{\textstyle\sum_d (q_d - f_{n d})^2}$$
#
# - Images are numbered from 0, as they stand in `features`.
# - Of images at equal distance, the one with the smaller number comes first. NumPy's `argsort` promises that
#   with `kind="stable"` only.
# - Nothing is left out: if a query is itself in the collection, it comes first, at distance 0.
# - Features may be whole numbers of any type, pixels in `uint8` too. There $3 - 5$ is 254.
#
# By hand: `features` $= ((0, 0), (3, 4), (1, 0), (0, 1))$, one query $(0, 0)$, $k = 3$. The distances are 0, 5, 1 and 1. The
# result is $((0, 2, 3))$, of shape (1, 3).


# %% nbgrader={"grade": false, "grade_id": "solution_retrieve", "locked": false, "schema_version": 3, "solution": true, "task": false}
def retrieve(features, queries, k):
    """Find the nearest images of each query.

    features: (N, D), a row for each image; queries: (Q, D); k: how many images to find, 1 <= k <= N.
    Returns integers (Q, k): numbers of images, the nearest first, the smaller number first where distances are equal.
    """
    ### BEGIN SOLUTION
    points = features.astype(float)
    squares = np.stack([np.sum((points - query) ** 2, axis=1) for query in queries])
    return np.argsort(squares, axis=1, kind="stable")[:, :k]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "retrieve", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(retrieve)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Begin with one query. Subtract it from all rows of `features` at once: which shape has the result, and over which axis
# do you sum?
#
# <details><summary>Help 2: the next step</summary>
#
# `np.argsort` gives the numbers that would sort an array. You need no root for that: what has the smaller square is
# nearer. Loop over the queries, or give the two arrays an axis more: `features[None]` and `queries[:, None]`.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Turn `features` into floats, subtract, square, sum over the last axis, `argsort` with `kind="stable"` along the last
# axis, and keep the first `k` columns. If only "integers, uint8, float32" fails, you subtract before you turn to floats.
#
# </details></details></details>

# %% [markdown]
# ### All of it at once
#
# Now your pieces work together. A narrow AlexNet learns to tell from which of seven photographs a patch of 32 x 32
# pixels comes: it sees your crops of 30 x 30 in training, dropout included, and the middle of each patch at test time. Then
# the last hidden layer's numbers are the features in which `retrieve` looks up patches that the network has never
# seen. For comparison, it looks them up by their pixels too, as thumbnails of 8 x 8.
#
# The first loss should be near $\ln 7 = 1.95$: the network knows nothing yet. Run this cell when tasks 4, 5 and 6 pass; it
# trains for about ten seconds.

# %%
collection, unseen = load("photo_patches", "train"), load("photo_patches", "test")
mean, side, steps = collection.images.mean(axis=0), 30, 200
shifts = collection.images.shape[2] - side
rng = np.random.default_rng(7)


def view(images, tops, lefts, flips):
    """Subtract the mean image, crop and mirror, and hand over to torch."""
    return torch.tensor(crop_and_flip(((images - mean) / 64).astype(np.float32), tops, lefts, flips, side))


def middle(images):
    places = np.full(len(images), shifts // 2)
    return view(images, places, places, np.zeros(len(images), dtype=bool))


def train():
    """Train a narrow AlexNet on random crops; return it with its losses."""
    torch.manual_seed(7)
    net = TwoTowers((12, 16, 16, 16, 16), (10, 14, 14, 14, 14), (64, 64), 7, 3, side, (2, 2), (0.2, 0.2))
    optimizer, losses = torch.optim.Adam(net.parameters()), []
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.008, total_steps=steps)
    for step in range(steps):
        chosen = rng.integers(len(collection.images), size=64)
        places = rng.integers(shifts + 1, size=(2, 64))
        images = view(collection.images[chosen], *places, rng.random(64) < 0.5)
        loss = nn.functional.cross_entropy(net(images), torch.tensor(collection.labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 20 == 0 or step == steps - 1:
            print(f"step {step + 1:3} of {steps}: loss {losses[-1]:.2f}", end="\r", flush=True)
    return net.eval(), losses


def hidden(net, images):
    """Return the logits of images and what the last layer reads: the last hidden layer."""
    read = []
    last = next(module for module in net.modules() if getattr(module, "out_features", 0) == 7)
    handle = last.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].numpy()))
    with torch.no_grad():
        logits = net(middle(images)).numpy()
    handle.remove()
    return logits, read[-1]


def thumbnails(images):
    return images.reshape(len(images), 3, 8, 4, 8, 4).mean(axis=(3, 5)).reshape(len(images), -1)


try:
    retrieve(np.eye(2), np.eye(2), 1)
    net, losses = train()
    known, queries = collection.images[:1000], unseen.images[:100]
    logits, points = hidden(net, queries)
    found = {
        "thumbnails": retrieve(thumbnails(known), thumbnails(queries), 6),
        "the hidden layer": retrieve(hidden(net, known)[1], points, 6),
    }
except NotImplementedError:
    print("Write TwoTowers, crop_and_flip and retrieve first, then come back to this cell.")
else:
    truth = unseen.labels[: len(queries)]
    right = np.mean(logits.argmax(axis=1) == truth)
    same = {way: np.mean(collection.labels[numbers] == truth[:, None]) for way, numbers in found.items()}
    figure, (axes,) = figures.panels(width=9, height=3)
    smooth = np.convolve(losses, np.ones(10) / 10, mode="valid")
    title = f"From {losses[0]:.2f} to {smooth[-1]:.2f}; {right:.0%} of {len(truth)} unseen patches are right"
    ylabel = "loss, mean of 10 steps"
    figures.profiles(axes, np.arange(10, steps + 1), {"": smooth}, title=title, xlabel="step", ylabel=ylabel)
    figures.show(
        figure,
        alt=f"The loss on random crops falls from {losses[0]:.2f} to {smooth[-1]:.2f} in {steps} steps.",
    )
    shown = [int(np.flatnonzero(truth == label)[0]) for label in (0, 2, 5)]
    figure, panels = figures.panels(1, 2, width=11, height=3.2)
    for axes, (way, numbers) in zip(panels, found.items(), strict=True):
        images, marks = [], []
        for query in shown:
            images += [queries[query], *known[numbers[query]]]
            marks += [None, *(collection.labels[numbers[query]] == truth[query]).tolist()]
        figures.gallery(axes, images, title=f"By {way}: {same[way]:.0%} are right", columns=7, marks=marks)
    figures.show(
        figure,
        alt="Three patches, each with the six patches that are nearest, by thumbnails and by the hidden layer. Of "
        f"the six nearest of all {len(truth)} queries, "
        + " and ".join(f"{share:.0%} by {way}" for way, share in same.items())
        + " are from the query's own photograph.",
    )

# %% [markdown]
# A row begins with a query; a black frame is a patch of the same photograph, a dashed one is not. Two hundred steps are little.
# Colour alone finds many patches, which is why thumbnails do well here. Try `steps = 600`, wider towers, or no crops at all,
# and watch how much the hidden layer adds.

# %% [markdown]
# ## 7. In your own words
#
# A classmate trains her own AlexNet, with dropout and with random crops and mirror images, and prints the mean loss after each
# epoch: on the training images, as they went through training, and on the validation images. For many epochs the validation
# loss is **lower** than the training loss. She suspects that she mixed up the two sets. Explain in three to six sentences
# which two things in this exercise can cause this although her sets are right, each with the reason; and which measurement
# would show that the network does not do better on images that it has never seen. An instructor reads this answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "validation_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The two losses are measured under different conditions. In training, dropout takes half of the hidden units away at random, so
# each image is judged by a thinned, noisy network; at validation, all units work. And training images come as random crops,
# some mirrored, which may cut off what matters and are new each time, while validation images are whole, or cropped in the
# middle. Both make the training loss larger than that of the full network on plain images. (Also, the training loss is a
# mean over an epoch in which the weights still improve, and validation comes at its end.) To see it, she measures the
# training images exactly as the validation images: in eval mode, with the middle crop, after the epoch. That loss should be
# below the validation loss, or about equal early on.
#
# Rubric: 1 point for dropout, with the reason (it works in training only, so the training loss is that of a thinned network);
# 1 point for crops and mirror images, with the reason (they make training images harder or different; validation images do
# not have them); half a point in place of one of these two for the mean over an epoch while weights improve; 1 point for
# the measurement: training images in eval mode and without augmentation, compared with validation under the same conditions.

# %% [markdown]
# ## What you learned
#
# - Channels and side, carried from layer to layer, give every shape and every count. Groups divide what a filter sees.
# - AlexNet's neurons are in its convolutions, its parameters in its fully connected layers.
# - Inverted dropout scales in training, so that test time changes nothing.
# - Response normalisation lets neighbouring channels compete, and a library's $\alpha$ need not be the paper's.
# - Two towers that meet once need fewer weights than one of the same width.
# - Each image of a batch gets its own crop and its own flip; the random numbers are the same for nobody.
# - What is near in the last hidden layer looks alike to the network, whatever its pixels are.
#
# Back to [lecture 07](../../lectures/07_alexnet.ipynb), or on to
# [lecture 08](../../lectures/08_deeper_and_smaller.ipynb), on nets that are deeper, and nets that are smaller.
