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
# # Exercise 02: build a convolution layer
#
# You write the layer that this course is about, in NumPy, from its smallest part up: how large the result is,
# how zeros get around an image, one window that slides over one plane, and at the end the whole layer with
# channels, filters, bias, stride and padding. Then you look at a photograph through it.
#
# **Objectives.** After this exercise you can
#
# - work out the size of a convolution's result for any kernel, stride and padding;
# - pad a batch of images with zeros;
# - compute cross-correlation and convolution, and say what tells them apart;
# - write a convolution layer that works for every shape that fits;
# - count the parameters of a layer.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `output_size` | 3 | ●○○○○ | ●●●●○ | 10 |
# | 2 `zero_pad` | 2 | ●○○○○ | ●●●○○ | 10 |
# | 3 `cross_correlate2d` | 3 | ●●○○○ | ●●●●● | 15 |
# | 4 `convolve2d` | 3 | ●●○○○ | ●●●○○ | 5 |
# | 5 `conv2d` | 8 | ●●●●○ | ●●●●● | 40 |
# | 6 `parameter_counts` | 2.5 | ●●○○○ | ●●●●○ | 10 |
# | 7 a question to answer in words | 3 | ●●○○○ | ●●●○○ | 10 |
#
# **Time:** about 115 minutes to read and do; the tasks take 100 of them. All cells together run in about 5 seconds.
#
# You need [lecture 03](../../lectures/03_convolution_layer.ipynb). Each task has a cell that you fill in and a
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
# ## 1. How large is the result?
#
# Along one axis, a window of size $K$ (`kernel_size`) starts at the first of $N + 2P$ cells: $N$ of the input and
# $P$ zeros on **each** side. It moves $S$ cells at a time (`stride`) and never hangs over the end. The number
# of its positions is
#
# $$O = \left\lfloor \frac{N + 2P - K}{S} \right\rfloor + 1 .$$
#
# By hand: $N = 5$, $K = 3$, $S = 2$, $P = 0$. The window starts at cell 0 and at cell 2, so $O = 2$.
# A kernel that is larger than the padded input has no position at all: that is an error of the caller, and your
# function raises a `ValueError`. A good message names the numbers.


# %% nbgrader={"grade": false, "grade_id": "solution_output_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_size(n, kernel_size, stride=1, padding=0):
    """Return the number of positions of a window along one axis.

    n: cells of the input, an int; kernel_size: cells of the window; stride: cells per step;
    padding: zeros on each side of the input. Returns an int, at least 1.
    Raises ValueError when the kernel does not fit the padded input.
    """
    ### BEGIN SOLUTION
    room = n + 2 * padding - kernel_size
    if room < 0:
        raise ValueError(f"kernel {kernel_size} does not fit an input of {n} with padding {padding}")
    return room // stride + 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "output_size", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(output_size)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# How many cells are left over when the window stands at its first position? Call that number the room.
#
# <details><summary>Help 2: the next step</summary>
#
# Each step uses up `stride` cells of the room. `//` divides two integers and drops the remainder.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# If the room is negative, `raise ValueError(...)`. Otherwise the window takes as many steps as the room allows,
# and the first position comes before the first step.
#
# </details></details></details>

# %% [markdown]
# ## 2. Zeros around an image
#
# `x` is a batch of images with axes (N, C, H, W): image, channel, row, column. Padding adds zeros to rows and
# columns, on all four sides, and leaves images and channels alone. By hand, for one image of one channel and $P = 1$:
#
# $$\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \to
# \begin{pmatrix} 0 & 0 & 0 & 0 \\ 0 & 1 & 2 & 0 \\ 0 & 3 & 4 & 0 \\ 0 & 0 & 0 & 0 \end{pmatrix}$$


# %% nbgrader={"grade": false, "grade_id": "solution_zero_pad", "locked": false, "schema_version": 3, "solution": true, "task": false}
def zero_pad(x, padding):
    """Surround every image of a batch with zeros.

    x: (N, C, H, W); padding: zeros on each side, an int, 0 or more.
    Returns an array (N, C, H + 2 * padding, W + 2 * padding) with the same values inside.
    """
    ### BEGIN SOLUTION
    sides = (padding, padding)
    return np.pad(x, ((0, 0), (0, 0), sides, sides))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "zero_pad", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(zero_pad)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Make an array of zeros of the final shape first. Which of its four axes are larger than those of `x`?
#
# <details><summary>Help 2: the next step</summary>
#
# The images belong in the middle: rows `padding` to `padding + H`, columns `padding` to `padding + W`.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# `np.zeros(shape, dtype=x.dtype)`, then assign `x` to a slice of it. Or let `np.pad` do it: it takes a pair
# (before, after) for each axis.
#
# </details></details></details>

# %% [markdown]
# ## 3. A window slides over a plane
#
# Now one plane and one kernel, without stride and padding. At each position $(i, j)$ the window's cells are multiplied
# with the kernel's and summed:
#
# $$S_{ij} = \sum_{m=0}^{KH-1} \sum_{n=0}^{KW-1} I_{i+m,\, j+n} \, K_{mn} .$$
#
# This is **cross-correlation**, and what libraries call convolution. The picture shows one position:

# %%
from course_utils import figures

plane = np.arange(1, 17).reshape(4, 4)
diagonal = np.array([[1, 0], [0, -1]])
figure, (axes,) = figures.panels(width=9.5, height=4.6)
figures.sliding_window(axes, plane, diagonal, position=4)
figures.show(
    figure,
    alt="A 2 by 2 window stands over a 4 by 4 plane of the numbers 1 to 16. The kernel has 1 and -1 on its "
    "diagonal, so the window's value is its upper left number minus its lower right one: -5.",
)

# %% [markdown]
# In the picture the kernel has 1 and -1 on its diagonal, so every value is a cell minus its neighbour below
# and to the right: $1 - 6 = -5$, $2 - 7 = -5$, and so on. Planes and kernels need not be square.


# %% nbgrader={"grade": false, "grade_id": "solution_cross_correlate2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cross_correlate2d(image, kernel):
    """Slide a kernel over an image and sum the products at every position inside it.

    image: (H, W); kernel: (KH, KW), not larger than the image.
    Returns a float array (H - KH + 1, W - KW + 1).
    """
    ### BEGIN SOLUTION
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijmn,mn->ij", windows, kernel)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cross_correlate2d", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(cross_correlate2d)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Make the result first: its shape is in the docstring. Then visit every position (i, j) of the result.
#
# <details><summary>Help 2: the next step</summary>
#
# At position (i, j) the window is `image[i:i + KH, j:j + KW]`. It has the kernel's shape.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The value is the sum of `window * kernel`. Use a result array of floats: an integer array drops the fractions.
#
# </details></details></details>

# %% [markdown]
# ## 4. The other sign: convolution
#
# Mathematicians count the kernel's indices the other way:
#
# $$S_{ij} = \sum_m \sum_n I_{i-m,\, j-n} \, K_{mn} .$$
#
# On the positions where the kernel lies inside the image, that is cross-correlation with the kernel turned by 180 degrees.
# Return those positions, so that the result is as large as in task 3. You may use your `cross_correlate2d`.


# %% nbgrader={"grade": false, "grade_id": "solution_convolve2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def convolve2d(image, kernel):
    """Convolve an image with a kernel, at every position where the kernel lies inside the image.

    image: (H, W); kernel: (KH, KW), not larger than the image.
    Returns a float array (H - KH + 1, W - KW + 1).
    """
    ### BEGIN SOLUTION
    return cross_correlate2d(image, kernel[::-1, ::-1])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "convolve2d", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(convolve2d)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Write a kernel of two by two numbers on paper and turn the paper upside down.
#
# <details><summary>Help 2: the next step</summary>
#
# Both axes change their direction. In NumPy a step of -1 in a slice walks an axis backwards.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Turn the kernel, then call the function that you wrote in task 3.
#
# </details></details></details>

# %% [markdown]
# ## 5. The convolution layer
#
# Put it together. `x` holds N images of C channels, `w` holds F filters, each as deep as the input, and `b` one
# number for each filter. Every filter makes one feature map:
#
# $$Y_{n f i j} = b_f + \sum_{c} \sum_{m} \sum_{k} X^{\text{padded}}_{n,\, c,\, iS + m,\, jS + k} \; W_{f c m k} .$$
#
# By hand: an image with two channels of one cell each, 3 and 4, a filter with the weights 10 and 100, bias 1.
# The result is $3 \cdot 10 + 4 \cdot 100 + 1 = 431$.
#
# Loops are fine. Write it so that it is right; making it fast is the subject of a later exercise.


# %% nbgrader={"grade": false, "grade_id": "solution_conv2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d(x, w, b, stride=1, padding=0):
    """Apply a convolution layer (cross-correlation, as in every library) to a batch of images.

    x: (N, C, H, W); w: (F, C, KH, KW); b: (F,); stride: cells per step, both ways; padding: zeros on each side.
    Returns a float array (N, F, OH, OW) with OH = (H + 2 * padding - KH) // stride + 1, and OW likewise.
    """
    ### BEGIN SOLUTION
    padded = zero_pad(x, padding)
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return np.einsum("ncijmk,fcmk->nfij", windows, w) + b[:, None, None]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "conv2d", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
check(conv2d)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Pad the batch with your `zero_pad`, ask your `output_size` for both sizes of the result, and make an array of
# zeros for it. Then loop over image, filter, row and column of the result: four loops.
#
# <details><summary>Help 2: the next step</summary>
#
# Row i of the result looks at the padded rows `i * stride` to `i * stride + KH`, in **all** channels at once.
# That window and the filter `w[f]` have the same shape (C, KH, KW).
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The value is the sum of window times filter, plus `b[f]`. If the check passes for "one channel, one filter"
# and fails for "several channels", look at the sum; if only "not square" fails, look for a size that you used
# for both axes.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# Your layer on a photograph: three filters over its three channels. The first finds vertical edges, the second
# horizontal ones, the third is a blur. Run this cell when task 5 passes. Look at the border of the maps, too: the
# question at the end is about it.

# %%
from course_utils.data import load

photograph = load("photographs").images[0] / 255
vertical = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 3
filters = np.stack([np.stack([k] * 3) for k in (vertical, vertical.T, np.full((3, 3), 1 / 27))])
try:
    maps = conv2d(photograph[None], filters, np.zeros(3), 2, 1)[0]
except NotImplementedError:
    print("Write conv2d first, then come back to this cell.")
else:
    figure, (original, *panels) = figures.panels(2, 2, width=11, height=6.5)
    figures.picture(original, load("photographs").images[0], title="the photograph")
    for panel, feature_map, name in zip(
        panels, maps, ("vertical edges", "horizontal edges", "blur"), strict=True
    ):
        limit = np.quantile(np.abs(feature_map), 0.98)
        panel.imshow(feature_map, cmap="gray", vmin=-limit if name != "blur" else 0, vmax=limit)
        panel.set_title(f"{name}: {feature_map.shape[0]} x {feature_map.shape[1]} with stride 2")
        panel.set_axis_off()
    figures.show(
        figure,
        alt="A photograph and three feature maps of your layer: vertical edges, horizontal edges, blur.",
    )

# %% [markdown]
# ## 6. Count the parameters
#
# A layer's parameters are its weights and its biases; every filter and every unit has a bias. Return the dictionary
# of the docstring with a number in place of each `...`; an expression such as `3 * 4 + 1` is fine.
#
# | question | the layer |
# | --- | --- |
# | `"one filter"` | one filter of 5 x 5 over a colour image of 3 x 28 x 28 |
# | `"layer"` | a layer of 64 such filters |
# | `"one by one"` | 1 x 1 filters that turn 256 feature maps of 14 x 14 into 64 |
# | `"second layer"` | a colour image goes through 16 filters of 5 x 5, and their result through 32 filters of 3 x 3: count the parameters of these 32 |
# | `"dense"` | a fully connected layer from an image of 3 x 32 x 32 to 10 units |


# %% nbgrader={"grade": false, "grade_id": "solution_parameter_counts", "locked": false, "schema_version": 3, "solution": true, "task": false}
def parameter_counts():
    """Return your five answers: a dictionary from question to whole number.

    return {"one filter": ..., "layer": ..., "one by one": ..., "second layer": ..., "dense": ...}
    """
    ### BEGIN SOLUTION
    return {
        "one filter": 5 * 5 * 3 + 1,
        "layer": 64 * (5 * 5 * 3 + 1),
        "one by one": 64 * (256 + 1),
        "second layer": 32 * (3 * 3 * 16 + 1),
        "dense": 10 * (3 * 32 * 32 + 1),
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "parameter_counts", "locked": true, "points": 2.5, "schema_version": 3, "solution": false, "task": false}
check(parameter_counts)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# How many numbers does one filter multiply with at one position? Its depth is the depth of its input.
#
# <details><summary>Help 2: the next step</summary>
#
# Add one bias, then multiply by the number of filters. Does the size of the image matter?
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The second layer's input has as many channels as the first layer has filters. A unit of a fully connected layer
# has a weight for every number of its input.
#
# </details></details></details>

# %% [markdown]
# ## 7. In your own words
#
# A colleague trains a network whose layers use zero padding, and finds that its feature maps look odd along the border
# of the image. Explain in three to six sentences what the padding does there, and name one other way to treat the border
# with one advantage and one drawback. An instructor reads this answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "border_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The windows at the border see zeros where the scene goes on. A zero is black, and after the mean is subtracted it
# is a grey of the data set, so the jump from image to padding is itself an edge: edge filters answer to it although nothing
# is there, and a blur darkens the rim. The error spreads inward by about half a kernel with each layer.
# One other way is to mirror the image at its border: there is no artificial step any more, but structure is invented
# and lines that meet the border at an angle are bent. (Or no padding at all: nothing is invented, but maps shrink with
# each layer and the border counts less. Or repeating the last pixel.)
#
# Rubric: 1 point for "zeros are values that the scene does not have" (an artificial edge, or a darker rim); 1 point for
# another way; 1 point for an advantage and a drawback of it.

# %% [markdown]
# ## What you learned
#
# - The size of the result is a count of positions: room for steps, divided by the stride, rounded down, plus one.
# - Zero padding is a choice about the border, on each side of the image.
# - Cross-correlation slides the kernel as it is; convolution turns it by 180 degrees first. Layers use the former.
# - A filter is as deep as its input and makes one feature map; a layer has F of them, and F biases.
# - The number of parameters does not depend on the size of the image.
#
# Back to [lecture 3, the convolution layer](../../lectures/03_convolution_layer.ipynb), or on to
# [lecture 4, pooling](../../lectures/04_pooling.ipynb), which makes the maps smaller.
