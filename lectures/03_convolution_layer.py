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
# # 3. The convolution layer
#
# **When you have worked through this lecture, you can**
#
# - say what a kernel, a window, a stride, zero padding and a feature map are, and compute one output by hand;
# - predict the size of any output, and explain where the rounding in the formula comes from;
# - tell convolution from cross-correlation, and say which one your library computes;
# - describe what happens to inputs with several channels and to layers with many filters;
# - count the parameters of a convolution layer;
# - explain why a non-linearity follows, and turn the loops into one matrix product.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 10 seconds.
#
# **Slides:** *Convolution* (the sequence with the moving window), *Aside* (cross-correlation), *Output Size*,
# *Zero Padding*, *Learn Multiple Filters*, *Generalize to Higher Dimensions*, *Convolutional Layer
# Parameters*, *Non-Linearity*.
#
# **You need:** numpy arrays (indexing, slices, `shape`), and [lecture 2](02_why_convolution.ipynb) for why a
# network shares its weights between places.
#
# The cells compute every number while you read. Change them and run them again: that is what they are for.
#
# The images are real: photographs in colour, and small grey pictures of clothes (Fashion-MNIST). A batch of
# images has the shape $(N, C, H, W)$: how many, channels, rows, columns. A **channel** is one number per
# pixel; a colour photograph has three: red, green and blue.

# %%
from time import perf_counter

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage, signal
from torch.nn import functional

from course_utils import figures
from course_utils.data import load
from course_utils.widgets import output_size_playground, question, sliding_kernel

rng = np.random.default_rng(3)

photographs = load("photographs")
clothes = load("fashion_mnist", "test")
print("photographs", photographs.images.shape, photographs.images.dtype, photographs.class_names)
print("clothes    ", clothes.images.shape, clothes.images.dtype)

photo = photographs.images[photographs.class_names.index("coffee cup")]
grey = photo.mean(axis=0) / 255
print("one photograph", photo.shape, "in grey", grey.shape, grey.dtype)

figure, (left, right) = figures.panels(1, 2, width=9.5, height=3.6)
figures.picture(left, photo, title="Three channels: a coffee cup")
figures.picture(right, grey, title="One channel: the mean of the three")
figures.show(
    figure,
    alt="A white cup of coffee on a red saucer with a spoon, on a wooden table; in colour, and in grey as "
    "the mean of its red, green and blue channels.",
)

# %% [markdown]
# ## The sliding window
#
# Take a few weights, lay them over a stretch of the input, multiply each weight with the number under it,
# and add up the products. Move one step, and do it again. That is the whole operation.
#
# The weights are the **kernel** (a *filter* is the same thing with all its channels, see *Volumes*). The
# stretch of input under it is the **window**, or the output's **receptive field**. All outputs together are
# the **feature map**, because each tells how strongly one feature is present at one place.
#
# Start in one dimension, with eight neighbouring pixels of one row of the photograph. They are taken from
# where the row has its sharpest edge, and rounded to whole numbers so that you can follow by hand. The
# kernel $(-1, 0, 1)$ asks: how much brighter is it on the right than on the left?

# %%
row = grey[128]
edge = 3 + int(np.abs(np.diff(row))[3:-5].argmax())
x = np.round(9 * row[edge - 3 : edge + 5])
w = np.array([-1.0, 0.0, 1.0])
N, K = len(x), len(w)

y = []
for start in range(N - K + 1):
    window = x[start : start + K]
    y.append((window * w).sum())
    print(f"start {start}: {window} · {w} = {y[-1]:g}")

# %% [markdown]
# As a formula, with $x$ the input, $w$ the kernel, $K$ its size and $i$ the place of the output:
#
# $$y_i = \sum_{m=0}^{K-1} x_{i+m}\, w_m$$
#
# numpy has this operation under the name `correlate`. Compare it with the loop.

# %%
print("loop          ", np.array(y))
print("np.correlate  ", np.correlate(x, w, mode="valid"))
strongest = int(np.abs(y).argmax())
print("strongest response: the window that starts at cell", strongest)

figure, (axes,) = figures.panels(width=9.5, height=2.7)
figures.sliding_window(axes, x[np.newaxis], w[np.newaxis], position=strongest)
figures.show(
    figure,
    alt=f"Eight numbers in a row with a frame around three from cell {strongest}, the kernel -1, 0, 1, "
    f"the three products, and the outputs up to this one. The products add up to {y[strongest]:g}.",
)

# %% [markdown]
# Now the whole row. Where the row is flat, the response is close to zero. Where it gets brighter from left
# to right the response is positive, where it gets darker it is negative.

# %%
response = np.correlate(row, w, mode="valid")
figure, (top, bottom) = figures.panels(2, 1, width=9.5, height=4.4)
across, along = np.arange(len(row)), "column (pixels)"
peak = 1 + int(np.abs(response).argmax())
title = f"Its response to the kernel (−1, 0, 1) is strongest at column {peak}"
figures.profiles(top, across, {"row": row}, title="One row", xlabel=along, ylabel="brightness (0 to 1)")
figures.profiles(bottom, across[1:-1], {"": response}, title=title, xlabel=along, ylabel="right − left")
figures.show(
    figure,
    alt="Above: brightness along one row of the photograph, with flat stretches and jumps. Below: the "
    "response, near zero on flat stretches, with a spike up or down at each jump.",
)

# %% [markdown]
# An image works the same way, with a square window that moves along two axes:
#
# $$Y_{i,j} = \sum_{m=0}^{K-1}\sum_{n=0}^{K-1} X_{i+m,\,j+n}\, W_{m,n}$$
#
# Take a patch of 6 by 6 pixels around the same edge and a kernel of 3 by 3, as the slides do. Pick **one**
# position by hand, $i=1$, $j=2$. For the whole feature map, ask scipy.

# %%
patch = np.round(9 * grey[125:131, edge - 2 : edge + 4])
kernel = np.array([[-1.0, 0.0, 1.0]] * 3)

window = patch[1:4, 2:5]
print(window * kernel)
print("sum of the products at i=1, j=2:", (window * kernel).sum())

feature_map = signal.correlate2d(patch, kernel, mode="valid")
print("scipy's feature map has the shape", feature_map.shape, "and says", feature_map[1, 2])

figure, (first, last) = figures.panels(2, 1, width=9.5, height=8.4)
figures.sliding_window(first, patch, kernel, position=6)
figures.sliding_window(last, patch, kernel, position=feature_map.size - 1)
figures.show(
    figure,
    alt=f"Two steps of a 3 by 3 window over a 6 by 6 patch. First the window of row 1, column 2, with output "
    f"{feature_map[1, 2]:g}; then the last window, in the lower right corner, with the output full: 4 by 4.",
)

# %% [markdown]
# Below you can move the window yourself. Click a slider, or reach it with Tab, and use the arrow keys; the
# two buttons play and stop the animation. The sliders only offer what fits. You will meet **stride** and
# **padding** in a moment: try them now and guess what they mean.
#
# The question after the widget is the first of several. Choose as often as you like: each answer explains
# itself.

# %%
sliding_kernel()

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
parameters = kernel.size
question(
    "A 3 by 3 kernel (no bias) slides over a 6 by 6 image. How many parameters does it have?",
    [
        ("36", parameters == 36, "36 is the number of input pixels. They are data, not parameters."),
        ("9", parameters == 9, "All windows use the same nine weights. That is parameter sharing."),
        ("144", parameters == 144, "That is 16 windows times 9 products: how often the nine are used."),
        ("16", parameters == 16, "16 is the number of outputs. They all use the same weights."),
    ],
)

# %% [markdown]
# ## Output size
#
# The output has one number for each position of the window. So count positions. The first window starts at
# cell 0. The last one must end at cell $N-1$, so it starts at $N-K$. All starts in between are allowed:
#
# $$O = N - K + 1$$
#
# The slides have two examples. Python's `range` lists the starts, and `len` counts them.

# %%
K = 3
for N in (6, 8):
    starts = range(0, N - K + 1)
    print(f"N = {N}, K = {K}: windows start at {list(starts)}, that makes {len(starts)} positions")

figure, (left, right) = figures.panels(1, 2, width=9.5, height=4.2)
figures.window_positions(left, 6, 3)
figures.window_positions(right, 8, 3)
figures.show(
    figure,
    alt="Two rows of cells, 6 and 8 long. Below each, one bar of three cells for every place where a window "
    "fits: 4 places along 6 cells, 6 places along 8 cells.",
)

# %% [markdown]
# Rows and columns are counted separately. An image of $H \times W$ pixels gives
# $(H-K+1) \times (W-K+1)$ outputs, and a kernel need not be square either. Two more sizes change the count:
# the **stride** $S$, how many cells the window moves at a time, and the **padding** $P$, how many zeros you
# add on each side. The rule for all four is worth learning by heart:
#
# $$O = \left\lfloor \frac{N + 2P - K}{S} \right\rfloor + 1$$
#
# The brackets $\lfloor\ \rfloor$ are the **floor**: round down to a whole number. The next two sections say
# where $S$ and $2P$ come from. First hold the counting against a library that knows nothing of it: build
# inputs of many sizes, count starts with `range`, and compare with the length that PyTorch returns.
#
# Settings where no window fits are left out. The rule is meant for kernels that do fit; for others the
# formula still gives a number, which means nothing. A good library refuses, as the cell's last line shows.

# %%
settings = disagreements = 0
for N in range(1, 15):
    for K in range(1, 6):
        for S in range(1, 5):
            for P in range(3):
                starts = range(0, N + 2 * P - K + 1, S)
                if len(starts) == 0:
                    continue
                library = functional.conv1d(torch.zeros(1, 1, N), torch.zeros(1, 1, K), stride=S, padding=P)
                settings += 1
                disagreements += library.shape[-1] != len(starts)
print(f"{settings} settings, {disagreements} disagreements")

try:
    functional.conv1d(torch.zeros(1, 1, 3), torch.zeros(1, 1, 5))
except RuntimeError as error:
    print("a kernel of 5 on 3 cells gives a RuntimeError:", error)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
positions = len(range(0, 10 - 4 + 1, 3))
question(
    "How long is the output of $N=10$ cells with $K=4$, $S=3$, $P=0$?",
    [
        ("2", positions == 2, "You forgot the first position: the window at cell 0 needs no step. Add 1."),
        ("3", positions == 3, "Starts 0, 3 and 6: six cells of room, two steps of three, plus the first."),
        ("4", positions == 4, "A start at 9 would need cells 9 to 12, and the last cell is number 9."),
        ("7", positions == 7, "7 is right for stride 1. With stride 3 only every third start is used."),
    ],
)

# %% [markdown]
# ## Stride
#
# With stride $S$ the window starts at $0, S, 2S, \dots$ A stride of 2 about halves each side of the feature
# map, and so quarters its size. It saves work, and it is one of two common ways to shrink a map (the other is
# pooling, the subject of the next lecture).
#
# When the steps do not end exactly at the border, the rest of the input is **dropped**: no window covers it.
# That is the floor in the formula. Look at the crossed-out cells.

# %%
figure, (a, b, c) = figures.panels(1, 3, width=10, height=3)
for axes, S in zip((a, b, c), (1, 2, 3), strict=True):
    figures.window_positions(axes, 8, 3, stride=S)
figures.show(
    figure,
    alt="Eight cells and a window of three. Stride 1: six places, all cells covered. Stride 2: three places, "
    "the last cell crossed out. Stride 3: two places, the last two cells crossed out.",
)

# %% [markdown]
# Striding gives nothing new: it computes some of the outputs and skips the others. Check it on the row of
# the photograph, and count how many pixels each stride never looks at. A stride larger than the kernel also
# skips cells *between* windows.
#
# Some texts round up instead (a *ceiling*): they add cells at the end until the last window fits. PyTorch
# offers that for pooling, as `ceil_mode`, and never for convolution. In this course windows that do not fit
# are dropped.

# %%
x1 = torch.from_numpy(row)[None, None]
w1 = torch.from_numpy(w)[None, None]
every = functional.conv1d(x1, w1)[0, 0].numpy()
for S in (1, 2, 3, 5):
    strided = functional.conv1d(x1, w1, stride=S)[0, 0].numpy()
    same = np.array_equal(strided, every[::S])
    unseen = set(range(len(row)))
    for start in range(0, len(row) - len(w) + 1, S):
        unseen -= set(range(start, start + len(w)))
    print(f"S = {S}: {len(strided):3} outputs, equal to every S-th: {same}, pixels never seen: {len(unseen)}")

# %% [markdown]
# ## Zero padding
#
# Without padding the map shrinks in every layer. Follow a picture of 28 pixels through layers with $K=3$
# and count how many layers it lasts.

# %%
N, sizes = 28, []
while len(range(N - 3 + 1)) > 0:
    N = len(range(N - 3 + 1))
    sizes.append(N)
print("sizes after each layer:", sizes)
print("layers until no window fits any more:", len(sizes))

# %% [markdown]
# **Zero padding** adds a frame of zeros around the input before the window slides. Then windows can be
# centred on border pixels too, and the map keeps its size. The slides' example: one frame of zeros turns 6 by
# 6 into 8 by 8, and 8 by 8 has room for 6 by 6 windows of 3 by 3. Padding is hatched in the drawing.

# %%
figure, (axes,) = figures.panels(width=9.5, height=4.6)
figures.sliding_window(axes, patch, kernel, position=0, padding=1)
figures.show(
    figure,
    alt="A 6 by 6 patch inside a frame of zeros, 8 by 8 in all. The first window sits in the upper left "
    "corner; five of its nine cells are padding. The output is 6 by 6, as large as the input.",
)

# %% [markdown]
# ### Two conventions
#
# A number called "padding" means one of two things, and mixing them up is a classic mistake.
#
# | convention | symbol | padded size | who uses it |
# | --- | --- | --- | --- |
# | zeros on **each side** | $P$ | $N + 2P$ | PyTorch, this course, most papers |
# | zeros on **both sides together** | $p = 2P$ | $N + p$ | some textbooks, where the formula then has $+p$ |
#
# The total convention can say one thing more: an odd $p$ puts one zero more on one side than on the other.
# Here is the same padding in both conventions, and what you get when you read a total as a number per side.
#
# Then play with it. Tab reaches every control; the arrow keys move a slider, the space bar opens a list.
# Switch the convention and leave the number as it is: that is the mix-up, and the picture and the formula
# show what comes of it.

# %%
x = np.arange(1.0, 7.0)
P, p = 1, 2
padded = np.concatenate([np.zeros(P), x, np.zeros(P)])
print("input", x, "padded", padded)
print(f"P = {P} per side: {len(x)} + 2·{P} = {len(x) + 2 * P} cells;  p = {p} in all: {len(x) + p} cells")

x1, w1 = torch.from_numpy(x)[None, None], torch.ones(1, 1, 3, dtype=torch.float64)
print("outputs with padding=P:", functional.conv1d(x1, w1, padding=P).shape[-1])
print(
    "outputs when a total p is passed as if it were per side:", functional.conv1d(x1, w1, padding=p).shape[-1]
)

figure, (left, right) = figures.panels(1, 2, width=9.5, height=3.9)
title = "The number 2 as a total p: one zero on each side"
figures.padded_positions(left, 6, 3, title=title, before=1, after=1)
figures.padded_positions(right, 6, 3, title="The number 2 per side, P: four zeros", before=2, after=2)
figures.show(
    figure,
    alt="Six cells and windows of three, twice. With one zero on each side there are 6 windows; with two on "
    "each side there are 8.",
)
output_size_playground()

# %% [markdown]
# ### Padding that keeps the size
#
# With stride 1, you want $N + 2P - K + 1 = N$. Solve for $P$:
#
# $$P = \frac{K-1}{2}$$
#
# This is called **"same"** padding. It is a whole number only for **odd** $K$, and that is one reason why
# you meet kernels of 1, 3, 5 and 7 and hardly ever of 2 or 4. Another: only an odd kernel has a middle cell.

# %%
N = 28
for K in range(1, 8):
    P = (K - 1) / 2
    if P.is_integer():
        print(f"K = {K}: P = {P:g}, output {len(range(N + 2 * int(P) - K + 1))}")
    else:
        below, above = (len(range(N + 2 * whole - K + 1)) for whole in (K // 2 - 1, K // 2))
        print(f"K = {K}: P = {P:g} is not a whole number; one less and one more give {below} and {above}")

# %% [markdown]
# ### What happens at the border
#
# A zero is not "nothing": it is black. A window at the border mixes real pixels with made-up black ones.
# Count how many real pixels each window sees: slide a kernel of ones over a picture of ones, with same
# padding.

# %%
real_pixels = signal.correlate2d(np.ones((6, 6)), np.ones((3, 3)), mode="same")
on_28 = signal.correlate2d(np.ones((28, 28)), np.ones((3, 3)), mode="same")
print(f"windows that touch the padding: {np.mean(real_pixels < 9):.0%} of those on 6 × 6 pixels")
print(f"                                {np.mean(on_28 < 9):.0%} of those on 28 × 28 pixels")

figure, (axes,) = figures.panels(width=4.6, height=3.8)
figures.number_grid(axes, real_pixels, title="Real pixels under each 3×3 window of a 6×6 input")
figures.show(figure, alt="A 6 by 6 grid of counts: 9 inside, 6 along the edges and 4 in the corners.")

# %% [markdown]
# On a photograph you can see it. A blur takes the mean over a window, here a large one of 41 by 41. With
# zeros around it, the picture gets a dark frame. Repeating the border pixel instead of padding with zeros
# avoids that. Networks mostly keep zeros: they are cheap, the weights can adapt to them, and the dark frame
# can even tell later layers where the border is.

# %%
bright = photographs.images[photographs.class_names.index("pagoda")].mean(axis=0) / 255
zeros = ndimage.uniform_filter(bright, 41, mode="constant")
repeated = ndimage.uniform_filter(bright, 41, mode="nearest")
frame = np.ones(bright.shape, dtype=bool)
frame[20:-20, 20:-20] = False
for name, blurred in (("zeros", zeros), ("border pixel repeated", repeated)):
    change = blurred[frame].mean() / bright[frame].mean() - 1
    print(f"{name:22} mean brightness of the outer 20 pixels: {change:+.1%}")
print("inside, the two agree:", np.allclose(zeros[~frame], repeated[~frame]))

figure, (left, right) = figures.panels(1, 2, width=9.5, height=3.5)
figures.picture(left, zeros, title="Blur with zero padding: a dark frame")
figures.picture(right, repeated, title="Blur, border pixel repeated: no frame")
figures.show(
    figure,
    alt="A blurred photograph of a pagoda under a bright sky, twice. With zero padding its borders fade to "
    "black; with repeated border pixels they keep their brightness.",
)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
kept = [P for P in range(5) if len(range(32 + 2 * P - 5 + 1)) == 32]
question(
    "A layer with $K=5$ and stride 1 must keep $32 \\times 32$ pixels. Which padding per side does it need?",
    [
        ("0", kept == [0], "Without padding the output has 28 rows and columns: each side loses $K-1$."),
        ("1", kept == [1], "1 is right for $K=3$. A window of 5 reaches two cells beyond its middle."),
        ("2", kept == [2], "$(K-1)/2 = 2$: as many zeros as the window reaches beyond its middle cell."),
        ("4", kept == [4], "4 is the total, two on each side. Per side it is half of that."),
    ],
)

# %% [markdown]
# ## Convolution or cross-correlation
#
# What you have seen so far is called **cross-correlation** outside this field. The **convolution** of
# mathematics and signal processing turns the kernel around first:
#
# $$\text{cross-correlation: } y_i = \sum_m x_{i+m}\, w_m
# \qquad\qquad \text{convolution: } y_i = \sum_m x_{i-m}\, w_m$$
#
# The minus sign runs through the input backwards while it runs through the kernel forwards. In one dimension
# that is the kernel read from right to left; in two, the kernel rotated by 180 degrees, that is, flipped
# along both axes. A transposed kernel is something else. Compare the two in one dimension:

# %%
x = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 2.0])
w = np.array([1.0, 2.0, 3.0])
print("cross-correlation            ", np.correlate(x, w, mode="valid"))
print("convolution                  ", np.convolve(x, w, mode="valid"))
print("cross-correlation, reversed w", np.correlate(x, w[::-1], mode="valid"))

# %% [markdown]
# The clearest picture is the answer to an **impulse**: an image that is 1 in the middle and 0 elsewhere.
# Convolution stamps a copy of the kernel there. Cross-correlation stamps it upside down and mirrored.

# %%
impulse = np.zeros((5, 5))
impulse[2, 2] = 1
stamp = np.arange(1.0, 10.0).reshape(3, 3)
convolved = signal.convolve2d(impulse, stamp, mode="valid")
correlated = signal.correlate2d(impulse, stamp, mode="valid")

figure, (a, b, c) = figures.panels(1, 3, width=9.5, height=3.2)
figures.number_grid(a, stamp, title="Kernel")
figures.number_grid(b, convolved, title="Impulse convolved: a copy")
figures.number_grid(c, correlated, title="Impulse cross-correlated: turned")
figures.show(
    figure,
    alt="Three 3 by 3 grids. The kernel counts 1 to 9 row by row. The convolved impulse shows the same grid. "
    "The cross-correlated impulse counts 9 to 1: the kernel rotated by 180 degrees.",
)

# %% [markdown]
# Which of the two does a deep learning library compute when it says `conv2d`? The cell asks it, on the whole
# photograph. Libraries cross-correlate, and call it convolution. For learning it makes no difference: the
# weights are found by training, and training finds the turned kernel as readily as the other. It matters when
# you write a kernel by hand, when you carry weights from one program to another, and when you derive the
# gradient, where the turned kernel comes back (lecture 5).
#
# What mathematicians like about convolution is that it is **commutative**: input and kernel can swap places.
# Cross-correlation is not; swapping them reverses the result. The cell tries that too.

# %%
image, turned = torch.from_numpy(grey)[None, None], torch.from_numpy(stamp)[None, None]
library = functional.conv2d(image, turned)[0, 0].numpy()
for name, other in (("correlate2d", signal.correlate2d), ("convolve2d", signal.convolve2d)):
    difference = np.abs(library - other(grey, stamp, mode="valid")).max()
    print(f"largest difference between torch's conv2d and scipy's {name}: {difference:.2g}")

print("convolution        x, w:", np.convolve(x, w), " w, x:", np.convolve(w, x))
print("cross-correlation  x, w:", np.correlate(x, w, "full"), " w, x:", np.correlate(w, x, "full"))

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
symmetric = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
sideways = np.array([[-1.0, 0.0, 1.0]] * 3)
patterns = {"symmetric": symmetric, "sideways": sideways, "stamp": stamp}
agree = {
    name: np.allclose(signal.correlate2d(grey, w, mode="valid"), signal.convolve2d(grey, w, mode="valid"))
    for name, w in patterns.items()
}
question(
    "For which kernel do convolution and cross-correlation give the same map on every image?",
    [
        ("three rows (−1, 0, 1)", agree["sideways"], "After half a turn they read (1, 0, −1)."),
        ("rows (1, 2, 3), (4, 5, 6), (7, 8, 9)", agree["stamp"], "After half a turn it counts 9 to 1."),
        ("rows (0, 1, 0), (1, −4, 1), (0, 1, 0)", agree["symmetric"], "Half a turn does not change it."),
        ("none", not any(agree.values()), "There are: all that look the same after half a turn."),
    ],
)

# %% [markdown]
# ## Volumes
#
# A colour image is not a rectangle but a **volume** of numbers, $C \times H \times W$. The slides write
# $W \times H \times D$ with depth $D$ last; the numbers are the same, in another order. The window becomes a
# block too. It covers **all** channels at once and moves along rows and columns only. So a **filter** is a
# block of weights $C \times K \times K$: it is always as deep as its input, and it still makes *one* number
# per position:
#
# $$Y_{i,j} = b + \sum_{c=0}^{C-1}\sum_{m=0}^{K-1}\sum_{n=0}^{K-1} X_{c,\,i+m,\,j+n}\, W_{c,m,n}$$
#
# $b$ is the **bias**, one number per filter that is added to every output. Take the slides' volume, 28 by 28
# pixels in colour, out of the photograph, and compute one position by hand.

# %%
X = photo[:, 100:128, 150:178] / 255
W = rng.normal(size=(3, 3, 3))
b = 0.5

window = X[:, 10:13, 20:23]
print("the window has the shape", window.shape, "and the filter", W.shape)
print("by hand:", b + (window * W).sum())

library = functional.conv2d(torch.from_numpy(X)[None], torch.from_numpy(W)[None], torch.tensor([b]).double())
print("torch:  ", library[0, 0, 10, 20].item(), " its output has the shape", tuple(library.shape))

figure, (axes,) = figures.panels(width=9, height=3.2)
shapes, names = [X.shape, W.shape, tuple(library.shape[1:])], ["input", "one filter", "one feature map"]
figures.blocks(axes, shapes, names, title="A filter is as deep as its input and makes a map of depth 1")
figures.show(
    figure,
    alt="Three blocks: the input, 3 channels of 28 by 28; a filter, 3 channels of 3 by 3; and the map, "
    "1 channel of 26 by 26.",
)

# %% [markdown]
# The sum over channels means that colours can cancel. A filter that weighs red with $+1$ and green with $-1$
# answers with zero wherever the two are equal, however bright the place is.

# %%
red_minus_green = torch.tensor([1.0, -1.0, 0.0]).double().reshape(1, 3, 1, 1)
colours = functional.conv2d(torch.from_numpy(photo / 255)[None], red_minus_green)[0, 0].numpy()
equal = photo[0] == photo[1]
answer = np.abs(colours[equal]).max(initial=0)
print(f"{equal.sum()} pixels have equal red and green; the largest response there is {answer}")

figure, (left, right) = figures.panels(1, 2, width=10, height=3.3)
figures.picture(left, photo, title="The photograph")
figures.feature_maps(right, colours, title="The filter red − green ignores the white rim")
figures.show(
    figure,
    alt="The cup in colour, and the response of the filter red minus green: white on the red saucer, "
    "mid-grey, that is zero, on the white rim of the cup.",
)

# %% [markdown]
# ## Many filters
#
# One filter looks for one feature. A layer has $F$ filters and makes $F$ feature maps, stacked to a new
# volume $F \times O_H \times O_W$. That volume is the input of the next layer, whose filters are then $F$
# deep. The slides' layer has 100 filters on the volume above. Its weights have four axes, $(F, C, K, K)$.

# %%
w = rng.normal(size=(100, 3, 3, 3))
b = rng.normal(size=100)
maps = functional.conv2d(torch.from_numpy(X)[None], torch.from_numpy(w), torch.from_numpy(b), padding=1)[0]
print("weights", w.shape, " biases", b.shape, " input", X.shape, " output", tuple(maps.shape))

figure, (axes,) = figures.panels(width=9, height=3.6)
shapes, names = [X.shape, w.shape[1:], tuple(maps.shape)], ["input", "one filter of 100", "100 feature maps"]
figures.blocks(axes, shapes, names, title="100 filters make a volume with 100 channels")
figures.show(
    figure,
    alt="Three blocks: the input, 3 by 28 by 28; one of the filters, 3 by 3 by 3; and the output, 100 "
    "channels deep, 28 by 28.",
)

# %% [markdown]
# Even random filters answer to different things. Here are eight of them on the whole photograph.

# %%
eight = functional.conv2d(torch.from_numpy(photo / 255)[None], torch.from_numpy(w[:8]), padding=1)[0].numpy()
eight -= eight.mean(axis=(1, 2), keepdims=True)
figure, (axes,) = figures.panels(width=10, height=4)
names = [f"filter {number}" for number in range(8)]
title, unit = "Eight random filters answer to eight different things", "response − its mean"
figures.feature_maps(axes, eight, title=title, labels=names, columns=4, unit=unit)
figures.show(
    figure,
    alt="Eight feature maps of the photograph, made by random filters. Some look like a blurred photograph, "
    "some show only edges of one direction, some invert bright and dark.",
)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
shape = torch.nn.Conv2d(100, 64, 5, device="meta").weight.shape[1:]
question(
    "The next layer has 64 filters of 5 by 5 on the 100 maps above. Which shape has each of its filters?",
    [
        ("5 × 5", shape == (5, 5), "A flat filter would see one map only. It must be as deep as its input."),
        ("3 × 5 × 5", shape == (3, 5, 5), "3 was the depth of the image. This layer's input has 100 maps."),
        ("64 × 5 × 5", shape == (64, 5, 5), "64 is how many filters there are: the depth of the output."),
        ("100 × 5 × 5", shape == (100, 5, 5), "As deep as its input: one slice of weights per map."),
    ],
)

# %% [markdown]
# ## Counting parameters
#
# Count what the arrays hold. One filter has $C \cdot K \cdot K$ weights and one bias, and there are $F$ of
# them:
#
# $$F \cdot (C \cdot K \cdot K + 1)$$

# %%
print("one filter: ", w[0].size, "weights +", b[0].size, "bias =", w[0].size + b[0].size)
print("all filters:", w.size, "weights +", b.size, "biases =", w.size + b.size)
layer = torch.nn.Conv2d(3, 100, kernel_size=3, padding=1)
print("torch's layer of the same sizes:", sum(parameter.numel() for parameter in layer.parameters()))

# %% [markdown]
# Neither the size of the image, nor the stride, nor the padding is in this formula: they change how often the
# weights are used, not how many there are. A **fully connected** layer, in which every output has its own
# weight for every input, pays for size. Compare layers that make the same $100 \times 28 \times 28$ outputs
# from the same inputs. (PyTorch's device `meta` makes tensors that have a shape and no memory; you would not
# want to store this one.)

# %%
dense = torch.nn.Linear(X.size, maps.numel(), device="meta")
dense_count = sum(parameter.numel() for parameter in dense.parameters())
shared_count = w.size + b.size
multiplications = maps.numel() * w[0].size
print(f"fully connected: {dense_count:,} parameters, {X.size * maps.numel():,} multiplications")
print(f"convolution:     {shared_count:,} parameters, {multiplications:,} multiplications")

figure, (axes,) = figures.panels(width=9, height=2.2)
names, counts = ["fully connected", "convolution"], [dense_count, shared_count]
title = f"Sparse and shared weights: {dense_count / shared_count:,.0f} times fewer parameters"
figures.log_bars(axes, names, counts, title=title, xlabel="parameters (logarithmic scale)", form="{:,}")
figures.show(
    figure,
    alt=f"Two bars on a logarithmic scale: {dense_count:,} parameters for a fully connected layer, "
    f"{shared_count:,} for the convolution layer with the same input and output sizes.",
)

# %% [markdown]
# ## Non-linearity
#
# A convolution without bias is a weighted sum, so it is **linear**: doubling the input doubles the output.
# Two in a row are still linear, and can be replaced by one with a longer kernel. Depth would be for nothing.
# (A bias only adds a constant to that; with zero padding the two agree away from the border.) Check it in one
# dimension, where the longer kernel is the (full) convolution of the two.

# %%
first, second = np.array([1.0, -2.0, 1.0]), np.array([0.5, 1.0, 0.5])
two_layers = np.convolve(np.convolve(row, first, "valid"), second, "valid")
one_layer = np.convolve(row, np.convolve(first, second), "valid")
print("one kernel instead of two:", np.convolve(first, second))
print("largest difference, nothing between the layers:", np.abs(two_layers - one_layer).max())

rectified = np.maximum(np.convolve(row, first, "valid"), 0)
with_relu = np.convolve(rectified, second, "valid")
print("largest difference with a ReLU between them:   ", np.abs(with_relu - one_layer).max())

# %% [markdown]
# So each feature map goes through a **non-linearity**: a function applied to every number on its own. The map
# keeps its size, and there is nothing to learn in it. The usual one is the **ReLU**, the rectified linear
# unit: $\max(0, x)$, negative numbers become zero. Older ones are the hyperbolic tangent and the sigmoid,
# which flatten out on both sides.

# %%
horizontal = signal.correlate2d(grey, kernel, mode="valid")
relu = np.maximum(horizontal, 0)
print("same size:", horizontal.shape, relu.shape)
print(f"share of zeros before {np.mean(horizontal == 0):.1%}, after {np.mean(relu == 0):.1%}")

z = np.linspace(-4, 4, 161)
figure, (left, right) = figures.panels(1, 2, width=10, height=3.4)
curves = {"ReLU": np.maximum(z, 0), "tanh": np.tanh(z), "sigmoid": 1 / (1 + np.exp(-z))}
title = "ReLU keeps growing; tanh and sigmoid saturate"
figures.profiles(left, z, curves, title=title, xlabel="before", ylabel="after")
left.set_ylim(-1.2, 3.2)
both, names = np.stack([horizontal, relu]), ["before", "after ReLU"]
figures.feature_maps(right, both, title="ReLU keeps edges of one sign", labels=names)
figures.show(
    figure,
    alt="Left: three curves; ReLU is zero up to 0 and then rises without bound, tanh and sigmoid level off. "
    "Right: the response to the edge kernel before, with dark and bright lines, and after ReLU, with the "
    "bright lines only.",
)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
needed = np.allclose(two_layers, one_layer)
question(
    "Why does a network put a non-linearity between two convolution layers?",
    [
        ("To make the maps smaller", False, "It works on each number alone: the size stays."),
        (
            "Because two linear layers can do no more than one",
            needed,
            "One kernel replaces them, as the cell showed.",
        ),
        ("To add parameters", False, "ReLU, tanh and sigmoid have none: nothing in them is learned."),
        ("To keep numbers between 0 and 1", False, "The sigmoid does; ReLU has no upper limit."),
    ],
)

# %% [markdown]
# ## Edge detectors on photographs
#
# Before networks learned their kernels, people wrote them. The Sobel kernels compare the two sides of a
# pixel and smooth a little along the edge. The Laplacian compares a pixel with its four neighbours. You will
# see kernels much like them again in lecture 12, learned by networks that nobody told about edges.

# %%
sobel = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
laplacian = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
detectors = {"left to right": sobel, "top to bottom": sobel.T, "Laplacian": laplacian}

figure, axes = figures.panels(1, 3, width=9.5, height=3)
for panel, (name, detector) in zip(axes, detectors.items(), strict=True):
    figures.number_grid(panel, detector, title=name, signed=True)
figures.show(
    figure,
    alt="Three 3 by 3 kernels: Sobel left to right with columns -1 -2 -1, 0, 1 2 1; its transpose, top to "
    "bottom; and the Laplacian with -4 in the middle and 1 at its four neighbours.",
)
names, edges = ("coffee cup", "pagoda"), []
for name in names:
    picture = photographs.images[photographs.class_names.index(name)].mean(axis=0) / 255
    edges += [signal.correlate2d(picture, detector, mode="valid") for detector in detectors.values()]
edges = np.stack(edges)
edges /= edges.std(axis=(1, 2), keepdims=True)

labels, unit = [f"{name}, {detector}" for name in names for detector in detectors], "response / its spread"
figure, (axes,) = figures.panels(width=10.5, height=5)
title = "Each detector answers to its own kind of edge"
figures.feature_maps(axes, edges, title=title, labels=labels, columns=3, unit=unit)
figures.show(
    figure,
    alt="Six feature maps: a coffee cup above, a pagoda below. From left to right: upright edges, such as "
    "the pagoda's columns; level edges, such as its roofs; and fine lines in all directions.",
)

# %% [markdown]
# A detector is selective. Turn the photograph by 90 degrees, and the two Sobel kernels swap their roles.
#
# Two kernels and a mean are already enough to say something about clothes. For every class, compare the
# strength of upright edges (left to right) with that of level ones (top to bottom). The library takes the
# whole batch and both filters in one call. Which class is at the top of the list, and which at the bottom?

# %%
for name, picture in (("as it is", grey), ("turned by 90°", np.rot90(grey))):
    across, down = (np.abs(signal.correlate2d(picture, d, mode="valid")).mean() for d in (sobel, sobel.T))
    print(f"{name:14} mean response left to right {across:.3f}, top to bottom {down:.3f}")

batch = torch.from_numpy(clothes.images / 255)
both = torch.from_numpy(np.stack([sobel, sobel.T])[:, np.newaxis])
upright, level = functional.conv2d(batch, both).abs().mean(dim=(2, 3)).numpy().T
ratios = {
    name: upright[clothes.labels == number].mean() / level[clothes.labels == number].mean()
    for number, name in enumerate(clothes.class_names)
}
for name, ratio in sorted(ratios.items(), key=lambda item: -item[1]):
    print(f"{name:14} upright edges / level edges = {ratio:.2f}  {'█' * round(10 * ratio)}")

# %% [markdown]
# ## From loops to a matrix product
#
# Loops are right and slow. The way to speed is to say the same thing with fewer, larger operations. Stay in
# one dimension: a signal $x$ of shape $(C, L)$, a row of the photograph with its three channels, and $F$
# filters $w$ of shape $(F, C, K)$. There are four steps.
#
# 1. **Loops** over filters, positions, channels and weights.
# 2. **A view of all windows.** `sliding_window_view` shows the same memory as an array of windows, without a
#    copy, and one call multiplies and adds.
# 3. **Columns times a matrix.** Write each window as one column of a matrix with $C \cdot K$ rows, write each
#    filter as one row, and the whole layer is one matrix product. The columns are known as *im2col*.
# 4. **The library**, which does all this in compiled code.
#
# Look at the columns of a tiny signal first: two channels of six cells, windows of three. Then make sure that
# all four ways agree (a fast wrong answer is worth nothing), and take the time of each: the best of several
# runs, because anything else that your machine does can only make a run slower.

# %%
tiny = np.array([[1.0, 2, 3, 4, 5, 6], [10, 20, 30, 40, 50, 60]])
windows = sliding_window_view(tiny, 3, axis=1)
columns = windows.transpose(0, 2, 1).reshape(2 * 3, -1)
print("windows (C, positions, K):", windows.shape, " shares memory:", np.shares_memory(windows, tiny))
print("columns (C·K, positions):", columns.shape, " shares memory:", np.shares_memory(columns, tiny))

figure, (left, right) = figures.panels(1, 2, width=9.5, height=3.3)
figures.number_grid(left, tiny, title="Signal: 2 channels, 6 cells")
figures.number_grid(right, columns, title="Columns: one window each")
figures.show(
    figure,
    alt="Left: a signal with two channels, 1 to 6 and 10 to 60. Right: six rows and four columns; each "
    "column holds one window, the first 1 2 3 10 20 30, the next 2 3 4 20 30 40.",
)


# %%
def with_loops(x, w):
    """x (C, L), w (F, C, K) -> (F, L-K+1), one multiplication at a time."""
    (F, C, K), L = w.shape, x.shape[1]
    y = np.zeros((F, L - K + 1))
    for f in range(F):
        for i in range(L - K + 1):
            for c in range(C):
                for k in range(K):
                    y[f, i] += w[f, c, k] * x[c, i + k]
    return y


def with_windows(x, w):
    """The same from a view of all windows (C, positions, K)."""
    return np.einsum("cik,fck->fi", sliding_window_view(x, w.shape[2], axis=1), w)


def with_columns(x, w):
    """The same as one matrix product, (F, C·K) times (C·K, positions)."""
    F, C, K = w.shape
    columns = sliding_window_view(x, K, axis=1).transpose(0, 2, 1).reshape(C * K, -1)
    return w.reshape(F, C * K) @ columns


def with_library(x, w):
    """The same by PyTorch."""
    return functional.conv1d(torch.from_numpy(x)[None], torch.from_numpy(w))[0].numpy()


# %%
x = np.ascontiguousarray(photo[:, 128] / 255)
w = rng.normal(size=(32, 3, 7))
ways = {
    "loops": with_loops,
    "view of windows": with_windows,
    "columns × matrix": with_columns,
    "torch": with_library,
}
expected = with_library(x, w)
seconds = {}
for name, way in ways.items():
    worst = np.abs(way(x, w) - expected).max()
    best = np.inf
    for _ in range(3 if name == "loops" else 50):
        begin = perf_counter()
        way(x, w)
        best = min(best, perf_counter() - begin)
    seconds[name] = best
    print(f"{name:18} {1000 * best:9.3f} ms   largest difference {worst:.1e}")

gain = seconds["loops"] / seconds["columns × matrix"]
figure, (axes,) = figures.panels(width=9, height=2.8)
title = f"On this machine the matrix product is {gain:,.0f} times as fast as loops"
milliseconds, xlabel = [1000 * value for value in seconds.values()], "time for one signal (ms, log scale)"
figures.log_bars(axes, list(seconds), milliseconds, title=title, xlabel=xlabel)
figures.show(
    figure,
    alt="Bars on a logarithmic scale, in milliseconds: "
    + ", ".join(f"{name} {1000 * value:.3g}" for name, value in seconds.items())
    + ".",
)

# %% [markdown]
# The arithmetic is the same in all four: as many multiplications, in another order. What differs is who does
# them. A Python loop spends its time on bookkeeping around each product. A matrix product is the one
# operation that every processor's library has been tuned for, and a GPU's more than any other.
#
# The price is memory. Windows overlap, so most inputs are written into several columns. In two dimensions
# each pixel lies in up to $K^2$ windows, so the columns are about $K^2$ times as large. You will build them
# in exercise 5.

# %%
columns = sliding_window_view(x, 7, axis=1).transpose(0, 2, 1).reshape(3 * 7, -1)
times = columns.nbytes / x.nbytes
print(f"signal {x.nbytes:,} bytes, columns {columns.nbytes:,} bytes: {times:.1f} times as much")

# %% [markdown]
# ## Number types
#
# Images come as `uint8`: whole numbers from 0 to 255 in one byte. That is fine for storing and treacherous
# for arithmetic. Three traps:
#
# **One: whole bytes wrap around.** The sum of two `uint8` arrays is `uint8` again, and what does not fit
# starts again at 0.

# %%
red, green = photo[0], photo[1]
wrong, right = red + green, red.astype(np.float64) + green
wrapped = wrong != right
print("uint8 + uint8 gives", wrong.dtype, f"and is wrong for {wrapped.mean():.1%} of the pixels")
i, j = np.argwhere(wrapped)[0]
print(f"for example {red[i, j]} + {green[i, j]} = {wrong[i, j]}")

brighter = np.stack([photo + np.uint8(80), np.clip(photo.astype(np.float64) + 80, 0, 255).astype(np.uint8)])
figure, (left, right) = figures.panels(1, 2, width=9.5, height=3.5)
figures.picture(left, brighter[0], title="80 brighter in uint8: bright turns dark")
figures.picture(right, brighter[1], title="80 brighter in float64, then clipped")
figures.show(
    figure,
    alt="The photograph made brighter. In uint8 its bright areas have wrapped around to dark, gaudy colours; "
    "computed in float64 and clipped it is a brighter photograph.",
)

# %% [markdown]
# **Two: a result array made like the input.** `np.zeros_like(x)` copies the *type* too. Fractions written
# into an integer array are cut off, without a warning.

# %%
x = photo[0, 128, 100:106]
thirds = np.full(3, 1 / 3)
cut, kept = np.zeros_like(x[2:]), np.zeros(len(x) - 2)
for start in range(len(x) - 2):
    cut[start] = kept[start] = (x[start : start + 3] * thirds).sum()
print("mean of three, in an array like the input:", cut)
print("mean of three, in an array of float64:    ", kept.round(3))

# %% [markdown]
# **Three: short floats hide mistakes.** `float32` carries about 7 decimal digits, `float64` about 16.
# Networks train in `float32` or less, because it is faster. While you learn, use `float64`: then a difference
# of $10^{-4}$ is a mistake, and not rounding. Add up the photograph's pixels in both types, in two
# orders:

# %%
values = (photo / 255).ravel()
for dtype in (np.float32, np.float64):
    numbers = values.astype(dtype)
    forwards, shuffled = np.cumsum(numbers)[-1], np.cumsum(rng.permutation(numbers))[-1]
    apart = abs(forwards - shuffled) / forwards
    print(f"{dtype.__name__}: {forwards:.9f} and {shuffled:.9f}, relative difference {apart:.1e}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
total = np.array([200], dtype=np.uint8) + np.array([100], dtype=np.uint8)
question(
    "What is `np.array([200], dtype=np.uint8) + np.array([100], dtype=np.uint8)`?",
    [
        ("300", total[0] == 300, "300 needs more than eight bits, and the result is `uint8` again."),
        ("255", total[0] == 255, "That would be clipping. numpy does not clip, it wraps around."),
        ("44", total[0] == 44, "$300 - 256 = 44$: the ninth bit is lost, and nothing warns you."),
        ("an error", False, "Integer arrays overflow silently. That is what makes it dangerous."),
    ],
)

# %% [markdown]
# ## Errata
#
# > **Where the slides need a correction.**
# >
# > 1. *Output Size* gives $(N-K)/S + 1$, for one axis and again for volumes. The rule is
# >    $\lfloor (N + 2P - K)/S \rfloor + 1$. Without $P$ the formula is wrong as soon as there is padding, and
# >    *Zero Padding* comes on the next slide. Without the floor it gives sizes that are not whole numbers.
# > 2. *Zero Padding* gives $(K-1)/2$ for filters of size $K$. That is a number of zeros for odd $K$ only; see
# >    *Padding that keeps the size*.
# > 3. *Aside* writes $I * K$ for cross-correlation too, one slide after calling $*$ commutative.
# >    Cross-correlation is not; see *Convolution or cross-correlation*.
#
# The cell computes the first: the slides' formula beside the number of positions, counted.

# %%
print(" N  K  S  P   slides' formula   counted")
examples = [
    (6, 3, 1, 0),
    (8, 3, 1, 0),
    (6, 3, 2, 0),
    (8, 3, 3, 0),
    (6, 3, 1, 1),
    (28, 3, 1, 1),
    (28, 5, 2, 2),
]
for N, K, S, P in examples:
    slides, counted = (N - K) / S + 1, len(range(0, N + 2 * P - K + 1, S))
    remark = "" if slides == counted else "<- differs"
    print(f"{N:2} {K:2} {S:2} {P:2}   {slides:15.2f}   {counted:7}   {remark}")

# %% [markdown]
# ## What you learned
#
# - A kernel slides over the input; each output is the sum of products under one window. All windows share
#   the same weights.
# - The output size is the number of positions, $\lfloor (N + 2P - K)/S \rfloor + 1$. The floor is there
#   because windows that do not fit are dropped.
# - $P$ counts zeros on each side; a total $p$ is $2P$. Same padding is $(K-1)/2$ for odd $K$ and stride 1.
#   Zeros at the border are made-up black pixels.
# - Convolution turns the kernel by 180 degrees, cross-correlation does not. Libraries cross-correlate.
# - A filter is as deep as its input and makes one map; $F$ filters make $F$ maps and have
#   $F \cdot (C \cdot K \cdot K + 1)$ parameters, whatever the size of the image.
# - Without a non-linearity, two layers are one.
# - Windows as columns turn the layer into one matrix product: fast, and paid for with memory.
# - Compute in `float64` while you learn, and never in `uint8`.
#
# **Now you:** [exercise 2, convolution](../exercises/ex02_convolution/ex02_convolution.ipynb). You write
# the padding, both operations and the whole layer for batches, channels and strides, and its checks tell you
# which mistake you made. After that comes [lecture 4, pooling](04_pooling.ipynb).
