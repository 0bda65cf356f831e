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
# # Exercise 03: pool in space and across channels
#
# You write the layers that make feature maps smaller. Three of them let a window slide over each map and keep one
# number of it: the largest, the mean, the length. A fourth pools over channels in place of positions, and the last
# turns an image of any size into a vector. Then you shift a photograph by one pixel and measure what your layers
# notice.
#
# **Objectives.** After this exercise you can
#
# - write max, average and L2 pooling for any window and stride, overlapping or with gaps;
# - say why a maximum must not start at zero, and a mean not be kept in integers;
# - pool over groups of channels (maxout), and tell that from pooling over space;
# - make a vector of fixed length from images of any size;
# - measure what pooling makes invariant, and say what that costs.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `max_pool2d` | 5 | ●●○○○ | ●●●●● | 20 |
# | 2 `avg_pool2d` | 3.5 | ●○○○○ | ●●●●○ | 10 |
# | 3 `l2_pool2d` | 3.5 | ●●○○○ | ●●○○○ | 10 |
# | 4 `maxout` | 3 | ●●○○○ | ●●●○○ | 15 |
# | 5 `global_avg_pool` | 2 | ●○○○○ | ●●●●● | 5 |
# | 6 a question to answer in words | 3 | ●●○○○ | ●●●●○ | 10 |
#
# **Time:** about 85 minutes to read and do; the tasks take 70 of them. All cells together run in about 5 seconds.
#
# You need [lecture 04](../../lectures/04_pooling.ipynb). Each task has a cell that you fill in and a
# check cell below it: run it as often as you like. It shows which cases pass, what differs, and often which
# mistake was made.
#
# **Rules of the house**, for every task here: arrays are float64 unless said otherwise; results within
# 1e-6 of the right ones count as right; integer input is accepted and must not cut off the result's fractions;
# your functions do not change the arrays that they are given. You may rename arguments, not reorder them.
# Write them with NumPy: when your work is graded, torch, `scipy.signal` and `scipy.ndimage` are not there.

# %% tags=["setup"]
import numpy as np
from course_utils.check import check, progress

# %%
progress()

# %% [markdown]
# ## 1. The largest number of each window
#
# `x` is a batch of feature maps with axes (N, C, H, W): image, channel, row, column. A square window of $K$ by $K$
# cells (`kernel_size`) moves $S$ cells at a time (`stride`), down and across, and keeps its largest value:
#
# $$Y_{n c i j} = \max_{0 \le m < K} \; \max_{0 \le l < K} \; X_{n,\, c,\, iS + m,\, jS + l} .$$
#
# Every map is pooled **by itself**, so the result has as many images and channels as `x`. A window that would hang over
# the end is dropped; no padding is added. So the result has
#
# $$OH = \left\lfloor \frac{H - K}{S} \right\rfloor + 1$$
#
# rows, and columns likewise. By hand, one map with $K = 2$:
#
# $$\begin{pmatrix} -1 & -2 & -7 \\ -4 & -3 & 5 \\ 0 & 8 & 6 \end{pmatrix} \;\to\;
# \begin{pmatrix} -1 & 5 \\ 8 & 8 \end{pmatrix} \text{ with } S = 1, \qquad
# \begin{pmatrix} -1 \end{pmatrix} \text{ with } S = 2.$$
#
# With $S = 1$ the four windows overlap, and the 8 is the maximum of two of them. With $S = 2$ a second window does not fit. With
# $S > K$ there are gaps: some cells belong to no window. The window is never larger than a map.


# %% nbgrader={"grade": false, "grade_id": "solution_max_pool2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_pool2d(x, kernel_size, stride):
    """Keep the largest value of every window of every feature map.

    x: (N, C, H, W); kernel_size: height and width of the window, an int, not larger than H and W;
    stride: cells per step, both ways, an int.
    Returns an array (N, C, OH, OW) with OH = (H - kernel_size) // stride + 1, and OW likewise.
    """
    ### BEGIN SOLUTION
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].max(axis=(4, 5))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "max_pool2d", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(max_pool2d)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Work out OH and OW, and make a float array of the result's shape. Then visit every position (i, j) of the result. Where
# in `x` does its window begin?
#
# <details><summary>Help 2: the next step</summary>
#
# The window's first row is `i * stride`, and the row after its last is `kernel_size` further on. Columns likewise. Two
# colons in front, `x[:, :, rows, columns]`, take the same window of all images and channels at once.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The maximum goes over the last two axes of that window and no others: NumPy's `max` takes `axis=(2, 3)`. If you
# compare cells one by one instead, start with the window's first value: a start at 0 wins against every negative number.
#
# </details></details></details>

# %% [markdown]
# ## 2. The mean of each window
#
# The same windows, and the mean of their $K^2$ cells:
#
# $$Y_{n c i j} = \frac{1}{K^2} \sum_{m=0}^{K-1} \sum_{l=0}^{K-1} X_{n,\, c,\, iS + m,\, jS + l} .$$
#
# By hand: the window $\begin{pmatrix} 1 & 2 \\ 3 & 5 \end{pmatrix}$ gives $11 / 4 = 2.75$, also when `x` holds integers.
# Photographs come as `uint8`, a type that ends at 255: two bright pixels added up in it start again at 0.


# %% nbgrader={"grade": false, "grade_id": "solution_avg_pool2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def avg_pool2d(x, kernel_size, stride):
    """Take the mean of every window of every feature map.

    x: (N, C, H, W), of floats or integers; kernel_size: height and width of the window, an int;
    stride: cells per step, both ways, an int.
    Returns a float array (N, C, OH, OW) with OH = (H - kernel_size) // stride + 1, and OW likewise.
    """
    ### BEGIN SOLUTION
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].mean(axis=(4, 5))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "avg_pool2d", "locked": true, "points": 3.5, "schema_version": 3, "solution": false, "task": false}
check(avg_pool2d)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Copy your `max_pool2d`. One word of it changes.
#
# <details><summary>Help 2: the next step</summary>
#
# How many cells does a window have? That is what the sum is divided by, whatever the stride.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# `mean` over the window's rows and columns gives floats for integers as well. They stay floats only if the array that you
# put them into holds floats: `np.zeros(shape)` does, `np.zeros_like(x)` of integers does not.
#
# </details></details></details>

# %% [markdown]
# ## 3. The length of each window
#
# L2 pooling reads the window as one long vector and keeps its length, the square root of the **sum** of squares:
#
# $$Y_{n c i j} = \sqrt{\sum_{m=0}^{K-1} \sum_{l=0}^{K-1} X_{n,\, c,\, iS + m,\, jS + l}^{\,2}} .$$
#
# By hand: the window $\begin{pmatrix} 1 & -4 \\ 2 & 2 \end{pmatrix}$ gives $\sqrt{1 + 16 + 4 + 4} = 5$. Signs do not
# matter, and large values count for more than in a mean. Mind the type again: $16^2 = 256$ does not fit into `uint8`.


# %% nbgrader={"grade": false, "grade_id": "solution_l2_pool2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def l2_pool2d(x, kernel_size, stride):
    """Take the square root of the sum of squares of every window of every feature map.

    x: (N, C, H, W), of floats or integers; kernel_size: height and width of the window, an int;
    stride: cells per step, both ways, an int.
    Returns a float array (N, C, OH, OW) with OH = (H - kernel_size) // stride + 1, and OW likewise.
    """
    ### BEGIN SOLUTION
    squares = np.square(x, dtype=np.float64)
    return np.sqrt(avg_pool2d(squares, kernel_size, stride) * kernel_size**2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "l2_pool2d", "locked": true, "points": 3.5, "schema_version": 3, "solution": false, "task": false}
check(l2_pool2d)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Three steps, in this order: square every cell, add up each window, take one root for each window.
#
# <details><summary>Help 2: the next step</summary>
#
# You have written a function that adds up windows and divides by a number that you know.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Turn `x` into floats first (`x.astype(float)`), then square it. Pool the squares with your `avg_pool2d`, make sums of the
# means, and take `np.sqrt`. Or write the loop of task 1 once more, with another line inside.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# Your three layers with windows of 8 by 8, side by side. Above: a photograph. Below: a map of its vertical edges, which is
# negative as often as positive. Run this cell when tasks 1 to 3 pass. L2 pooling is shown divided by 8, so that an even area
# keeps its brightness.

# %%
from course_utils import figures
from course_utils.data import load

photograph = load("photographs").images[0] / 255
grey = photograph.mean(axis=0)
edges = np.diff(grey, axis=1, append=grey[:, -1:])  # each pixel's right neighbour minus the pixel


def pooled_three_ways(maps):
    """Return four pictures by name: the maps (C, H, W) as they are, and pooled by each of the three layers."""
    return {
        "whole": maps,
        "max": max_pool2d(maps[None], 8, 8)[0],
        "average": avg_pool2d(maps[None], 8, 8)[0],
        "L2 / 8": l2_pool2d(maps[None], 8, 8)[0] / 8,
    }


try:
    rows = {"photograph": pooled_three_ways(photograph), "edges": pooled_three_ways(edges[None])}
except NotImplementedError:
    print("Write max_pool2d, avg_pool2d and l2_pool2d first, then come back to this cell.")
else:
    figure, panels = figures.panels(2, 4, width=12.5, height=5)
    pictures = [(row, name, maps) for row, versions in rows.items() for name, maps in versions.items()]
    for panel, (row, name, maps) in zip(panels, pictures, strict=True):
        if row == "edges":
            panel.imshow(maps[0], cmap="gray", vmin=-0.15, vmax=0.15)  # zero is grey
        else:
            panel.imshow(np.clip(np.moveaxis(maps, 0, -1), 0, 1))
        panel.set_title(f"{row}, {name}: {maps.shape[1]} x {maps.shape[2]}", fontsize=10)
        panel.set_axis_off()
    figures.show(
        figure,
        alt="A photograph of a cat and a map of its vertical edges, each whole and pooled in three ways. Max pooling "
        "brightens the photograph and loses its dark pupils; average and L2 pooling of it look alike. Of the edges, the "
        "average is close to grey everywhere, while max and L2 pooling are bright wherever the fur has texture.",
    )

# %% [markdown]
# Max pooling loses whatever is dark and small: look for the pupils, and at the glint in the left eye that fills its window.
# On the photograph, average and L2 pooling look alike. On the edges they do not: signs cancel in a mean, so the fur's
# texture is gone, and squares have no signs. That is what L2 pooling is for.

# %% [markdown]
# ### Shift it by one pixel
#
# The slides say that pooling makes a representation slightly invariant: when the input moves a little, most pooled values do not
# change. Measure it with your layers. Two crops of the photograph, one a pixel to the right of the other, are pooled with
# windows of growing size. **Left:** how many pooled values are exactly as before? **Right:** by how
# much do they change on average, in per cent of their standard deviation over the image? A window of 1 is the
# photograph itself.

# %%
sizes = [1, 2, 4, 8, 16, 32]
layers = {"max": max_pool2d, "average": avg_pool2d, "L2": l2_pool2d}
here, moved = grey[None, None, :, 0:320], grey[None, None, :, 1:321]
same, change = {}, {}
try:
    for name, layer in layers.items():
        pairs = [(here, moved), *((layer(here, size, size), layer(moved, size, size)) for size in sizes[1:])]
        same[name] = [100 * np.mean(before == after) for before, after in pairs]
        change[name] = [100 * np.mean(np.abs(before - after)) / before.std() for before, after in pairs]
except NotImplementedError:
    print("Write max_pool2d, avg_pool2d and l2_pool2d first, then come back to this cell.")
else:
    figure, (left, right) = figures.panels(1, 2, width=11, height=3.8)
    labels = {"xlabel": "size and stride of the window (pixels)"}
    figures.profiles(
        left, sizes, same, title="Maxima often stay exactly the same", ylabel="unchanged values (%)", **labels
    )
    figures.profiles(
        right,
        sizes,
        change,
        title="All change less, the larger the window",
        ylabel="mean change (% of standard deviation)",
        **labels,
    )
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_ylim(bottom=0)
    figures.show(
        figure,
        alt="After a shift by one pixel, the share of unchanged maxima grows from "
        f"{same['max'][1]:.0f} % with windows of 2 to {same['max'][-1]:.0f} % with windows of 32; of the averages "
        f"{same['average'][1]:.0f} % and {same['average'][-1]:.0f} % are unchanged. The mean change of the maxima falls "
        f"from {change['max'][1]:.0f} % to {change['max'][-1]:.0f} % of their standard deviation, that of the averages from "
        f"{change['average'][1]:.0f} % to {change['average'][-1]:.0f} %.",
    )

# %% [markdown]
# What do you see at windows of 2, the usual size? "Most values do not change" needs larger windows, or several layers of
# pooling on top of each other. And the two curves rank the layers differently: a maximum stays exactly the same until its
# pixel leaves the window or a larger one comes in, and then it jumps; an average changes nearly always, and by little.

# %% [markdown]
# ## 4. Pool across channels
#
# **Maxout** looks at one position and compares channels in place of neighbours. Consecutive channels form groups of
# `pieces`, and each group becomes one channel, its largest value at each position:
#
# $$Y_{n g i j} = \max_{0 \le p < P} \; X_{n,\, gP + p,\, i,\, j}, \qquad g = 0, \dots, C / P - 1 .$$
#
# By hand, one position of six channels with the values $(3, 1, -5, -2, 4, 7)$: with $P = 2$ the groups are
# $(3, 1)$, $(-5, -2)$ and $(4, 7)$, and the result is $(3, -2, 7)$. With $P = 3$ it is $(3, 7)$.
# Height and width stay as they are. When the channels cannot be shared out evenly, that is an error of the caller: raise a
# `ValueError`. A good message names the numbers.


# %% nbgrader={"grade": false, "grade_id": "solution_maxout", "locked": false, "schema_version": 3, "solution": true, "task": false}
def maxout(x, pieces):
    """Keep the largest of every `pieces` consecutive channels.

    x: (N, C, H, W); pieces: channels in a group, an int, at least 1.
    Returns an array (N, C // pieces, H, W).
    Raises ValueError when C is not divisible by pieces.
    """
    ### BEGIN SOLUTION
    N, C, H, W = x.shape
    if C % pieces:
        raise ValueError(f"{C} channels cannot be shared out into groups of {pieces}")
    return x.reshape(N, C // pieces, pieces, H, W).max(axis=2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "maxout", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(maxout)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Test `C % pieces` first. Then: how many groups are there, and which is the first channel of group g?
#
# <details><summary>Help 2: the next step</summary>
#
# Group g holds the channels `g * pieces` up to, and without, `(g + 1) * pieces`. A slice of the channel axis takes them.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Take the maximum of that slice over axis 1, and put it into channel g of the result. Without a loop: `reshape` splits the
# channel axis into (groups, pieces), in this order, and the maximum goes over the second of the two.
#
# </details></details></details>

# %% [markdown]
# ## 5. One number for each map
#
# Let the window be as large as the map, and average: each image becomes a vector with one number a channel,
#
# $$Y_{n c} = \frac{1}{HW} \sum_{i=0}^{H-1} \sum_{j=0}^{W-1} X_{n c i j} ,$$
#
# whose length does not depend on the size of the image. That is how one classifier takes images of any size. By hand: a
# channel $\begin{pmatrix} 1 & 2 & 6 \end{pmatrix}$ of one row gives 3.


# %% nbgrader={"grade": false, "grade_id": "solution_global_avg_pool", "locked": false, "schema_version": 3, "solution": true, "task": false}
def global_avg_pool(x):
    """Average every feature map to one number.

    x: (N, C, H, W), of floats or integers.
    Returns a float array (N, C).
    """
    ### BEGIN SOLUTION
    return x.mean(axis=(2, 3))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "global_avg_pool", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(global_avg_pool)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Two of the four axes disappear. Which?
#
# <details><summary>Help 2: the next step</summary>
#
# NumPy's `mean` takes several axes at once: `axis=(first, second)`. Count them from 0.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Rows are axis 2 and columns axis 3. The result has two axes and no axes of length 1: leave `keepdims` alone. If you sum
# instead, divide by H times W, which need not be equal.
#
# </details></details></details>

# %% [markdown]
# ## 6. In your own words
#
# Two networks look at photographs of a concrete wall, and both contain three layers of 2 by 2 max pooling with stride 2. The first says
# whether the wall has a crack; the second marks the pixels of the crack. Explain in four to seven sentences what the
# pooling gives to the first network and what it costs the second. Then name one kind of feature or image for which you would
# choose average pooling, and say why. An instructor reads this answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "pooling_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The first network needs to know that a crack is present, not where. A strong response of a crack detector wins its window wherever
# in the window it lies, so when the crack moves by a pixel or two most later values stay the same: less is left to learn,
# and each map shrinks to an eighth of its height and width, which makes the following layers cheaper and lets them see more of
# the image. For the second network the same thing is a loss: after three layers one value stands for 8 by 8 pixels, and which of
# them held the crack is not in it any more. It cannot mark pixels exactly unless the positions come back from
# somewhere else (the maps before pooling, or the places of the maxima). Average pooling is better where all cells of the window carry
# evidence and each alone is noisy: the brightness or the amount of a texture, or a grainy image, in which the maximum picks out the strongest
# noise. It is also better for the last layer of a classifier, where how much of the image shows a feature matters.
#
# Rubric: 1 point for what the first network gains (presence counts and not position: small shifts change little; smaller maps and
# wider view may be named besides); 1 point for what the second loses (the position inside 8 by 8 pixels, at least "where it was is
# lost"); 1 point for a case for averages with its reason (all cells count, noise cancels; a maximum keeps one cell and throws the others away).

# %% [markdown]
# ## What you learned
#
# - Pooling keeps one number of each window, in each map by itself: the largest, the mean, or the length.
# - Window and stride are two things: windows may overlap, lie side by side or leave gaps, and those that do not fit are dropped.
# - A maximum starts at the first value and not at 0; means and roots are floats, whatever the input is.
# - A shift by one pixel leaves many maxima exactly as they were; averages change nearly always, and little.
# - Maxout pools over groups of consecutive channels; global average pooling makes a vector from an image of any size.
#
# Back to [lecture 04](../../lectures/04_pooling.ipynb), or on to
# [lecture 05](../../lectures/05_backprop_through_convolution.ipynb), which sends gradients through these layers.
