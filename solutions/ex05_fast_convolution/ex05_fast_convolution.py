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
# # Exercise 05: make the convolution layer fast
#
# In exercises 2 and 4 you wrote a convolution layer and its gradients so that they are right. Now you write both
# again so that they are fast, and they must stay right. The idea is an old one: copy every window into a column of a
# matrix, and the whole layer is one matrix product. What goes forward by copying comes back by adding.
#
# **Objectives.** After this exercise you can
#
# - write the windows of a batch of images as columns of a matrix, in a given order;
# - add columns back to where their windows lie, and say why that is the backward pass of the copying;
# - write a convolution layer and all three of its gradients as matrix products;
# - measure how fast code is against a yardstick that means the same on every machine;
# - say what speed costs in memory.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `im2col` | 6 | ●●●○○ | ●●●●● | 30 |
# | 2 `col2im` | 6 | ●●●●○ | ●●●●○ | 30 |
# | 3 `conv2d_fast` | 7 | ●●○○○ | ●●●●● | 20 |
# | 4 `conv2d_fast_backward` | 9 | ●●●●○ | ●●●●● | 35 |
# | 5 a question to answer in words | 3 | ●●●○○ | ●●●○○ | 15 |
#
# **Time:** about 150 minutes to read and do; the tasks take 130 of them. All cells together run in about 5 seconds.
#
# You need [lecture 05](../../lectures/05_backprop_through_convolution.ipynb), and from
# [lecture 03](../../lectures/03_convolution_layer.ipynb) its section on loops and matrix products. Each task has a
# cell that you fill in and a check cell below it: run it as often as you like. It shows which cases pass, what
# differs, and often which mistake was made.
#
# **Rules of the house**, for every task here: arrays are float64 unless said otherwise; results within
# 1e-6 of the right ones count as right; integer input is accepted and must not cut off the result's fractions;
# your functions do not change the arrays that they are given. You may rename arguments, not reorder them.
# Write them with NumPy: when your work is graded, torch, `scipy.signal` and `scipy.ndimage` are not there.
#
# **In this exercise** kernels are square, `kernel_size` (K) is one number, and every window fits: the kernel is
# never larger than the padded image. As before, a window that would hang over the end is dropped, so
# $O = \lfloor (N + 2P - K) / S \rfloor + 1$ along each axis.
#
# **Speed** counts in tasks 3 and 4, in a group of cases of its own. Your function must be at least **10 times as fast
# as a plain Python loop of as many multiply-adds**. The check times both on your machine, one right after the other,
# and says how many times as fast yours was. Wrong values are never fast. Being faster than that gives no more points.

# %% tags=["setup"]
import numpy as np
from course_utils.check import check, progress

# %%
progress()

# %% [markdown]
# ## 1. Every window becomes a column
#
# A window holds $C \cdot K \cdot K$ numbers: K rows and K columns of every channel. Write them below one another, and
# do so for each of the $OH \cdot OW$ windows. That makes one matrix for each image of the batch:
#
# $$\text{cols}_{n,\; c K^2 + m K + k,\; i\,OW + j} = X^{\text{padded}}_{n,\, c,\, iS + m,\, jS + k}$$
#
# The order matters, because the filters will have to follow it. **Rows** go by channel $c$, then kernel row $m$,
# then kernel column $k$. **Columns** go by output row $i$, then output column $j$, as you read a page.
#
# By hand: an image of 3 by 3 with one channel, $K = 2$, $S = 1$, $P = 0$. Four windows, so four columns. The first
# column is the upper left window, read row by row:

# %%
from course_utils import figures

image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
columns = np.array([[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]])
figure, (left, right) = figures.panels(1, 2, width=8, height=3.4)
figures.number_grid(left, image, title="An image of 3 by 3")
figures.number_grid(right, columns, title="Its four windows of 2 by 2 as columns")
figures.show(
    figure,
    alt="Left: an image with the numbers 1 to 9 in three rows. Right: its columns, a 4 by 4 matrix. The first column "
    "is 1, 2, 4, 5, the second 2, 3, 5, 6, the third 4, 5, 7, 8, the last 5, 6, 8, 9.",
)


# %% nbgrader={"grade": false, "grade_id": "solution_im2col", "locked": false, "schema_version": 3, "solution": true, "task": false}
def im2col(x, kernel_size, stride, padding):
    """Write every window of a batch of images as a column of a matrix.

    x: (N, C, H, W); kernel_size: rows and columns of the window, K; stride: cells per step, both ways;
    padding: zeros on each side.
    Returns an array (N, C * K * K, OH * OW) with OH = (H + 2 * padding - K) // stride + 1, and OW likewise.
    Rows are ordered by channel, kernel row, kernel column; columns by output row, output column.
    """
    ### BEGIN SOLUTION
    N, C, H, W = x.shape
    K, S, P = kernel_size, stride, padding
    OH, OW = (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1
    padded = np.pad(x, ((0, 0), (0, 0), (P, P), (P, P)))
    cols = np.empty((N, C, K, K, OH, OW), dtype=x.dtype)
    for m in range(K):
        for k in range(K):
            cols[:, :, m, k] = padded[:, :, m : m + S * OH : S, k : k + S * OW : S]
    return cols.reshape(N, C * K * K, OH * OW)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "im2col", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(im2col)

# %% [markdown]
# Here only the values count. But tasks 3 and 4 will stand on this function: one that visits every position of every
# image in a Python loop passes here and is too slow there.
#
# <details><summary>Help 1: where to start</summary>
#
# Think of the result with its axes apart, (N, C, K, K, OH, OW), and of the reshape to three axes as the last
# line. Which numbers does it hold for one kernel cell (m, k), at all positions at once?
#
# <details><summary>Help 2: the next step</summary>
#
# They are the padded images from row m and column k on, every `stride`-th row and column, OH by OW of them: one slice
# with steps. So K times K slices fill the array. (Or take a `sliding_window_view`, keep every `stride`-th window,
# and move the axes of the kernel before those of the output.)
#
# <details><summary>Help 3: nearly all of it</summary>
#
# `np.empty` with six axes and the type of `x`; two loops over the kernel cells; assign the slice
# `m : m + stride * OH : stride` of the rows and its like of the columns to `[:, :, m, k]`. Reshape at the end. If "several
# channels" fails and "one image, one channel" passes, an axis stands in the wrong place when you reshape.
#
# </details></details></details>

# %% [markdown]
# ## 2. And back: columns are added to their windows
#
# `col2im` takes a matrix of columns, one for each window, and adds every column to the place where its window lies. Where
# windows overlap, a cell gets the sum. At the end the padding is cropped, and cells that no window covers are zero.
#
# By hand: take the four columns of the picture above and add them back. Cell 5 in the middle lies in all four
# windows, so it comes back as $5 + 5 + 5 + 5 = 20$; cell 2 lies in two windows, cell 1 in one:
#
# $$\begin{pmatrix} 1 & 2 & 4 & 5 \\ 2 & 3 & 5 & 6 \\ 4 & 5 & 7 & 8 \\ 5 & 6 & 8 & 9 \end{pmatrix} \to
# \begin{pmatrix} 1 & 4 & 3 \\ 8 & 20 & 12 \\ 7 & 16 & 9 \end{pmatrix}$$
#
# So `col2im` does **not** undo `im2col`. It is its backward pass: a pixel that was copied into four columns gets the
# gradients of all four copies, and gradients add up. In the language of algebra the one is the other's transpose:
# for every `x` and every `c` of the shape of its columns,
#
# $$\textstyle\sum \text{im2col}(x) \cdot c \;=\; \sum x \cdot \text{col2im}(c) .$$


# %% nbgrader={"grade": false, "grade_id": "solution_col2im", "locked": false, "schema_version": 3, "solution": true, "task": false}
def col2im(cols, x_shape, kernel_size, stride, padding):
    """Add every column back to where its window lies, and crop the padding.

    cols: (N, C * K * K, OH * OW), ordered as im2col orders them; x_shape: the images' shape, a tuple
    (N, C, H, W) of ints; kernel_size, stride, padding: as in im2col.
    Returns an array of shape x_shape.
    """
    ### BEGIN SOLUTION
    N, C, H, W = x_shape
    K, S, P = kernel_size, stride, padding
    OH, OW = (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1
    apart = cols.reshape(N, C, K, K, OH, OW)
    padded = np.zeros((N, C, H + 2 * P, W + 2 * P), dtype=cols.dtype)
    for m in range(K):
        for k in range(K):
            padded[:, :, m : m + S * OH : S, k : k + S * OW : S] += apart[:, :, m, k]
    return padded[:, :, P : P + H, P : P + W]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "col2im", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(col2im)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Take the steps of `im2col` in the opposite order. What was the last one? And what takes the place of copying a slice
# out of the padded images?
#
# <details><summary>Help 2: the next step</summary>
#
# Reshape the columns to (N, C, K, K, OH, OW). Make padded images of zeros. For one kernel cell (m, k) the OH by OW
# places are all different, so `+=` on that slice is safe. With arrays of indices it is not: a cell that
# appears twice gets one of the two values.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The two loops of `im2col`, with the sides of the assignment swapped and `+=` in place of `=`. Then crop: rows from
# `padding` to `padding + H`, columns likewise. `padding:-padding` is empty where `padding` is 0.
#
# </details></details></details>

# %% [markdown]
# ## 3. The layer as a matrix product
#
# Write each filter as one row of a matrix, in the order of the columns' rows. Then the value of filter $f$ at position
# $p$ is row $f$ times column $p$, and all of them together are one product for each image:
#
# $$\underbrace{Y_n}_{F \times (OH \cdot OW)} = \underbrace{W}_{F \times C K^2} \;
# \underbrace{\text{cols}_n}_{C K^2 \times (OH \cdot OW)} + \; b$$
#
# By hand: the image and the columns of the picture above, one filter with the kernel
# $\begin{pmatrix} 1 & 0 \\ 0 & -1 \end{pmatrix}$, bias 10. As a row it is $(1, 0, 0, -1)$. Times the first
# column: $1 - 5 = -4$, plus the bias: 6. The other columns give $2 - 6$, $4 - 8$ and $5 - 9$, so the feature map holds
# four times the 6.
#
# The values are those of the layer of exercise 2. The speed group has a batch of 2 images of 4 x 34 x 34 and 16
# filters of 3 x 3, which is 1.2 million multiply-adds. When your work is graded, a larger layer is timed,
# by a coarser clock: there eight times as fast as the loop is enough.


# %% nbgrader={"grade": false, "grade_id": "solution_conv2d_fast", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_fast(x, w, b, stride, padding):
    """Apply a convolution layer (cross-correlation) to a batch of images, fast.

    x: (N, C, H, W); w: (F, C, K, K); b: (F,); stride: cells per step, both ways; padding: zeros on each side.
    Returns a float array (N, F, OH, OW) with OH = (H + 2 * padding - K) // stride + 1, and OW likewise.
    """
    ### BEGIN SOLUTION
    N, C, H, W = x.shape
    F, _, K, _ = w.shape
    OH, OW = (H + 2 * padding - K) // stride + 1, (W + 2 * padding - K) // stride + 1
    cols = im2col(x, K, stride, padding)
    y = w.reshape(F, C * K * K) @ cols + b[:, None]
    return y.reshape(N, F, OH, OW)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "conv2d_fast", "locked": true, "points": 7, "schema_version": 3, "solution": false, "task": false}
check(conv2d_fast)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Call your `im2col`. Which shape has its result, and which shape must the filters have so that `filters @ columns`
# works?
#
# <details><summary>Help 2: the next step</summary>
#
# `@` treats all axes but the last two as a batch: an (F, C * K * K) matrix times (N, C * K * K, OH * OW) gives
# (N, F, OH * OW), without a loop over the images. A reshape of `w` keeps the order channel, row, column.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Reshape the filters to F rows, multiply, add the bias as a column `b[:, None]`, and reshape the last axis to OH, OW.
# If only "speed" fails, your `im2col` takes the time: let it loop over the cells of the kernel, not over positions.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# Your layer on photographs: four filters of 7 by 7, for stripes in four directions, on all three channels, with stride 2.
# Run this cell when task 3 passes. A map is bright where the photograph has lines or edges that run as the stripes
# of its kernel do. Look at the cat's whiskers, and at the rim of the dahlia.

# %%
from time import perf_counter

from course_utils.data import load

photographs = load("photographs")
chosen = [photographs.class_names.index(name) for name in ("pagoda", "cat", "dahlia")]
pictures = photographs.images[chosen] / 255
down, across = np.mgrid[-3:4, -3:4]
directions = {"upright": 0, "rising": 1, "lying": 2, "falling": 3}
stripes = [np.cos(1.5 * (np.cos(a) * across + np.sin(a) * down)) for a in np.arange(4) * np.pi / 4]
kernels = np.stack(stripes) * np.exp(-(down**2 + across**2) / 6)
kernels -= kernels.mean(axis=(1, 2), keepdims=True)
filters = np.stack([kernels] * 3, axis=1)


def ready():
    """Try the layer on the corner of one photograph before it gets whole ones."""
    begin = perf_counter()
    try:
        conv2d_fast(pictures[:1, :, :128, :128], filters, np.zeros(4), 2, 3)
    except NotImplementedError:
        print("Write im2col and conv2d_fast first, then come back to this cell.")
        return False
    seconds = perf_counter() - begin
    if seconds > 0.5:
        print(f"A corner of a photograph takes {seconds:.1f} s: make conv2d_fast faster, then come back.")
    return seconds <= 0.5


if ready():
    feature_maps = np.maximum(conv2d_fast(pictures, filters, np.zeros(4), 2, 3), 0)
    figure, panels = figures.panels(4, 5, width=11, height=7)
    panels[0].set_axis_off()
    for name, number in directions.items():
        panels[1 + number].imshow(kernels[number], cmap="gray")
        panels[1 + number].set_title(f"{name} stripes")
        panels[1 + number].set_axis_off()
    for row, place in enumerate(chosen):
        first, *others = panels[5 * row + 5 : 5 * row + 10]
        figures.picture(first, photographs.images[place], title=f"the {photographs.class_names[place]}")
        first.set_axis_off()
        for name, number in directions.items():
            bright = np.quantile(feature_maps[row, number], 0.99)
            others[number].imshow(feature_maps[row, number], cmap="gray", vmin=0, vmax=bright)
            others[number].set_title(name)
            others[number].set_axis_off()
    figures.show(
        figure,
        alt="Above: four kernels whose stripes stand upright, rise to the right, lie flat and fall to the right. "
        "Below: a pagoda, a cat and a dahlia, each with its four feature maps of your layer. They are bright where lines "
        "run as the kernel's stripes do: the pagoda's roofs in the third, parts of the dahlia's rim in each.",
    )

# %% [markdown]
# ### Time it
#
# A layer of 32 filters of 7 by 7 on the same photographs, timed on your machine beside two others: a plain loop (a part of
# it is timed and scaled up, or you would wait), and a matrix product of the same size by itself, on random numbers.
# What your layer takes beyond that product is the price of making columns. The axis is logarithmic: from one labelled line
# to the next is a factor of ten.

# %%
from course_utils.check.race import loop_seconds

rng = np.random.default_rng(5)
many = rng.normal(size=(32, 3, 7, 7))
one, other = rng.normal(size=(32, 147)), rng.normal(size=(147, 3 * 128 * 192))
ways = {
    "your layer": lambda: conv2d_fast(pictures, many, np.zeros(32), 2, 3),
    "the product alone": lambda: one @ other,
}
if ready():
    products = one.size * other.shape[1]
    milliseconds = {"a plain loop": 1000 * loop_seconds(products)}
    for name, way in ways.items():
        milliseconds[name] = np.inf
        for _ in range(5):
            begin = perf_counter()
            way()
            milliseconds[name] = min(milliseconds[name], 1000 * (perf_counter() - begin))
            if milliseconds[name] > 1000:
                break
    gain = milliseconds["a plain loop"] / milliseconds["your layer"]
    title = f"{products / 1e6:,.0f} million multiply-adds: your layer is {gain:,.0f} times as fast as a loop"
    xlabel = "time for three photographs (ms, log scale)"
    figure, (axes,) = figures.panels(width=9, height=2.6)
    figures.log_bars(
        axes, list(milliseconds), list(milliseconds.values()), title=title, xlabel=xlabel, form="{:,.0f}"
    )
    figures.show(
        figure,
        alt="Bars of the time in milliseconds: "
        + ", ".join(f"{name} {value:,.0f}" for name, value in milliseconds.items()),
    )

# %% [markdown]
# ## 4. The gradients as matrix products
#
# The gradient from above, `dout`, has the shape of the result: (N, F, OH, OW). Written as a matrix $D_n$ of F rows and
# $OH \cdot OW$ columns for each image, it gives all three gradients with the matrices that you have:
#
# $$\frac{\partial L}{\partial b} = \sum_{n,\,p} (D_n)_{\cdot\, p} \qquad
# \frac{\partial L}{\partial W} = \sum_n D_n \, \text{cols}_n^\top \qquad
# \frac{\partial L}{\partial\, \text{cols}_n} = W^\top D_n$$
#
# The last one is the gradient of the *columns*. From there to the gradient of the images is one more step.
# All three are sums, as in exercise 4: where a loss is a mean over the batch, `dout` has the division in it.
#
# By hand: one pixel $x = 3$, one filter with the weight 10, `dout` 2. Then $db = 2$, $dw = 2 \cdot 3 = 6$ and
# $dx = 10 \cdot 2 = 20$. And with overlap: an image of 3 by 3, a kernel of 2 by 2 that is all ones, `dout` all ones. The pixel
# in the middle lies in four windows, so its `dx` is 4; a corner's is 1.
#
# The speed group has the shapes of task 3, and 2.4 million multiply-adds: `dw` and `dx` need as many as the layer, each.
# Of every other group's points `dx` and `dw` earn two fifths each and `db` one fifth, so begin with what you know.


# %% nbgrader={"grade": false, "grade_id": "solution_conv2d_fast_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_fast_backward(dout, x, w, stride, padding):
    """Return the gradients of a convolution layer's input, filters and biases, fast.

    dout: gradient of the loss by the layer's result, (N, F, OH, OW); x: (N, C, H, W); w: (F, C, K, K);
    stride, padding: as in conv2d_fast.
    Returns (dx, dw, db): float arrays of the shapes of x, w and b, which is (F,).
    """
    ### BEGIN SOLUTION
    F, C, K, _ = w.shape
    rows = dout.reshape(len(x), F, -1)
    cols = im2col(x, K, stride, padding)
    db = rows.sum(axis=(0, 2))
    dw = (rows @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(F, C, K, K)
    dcols = w.reshape(F, C * K * K).T @ rows
    return col2im(dcols, x.shape, K, stride, padding), dw, db
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "conv2d_fast_backward", "locked": true, "points": 9, "schema_version": 3, "solution": false, "task": false}
check(conv2d_fast_backward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Reshape `dout` to (N, F, OH * OW), and make the columns of the forward pass again. Write the shape of every matrix
# next to its letter in the formulas: there is one way only in which they fit.
#
# <details><summary>Help 2: the next step</summary>
#
# `db` is a sum over two axes. For `dw`, multiply image by image with `@` (swap the last two axes of the columns) and sum over
# the images. For `dx`, the transposed filter matrix times `dout` gives columns: you have a function that adds
# columns back.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# `dw` has the rows of the columns as its last axis: reshape it to the shape of `w`. `dx` is your `col2im` of the gradient
# of the columns, with the shape of `x`. Transposing a matrix and reshaping it to the transposed shape are two
# different things.
#
# </details></details></details>

# %% [markdown]
# ## 5. In your own words
#
# A layer has a kernel of 3 x 3, stride 1 and padding 1. Its input is a batch of 64 images of 64 x 56 x 56, in float32, which
# takes 4 bytes a number. How many MiB (2 to the 20th bytes) does the input take, and how many do all of its columns?
# Why is it faster all the same to make the columns and multiply? And name one way to need less memory, with
# what it costs. Four to seven sentences; an instructor reads this answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "memory_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The input has 64 · 64 · 56 · 56 numbers, 49 MiB. With stride 1 and this padding there are as many windows as pixels,
# and each holds nine cells of every channel: the columns take nine times as much, 441 MiB. It is faster all the same
# because the interpreter is asked once for the whole product and not once for each multiplication: a matrix product
# is compiled code that reads memory in order, uses each number that it has fetched many times, several at a time,
# and on all cores. Copying the columns is a small part of that work, since every copied number is multiplied F times.
# To need less memory one can make the columns of one image (or a few) at a time: 64 times less, and the products are
# smaller, so they use the machine less well, and there is a Python loop over the images. (Or: add up K · K products of
# shifted images, without any columns, which reads and writes the result nine times. Or: do not keep the columns for the
# backward pass, and make them again there, which costs the copying twice. Or: a view of windows in place of a copy, which
# a matrix product cannot use as fast.)
#
# Rubric: 1 point for the two sizes (49 and 441 MiB; half a point for "K · K = 9 times as much" without them); 1 point for
# why it is faster (one call of compiled code in place of millions of interpreted steps, or the use of memory, caches and
# cores); 1 point for a way to need less memory together with what it costs.

# %% [markdown]
# ## What you learned
#
# - `im2col` copies every window into a column; the order of rows and columns is a convention that filters must follow.
# - `col2im` adds: it is the backward pass of the copying, its transpose, and not its inverse.
# - A convolution layer is one matrix product an image, and its gradients are two more and a sum.
# - Reshaping does not move axes. Where the order changes, transpose first.
# - Speed is a ratio, measured in the same run; and it was bought with K · K times the memory.
#
# Back to [lecture 5, backpropagation through convolution](../../lectures/05_backprop_through_convolution.ipynb).
# Next comes lecture 6: LeNet, the network of 1998, built from layers like yours.
