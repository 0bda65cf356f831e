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
# # Exercise 04: gradients through a convolutional network
#
# You write the backward pass of the layers that you know: ReLU, both poolings, and the convolution layer, with
# channels, filters, stride and padding. Each function gets the gradient that comes from above and passes it on.
# Then your gradient finds, step by step, the kernel that somebody used on a photograph.
#
# **Objectives.** After this exercise you can
#
# - say what the gradient from above is, and multiply it in where it belongs;
# - route a gradient through max pooling and share it out in average pooling, where windows overlap too;
# - derive and compute the three gradients of a convolution layer: of its input, its kernels and its biases;
# - test a gradient with central differences, and say where that test cannot agree;
# - use a gradient to learn a kernel from examples.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `relu_backward` | 2 | ●○○○○ | ●●●●○ | 10 |
# | 2 `max_pool2d_backward` | 7 | ●●●○○ | ●●●●○ | 30 |
# | 3 `avg_pool2d_backward` | 4 | ●●○○○ | ●●●○○ | 15 |
# | 4 `conv2d_backward` | 9 | ●●●●● | ●●●●● | 60 |
# | 5 a question to answer in words | 3 | ●●●○○ | ●●●●○ | 10 |
#
# **Time:** about 145 minutes to read and do; the tasks take 125 of them. All cells together run in about 5 seconds.
#
# You need [lecture 05](../../lectures/05_backprop_through_convolution.ipynb). Each task has a cell that you fill in and a
# check cell below it: run it as often as you like. It shows which cases pass, what differs, and often which
# mistake was made.
#
# **Rules of the house**, for every task here: arrays are float64 unless said otherwise; results within
# 1e-6 of the right ones count as right; integer input is accepted and must not cut off the result's fractions;
# your functions do not change the arrays that they are given. You may rename arguments, not reorder them.
# Write them with NumPy: when your work is graded, torch, `scipy.signal` and `scipy.ndimage` are not there.
#
# **The gradient from above.** The forward pass made `y` from `x`, and further layers made a loss $L$ from `y`. They hand
# you `dout`: for each number of `y`, how fast the loss grows with it, $\partial L / \partial y$. It has the shape of `y`.
# You return the same for each number of `x`: `dx`, of the shape of `x`. If the loss is a mean over the batch, `dout` holds
# that mean's factor already. So you **add up**, and never divide by the size of the batch.

# %% tags=["setup"]
import numpy as np
from course_utils.check import check, progress

# %%
progress()

# %% [markdown]
# ## 1. ReLU
#
# ReLU works on each number alone: $y = \max(x, 0)$. Its derivative is 1 where $x > 0$ and 0 where $x < 0$. At exactly 0
# there is a kink and no derivative; we take 0 there, as torch does:
#
# $$\frac{\partial L}{\partial x} = \begin{cases} \dfrac{\partial L}{\partial y} & x > 0 \\ 0 & x \le 0 \end{cases}$$
#
# By hand: $x = (2, -1, 0, 3)$ and `dout` $= (5, 6, 7, -8)$. The gradient passes where $x$ is positive, whatever its own
# sign: `dx` $= (5, 0, 0, -8)$.


# %% nbgrader={"grade": false, "grade_id": "solution_relu_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relu_backward(dout, x):
    """Pass the gradient from above back through ReLU.

    dout: gradient of the loss with respect to ReLU's output, any shape; x: ReLU's input, of the same shape.
    Returns dx, of that shape. The derivative at 0 counts as 0.
    """
    ### BEGIN SOLUTION
    return dout * (x > 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "relu_backward", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(relu_backward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Which of the two arrays decides whether a number passes, and which one is passed?
#
# <details><summary>Help 2: the next step</summary>
#
# A comparison such as `x > 0` gives an array of True and False, of the same shape. No loop is needed.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# True counts as 1 and False as 0 when you multiply. Or use `np.where(condition, a, b)`. Do not write zeros into `dout`
# itself: it is not yours.
#
# </details></details></details>

# %% [markdown]
# ## 2. Max pooling
#
# A window's output is its largest number. A small change of that number changes the output by as much; a small change of any
# other cell changes nothing. So the maximum gets all of the gradient, and the rest of the window gets 0.
#
# The windows are those of exercise 3: window $(i, j)$ begins at row $i S$ and column $j S$ and has $K$ rows and columns
# ($K$ is `kernel_size`, $S$ is `stride`). Four things follow.
#
# - Windows overlap when $S < K$. A cell that is the maximum of several windows gets the **sum** of their gradients.
# - Cells between windows ($S > K$), and cells at the end where no window fits any more, get 0.
# - In a **tie**, the first maximum of the window gets everything. First means row by row, as you read.
# - Each image and each channel is pooled by itself.
#
# By hand: one row with $K = 2$, $S = 1$, as if windows had a single row. $x = (1, 4, 3, 3)$ has the windows $(1, 4)$,
# $(4, 3)$, $(3, 3)$. With `dout` $= (10, 20, 30)$ the cell 4 gets $10 + 20$, and of the two 3s the first gets 30:
# `dx` $= (0, 30, 30, 0)$.


# %% nbgrader={"grade": false, "grade_id": "solution_max_pool2d_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_pool2d_backward(dout, x, kernel_size, stride):
    """Send the gradient from above to the maximum of each window.

    dout: (N, C, OH, OW), the gradient of the pooled maps; x: (N, C, H, W), the input of the pooling;
    kernel_size: rows and columns of a window; stride: cells per step, both ways.
    OH = (H - kernel_size) // stride + 1, and OW likewise: windows that do not fit were dropped.
    Returns dx (N, C, H, W). A tie sends the gradient to the first maximum of the window, row by row.
    """
    ### BEGIN SOLUTION
    dx = np.zeros(x.shape, dtype=dout.dtype)
    for n, c, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        window = x[n, c, top : top + kernel_size, left : left + kernel_size]
        row, column = np.unravel_index(np.argmax(window), window.shape)
        dx[n, c, top + row, left + column] += dout[n, c, i, j]
    return dx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "max_pool2d_backward", "locked": true, "points": 7, "schema_version": 3, "solution": false, "task": false}
check(max_pool2d_backward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Make `dx` first: zeros, of the shape of `x`. Then visit each number of `dout`: image, channel, row, column. Its window is
# the one that the forward pass looked at.
#
# <details><summary>Help 2: the next step</summary>
#
# Find the place of the maximum inside the window. `np.argmax(window)` gives one index that counts row by row, and the first
# one of equal maxima. `divmod(index, kernel_size)` turns it into a row and a column of the window.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The place in the image is the window's first row plus the row in the window, and the same with columns. Add `dout`'s
# number to `dx` there with `+=`. If only "ties" fails, you compare `window == window.max()`, which is true in
# several cells.
#
# </details></details></details>

# %% [markdown]
# ## 3. Average pooling
#
# The output is the mean of the window, and each of its $K \cdot K$ cells counts for one part in $K^2$. So each of them gets
# the same share of the gradient, whatever it holds:
#
# $$\frac{\partial L}{\partial x_{rs}} = \sum_{\text{windows } (i,j) \text{ that cover } (r,s)} \frac{1}{K^2} \frac{\partial L}{\partial y_{ij}}$$
#
# Windows lie as in task 2: shares of overlapping windows add up, and cells that no window covers get 0. The values of
# `x` do not matter here. It is handed over so that you know the shape of `dx`.
#
# By hand: one row with $K = 2$, $S = 1$, as if windows had a single row, so each cell counts for one half. With
# `dout` $= (10, 20)$ and three cells, `dx` $= (5, 5 + 10, 10) = (5, 15, 10)$.


# %% nbgrader={"grade": false, "grade_id": "solution_avg_pool2d_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def avg_pool2d_backward(dout, x, kernel_size, stride):
    """Share the gradient from above out among the cells of each window.

    dout: (N, C, OH, OW), the gradient of the pooled maps; x: (N, C, H, W), the input of the pooling;
    kernel_size: rows and columns of a window; stride: cells per step, both ways.
    OH = (H - kernel_size) // stride + 1, and OW likewise: windows that do not fit were dropped.
    Returns dx, a float array (N, C, H, W).
    """
    ### BEGIN SOLUTION
    dx = np.zeros(x.shape)
    share = dout / kernel_size**2
    for i, j in np.ndindex(dout.shape[2:]):
        rows = slice(i * stride, i * stride + kernel_size)
        columns = slice(j * stride, j * stride + kernel_size)
        dx[:, :, rows, columns] += share[:, :, i, j, None, None]
    return dx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "avg_pool2d_backward", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(avg_pool2d_backward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Keep the loops of task 2. What changes is who gets how much.
#
# <details><summary>Help 2: the next step</summary>
#
# The window's cells are a slice of `dx`: rows `i * stride` to `i * stride + kernel_size`, and columns likewise. You can
# add one number to a whole slice.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The number is `dout[n, c, i, j]` divided by the number of cells in a window. If only "windows that overlap" fails,
# look for `=` where `+=` belongs.
#
# </details></details></details>

# %% [markdown]
# ## 4. The convolution layer
#
# The forward pass is that of exercise 2. With $G =$ `dout`, the gradient with respect to $Y$:
#
# $$Y_{n f i j} = b_f + \sum_{c, m, k} X^{\text{padded}}_{n,\, c,\, iS + m,\, jS + k} \; W_{f c m k}$$
#
# Every output is a sum of products. The derivative of a product with respect to one factor is the other factor. To get the
# gradient of a number, ask in which outputs it was used, and add up over all of these uses:
#
# $$\frac{\partial L}{\partial b_f} = \sum_{n, i, j} G_{n f i j} \qquad\qquad
# \frac{\partial L}{\partial W_{f c m k}} = \sum_{n, i, j} G_{n f i j} \; X^{\text{padded}}_{n,\, c,\, iS + m,\, jS + k}$$
#
# $$\frac{\partial L}{\partial X^{\text{padded}}_{n c r s}} = \sum_{f} \;
# \sum_{\substack{i, m:\; iS + m = r \\ j, k:\; jS + k = s}} G_{n f i j} \; W_{f c m k}$$
#
# The last one looks worse than it is. Read it from the output's side: $G_{nfij}$ times the whole filter $W_f$ is **added**
# to the window of the padded gradient that output $(i, j)$ looked at. Windows overlap, so contributions add up; cells
# that no window reached keep 0. The zeros of the padding are no inputs: in the end you cut their gradient off, and `dx`
# has the shape of `x`.
#
# By hand: an image of one row $x = (1, 2, 3)$, a kernel $w = (4, 5)$, stride 1, no padding. There are two windows,
# $(1, 2)$ and $(2, 3)$. Let `dout` $= (1, 10)$, so that you can tell in every result where it comes from:
#
# | | window $(1, 2)$, `dout` 1 | window $(2, 3)$, `dout` 10 | sum |
# | --- | --- | --- | --- |
# | `dw` | $1 \cdot (1, 2)$ | $10 \cdot (2, 3)$ | $(21, 32)$ |
# | `dx` | $1 \cdot (4, 5)$ to cells 0 and 1 | $10 \cdot (4, 5)$ to cells 1 and 2 | $(4, 5 + 40, 50) = (4, 45, 50)$ |
# | `db` | $1$ | $10$ | $11$ |
#
# Loops are fine. Write it so that it is right; making it fast is the next exercise. You can begin with `db` and return
# zeros for what is still missing: a gradient that is right earns its share of the points, `dx` and `dw` two fifths each, `db`
# one fifth.


# %% nbgrader={"grade": false, "grade_id": "solution_conv2d_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_backward(dout, x, w, stride, padding):
    """Compute the three gradients of a convolution layer (cross-correlation, as in every library).

    dout: (N, F, OH, OW), the gradient of the feature maps; x: (N, C, H, W); w: (F, C, KH, KW);
    stride: cells per step, both ways; padding: zeros on each side.
    OH = (H + 2 * padding - KH) // stride + 1, and OW likewise.
    Returns dx (N, C, H, W), dw (F, C, KH, KW) and db (F,), in this order. dw and db are sums over the batch
    and over all positions.
    """
    ### BEGIN SOLUTION
    (height, width), (kh, kw) = x.shape[2:], w.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dpadded, dw = np.zeros(padded.shape), np.zeros(w.shape)
    for i, j in np.ndindex(dout.shape[2:]):
        rows, columns = slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)
        dw += np.einsum("nf,ncmk->fcmk", dout[:, :, i, j], padded[:, :, rows, columns])
        dpadded[:, :, rows, columns] += np.einsum("nf,fcmk->ncmk", dout[:, :, i, j], w)
    dx = dpadded[:, :, padding : padding + height, padding : padding + width]
    return dx, dw, dout.sum(axis=(0, 2, 3))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "conv2d_backward", "locked": true, "points": 9, "schema_version": 3, "solution": false, "task": false}
check(conv2d_backward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Begin with `db`: it is one sum over three axes of `dout`. Then pad `x`, and make two arrays of zeros: one of the shape
# of the padded `x`, one of the shape of `w`. Loop over image, filter, row and column of `dout`, as in the forward pass.
#
# <details><summary>Help 2: the next step</summary>
#
# The window of output (i, j) is `padded[n, :, rows, columns]` with the same rows and columns as in the forward pass. It
# has the shape of `w[f]`. One line adds to `dw[f]`, one line adds to the window of the padded gradient. Both multiply
# by `dout[n, f, i, j]`.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# To `dw[f]` goes `dout`'s number times the window; to the window of the padded gradient goes `dout`'s number times
# `w[f]`. After the loops, cut the padding off: rows `padding` to `padding + H`, and columns likewise. If only the cases
# without padding fail, you wrote `padding:-padding`, which is empty then. If only "several images" fails, look for a
# division by N.
#
# </details></details></details>

# %% [markdown]
# ### Check yourself
#
# You can test a gradient without knowing the right one. Take the number $L = \sum \text{dout} \cdot y$: its gradient is
# what your function returns. Now go a small step $h$ in a random direction $v$, and one the other way, run the
# **forward** pass at both places, and compare:
#
# $$\frac{L(x + h v) - L(x - h v)}{2 h} \approx \sum_{r} \frac{\partial L}{\partial x_r} \, v_r$$
#
# The left side is a **central difference**. This cell does it for an image of one row, where NumPy has the forward pass:
# `np.correlate`. Run it several times, change the sizes and the stride, or put in the forward pass that you wrote in
# exercise 2. When a gradient is wrong, a $v$ with a single 1 in it shows you which number.

# %%
generator = np.random.default_rng()
row, weights, stride = generator.normal(size=9), generator.normal(size=3), 2
upstream = generator.normal(size=np.correlate(row, weights)[::stride].size)
h = 1e-5


def loss(row, weights):
    return np.sum(upstream * np.correlate(row, weights)[::stride])


try:
    gradients = conv2d_backward(*(a.reshape(1, 1, 1, -1) for a in (upstream, row, weights)), stride, 0)
except NotImplementedError:
    print("Write conv2d_backward first, then come back to this cell.")
else:
    v = generator.normal(size=row.size)
    difference = (loss(row + h * v, weights) - loss(row - h * v, weights)) / (2 * h)
    print(f"dx along v: {np.sum(gradients[0].ravel() * v):.9f}   central difference: {difference:.9f}")
    v = generator.normal(size=weights.size)
    difference = (loss(row, weights + h * v) - loss(row, weights - h * v)) / (2 * h)
    print(f"dw along v: {np.sum(gradients[1].ravel() * v):.9f}   central difference: {difference:.9f}")

# %% [markdown]
# ### See it
#
# Somebody slid a kernel over a photograph and gives you the photograph and the result. Which kernel was it? Begin
# with a random one, look at how far its feature map is from the given one, ask your function for `dw`, take a step
# downhill, and repeat. That is how every filter of every network in this course is found. Run this cell when task 4
# passes; it takes a few seconds, also if you loop over every single number.
#
# The cell needs a forward pass too, and your own function has one inside. Look at the formula of
# $\partial L / \partial W$ with $S = 1$: it slides `dout` over the image and sums the products. So `dw` **is** a
# cross-correlation, of the image with `dout` as its kernel.

# %%
from course_utils import figures
from course_utils.data import load


def feature_map(image, kernel):
    size = np.subtract(image.shape, kernel.shape) + 1
    return conv2d_backward(kernel[None, None], image[None, None], np.zeros((1, 1, *size)), 1, 0)[1][0, 0]


photographs = load("photographs")
photograph = photographs.images[photographs.class_names.index("cat")].mean(axis=0)
small = photograph.reshape(32, 8, 48, 8).mean(axis=(1, 3))[6:30, 14:38]  # blocks of 8 by 8 pixels
image = (small - small.mean()) / small.std()
used = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
begin = np.random.default_rng(1).normal(size=(3, 3))
kernel, losses, rate = begin.copy(), [], 0.3
try:
    given = feature_map(image, used)
    for _ in range(120):
        error = feature_map(image, kernel) - given
        losses.append(np.mean(error**2) / 2)
        dout = error / error.size  # the gradient of this loss with respect to the feature map
        dw = conv2d_backward(dout[None, None], image[None, None], kernel[None, None], 1, 0)[1]
        kernel -= rate * dw[0, 0]
except NotImplementedError:
    print("Write conv2d_backward first, then come back to this cell.")
else:
    figure, panels = figures.panels(2, 3, width=11, height=7)
    figures.picture(panels[0], small / 255, title=f"the photograph, {len(small)} x {len(small)}")
    limit = np.abs(given).max()
    panels[1].imshow(given, cmap="gray", vmin=-limit, vmax=limit)
    panels[1].set_title(f"the map you are given, {len(given)} x {len(given)}")
    for axes in panels[:2]:
        axes.set_axis_off()
    title = f"the loss falls from {losses[0]:.2g} to {losses[-1]:.1g}"
    steps = np.arange(len(losses))
    figures.profiles(panels[2], steps, {"": losses}, title=title, xlabel="step", ylabel="loss (log scale)")
    panels[2].set_yscale("log")
    for axes, values, name in (
        (panels[3], begin, "your kernel at the beginning"),
        (panels[4], kernel, f"your kernel after {len(losses)} steps"),
        (panels[5], used, "the kernel that was used"),
    ):
        figures.number_grid(axes, values.round(2), title=name, signed=True)
    figures.show(
        figure,
        alt="A small photograph of a cat and the map of its vertical edges. The loss, on a logarithmic axis, falls "
        f"from {losses[0]:.2g} to {losses[-1]:.1g} in {len(losses)} steps, steeply at first. The kernel is random at "
        "the beginning. At the end no number of it is further than "
        f"{np.abs(kernel - used).max():.1g} from the kernel that was used, with the rows 1 0 -1, 2 0 -2, 1 0 -1.",
    )

# %% [markdown]
# You found the kernel, although nobody told you that it is one of the edge detectors of lecture 3. The loss falls fast and
# then slowly. Neighbouring pixels of a photograph are alike, so kernels that differ in a fine pattern only make
# nearly the same map: the gradient along such a pattern is small.

# %% [markdown]
# ## 5. In your own words
#
# A colleague tests her backward passes with central differences, one number of the image after the other, in float64 with
# $h = 10^{-5}$, on images of whole brightnesses from 0 to 255. For the convolution layer every value agrees to five digits
# or more. For max pooling most values agree, but some are off by half of the gradient, and she suspects a bug. Explain in
# three to six sentences why the convolution layer agrees so well, where the differences of max pooling can come from
# although her code is right, and what she can change in the test to be sure. An instructor reads this answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "gradient_check_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The output of the convolution layer is linear in the input, and linear in the weights, so its curve along any one of them is
# a straight line: a central difference has no error there but rounding. Max pooling is made of straight pieces with kinks where
# two cells of a window are equal. Whole brightnesses tie often. A step up of a tied cell raises the maximum by h; a step
# down changes nothing, since the other cell holds the maximum: the central difference sees half of the gradient in each of
# the tied cells, while the code sends all of it to the first one. There is no derivative at a kink; sending it to one of them is a convention,
# and no bug. She can test with inputs in which all numbers of a window are further than 2h apart (for instance random
# real numbers, or a permutation of whole numbers), or leave out windows with ties, and test the rule for ties by itself.
#
# Rubric: 1 point for "linear in each argument" (no error but rounding); 1 point for ties or kinks, with the reason why the
# difference is not the value that the code returns (each side of the step sees another maximum); 1 point for a change that removes them: distinct
# inputs, or windows with ties left out. A smaller h alone does not help at an exact tie and earns nothing.

# %% [markdown]
# ## What you learned
#
# - A layer's backward pass takes the gradient of its output and returns the gradient of each of its inputs.
# - ReLU passes the gradient where its input was positive; max pooling sends it to the first maximum; average pooling
#   shares it out.
# - Whatever was used several times gets the sum of its uses: cells under overlapping windows, weights at all positions,
#   biases over the batch.
# - The gradient of the kernel slides `dout` over the image; the gradient of the input adds `dout` times the kernel to
#   each window.
# - Central differences test any gradient, away from kinks.
#
# Back to [lecture 05](../../lectures/05_backprop_through_convolution.ipynb), or on to
# [exercise 05](../ex05_fast_convolution/ex05_fast_convolution.ipynb), where the loops go and the same gradients become fast.
