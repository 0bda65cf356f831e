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
# # 5. Backpropagation through convolution
#
# **When you have worked through this lecture, you can**
#
# - say what a layer receives in the backward pass, what it returns, and why no Jacobian is ever stored;
# - derive the gradients of ReLU, softmax with cross-entropy, max pooling and average pooling;
# - derive the three gradients of a convolution, and say which of them turns the kernel around and why;
# - handle stride, padding, channels and filters on the way back;
# - check any gradient by central differences, with a step and an upstream gradient that find mistakes;
# - turn windows into columns and columns back, and build layers that are fast in numpy alone;
# - climb a ladder of cheap tests before you train, and train a convolutional network on real images.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 25 seconds.
#
# **Slides:** *Review: Backpropagation*, and *Convolution*, where it says that the weights are learned by
# backpropagation.
#
# **You need:** lecture 1 (the chain rule, checking a gradient), lecture 3 (sliding window, stride, padding,
# channels, columns) and lecture 4 (pooling).
#
# Most of this lecture lives in **one dimension and one channel**, where you can follow every number. Nothing
# is lost: in two dimensions each formula gets a second index. You will write those in the exercises.
#
# Numbers are `float64` until the network is trained. The first cell gives numpy's matrix products and torch
# one thread each, so that both are timed under the same conditions.

# %%
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # it is read once, when numpy is imported

from time import perf_counter
from timeit import repeat

import ipywidgets
import numpy as np
import torch
from IPython.display import display
from torch.nn import functional

from course_utils import figures
from course_utils.data import load
from course_utils.widgets import backward_weight, question

rng = np.random.default_rng(5)
torch.set_num_threads(1)
train, test = load("fashion_mnist", "train"), load("fashion_mnist", "test")
print("train", train.images.shape, " test", test.images.shape, train.images.dtype)


# %% [markdown]
# ## The gradient from above
#
# Take one layer out of a network. It gets $x$ and computes $y = f(x)$. Far above, after many more layers, one
# number comes out: the loss $L$. In the backward pass the layer gets $\partial L/\partial y$, one number for
# each of its outputs. This is the **gradient from above**, also called the **upstream gradient**; in code it
# is `dy`. It has the shape of $y$. The layer returns $\partial L/\partial x$, in code `dx`, with the shape of
# $x$. If it has weights, it also keeps $\partial L/\partial w$, with the shape of $w$. The chain rule says
# how:
#
# $$\frac{\partial L}{\partial x_i} = \sum_j\frac{\partial L}{\partial y_j}\frac{\partial y_j}{\partial x_i}$$
#
# The matrix of all $\partial y_j/\partial x_i$ is the **Jacobian**. The sum is a row vector times this
# matrix: a **vector-Jacobian product**. Here is a layer that slides three weights over six numbers. torch
# writes its Jacobian down, and autograd computes the product without it.

# %%
w, x = np.array([1.0, 2.0, -3.0]), rng.integers(-4, 5, 6).astype(float)
dy = rng.normal(size=4)
checks = {}  # what you derive is kept here, and checked again in a later section


def slide(x, w, stride=1, padding=0):
    """Cross-correlation in one dimension by torch: x (L,), w (K,) -> (O,)."""
    x, w = torch.as_tensor(x)[None, None], torch.as_tensor(w)[None, None]
    return functional.conv1d(x, w, stride=stride, padding=padding)[0, 0]


def autograd(x, dy, layer):
    """Return the gradient that torch finds for x, when dy comes from above."""
    x = torch.tensor(x, requires_grad=True)
    layer(x).backward(torch.tensor(dy))
    return x.grad.numpy()


def compare(name, ours, x, dy, layer):
    """Print a gradient beside torch's, and keep it. (Layers say x=x: x is another one later.)"""
    checks[name] = x, dy, layer, ours
    print(f"{name}: by hand {ours.round(4)}\n{'autograd':>{len(name) + 9}} {autograd(x, dy, layer).round(4)}")


jacobian = torch.autograd.functional.jacobian(lambda t: slide(t, w), torch.tensor(x)).numpy()
print("dy times the Jacobian", (dy @ jacobian).round(4))
print("autograd             ", autograd(x, dy, lambda t: slide(t, w)).round(4))
figure, (axes,) = figures.panels(width=6, height=3)
figures.number_grid(axes, jacobian, title="The Jacobian of a sliding kernel: row j, column i", signed=True)
figures.show(figure, alt="4 rows of 6: the weights 1, 2, −3, in each row one step further right; else zeros.")

# %% [markdown]
# **Why must the loss be one number?** With one number at the end, what travels backwards has one number per
# output. If you wanted the derivatives of *every* output, you would have to carry the whole Jacobian. Count
# it for the first layer of a small network and one image: a 5 by 5 kernel each for 6 maps, all of them and
# the image 28 by 28.

# %%
outputs, inputs = 6 * 28 * 28, 28 * 28
print(f"gradient from above: {outputs:,} numbers")
print(f"Jacobian: {outputs * inputs:,} numbers, {outputs * inputs * 8 / 2**20:.0f} MiB in float64")
print(f"of which not zero: at most {outputs * 25:,}, one per output and weight")

# %% [markdown]
# To test a layer you do not need the rest of the network. Choose a random `dy` and let $L = \sum_j dy_j\,
# y_j$. Then $\partial L/\partial y_j = dy_j$: a loss made to measure, with a random gradient from above.
#
# **Never test with `dy` = ones.** Ones hide mistakes. Here is a wrong gradient of the weights: it reads `dy`
# from the wrong end. With ones nobody can tell.

# %%
for name, above in (("ones", np.ones(4)), ("random", dy)):
    right = autograd(w, above, lambda t: slide(x, t))
    wrong = np.correlate(x, above[::-1], "valid")
    print(f"{name:6}  right {right.round(3)}  wrong {wrong.round(3)}  equal: {np.allclose(right, wrong)}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
length = autograd(w, dy, lambda t: slide(x, t)).size
question(
    "A kernel of 3 weights slides over 6 inputs and makes 4 outputs. How long is the weights' gradient?",
    [
        ("3", length == 3, "As many as there are weights: each weight gets one number to be changed by."),
        ("4", length == 4, "4 numbers come from above. Each weight adds up its share of all four."),
        ("6", length == 6, "6 is the size of the gradient of the input."),
        ("12", length == 12, "12 products were made, but four of them belong to each weight and are added."),
    ],
)

# %% [markdown]
# ## ReLU
#
# $y_i = \max(0, x_i)$. Each output depends on one input, so the Jacobian has numbers on its diagonal only: 1
# where $x_i > 0$, and 0 where $x_i < 0$. The gradient passes where the input was positive and is stopped
# elsewhere. The sign of `dy` plays no role.
#
# At exactly 0 the ReLU has a corner and no derivative. Every library picks one; this course and torch take 0.
# A central difference at 0 averages both sides and says ½.

# %%
x, dy = np.array([2.0, -1.0, 0.5, -3.0, 4.0, -0.5]), np.array([3.0, 5.0, -2.0, -7.0, 1.0, 4.0])
dx = np.array([above if value > 0 else 0.0 for value, above in zip(x, dy, strict=True)])
compare("ReLU", dx, x, dy, functional.relu)
figure, (axes,) = figures.panels(width=8, height=2.6)
title, gates = "ReLU: a gate that x opens and dy passes", np.flatnonzero(x > 0)
figures.named_rows(axes, {"x": x, "dy": dy, "dx": dx}, title=title, marked={"x": gates})
figures.show(figure, alt=f"Rows x, dy, dx. Cells {gates} of x are positive, framed; there dx is dy, else 0.")

# %% [markdown]
# ## Softmax and cross-entropy
#
# The last layer gives one number per class, the **logits** $z$. Softmax makes probabilities of them, $p_k =
# e^{z_k} / \sum_j e^{z_j}$, and the loss is $L = -\log p_t$ for the true class $t$. Take both together,
# because the logarithm undoes the exponential:
#
# $$L = -z_t + \log \sum_j e^{z_j}
# \qquad\Rightarrow\qquad
# \frac{\partial L}{\partial z_k} = \frac{e^{z_k}}{\sum_j e^{z_j}} - [k = t] = p_k - [k = t]$$
#
# $[k=t]$ is 1 for the true class and 0 for the others. The gradient is what the network said, minus what it
# should have said. Nothing comes from above here: the loss is the top.

# %%
z, t = np.array([1.0, 3.0, -1.0, 0.5]), 0
exponentials = [np.exp(value) for value in z]
p = np.array([e / sum(exponentials) for e in exponentials])
truth = np.array([float(k == t) for k in range(len(z))])
dz = p - truth


def entropy(logits):
    """Return torch's loss of one vector of logits, for class t."""
    return functional.cross_entropy(logits[None], torch.tensor([t]))


compare("softmax, cross-entropy", dz, z, np.array(1.0), entropy)
print("the entries add up to", dz.sum().round(12) + 0)
figure, (axes,) = figures.panels(width=7, height=3.2)
title = "The gradient is negative for the true class, positive for the others"
rows = {"logits": z, "p": p.round(2), "truth": truth, "dz": dz.round(2)}
figures.named_rows(axes, rows, title=title, marked={"dz": [t]})
figures.show(figure, alt=f"Rows: logits {z}, p {p.round(2)}, truth 1 0 0 0, difference {dz.round(2)}.")

# %% [markdown]
# One trap is numerical. $e^{1000}$ is too large for any float. Subtract the largest logit first: numerator
# and denominator shrink by the same factor, and $p$ stays as it is.

# %%
large = np.array([1000.0, 998.0, 0.0])
with np.errstate(over="ignore", invalid="ignore"):
    print("naive  ", np.exp(large) / np.exp(large).sum())
print("shifted", np.exp(large - large.max()) / np.exp(large - large.max()).sum())

# %% [markdown]
# ## Max pooling
#
# A window passes on its largest number, the **winner**. Move the winner a little, and the output moves as
# much. Move another number a little, and nothing happens. So the whole gradient goes to the winner, and the
# others get 0.
#
# With a **tie** two numbers are largest. Then the derivative does not exist, and a rule has to decide. Here,
# as in torch, the *first* one wins: in a picture, first row by row from the top, and left to right within a
# row.

# %%
x, dy = np.array([1.0, 5.0, 3.0, 2.0, 4.0, 4.0, 0.0, 6.0]), np.array([10.0, 20.0, 30.0, 40.0])
winners = [2 * j + int(x[2 * j : 2 * j + 2].argmax()) for j in range(4)]
dx = np.zeros_like(x)
for j, winner in enumerate(winners):
    dx[winner] += dy[j]
compare("max pooling, with a tie", dx, x, dy, lambda t: functional.max_pool1d(t[None], 2)[0])
figure, (axes,) = figures.panels(width=8, height=2.8)
title = "Max pooling, windows of 2: the winner takes all, the first one in a tie"
figures.named_rows(axes, {"x": x, "dy": dy, "dx": dx}, title=title, marked={"x": winners, "dx": winners})
figures.show(figure, alt=f"Rows x, dy, dx. The winners, cells {winners}, are framed; dx is dy there, else 0.")

# %% [markdown]
# When windows overlap (lecture 4), one number can win twice. Then both gradients arrive, and they **add up**.
# That is the chain rule's sum. A `=` in place of `+=` keeps the last one only, and windows that do not
# overlap never show it.

# %%
x = np.array([1.0, 3.0, 5.0, 2.0, 4.0, 0.0, 7.0, 6.0, 2.0])
added, overwritten = np.zeros_like(x), np.zeros_like(x)
for j in range(4):
    winner = 2 * j + int(x[2 * j : 2 * j + 3].argmax())
    added[winner] += dy[j]
    overwritten[winner] = dy[j]
print("overwritten", overwritten)
compare("max pooling, overlapping", added, x, dy, lambda t: functional.max_pool1d(t[None], 3, 2)[0])

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
equal = autograd(np.ones(2), np.ones(1), lambda t: functional.max_pool1d(t[None], 2)[0])
question(
    "Both numbers of a window are 1, and 1 comes from above. What does torch send back?",
    [
        ("½ and ½", equal[0] == 0.5, "Fair, and some libraries do it, but a rule that names one is cheaper."),
        ("1 and 0", equal[0] == 1 and equal[1] == 0, "The first in order wins; the sum stays 1."),
        ("1 and 1", equal.sum() == 2, "That is what `dy * (x == y)` does: the gradient has doubled."),
        ("0 and 0", equal.sum() == 0, "Then nothing would be learned where a picture is black."),
    ],
)

# %% [markdown]
# ## Average pooling
#
# Now every number of a window has a share in the output, and all shares are $1/K$. So each gets $dy_j / K$.
# Where windows overlap, shares add up again.

# %%
x, dy, K, S = rng.normal(size=7), np.array([3.0, 6.0, 9.0]), 3, 2
dx = np.zeros(7)
for j in range(3):
    dx[S * j : S * j + K] += dy[j] / K
compare("average pooling", dx, x, dy, lambda t: functional.avg_pool1d(t[None, None], 3, 2)[0, 0])
print("what came from above:", dy.sum(), " what is passed on:", dx.sum())

# %% [markdown]
# ## The gradient of the bias
#
# Now convolution, or rather the cross-correlation that libraries call by this name (lecture 3): $y_i = b +
# \sum_m x_{i+m}\, w_m$. It has three gradients. The bias comes first because it is the shortest. $b$ is added
# to *every* output, with derivative 1. So it collects everything that comes from above:
#
# $$\frac{\partial L}{\partial b} = \sum_i dy_i$$
#
# Not the mean: a bias that is used at four places has four times the effect.

# %%
N, K = 6, 3
x, w, b = rng.integers(-4, 5, N).astype(float), np.array([1.0, 2.0, -3.0]), np.array([0.5])
dy = rng.normal(size=N - K + 1)
compare("bias", dy.sum(keepdims=True), b, dy, lambda t, x=x, w=w: slide(x, w) + t)

# %% [markdown]
# ## The gradient of the kernel
#
# Which terms does one weight collect? Follow $w_1$ in the picture. It is used once for each output. At output
# $i$ it multiplies $x_{i+1}$, so a small change of $w_1$ changes $y_i$ by $x_{i+1}$ times as much:

# %%
figure, (axes,) = figures.panels(width=8, height=3.4)
figures.kernel_links(axes, N, K, weight=1, title="One weight is used at every output")
figures.show(figure, alt="Six inputs, four outputs. Heavy lines, w1: x1 to y0, x2 to y1, x3 to y2, x4 to y3.")

# %% [markdown]
# $$\frac{\partial L}{\partial w_m} = \sum_i dy_i\, x_{i+m}$$
#
# Read it again: this is a sliding window. The *gradient from above* is laid over the input like a kernel,
# multiplied and added, and moved one step for the next weight. **The gradient of the kernel is the
# cross-correlation of the input with the gradient from above.** Nothing is turned around. Windows as long as
# `dy`, $N-K+1$ cells, fit $K$ times: one for each weight.

# %%
dw = np.zeros(K)
for m in range(K):
    for i in range(N - K + 1):
        dw[m] += dy[i] * x[i + m]
print("np.correlate", np.correlate(x, dy, "valid").round(4))
compare("kernel", dw, w, dy, lambda t, x=x: slide(x, t))

# %% [markdown]
# In two dimensions it is the same with rows and columns. Choose a weight of the 3 by 3 kernel below. Framed
# in the input are all cells that this weight has multiplied; each is paired with the number from above at the
# same place of the output. Change stride and padding, and see what happens to the framed cells. With the
# dropdown you choose the other view: one cell of the input, and all outputs that it reached. The next section
# is about that one.

# %%
backward_weight()

# %% [markdown]
# The same as pictures, for stride 2 and padding 1: first a weight, then a cell.

# %%
image, (kernel, above) = rng.integers(0, 10, (6, 6)), rng.integers(-3, 4, (2, 3, 3))
figure, (first, last) = figures.panels(2, 1, width=9.5, height=8)
figures.weight_terms(first, image, above, (3, 3), weight=(1, 2), stride=2, padding=1)
figures.cell_terms(last, image, above, kernel, cell=(1, 3), stride=2, padding=1)
words = "one framed cell, the outputs it reached, the weights between, products and sum."
figures.show(
    figure, alt=f"Above: nine framed input cells, nine numbers from above, products, sum. Below: {words}"
)

# %% [markdown]
# ## The gradient of the input
#
# Now stand at one input and look up. Which outputs does $x_3$ reach, and by which weights?

# %%
figure, (axes,) = figures.panels(width=8, height=3.4)
figures.kernel_links(axes, N, K, cell=3, title="One input reaches K outputs, through the weights in reverse")
figures.show(figure, alt="Six inputs, four outputs. Heavy lines: x3 to y1 by w2, to y2 by w1, to y3 by w0.")

# %% [markdown]
# From left to right the outputs are $y_1, y_2, y_3$, and the weights are $w_2, w_1, w_0$: **in reverse**.
# That is where the turned kernel comes from. An input that lies far right in a window is met by the last
# weight. In the formula, set $t = i + m$ and solve for $i$; terms whose index falls outside of `dy` are 0:
#
# $$\frac{\partial L}{\partial x_t} = \sum_m dy_{t-m}\, w_m$$
#
# The minus sign is that of a true **convolution**. It is longer than `dy`: $K-1$ zeros stand on each side of
# `dy`, so that windows may hang over the edge. This is called the **full** convolution. Its length is
# $(N-K+1) + (K-1) = N$, as it must be.

# %%
dx = np.zeros(N)
for i in range(N - K + 1):
    dx[i : i + K] += dy[i] * w  # output i sends its gradient back to its window
padded = np.concatenate([np.zeros(K - 1), dy, np.zeros(K - 1)])
print("padded dy, kernel turned:       ", np.correlate(padded, w[::-1], "valid").round(4))
print("padded dy, kernel not turned:   ", np.correlate(padded, w, "valid").round(4), "wrong")
print("np.convolve, full:              ", np.convolve(dy, w, "full").round(4))
compare("input", dx, x, dy, lambda t, w=w: slide(t, w))

# %% [markdown]
# The loop's line is worth a second look. *Forward*, output $i$ gathers from its window. *Backward*, it
# scatters to the same window, with the same weights. You never need to think of turning anything if you write
# it this way.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
mirrored = np.array([1.0, -2.0, 1.0])
same = np.allclose(np.correlate(padded, mirrored, "valid"), np.convolve(dy, mirrored, "full"))
question(
    "You forget to turn the kernel around. For which kernel does your test not notice?",
    [
        ("(1, −2, 1)", same, "It reads the same from both ends. Test with kernels that do not."),
        ("(1, 2, −3)", not same, "The cell above has shown that this one does notice."),
        ("any, if `dy` is all ones", False, "In the middle it would pass, but the ends differ."),
        ("none", not same, "There are some: those that look the same when turned."),
    ],
)

# %% [markdown]
# ## Stride and padding
#
# With stride $S$, output $i$ has its window at $S\,i$: $y_i = \sum_m x_{Si+m}\,w_m$. Change the index in the
# two formulas, and that is all: $\partial L/\partial w_m = \sum_i dy_i\, x_{Si+m}$, and output $i$ scatters
# to the window at $S\,i$.
#
# There is another way to see it. A stride-2 layer is a stride-1 layer of which every second output was thrown
# away. What was thrown away has no influence on the loss: its gradient is 0. So **spread** `dy` **out**: put
# $S-1$ zeros between its numbers. Then go on as with stride 1. (Windows that did not fit at the end are
# thrown away too: more zeros there.)
#
# Padding is undone by **cropping**. The forward pass worked on a longer input with $P$ zeros on each side.
# Compute the gradient of that, and cut $P$ numbers off each side: nobody asked how to change the zeros.

# %%
N, K, S, P = 8, 3, 2, 1
x = rng.integers(-4, 5, N).astype(float)
dy = rng.integers(1, 9, len(range(0, N + 2 * P - K + 1, S))).astype(float)
spread = np.zeros(N + 2 * P - K + 1)
spread[::S][: len(dy)] = dy
long = np.convolve(spread, w, "full")
compare("input, S=2, P=1", long[P : P + N], x, dy, lambda t, w=w: slide(t, w, 2, 1))
dw = np.correlate(np.pad(x, P), spread, "valid")
compare("kernel, S=2, P=1", dw, w, dy, lambda t, x=x: slide(x, t, 2, 1))
figure, (top, bottom) = figures.panels(2, 1, width=9, height=6.2)
title = "With stride 2 and padding 1, x3 reaches two outputs, and x2 only one"
figures.kernel_links(top, N, K, stride=S, padding=P, cell=3, title=title)
rows = {"dy": dy, "spread": spread, "convolved": long, "cropped": [np.nan, *long[P : P + N]]}
marked = {"spread": range(0, S * len(dy), S)}
figures.named_rows(bottom, rows, title="Spread out, convolve, crop: this is dx", marked=marked)
words = f"dy {dy}; the same with zeros in between; its full convolution; without its two ends, dx."
figures.show(figure, alt=f"8 inputs between zeros, 4 outputs, x3 joined to two. Below, four rows: {words}")

# %% [markdown]
# ## Several channels and filters
#
# Add the other indices one at a time. The input has $C$ channels, $x_{c,t}$; there are $F$ filters,
# $w_{f,c,m}$; the output has one row per filter, $y_{f,i} = b_f + \sum_c\sum_m x_{c,i+m}\,w_{f,c,m}$. For
# each gradient ask: *which outputs does it touch?* Sum over these, and over nothing else.
#
# | gradient | it touches | so the sum runs over |
# | --- | --- | --- |
# | $db_f = \sum_i dy_{f,i}$ | its own filter's outputs | places |
# | $dw_{f,c,m} = \sum_i dy_{f,i}\; x_{c,i+m}$ | its own filter's outputs | places |
# | $dx_{c,t} = \sum_f\sum_m dy_{f,t-m}\; w_{f,c,m}$ | all filters | filters and weights |
#
# With a batch, $db$ and $dw$ also sum over its images, because all images use the same weights. $dx$ does
# not. An index that stands on the right but not on the left is summed over. That is how `einsum` reads
# formulas, and for a fixed $m$ both sums are matrix products:

# %%
C, F, K, L, O = 3, 4, 5, 20, 16  # noqa: E741
x, w, dy = rng.normal(size=(C, L)), rng.normal(size=(F, C, K)), rng.normal(size=(F, O))
dw, dx = np.zeros_like(w), np.zeros_like(x)
for m in range(K):
    dw[:, :, m] = dy @ x[:, m : m + O].T  # sum over places i
    dx[:, m : m + O] += w[:, :, m].T @ dy  # sum over filters f
tx, tw = torch.tensor(x)[None], torch.tensor(w)
checks["input, 3 channels, 4 filters"] = x, dy, (lambda t, w=tw: functional.conv1d(t[None], w)[0]), dx
checks["kernel, 3 channels, 4 filters"] = w, dy, (lambda t, x=tx: functional.conv1d(x, t)[0]), dw
for name in list(checks)[-2:]:
    at, above, layer, ours = checks[name]
    print(f"{name}: differs from autograd by {np.abs(ours - autograd(at, above, layer)).max():.0e}")

# %% [markdown]
# ## Checking every gradient
#
# You have seen autograd agree. But who checks autograd? The definition of the derivative. Move one number by
# $h$ to both sides and see how the loss changes:
#
# $$\frac{\partial L}{\partial x_i} \approx \frac{L(x_i + h) - L(x_i - h)}{2h}$$
#
# Its error has two parts. The **truncation** error of the formula shrinks with $h^2$. The **rounding** error
# grows with $1/h$: two nearly equal numbers are subtracted, and what is left is mostly their last digits.
# Compare by the **relative error**, the largest difference divided by the largest number, so that scale plays
# no role.


# %%
def differences(x, dy, layer, h=1e-5):
    """Central differences of sum(dy * layer(x)) for every number of x."""
    slopes = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        high, low = (layer(torch.from_numpy(moved)).numpy() for moved in (x + step, x - step))
        slopes[place] = (dy * (high - low)).sum() / (2 * h)
    return slopes


def relative_error(one, other):
    """Return the largest difference, divided by the largest number of both arrays."""
    return np.abs(one - other).max() / max(np.abs(one).max(), np.abs(other).max())


print(f"{'relative error':30}  differences   autograd")
for name, (at, above, layer, ours) in checks.items():
    numerical, library = differences(at, above, layer), autograd(at, above, layer)
    print(f"{name:30} {relative_error(ours, numerical):12.0e} {relative_error(ours, library):10.0e}")

# %% [markdown]
# Every formula passes, and one line stands out: at the tie, differences and the rule disagree. There is no
# derivative to agree on, so test away from ties and corners. A linear layer has no truncation error at all.
# To see both errors take one that curves: softmax with cross-entropy. Let $h$ run from $10^{-1}$ down to
# $10^{-13}$, for central differences and for the one-sided $\left(L(x+h)-L(x)\right)/h$, whose truncation
# error shrinks with $h$ only.

# %%
steps = np.logspace(-13, -1, 49)
central = [relative_error(dz, differences(z, np.array(1.0), entropy, h)) for h in steps]
high = [[entropy(torch.from_numpy(z + h * unit)).item() for unit in np.eye(len(z))] for h in steps]
single = (np.array(high) - entropy(torch.from_numpy(z)).item()) / steps[:, np.newaxis]
single = [relative_error(dz, slopes) for slopes in single]
best = steps[int(np.argmin(central))]
print(f"central: smallest error {min(central):.0e} at h = {best:.0e}; one-sided: {min(single):.0e}")

figure, (axes,) = figures.panels(width=9, height=3.8)
curves = {"one-sided difference": single, "central difference": central}
title = f"Too large and too small are both wrong: central differences are best near h = {best:.0e}"
figures.log_curves(axes, steps, curves, title=title, xlabel="step h", ylabel="relative error")
words = f"{min(central):.0e} near h = {best:.0e}, one-sided ones {min(single):.0e}."
figures.show(figure, alt=f"V-shaped curves of the error over h, axes logarithmic. Central ones reach {words}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
at = {h: central[int(np.abs(np.log10(steps / h)).argmin())] for h in (1e-1, 1e-5, 1e-12)}
question(
    "Which step do you take for a central difference in float64?",
    [
        ("0.1", min(at, key=at.get) == 1e-1, "The formula's own error, which shrinks with $h^2$, is large."),
        ("$10^{-5}$", min(at, key=at.get) == 1e-5, "Near the bottom of the V: both errors are small."),
        ("$10^{-12}$", min(at, key=at.get) == 1e-12, "The subtraction leaves few digits, and those rounded."),
        ("the smaller the better", False, "With exact numbers, yes. Look at the left arm of the V."),
    ],
)

# %% [markdown]
# ## Columns and back
#
# The formulas are right; now they shall be fast. Lecture 3 wrote each window as a column and made the whole
# layer one matrix product. In one dimension and one channel, row $m$ of the columns is the input from cell
# $m$ on: a **slab**, one slice. So *columns* need $K$ copies, and no loop over windows.
#
# On the way back, each entry of `dcolumns`, the gradient of the columns, belongs to the cell that it was
# copied from. Cells were copied up to $K$ times, so up to $K$ entries come home to one cell, and they **add
# up**. Again $K$ slices do it.

# %%
x, K, O = np.array([1.0, 2, 3, 4, 5, 6]), 3, 4  # noqa: E741
columns = np.stack([x[m : m + O] for m in range(K)])
dcolumns, home = np.ones_like(columns), np.zeros_like(x)
for m in range(K):
    home[m : m + O] += dcolumns[m]
figure, (left, right) = figures.panels(1, 2, width=9.5, height=3)
figures.number_grid(left, columns, title="Columns: row m is x from cell m on")
rows = {f"row {m}": np.concatenate([np.full(m, np.nan), dcolumns[m]]) for m in range(K)} | {"sum": home}
figures.named_rows(right, rows, title="The way back: ones come home and add up")
words = f"Right: three rows of ones, each a cell further right, and their sum {home}."
figures.show(figure, alt=f"Left: the columns of 1 to 6, rows 1 2 3 4, 2 3 4 5 and 3 4 5 6. {words}")

# %% [markdown]
# So the way back is not the inverse of the way there: a cell in three windows comes back three times.
#
# There is a tempting other way. Build an array `index` of which cell each entry came from, and write one
# line. The tempting line is wrong: with `dx[index] += dcolumns`, numpy reads, adds and writes back, and when
# an index occurs twice, the last one wins. `np.add.at` adds them all, one at a time, and that is slow.
# Measure on a longer signal.

# %%
L, K, O = 60_000, 5, 59_996  # noqa: E741
index, dcolumns = np.arange(K)[:, np.newaxis] + np.arange(O), rng.normal(size=(K, O))
tempting, slow, fast = np.zeros((3, L))
tempting[index] += dcolumns
begin = perf_counter()
np.add.at(slow, index, dcolumns)
middle = perf_counter()
for m in range(K):
    fast[m : m + O] += dcolumns[m]
spent = {"np.add.at": 1000 * (middle - begin), "K slabs": 1000 * (perf_counter() - middle)}
print("same as slabs: dx[index] +=", np.allclose(tempting, fast), " np.add.at", np.allclose(slow, fast))
figure, (axes,) = figures.panels(width=9, height=2.2)
title = f"K slices are {spent['np.add.at'] / spent['K slabs']:.0f} times as fast as np.add.at here"
figures.log_bars(axes, list(spent), list(spent.values()), title=title, xlabel="time (ms, log scale)")
figures.show(figure, alt=", ".join(f"{name} takes {ms:.2g} ms" for name, ms in spent.items()))

# %% [markdown]
# ## Fast layers
#
# Now build layers that are worth training with. Three decisions make them fast, and none is a trick:
#
# 1. **`float32`**: half the bytes, and twice the numbers per instruction.
# 2. **The batch stands innermost**: arrays are $(C, H, W, N)$. Then a slab is a run of $W \cdot N$
#    neighbouring numbers in memory, and every slice, maximum and sum works on long runs. In the usual order
#    $(N, C, H, W)$ a slab of a small picture is many short pieces. A cell below measures it.
# 3. **Memory is used again.** Columns are large. They are allocated once and filled anew in each step. They
#    are also kept until the way back, where the gradient of the kernel needs them.
#
# The convolution comes first. It is the last section's code with two more axes. The first layer of a network
# has an input that nobody can change, so it skips $dx$.


# %%
class Conv:
    """F filters of K by K, stride 1, P zeros on each side: (C, H, W, N) -> (F, OH, OW, N)."""

    def __init__(self, C, F, K, P, rng, *, dtype=np.float32, is_first=False):
        self.K, self.P, self.is_first, self.fits = K, P, is_first, None
        self.w = rng.normal(0, np.sqrt(2 / (C * K * K)), (F, C * K * K)).astype(dtype)  # as in lecture 1
        self.b = np.zeros((F, 1), dtype)

    def make_room(self, C, H, W, N):
        """Allocate what all steps use again: padded input and columns, and the same for the way back."""
        K, P = self.K, self.P
        OH, OW = H + 2 * P - K + 1, W + 2 * P - K + 1
        self.fits, self.inside = (C, H, W, N), np.s_[:, P : P + H, P : P + W]
        self.padded, self.dpadded = np.zeros((2, C, H + 2 * P, W + 2 * P, N), self.w.dtype)
        self.columns, self.dcolumns = np.empty((2, C, K, K, OH, OW, N), self.w.dtype)
        self.y = np.empty((len(self.w), OH, OW, N), self.w.dtype)
        self.slabs = [(i, j, np.s_[:, i : i + OH, j : j + OW]) for i in range(K) for j in range(K)]

    def by_row(self, array):
        """View (..., OH, OW, N) as OH matrices (all that stands in front, OW·N): one per output row."""
        *_, OH, OW, N = array.shape
        return array.reshape(-1, OH, OW * N).transpose(1, 0, 2)

    def forward(self, x):
        if self.fits != x.shape:  # the first batch, or one of another size
            self.make_room(*x.shape)
        self.padded[self.inside] = x  # the frame around it stays zero
        for i, j, slab in self.slabs:  # what weight (i, j) meets at all places
            self.columns[:, i, j] = self.padded[slab]
        np.matmul(self.w, self.by_row(self.columns), out=self.by_row(self.y))
        self.y += self.b[:, :, np.newaxis, np.newaxis]
        return self.y

    def backward(self, dy):
        self.db = dy.reshape(len(dy), -1).sum(axis=1, keepdims=True)
        self.dw = np.matmul(self.by_row(dy), self.by_row(self.columns).transpose(0, 2, 1)).sum(axis=0)
        if self.is_first:
            return None
        np.matmul(self.w.T, self.by_row(dy), out=self.by_row(self.dcolumns))
        self.dpadded[:] = 0
        for i, j, slab in self.slabs:  # each entry goes home to the cell it came from
            self.dpadded[slab] += self.dcolumns[:, i, j]
        return self.dpadded[self.inside]  # cropped: padding has no gradient


# %% [markdown]
# There is a surprise in it. The layer is *one* matrix product, yet `by_row` cuts it into one product per
# output row; `np.matmul` does them all in one call. Measure both for the gradient of the kernel, with 6
# filters of 5 by 5. It is a few rows times a few columns, with a very long sum in between. Likely reasons for
# what you see: general matrix products are tuned for large squares, and each small piece fits into the fast
# memory of the processor. The cell also copies one slab in both orders of decision 2.


# %%
layer = Conv(1, 6, 5, 2, rng, is_first=True)
dy = layer.forward(rng.normal(size=(1, 28, 28, 64)).astype(np.float32)).copy()
one, rows = layer.columns.reshape(25, -1), layer.by_row(layer.columns).transpose(0, 2, 1)
flat, pieces = dy.reshape(6, -1), layer.by_row(dy)
whole = min(repeat(lambda: flat @ one.T, number=1, repeat=9))  # other work can only make a run slower
cut = min(repeat(lambda: np.matmul(pieces, rows).sum(axis=0), number=1, repeat=9))
print(f"one product {1e3 * whole:.2f} ms, one per output row {1e3 * cut:.2f} ms: {whole / cut:.1f} to 1")
print("same numbers:", np.allclose(flat @ one.T, np.matmul(pieces, rows).sum(axis=0), rtol=1e-3, atol=1e-2))
usual = np.ascontiguousarray(layer.padded.transpose(3, 0, 1, 2))
outer = min(repeat(lambda: usual[:, :, 2:30, 2:30].copy(), number=9, repeat=9))
inner = min(repeat(lambda: layer.padded[:, 2:30, 2:30].copy(), number=9, repeat=9))
print(f"copying a slab: batch innermost against (N, C, H, W), {outer / inner:.1f} times as fast")

# %% [markdown]
# The other layers are short. **Max pooling** of 2 by 2 is the maximum of two strided slices, done twice:
# first of left and right neighbours, then of upper and lower ones. The comparisons are kept. On the way back
# a comparison, 1 or 0, times the gradient is one side's part, and what is left is the other's. A strict `>`
# makes the first win a tie. **Fully connected** layers are matrix products; **ReLU** keeps its gates.


# %%
class MaxPool:
    """Windows of 2 by 2 side by side, H and W even: (C, H, W, N) -> (C, H/2, W/2, N)."""

    def forward(self, x):
        left, right = x[:, :, 0::2], x[:, :, 1::2]
        self.right_wins, rows = right > left, np.maximum(left, right)
        upper, lower = rows[:, 0::2], rows[:, 1::2]
        self.lower_wins = lower > upper
        return np.maximum(upper, lower)

    def backward(self, dy):
        C, H, W, N = dy.shape
        drows, dx = np.empty((C, 2 * H, W, N), dy.dtype), np.empty((C, 2 * H, 2 * W, N), dy.dtype)
        np.multiply(dy, self.lower_wins, out=drows[:, 1::2])
        np.subtract(dy, drows[:, 1::2], out=drows[:, 0::2])
        np.multiply(drows, self.right_wins, out=dx[:, :, 1::2])
        np.subtract(drows, dx[:, :, 1::2], out=dx[:, :, 0::2])
        return dx


class ReLU:
    """The larger of x and 0, for arrays of any shape."""

    def forward(self, x):
        self.is_open = x > 0
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * self.is_open


class Dense:
    """Fully connected, D numbers of each image, in any shape, to M: (..., N) -> (M, N)."""

    def __init__(self, D, M, rng, *, dtype=np.float32, spread=None):
        self.w = rng.normal(0, np.sqrt(2 / D) if spread is None else spread, (M, D)).astype(dtype)
        self.b = np.zeros((M, 1), dtype)

    def forward(self, x):
        self.shape, self.x = x.shape, x.reshape(-1, x.shape[-1])
        return self.w @ self.x + self.b

    def backward(self, dy):
        self.dw, self.db = dy @ self.x.T, dy.sum(axis=1, keepdims=True)
        return (self.w.T @ dy).reshape(self.shape)


# %% [markdown]
# The **loss** is a mean over the batch, so each image gets $1/N$ of the gradient. The **network** is a
# *LeNet*, named after an early convolutional network; it calls its layers forwards and then backwards.
# Stochastic gradient descent (SGD, lecture 1) **with momentum** keeps a running sum $v$ of the gradients $g$,
# in which older ones fade: $v \leftarrow \mu v + g$, $\ w \leftarrow w - \eta\, v$, with a learning rate
# $\eta$ and $\mu = 0.9$, say. **Weight decay** adds $\lambda w$ to the gradient of the weights: it pulls them
# towards zero, and is meant to keep a small training set from being learned by heart.


# %%
class SoftmaxCrossEntropy:
    """Mean loss of logits (classes, N) and labels (N,), and its gradient."""

    def forward(self, logits, labels):
        exponentials = np.exp(logits - logits.max(axis=0))
        self.p = exponentials / exponentials.sum(axis=0)
        self.true = labels, np.arange(len(labels))
        return -np.log(self.p[self.true]).mean()

    def backward(self):
        self.p[self.true] -= 1
        return self.p / self.p.shape[1]


class LeNet:
    """Two convolutions of A and B maps and three dense layers, for 28 by 28. A=6, B=16: today's LeNet-5."""

    def __init__(self, rng, *, maps=(6, 16), dtype=np.float32, last=0.01):
        self.loss, (A, B) = SoftmaxCrossEntropy(), maps
        self.layers = [Conv(1, A, 5, 2, rng, dtype=dtype, is_first=True), ReLU(), MaxPool()]
        self.layers += [Conv(A, B, 5, 0, rng, dtype=dtype), ReLU(), MaxPool()]
        self.layers += [Dense(25 * B, 120, rng, dtype=dtype), ReLU()]
        self.layers += [Dense(120, 84, rng, dtype=dtype), ReLU()]
        self.layers += [Dense(84, 10, rng, dtype=dtype, spread=last)]  # small: see rung 1
        self.with_weights = [layer for layer in self.layers if hasattr(layer, "w")]
        self.v = [(np.zeros_like(layer.w), np.zeros_like(layer.b)) for layer in self.with_weights]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss_and_gradients(self, x, labels):
        """Return the mean loss; leave the gradients in the layers, as dw and db."""
        loss, dy = self.loss.forward(self.forward(x), labels), self.loss.backward()
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return loss

    def step(self, learning_rate, *, momentum=0.9, decay=0.0):
        """Change the weights by SGD with momentum; weight decay spares the biases."""
        for layer, (vw, vb) in zip(self.with_weights, self.v, strict=True):
            vw *= momentum
            vw += layer.dw + decay * layer.w
            vb *= momentum
            vb += layer.db
            layer.w -= learning_rate * vw
            layer.b -= learning_rate * vb


# %% [markdown]
# Is it right? Build the same network in torch with the same weights, and compare all ten gradients in
# `float64`. Real pictures have black corners, so pooling meets ties, too.


# %%
def in_torch(net):
    """Return the same network in torch, with the same weights."""
    conv, dense, relu, pool = torch.nn.Conv2d, torch.nn.Linear, torch.nn.ReLU, torch.nn.MaxPool2d
    layers = [conv(1, 6, 5, padding=2), relu(), pool(2), conv(6, 16, 5), relu(), pool(2), torch.nn.Flatten()]
    layers += [dense(400, 120), relu(), dense(120, 84), relu(), dense(84, 10)]
    twin = torch.nn.Sequential(*layers)
    arrays = [array for layer in net.with_weights for array in (layer.w, layer.b)]
    for parameter, array in zip(twin.parameters(), arrays, strict=True):
        parameter.data = torch.tensor(array).reshape(parameter.shape)
    return twin


def innermost(images):
    """(N, C, H, W) bytes -> (C, H, W, N) float32 with mean 0 and spread 1 over the training set."""
    scaled = (images - train.images.mean()) / train.images.std()
    return np.ascontiguousarray(scaled.transpose(1, 2, 3, 0), dtype=np.float32)


inputs, test_inputs = innermost(train.images), innermost(test.images)
x, labels = inputs[..., :64].astype(np.float64), train.labels[:64]
net = LeNet(np.random.default_rng(1), dtype=np.float64, last=0.1)
twin, loss = in_torch(net), net.loss_and_gradients(x, labels)
logits = twin(torch.from_numpy(x.transpose(3, 0, 1, 2).copy()))
functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
ours = [array for layer in net.with_weights for array in (layer.dw, layer.db)]
pairs = zip(ours, (parameter.grad.numpy() for parameter in twin.parameters()), strict=True)
errors = [relative_error(one, other.reshape(one.shape)) for one, other in pairs]
print("relative errors of the ten gradients:", *(f"{error:.0e}" for error in errors))

# %% [markdown]
# Is it fast? Take LeNet's second convolution, forwards, and measure it on your machine: loops, one number at
# a time in Python, for one image; columns, for a batch of 64; and torch, for the same batch.

# %%
layer, x = Conv(6, 16, 5, 0, rng), rng.normal(size=(6, 14, 14, 64)).astype(np.float32)
library_x = torch.from_numpy(x.transpose(3, 0, 1, 2).copy())
library_w = torch.from_numpy(layer.w.reshape(16, 6, 5, 5))
image, kernel = x[..., 0].tolist(), library_w.tolist()
looped = np.zeros((16, 10, 10))


def loops():
    """Convolve one image, one multiplication at a time, on nested lists."""
    for f, i, j in np.ndindex(16, 10, 10):
        total = 0.0
        for c in range(6):
            for m in range(5):
                for n in range(5):
                    total += kernel[f][c][m][n] * image[c][i + m][j + n]
        looped[f, i, j] = total


spent = {"loops": 1000 * min(repeat(loops, number=1, repeat=2))}
spent["columns"] = 1000 / 64 * min(repeat(lambda: layer.forward(x), number=1, repeat=30))
library = repeat(lambda: functional.conv2d(library_x, library_w), number=1, repeat=30)
spent["torch"] = 1000 / 64 * min(library)
expected = functional.conv2d(library_x, library_w).numpy().transpose(1, 2, 3, 0)
agree = np.allclose(looped, expected[..., 0], atol=1e-4), np.allclose(layer.y, expected, atol=1e-4)
print("loops and columns agree with torch:", agree)
figure, (axes,) = figures.panels(width=9.5, height=2.6)
title = f"On this machine columns are {spent['loops'] / spent['columns']:,.0f} times as fast as loops"
figures.log_bars(axes, list(spent), list(spent.values()), title=title, xlabel="ms for one image (log scale)")
figures.show(figure, alt="; ".join(f"{name}: {ms:.2g} ms for one image" for name, ms in spent.items()))

# %% [markdown]
# And a whole training step of the whole network, beside torch, in turn? Both in `float32`, with one thread,
# the same batch of 64 and momentum. (`benchmarks/numpy_lenet.py` of this course also lets torch use all
# cores.)

# %%
net, x = LeNet(rng), np.ascontiguousarray(inputs[..., :64])
library_x, library_labels = torch.from_numpy(x.transpose(3, 0, 1, 2).copy()), torch.from_numpy(labels)
twin = in_torch(net)
theirs = torch.optim.SGD(twin.parameters(), lr=0.01, momentum=0.9)
times = []
for _ in range(16):  # in turn, so that other work on the machine meets both
    begin = perf_counter()
    net.loss_and_gradients(x, labels)
    net.step(0.01)
    middle = perf_counter()
    theirs.zero_grad()
    functional.cross_entropy(twin(library_x), library_labels).backward()
    theirs.step()
    times.append((middle - begin, perf_counter() - middle))
ours, library = 64 / np.median(times[5:], axis=0)
print(f"images/s: numpy {ours:,.0f}, torch {library:,.0f}; numpy reaches {ours / library:.0%} of torch")


# %% [markdown]
# ## The ladder
#
# Do not begin with the long training. A network with a mistake often trains, only worse, and you will not
# know. Climb from cheap tests to expensive ones. Each rung catches other mistakes.
#
# **Rung 1: the loss at the start.** A network that knows nothing should give every class the same chance.
# Then $p = 1/10$, and the loss is $\log 10$. If it is much larger, the network starts out sure of something
# wrong, often because the last weights are too large. Measure twenty networks, with two spreads of these
# weights.

# %%
x, labels = inputs[..., :200], train.labels[:200]
print(f"log 10 = {np.log(10):.4f}")
for spread in (0.01, 0.3):
    losses = [SoftmaxCrossEntropy().forward(LeNet(rng, last=spread).forward(x), labels) for _ in range(20)]
    print(f"spread {spread}: mean loss {np.mean(losses):.4f}, from {min(losses):.4f} to {max(losses):.4f}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
start = float(np.log(1000).round(1))
question(
    "ImageNet has 1000 classes. With which loss should a network start?",
    [
        ("about 1", start == 1, "A loss of 1 means that the true class gets 37 %. Too good to be true."),
        ("about 2.3", start == 2.3, "That is the logarithm of 10, for ten classes."),
        ("about 6.9", start == 6.9, "The natural logarithm of 1000."),
        ("about 1000", start == 1000, "The chance is 1 in 1000, but the loss is its logarithm."),
    ],
)

# %% [markdown]
# **Rung 2: learn a few images by heart.** Fifty images are nothing for a network of this size. It must reach
# 100 % on them within seconds. If it does not, something is wrong with the gradient, the labels or the
# learning rate, and more data would not help. (100 % here says nothing about new images.)

# %%
few, few_labels = np.ascontiguousarray(inputs[..., :50]), train.labels[:50]
net, losses, hits = LeNet(np.random.default_rng(2)), [], [0.0]
while hits[-1] < 1 and len(hits) < 300:
    losses.append(net.loss_and_gradients(few, few_labels))
    net.step(0.02)
    hits.append((net.forward(few).argmax(axis=0) == few_labels).mean())
print(f"after {len(losses)} steps: {hits[-1]:.0%} of the 50 images right, loss {losses[-1]:.3f}")
figure, (axes,) = figures.panels(width=9, height=3)
title = f"The loss on 50 images begins near log 10; all are right after {len(losses)} steps"
curves = {"loss": losses, "share of right answers": hits[1:], "log 10": np.full(len(losses), np.log(10))}
figures.profiles(axes, np.arange(len(losses)), curves, title=title, xlabel="step", ylabel="loss; share")
figures.show(figure, alt=f"Loss: {losses[0]:.2f} to {losses[-1]:.2f}; right: up to {hits[-1]:.0%}.")

# %% [markdown]
# **Rung 3: train.** 6,000 images, batches of 64, and a wider LeNet with 8 and 32 maps. It gets four of the
# usual aids. (How much each one brings is not measured here.)
#
# - Half of each batch is mirrored, and all of it moved by up to one pixel: a coat stays a coat.
# - The learning rate grows in the first fifth of the steps, so that they break nothing (it *warms up*), and
#   then falls along a cosine to 0.
# - Weight decay, as above.
# - The inputs are standardised: mean 0, spread 1 (done above).
#
# The bar moves with the epochs (an **epoch** is one pass over the training set).

# %%
EPOCHS, BATCH, PEAK = 16, 64, 0.05
net, losses, curve = LeNet(np.random.default_rng(3), maps=(8, 32)), [], []
before, steps = net.layers[0].w.copy(), EPOCHS * (len(train.labels) // BATCH)
rates = PEAK * (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2
rates *= np.minimum(1, np.arange(1, steps + 1) / (0.2 * steps))  # the warm-up


def answers_of(net, x):
    """Return the network's classes for 1,000 images, a hundred at a time."""
    return np.concatenate([net.forward(x[..., i : i + 100]).argmax(axis=0) for i in range(0, 1000, 100)])


bar = ipywidgets.IntProgress(max=EPOCHS, description="Epochs")
display(bar)
begin = perf_counter()
for bar.value in range(1, EPOCHS + 1):
    order = rng.permutation(len(train.labels))
    for first in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[first : first + BATCH]
        x = inputs[..., chosen]
        x[..., : BATCH // 2] = x[:, :, ::-1, : BATCH // 2].copy()  # mirrored, left to right
        x = np.roll(x, rng.integers(-1, 2, 2), axis=(1, 2))  # moved; what leaves comes in opposite
        losses.append(net.loss_and_gradients(x, train.labels[chosen]))
        net.step(rates[len(losses) - 1], decay=0.002)
    curve.append(100 * (answers_of(net, test_inputs) == test.labels).mean())
    if bar.value % 4 == 0:
        loss = np.mean(losses[-steps // EPOCHS :])  # of this epoch
        print(f"epoch {bar.value:2}: loss {loss:.3f}, test accuracy {curve[-1]:.1f} %")
seconds = perf_counter() - begin
print(f"{seconds:.0f} s for {steps} steps, {steps * BATCH / seconds:,.0f} images/s")
figure, (axes,) = figures.panels(width=9, height=3)
title, epochs = f"After training, {curve[-1]:.1f} % of 1,000 new images are right", np.arange(1, EPOCHS + 1)
figures.profiles(axes, epochs, {"": curve}, title=title, xlabel="epoch", ylabel="test accuracy (%)")
figures.show(figure, alt=f"The test accuracy rises from {curve[0]:.1f} % to {curve[-1]:.1f} %.")

# %% [markdown]
# ## What the filters became
#
# Nobody wrote these filters. Each weight began at random and was moved in each of the steps counted above by
# the sum you met in *The gradient of the kernel*. Look at the eight filters of the first layer before and
# after. At the start neighbouring weights have nothing to do with each other. Afterwards they have: bright
# and dark areas form, as in the edge detectors of lecture 3. Their **correlation** says how much: near
# 0, by chance a little above or below, for not at all, and 1 for as much as possible.

# %%
after = net.layers[0].w
labels = [f"{when} {f}" for when in ("before", "after") for f in range(8)]
both = np.concatenate([before, after]).reshape(16, 5, 5)
moved = np.abs(after - before).mean() / np.abs(before).mean()
print(f"training moved the first layer's weights by {moved:.0%} of their size on average")
alike = [np.corrcoef(part[..., 1:].ravel(), part[..., :-1].ravel())[0, 1] for part in (both[:8], both[8:])]
figure, (axes,) = figures.panels(width=10, height=3.6)
title = "Correlation of neighbours in a row: before {:.2f}, after training {:.2f}".format(*alike)
figures.feature_maps(axes, both, title=title, labels=labels, columns=8, unit="weight")
figures.show(figure, alt="Eight filters: random before training; after it some have bright and dark areas.")

# %% [markdown]
# What does the network still get wrong? Show some of its mistakes, and count who is taken for whom: row, the
# true class; column, the answer. This table is the **confusion matrix**.

# %%
answers, names = answers_of(net, test_inputs), test.class_names
confusion = np.zeros((10, 10), int)
np.add.at(confusion, (test.labels, answers), 1)
off = confusion - np.diag(np.diag(confusion))
true, said = np.unravel_index(off.argmax(), off.shape)
most = f"{off.max()} times {names[true]} was taken for {names[said]}"
wrong = np.flatnonzero(answers != test.labels)[:5]
figure, panels = figures.panels(1, 5, width=10, height=2.6)
for axes, number in zip(panels, wrong, strict=True):
    title = f"{names[test.labels[number]]},\nsaid: {names[answers[number]]}"
    figures.picture(axes, test.images[number], title=title)
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
pairs = "; ".join(f"{names[test.labels[n]]} taken for {names[answers[n]]}" for n in wrong)
figures.show(figure, alt=f"Five pictures that the network gets wrong: {pairs}.")
figure, (axes,) = figures.panels(width=7.5, height=5)
figures.number_grid(axes, confusion, title=f"Row: truth, column: answer. {off.sum()} mistakes;\n{most}")
for number, name in enumerate(names):
    axes.text(10.3, number + 0.5, f"{number} {name}", va="center", fontsize=9)
figures.show(figure, alt=f"The confusion matrix, 10 by 10, most counts on the diagonal. Beside it, {most}.")

# %% [markdown]
# ## Errata
#
# > **Where the slides need a correction or a word more.**
# >
# > 1. *Convolution* numbers its kernel $w_7\,w_8\,w_9$ / $w_4\,w_5\,w_6$ / $w_1\,w_2\,w_3$: from the bottom
# >    left. Whether the kernel is laid on the image as drawn or turned by 180° is left open. The cell
# >    computes both. Their gradients are each other's, turned: whichever you choose, training that starts
# >    from the same function arrives at the same function. (Counting from the bottom left is neither: it
# >    flips the rows only.)
# > 2. The same slide says that weights are *learned by backpropagation*. Backpropagation computes the
# >    gradient. What changes the weights is gradient descent, with a learning rate.
# > 3. *Review: Backpropagation* says that noise often gives better solutions and that weights may not
# >    settle. The second holds for a constant learning rate; a rate that falls to 0, as above, is the usual
# >    remedy. The first is a tendency and no rule. The wrong signs, squares and names in the review's
# >    formulas are listed in [lecture 1, Errata](01_feedforward_review.ipynb#Errata).

# %%
drawn = np.array([[7.0, 8, 9], [4, 5, 6], [1, 2, 3]])
image, above = torch.tensor(rng.integers(-3, 4, (1, 1, 5, 5))).double(), rng.normal(size=(3, 3)).round(1)
laid = {"as drawn": lambda k: functional.conv2d(image, k[None, None])[0, 0]}
laid["turned"] = lambda k: laid["as drawn"](k.flip(0, 1))
for name, plane in laid.items():
    middle, gradient = plane(torch.tensor(drawn))[1, 1], autograd(drawn, above, plane)
    print(f"{name:8}: middle output {middle:g}, gradient", *gradient)
print("1 to 9 row by row, turned:", np.arange(9, 0, -1).reshape(3, 3).tolist(), " slide:", drawn.tolist())

# %% [markdown]
# ## What you learned
#
# - A layer gets $\partial L/\partial y$ and returns $\partial L/\partial x$: a vector-Jacobian product, never
#   a Jacobian. The loss is one number, so each gradient has the shape of its array.
# - ReLU is a gate. Softmax with cross-entropy gives $p$ minus the truth. Max pooling pays the winner, average
#   pooling everybody. Where windows overlap, gradients add up.
# - Bias: the sum of what comes from above. Kernel: cross-correlation of input and gradient from above. Input:
#   full convolution with the kernel, which turns it around; or each output scatters back to its window.
# - Stride spreads the gradient out with zeros; padding crops it. Sum over every index that is not on the
#   left.
# - Check with central differences near $h = 10^{-5}$, in `float64`, with a random gradient from above, with
#   strides, overlaps and kernels that are not symmetric.
# - Columns make matrix products of it all. The way back adds up slabs. With the batch innermost, numpy alone
#   trains at a good part of a library's speed.
# - Climb the ladder: loss near $\log C$, a few images by heart, then train.
#
# **Now you:** [exercise 4, backpropagation through
# convolution](../exercises/ex04_conv_backprop/ex04_conv_backprop.ipynb). You write the gradients for batches,
# channels, strides and padding, and its checks tell you which of the mistakes of this page you made. Exercise
# 5 makes them fast.
