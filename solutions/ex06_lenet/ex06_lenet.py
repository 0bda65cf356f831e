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
# # Exercise 06: LeNet, twice
#
# You have written every layer. Now you join them: today's LeNet-5, forwards and backwards, from your own layers.
# It learns fifty images by heart, with right labels and with absurd ones. Then you write the same network in PyTorch,
# carry the weights over, train both ways to the same numbers, and let it learn to tell clothes apart.
#
# **Objectives.** After this exercise you can
#
# - assemble a convolutional network from layers and say the shape at every place in it;
# - chain the layers' backward passes to the gradients of all its parameters;
# - test a network by letting it learn a few images by heart, and say what that proves;
# - write the network as a PyTorch module for any image size, and count its parameters;
# - carry weights from NumPy to PyTorch and back, so that both compute the same to rounding;
# - train a network to a stated accuracy within a stated time.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `lenet_forward` | 5 | ●●○○○ | ●●●●● | 20 |
# | 2 `lenet_backward` | 10 | ●●●●○ | ●●●●● | 45 |
# | 3 `overfit` | 4 | ●●●○○ | ●●●●● | 25 |
# | 4 `LeNet` | 6 | ●●○○○ | ●●●●● | 25 |
# | 5 `sgd_in_torch` | 6 | ●●●○○ | ●●●●○ | 30 |
# | 6 `train_lenet` | 6 | ●●●○○ | ●●●●● | 30 |
# | 7 a question to answer in words | 3 | ●●●○○ | ●●●●○ | 10 |
#
# **Time:** about 220 minutes to read and do; the tasks take 185 of them. All cells together run in about 15 seconds.
#
# You need [lecture 06](../../lectures/06_lenet.ipynb). Each task has a cell that you fill in and a
# check cell below it: run it as often as you like. It shows which cases pass, what differs, and often which
# mistake was made.
#
# **Rules of the house**, for tasks 1, 2 and 5: compute in float64; results within 1e-6 of the right ones count as right,
# and float32 is not enough for that; integer input is accepted and must not cut off the result's fractions; your
# functions do not change the arrays that they are given. You may rename arguments, not reorder them. PyTorch is there in
# every task. What is **not** there when your work is graded: `course_utils.zoo` and `course_utils.training`, which hold a
# LeNet and a training loop already, and in tasks 3 and 6 `course_utils.data` too.

# %% tags=["setup"]
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from course_utils.check import check, progress

# %%
progress()

# %% [markdown]
# ## The layers
#
# Tasks 1 to 3 need the layers of exercises 1 to 5. The next cell has them, with the names and arguments that they
# had there. They take arrays and return arrays of float64. Inside they ask PyTorch, so that this cell gives no exercise away.
#
# **Put your own in their place:** delete a function here and paste yours. Nothing else in the notebook changes, and your
# work is judged with the layers that stand here. Your fast ones from exercise 5 are fast enough; with the loops of exercise
# 2, task 3 would not end in time.
#
# | layer | takes | returns |
# | --- | --- | --- |
# | `conv2d(x, w, b, stride, padding)` | x (N, C, H, W), w (F, C, KH, KW), b (F,) | maps (N, F, OH, OW) |
# | `conv2d_backward(dout, x, w, stride, padding)` | dout (N, F, OH, OW) | dx, dw, db |
# | `max_pool2d(x, kernel_size, stride)` | x (N, C, H, W) | maps (N, C, OH, OW); windows that do not fit are dropped |
# | `max_pool2d_backward(dout, x, kernel_size, stride)` | dout (N, C, OH, OW), x (N, C, H, W) | dx |
# | `relu(x)` | any shape | the same shape |
# | `relu_backward(dout, x)` | two arrays of one shape; x is what went **into** ReLU | dx |
# | `cross_entropy(logits, labels)` | logits (N, K), labels (N,) from 0 to K - 1 | the mean loss, and its gradient (N, K) |


# %% tags=["setup"]
def as_tensor(array):
    """Return an array's numbers as a float64 tensor."""
    return torch.tensor(np.ascontiguousarray(array), dtype=torch.float64)


def autograd(layer, dout, *inputs):
    """Return the gradients of a layer's inputs, for the gradient dout of its output."""
    leaves = [as_tensor(array).requires_grad_() for array in inputs]
    return [gradient.numpy() for gradient in torch.autograd.grad(layer(*leaves), leaves, as_tensor(dout))]


def conv2d(x, w, b, stride=1, padding=0):
    return functional.conv2d(as_tensor(x), as_tensor(w), as_tensor(b), stride, padding).numpy()


def conv2d_backward(dout, x, w, stride, padding):
    bias = np.zeros(len(w))
    return autograd(lambda x, w, b: functional.conv2d(x, w, b, stride, padding), dout, x, w, bias)


def max_pool2d(x, kernel_size, stride):
    return functional.max_pool2d(as_tensor(x), kernel_size, stride).numpy()


def max_pool2d_backward(dout, x, kernel_size, stride):
    return autograd(lambda x: functional.max_pool2d(x, kernel_size, stride), dout, x)[0]


def relu(x):
    return torch.relu(as_tensor(x)).numpy()


def relu_backward(dout, x):
    return autograd(torch.relu, dout, x)[0]


def cross_entropy(logits, labels):
    scores = as_tensor(logits).requires_grad_()
    loss = functional.cross_entropy(scores, torch.tensor(np.array(labels, dtype=np.int64)))
    return loss.item(), torch.autograd.grad(loss, scores)[0].numpy()


# %% [markdown]
# ## 1. Forwards
#
# This is today's LeNet-5. The table has the shapes for any sizes, and for the usual ones: grey images of 28 x 28, 6 and 16
# filters, 120 and 84 units, ten classes.
#
# | step | weights and bias | output | usual |
# | --- | --- | --- | --- |
# | images | | (N, C, H, W) | (N, 1, 28, 28) |
# | convolution 5 x 5, stride 1, **padding 2**; ReLU | $w_1$ (F1, C, 5, 5), $b_1$ (F1,) | (N, F1, H, W) | (N, 6, 28, 28) |
# | max pooling 2 x 2, stride 2 | | (N, F1, H // 2, W // 2) | (N, 6, 14, 14) |
# | convolution 5 x 5, stride 1, **no padding**; ReLU | $w_2$ (F2, F1, 5, 5), $b_2$ (F2,) | (N, F2, H // 2 - 4, W // 2 - 4) | (N, 16, 10, 10) |
# | max pooling 2 x 2, stride 2 | | (N, F2, (H // 2 - 4) // 2, (W // 2 - 4) // 2) | (N, 16, 5, 5) |
# | flatten | | (N, D), where D = F2 · rows · columns | (N, 400) |
# | fully connected; ReLU | $w_3$ (D, M1), $b_3$ (M1,) | (N, M1) | (N, 120) |
# | fully connected; ReLU | $w_4$ (M1, M2), $b_4$ (M2,) | (N, M2) | (N, 84) |
# | fully connected | $w_5$ (M2, K), $b_5$ (K,) | (N, K), the **logits** | (N, 10) |
#
# - `params` is the list $[w_1, b_1, w_2, b_2, w_3, b_3, w_4, b_4, w_5, b_5]$. All sizes follow from the shapes of `x` and
#   `params`: channels, filters, units and classes differ from case to case, and so do the images, which need not be
#   square and have at least 12 rows and columns.
# - **Flatten** writes the maps of one image one behind the other, and each map row by row, as `reshape` does.
# - **Fully connected** is the layer of exercise 1: row n of the result is row n of the input times $w$, plus $b$. The
#   weights have a row for each input and a column for each unit.
# - Nothing follows on the logits, neither ReLU nor softmax. The images are used as they are, without scaling.
#
# By hand: one image of 12 x 12 that is 0 but for a 3 in row 5 and column 6 (counted from 0). Both convolutions have
# one filter, with a 1 in its middle and 0 elsewhere, and bias 0.
#
# | step | result |
# | --- | --- |
# | convolution with padding 2; ReLU | the image again: 12 x 12, the 3 in (5, 6) |
# | max pooling | 6 x 6, the 3 in (2, 3) |
# | convolution; ReLU | 2 x 2. Output (i, j) is the middle of its window, cell (i + 2, j + 2): so the 3 is in (0, 1) |
# | max pooling; flatten | $(3)$ |
# | $w_3 = (1, -1)$, $b_3 = (0, 0)$ | $(3, -3)$, and after ReLU $(3, 0)$ |
# | $w_4 = \binom{1}{5}$, $b_4 = (-1)$ | $3 \cdot 1 + 0 \cdot 5 - 1 = 2$, and after ReLU $(2)$ |
# | $w_5 = (1, 2)$, $b_5 = (0, -2)$ | $(2, 4 - 2) = (2, 2)$: the logits |


# %% nbgrader={"grade": false, "grade_id": "solution_lenet_forward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def lenet_forward(x, params):
    """Run images through LeNet-5.

    x: images (N, C, H, W); params: the list [w1, b1, w2, b2, w3, b3, w4, b4, w5, b5] with the shapes of the table.
    Returns the logits (N, K).
    """
    ### BEGIN SOLUTION
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    maps = max_pool2d(relu(conv2d(x, w1, b1, 1, 2)), 2, 2)
    maps = max_pool2d(relu(conv2d(maps, w2, b2, 1, 0)), 2, 2)
    units = relu(maps.reshape(len(x), -1) @ w3 + b3)
    units = relu(units @ w4 + b4)
    return units @ w5 + b5
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lenet_forward", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(lenet_forward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Unpack the list into ten names in the first line. Then write one line for each row of the table, and print `.shape` after
# each until it is what the table says.
#
# <details><summary>Help 2: the next step</summary>
#
# Three rows are one line: `relu(conv2d(...))` inside a `max_pool2d(..., 2, 2)`. A matrix product `a @ w` multiplies each
# row of `a` with `w`; the bias is added to every row by itself.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Flatten with `maps.reshape(len(x), -1)`: the first axis stays, all others become one. If the matrix product complains
# about its sizes, look at the padding: 2 in the first convolution, 0 in the second. If values differ and shapes do
# not, look for a ReLU that is missing, or one too many at the end.
#
# </details></details></details>

# %% [markdown]
# ## 2. Backwards
#
# The loss $L$ is the **mean** cross-entropy of the batch, as `cross_entropy` gives it, together with its gradient with
# respect to the logits. From there you walk back through the network, last layer first. Each layer gets the gradient of
# its output and hands back that of its input; on the way you collect the gradients of the weights. No new mathematics: the
# layers' backward passes are there, and so are the rules of exercise 1 for $y = h\,w + b$. With $G = \partial L / \partial y$:
#
# $$\frac{\partial L}{\partial w} = h^\top G \qquad \frac{\partial L}{\partial b} = \sum_n G_n \qquad \frac{\partial L}{\partial h} = G\, w^\top$$
#
# Three things to keep in mind:
#
# - Each backward pass needs what **went into** its layer. So run the forward pass in this function once more and keep
#   every intermediate result under a name of its own.
# - The mean is in the gradient of the logits already. From there on you add up, and divide by nothing.
# - Flatten only changed the shape. Its backward pass changes it back.
#
# Return a list of eleven: the loss, then the gradients in the order of `params`. The result of each is worth an equal share
# of the points, so you may begin at the end: the loss, `dw5`, `db5`, and zeros of the right shapes for all others
# (`0 * w1`, for instance).
#
# PyTorch could do the whole way back in one call, and in task 5 it will. Write it here layer by layer: it is the one time
# in the course that you see every gradient of a network pass by.
#
# By hand: the network of task 1's example, with label 0. Read it from top to bottom.
#
# | step | gradient |
# | --- | --- |
# | logits $(2, 2)$: both classes have probability ½ | the loss is $\log 2$; gradient $(½ - 1, ½) = (-½, ½)$ |
# | last layer: $h = (2)$, $w_5 = (1, 2)$ | `dw5` $= 2 \cdot (-½, ½) = (-1, 1)$, `db5` $= (-½, ½)$; to $h$: $-½ \cdot 1 + ½ \cdot 2 = ½$ |
# | ReLU: 2 went in | ½ passes |
# | $h = (3, 0)$, $w_4 = \binom{1}{5}$ | `dw4` $= \binom{1.5}{0}$, `db4` $= (½)$; to $h$: $(½, 2.5)$ |
# | ReLU: $(3, -3)$ went in | $(½, 0)$ |
# | $h = (3)$, $w_3 = (1, -1)$ | `dw3` $= (1.5, 0)$, `db3` $= (½, 0)$; to $h$: ½ |
# | flatten, max pooling, ReLU | ½ in (0, 1) of the 2 x 2 outputs of the second convolution |
# | second convolution | `dw2`: ½ times the window that output (0, 1) saw, so 1.5 in the middle and 0 elsewhere; `db2` $= (½)$; ½ in (2, 3) |
# | max pooling, ReLU | ½ in (5, 6) of the image |
# | first convolution | `dw1`: ½ times the window around (5, 6), so 1.5 in the middle and 0 elsewhere; `db1` $= (½)$ |


# %% nbgrader={"grade": false, "grade_id": "solution_lenet_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def lenet_backward(x, labels, params):
    """Compute the loss of LeNet-5 on a batch, and the gradients of all parameters.

    x: images (N, C, H, W); labels: (N,), whole numbers from 0 to K - 1; params: as in lenet_forward.
    Returns the list [loss, dw1, db1, dw2, db2, dw3, db3, dw4, db4, dw5, db5]: the mean cross-entropy, one number,
    and its gradients, each of the shape of its parameter.
    """
    ### BEGIN SOLUTION
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    z1 = conv2d(x, w1, b1, 1, 2)
    a1 = relu(z1)
    p1 = max_pool2d(a1, 2, 2)
    z2 = conv2d(p1, w2, b2, 1, 0)
    a2 = relu(z2)
    p2 = max_pool2d(a2, 2, 2)
    flat = p2.reshape(len(x), -1)
    z3 = flat @ w3 + b3
    a3 = relu(z3)
    z4 = a3 @ w4 + b4
    a4 = relu(z4)
    loss, dlogits = cross_entropy(a4 @ w5 + b5, labels)
    dz4 = relu_backward(dlogits @ w5.T, z4)
    dz3 = relu_backward(dz4 @ w4.T, z3)
    dp2 = (dz3 @ w3.T).reshape(p2.shape)
    dz2 = relu_backward(max_pool2d_backward(dp2, a2, 2, 2), z2)
    dp1, dw2, db2 = conv2d_backward(dz2, p1, w2, 1, 0)
    dz1 = relu_backward(max_pool2d_backward(dp1, a1, 2, 2), z1)
    _, dw1, db1 = conv2d_backward(dz1, x, w1, 1, 2)
    convolutions = [dw1, db1, dw2, db2]
    last = [flat.T @ dz3, dz3.sum(axis=0), a3.T @ dz4, dz4.sum(axis=0), a4.T @ dlogits, dlogits.sum(axis=0)]
    return [loss, *convolutions, *last]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lenet_backward", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(lenet_backward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Copy your forward pass and give every intermediate result its own name: what goes into each ReLU, what comes out, what
# comes out of each pooling, and the flat one. `loss, dlogits = cross_entropy(logits, labels)` is where you turn around.
#
# <details><summary>Help 2: the next step</summary>
#
# One fully connected layer on the way back is three lines: its `dw` is the transposed input times the gradient, its `db`
# the gradient's sum over the batch, and what it hands on is the gradient times the transposed weights. Then that goes
# through `relu_backward`, with what went into that ReLU.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# What the first fully connected layer hands back has the shape (N, D). Give it the shape that the pooled maps had, and go
# on: `max_pool2d_backward` with what went into the pooling, `relu_backward` with what went into the ReLU,
# `conv2d_backward` with what went into the convolution and with its padding. The `dx` of the second convolution goes on to
# the first pooling; that of the first convolution is the gradient of the images, which nobody needs.
#
# </details></details></details>

# %% [markdown]
# ### Check yourself
#
# Two tests that need no right answer. **The start:** a network that knows nothing gives each of K classes the same
# chance, so its loss is near $\log K$. **The gradient:** take a step of size h in a random direction, forwards and
# backwards, and compare the difference of the losses with the gradient along that direction, as in exercise 4.


# %%
def random_params(rng, channels, filters, features, hidden, classes):
    """Return parameters that keep the size of the signal: the spread falls with the number of inputs."""
    shapes = [(filters[0], channels, 5, 5), (filters[1], filters[0], 5, 5)]
    spreads = [np.sqrt(2 / np.prod(shape[1:])) for shape in shapes]
    for inputs, units in zip((features, *hidden), (*hidden, classes), strict=True):
        shapes.append((inputs, units))
        spreads.append(np.sqrt(2 / inputs))
    biases = [np.zeros(n) for n in (*filters, *hidden, classes)]
    pairs = zip(shapes, spreads, biases, strict=True)
    return [array for shape, spread, b in pairs for array in (rng.normal(0, spread, shape), b)]


generator = np.random.default_rng(6)
params = random_params(generator, 1, (2, 3), 12, (6, 5), 4)
x, labels = generator.normal(size=(8, 1, 16, 16)), generator.integers(0, 4, 8)
h, direction = 1e-5, [generator.normal(size=p.shape) for p in params]
try:
    loss, *gradients = lenet_backward(x, labels, params)
    ahead, behind = (
        cross_entropy(
            lenet_forward(x, [p + step * d for p, d in zip(params, direction, strict=True)]), labels
        )[0]
        for step in (h, -h)
    )
    small = [*params[:-2], params[-2] / 100, params[-1]]  # the last weights, a hundredth of their size
    print(f"loss with small last weights: {lenet_backward(x, labels, small)[0]:.4f}   log 4: {np.log(4):.4f}")
except NotImplementedError:
    print("Write tasks 1 and 2 first, then come back to this cell.")
else:
    along = sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True))
    print(f"gradient along the direction: {along:.9f}   central difference: {(ahead - behind) / (2 * h):.9f}")

# %% [markdown]
# ## 3. By heart
#
# Before you train on much, let the network learn a little by heart. Fifty images are nothing for a LeNet of 61,706
# parameters: it must get all fifty right within seconds. If it does not, something is wrong, and more data will not help.
#
# To see how much *nothing* is, the second group of the check has labels that were **drawn at random**: a boot is
# a 3 here and a 7 there. There is nothing to understand, only to remember. A network that has enough parameters and a
# right gradient learns these too; it takes somewhat longer.
#
# Write `overfit`: train LeNet-5 on 50 grey images of 28 x 28 with ten classes, with your `lenet_forward` and
# `lenet_backward`, until it gets every one of them right. Then predict the labels of the same images, which come once more
# in another order. **All 50 must be right.** You have 40 seconds for each of the two trainings.
#
# You choose everything else. This is known to work, and takes a few seconds:
#
# - **Scale the images:** they are whole numbers from 0 to 255. Bring them to a mean near 0 and a spread near 1, and treat
#   both copies of the images alike.
# - **Start at random:** normal numbers with the spread $\sqrt{2 / n}$, where $n$ is the number of inputs of one unit ($25
#   \cdot$ channels in a convolution, the number of rows of $w$ in a fully connected layer), and biases 0.
#   `random_params` in the cell above does that; copy it into your cell if you want to use it, and change what you like.
# - **Step:** each parameter minus 0.05 times its gradient, on batches of 10 images, in a new order each time around.
# - **Stop** when all fifty are right, not after a fixed number of rounds. Expect 10 to 30 rounds with the right labels, and
#   15 to 40 with the random ones.
#
# The check counts right predictions and looks at nothing else.


# %% nbgrader={"grade": false, "grade_id": "solution_overfit", "locked": false, "schema_version": 3, "solution": true, "task": false}
def overfit(images, labels, again):
    """Learn fifty images by heart and predict their labels.

    images: (50, 1, 28, 28), whole numbers from 0 to 255; labels: (50,), whole numbers from 0 to 9; again: the same
    images in another order, (50, 1, 28, 28).
    Returns the predicted labels of `again`, an array of whole numbers (50,).
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(0)
    mean, spread = images.mean(), images.std()
    x = (images - mean) / spread
    params = []
    for *inputs, units in ((1, 5, 5, 6), (6, 5, 5, 16), (400, 120), (120, 84), (84, 10)):
        w = rng.normal(0, np.sqrt(2 / np.prod(inputs)), (*inputs, units))
        params += [np.moveaxis(w, -1, 0) if len(inputs) == 3 else w, np.zeros(units)]
    while np.any(lenet_forward(x, params).argmax(axis=1) != labels):
        for batch in rng.permutation(len(x)).reshape(-1, 10):
            gradients = lenet_backward(x[batch], labels[batch], params)[1:]
            params = [p - 0.05 * gradient for p, gradient in zip(params, gradients, strict=True)]
    return lenet_forward((again - mean) / spread, params).argmax(axis=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "overfit", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(overfit)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Write it for one batch first: all fifty images, one call of `lenet_backward`, one step. Print the loss and repeat: it
# should begin between 2 and 6 and fall. These lines, in a cell of your own, try it on real images:
#
# ```python
# from course_utils.data import load
# train = load("fashion_mnist")
# overfit(train.images[:50], train.labels[:50], train.images[:50]) == train.labels[:50]
# ```
#
# <details><summary>Help 2: the next step</summary>
#
# `rng.permutation(50)` is a random order. Ten of its numbers at a time are a batch: `x[batch]`, `labels[batch]`, both with
# the same numbers. The step needs the last ten entries of what `lenet_backward` returns; the first is the loss.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# A loop around the batches goes on while any prediction is wrong; a prediction is the place of the largest logit in its row,
# `argmax(axis=1)`. If the loss becomes NaN or stays near 2.3, take a smaller learning rate. If the images are right and
# `again` is not, it was scaled in another way.
#
# </details></details></details>

# %% [markdown]
# ## 4. The same in PyTorch
#
# A PyTorch **module** holds its parameters itself and only says what happens forwards. Write the network of task 1 as a
# module, for images of any size. All sizes are arguments, and the defaults are the usual LeNet-5:
#
# - `in_channels`: channels of the images;
# - `filters`: of the first and of the second convolution, a tuple of two;
# - `hidden`: units of the first and of the second fully connected layer, a tuple of two;
# - `num_classes`;
# - `image_size`: rows and columns of the images, a tuple of two, at least 12 each. From these you compute how
#   many numbers are left after the second pooling.
#
# Make the layers with `nn.Conv2d` and `nn.Linear`, all with biases, when the module is made; so no lazy layers. There
# is nothing else with parameters: no batch normalisation. The output is the logits.
#
# The check compares the number of parameters (a quarter of the points), the output (half) and the gradients (a quarter).
# For that it writes its own weights into your module. Names, order and style are yours: a class, or a function that
# returns an `nn.Sequential`.
#
# By hand: `LeNet(1, (2, 3), (4, 5), 3, (12, 14))` has maps of 12 x 14, then 6 x 7, 2 x 3 and, after the second pooling,
# 1 x 1. So 3 numbers are left, and it has these parameters:
#
# | layer | weights + biases |
# | --- | --- |
# | first convolution | 2 · 1 · 25 + 2 = 52 |
# | second convolution | 3 · 2 · 25 + 3 = 153 |
# | fully connected | 4 · 3 + 4 = 16, 5 · 4 + 5 = 25 and 3 · 5 + 3 = 18 |
# | together | 264 |


# %% nbgrader={"grade": false, "grade_id": "solution_LeNet", "locked": false, "schema_version": 3, "solution": true, "task": false}
class LeNet(nn.Module):
    """LeNet-5 for images (N, in_channels, rows, columns): its output is the logits (N, num_classes).

    filters: of the two convolutions; hidden: units of the two hidden layers; image_size: rows and columns.
    """

    def __init__(self, in_channels=1, filters=(6, 16), hidden=(120, 84), num_classes=10, image_size=(28, 28)):
        super().__init__()
        ### BEGIN SOLUTION
        rows, columns = ((size // 2 - 4) // 2 for size in image_size)
        self.maps = nn.Sequential(
            nn.Conv2d(in_channels, filters[0], 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(filters[0], filters[1], 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(filters[1] * rows * columns, hidden[0]),
            nn.ReLU(),
            nn.Linear(hidden[0], hidden[1]),
            nn.ReLU(),
            nn.Linear(hidden[1], num_classes),
        )
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.head(self.maps(x))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "LeNet", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(LeNet)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# The layers with parameters are `nn.Conv2d(channels, filters, 5, padding=2)` and `nn.Linear(inputs, units)`. Make them in
# `__init__`, each as an attribute: `self.conv1 = ...`. Write it for the usual sizes first and try it on
# `torch.zeros(2, 1, 28, 28)`.
#
# <details><summary>Help 2: the next step</summary>
#
# In `forward` call them in turn, with `functional.relu(...)` and `functional.max_pool2d(..., 2)` between them and
# `x.flatten(1)` before the first fully connected layer: it keeps the first axis.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The first fully connected layer has as many inputs as the table of task 1 says for D: the second number of filters, times
# the rows, times the columns. Both are computed alike: half of it, minus 4, and half of that, rounded down each time. If
# only the group with other image sizes fails, a 400 or a 28 is left somewhere, or rows are used for columns.
#
# </details></details></details>

# %% [markdown]
# ## 5. Weights carried over
#
# Now both networks train with the same weights, and you see whether they agree. `sgd_in_torch` gets NumPy parameters in the
# layout of task 1, carries them into a PyTorch network, lets PyTorch train it, and carries the result back.
#
# 1. Build a LeNet of the sizes that `params` and `x` have, for instance with your `LeNet`. PyTorch makes networks of
#    float32: `.double()` turns one into float64.
# 2. Carry the parameters in. Convolutions have the same layout in both worlds. **Fully connected weights do not:** PyTorch
#    keeps a row for each unit, the transpose of ours. Take copies, so that training does not change the arrays that you
#    were given.
# 3. Take `steps` steps of `torch.optim.SGD`, each on the whole batch, down the mean cross-entropy of the logits.
#    `learning_rate` and `momentum` are its two settings; everything else stays as it is by default.
# 4. Carry the parameters back into NumPy's layout, and return them as a list of ten arrays in the order of `params`.
#
# With momentum $\mu$ and learning rate $\eta$ a step of PyTorch's SGD is $v \leftarrow \mu v + g$ and then
# $w \leftarrow w - \eta v$, where $g$ is the gradient, $v$ begins at 0, and each parameter has its own $v$.
#
# By hand, for one weight $w = 1$ whose gradient is always 2, with $\eta = 0.1$ and $\mu = 0.5$: the first step has $v = 2$ and $w = 1
# - 0.2 = 0.8$; the second has $v = 0.5 \cdot 2 + 2 = 3$ and $w = 0.8 - 0.3 = 0.5$.


# %% nbgrader={"grade": false, "grade_id": "solution_sgd_in_torch", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sgd_in_torch(x, labels, params, learning_rate, momentum, steps):
    """Train LeNet-5 in PyTorch, from NumPy parameters to NumPy parameters.

    x: images (N, C, H, W); labels: (N,), whole numbers from 0 to K - 1; params: the ten arrays of lenet_forward, which
    stay as they are; learning_rate and momentum: of torch.optim.SGD; steps: how many, each on the whole batch.
    Returns the list of the ten arrays after training, in the order, shapes and layout of params, float64.
    """
    ### BEGIN SOLUTION
    sizes = [len(b) for b in params[1::2]]
    net = LeNet(x.shape[1], sizes[:2], sizes[2:4], sizes[4], x.shape[2:]).double()
    for parameter, array in zip(net.parameters(), params, strict=True):
        parameter.data = as_tensor(array.T if array.ndim == 2 else array)
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=momentum)
    images, classes = as_tensor(x), torch.tensor(np.array(labels, dtype=np.int64))
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(net(images), classes).backward()
        optimizer.step()
    trained = [parameter.detach().numpy() for parameter in net.parameters()]
    return [array.T if array.ndim == 2 else array for array in trained]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sgd_in_torch", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(sgd_in_torch)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# The biases tell all sizes: `len(b)` is the number of filters, units or classes. The parameters of a module come in the
# order in which its layers were made: `for parameter, array in zip(net.parameters(), params)` walks through both.
#
# <details><summary>Help 2: the next step</summary>
#
# `parameter.data = torch.tensor(array, dtype=torch.float64)` writes a copy into the network; `torch.from_numpy(array)` would
# share its memory. Arrays with two axes are fully connected weights and go in as `array.T`. One step is four lines: forget
# the old gradients, compute the loss, `backward()`, `step()`.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Make the optimizer once, before the loop: it remembers $v$. Labels must be int64 for `functional.cross_entropy`. Back again
# it is `parameter.detach().numpy()`, with `.T` where there are two axes. If everything agrees to four or five digits only,
# some part is still float32.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# The same weights, the same real images, NumPy on one side and PyTorch on the other: five steps downhill on each. The
# numbers are the largest difference of any parameter, divided by the largest parameter. Rounding in float64 is
# about $10^{-16}$.

# %%
from course_utils.data import load

train = load("fashion_mnist")
x, labels = train.images[:20] / 255 - 0.5, train.labels[:20]
params = random_params(np.random.default_rng(5), 1, (6, 16), 400, (120, 84), 10)
try:
    ours = params
    for step in range(1, 6):
        gradients = lenet_backward(x, labels, ours)[1:]
        ours = [p - 0.1 * g for p, g in zip(ours, gradients, strict=True)]
        theirs = sgd_in_torch(x, labels, params, 0.1, 0.0, step)
        apart = max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(ours, theirs, strict=True))
        loss = cross_entropy(lenet_forward(x, ours), labels)[0]
        print(f"after {step} steps: loss {loss:.4f}, NumPy and PyTorch are {apart:.0e} apart")
except NotImplementedError:
    print("Write tasks 1, 2 and 5 first, then come back to this cell.")

# %% [markdown]
# ## 6. Train it
#
# Now the network is to understand something. Here are seven kinds of clothes: T-shirt, trouser, dress, sandal, sneaker,
# bag and ankle boot. The photographer was in a hurry: each image is moved by up to 4 pixels in each direction, and half of
# them are mirrored. That makes it hard for methods that compare pixels; your network does not mind as much.
#
# Write `train_lenet`: learn from 980 images with labels from 0 to 6, and predict the labels of 420 new images. **At least
# 77 % of the predictions must be right.** A LeNet-5 gets about 83 % after 15 rounds through the images, in a few seconds;
# a linear classifier gets about 66 %. You have 60 seconds on your machine, and 120 when your work is graded.
#
# You choose how. The usual way is your `LeNet` with `num_classes=7`, in float32 (its default), and a loop of your own:
# scaled images, shuffled batches of 32 or so, `torch.optim.Adam(net.parameters(), lr=0.001)` or SGD with momentum. Here too
# the check counts right predictions only. It uses these images, and your work is graded on others of the same kind, so leave
# some room. The next cell makes such images, so that you can try things out.


# %%
def moved(images, rng):
    """Move each image by up to 4 pixels in each direction, and mirror every other one."""
    padded = np.pad(images, ((0, 0), (0, 0), (4, 4), (4, 4)))
    corners = rng.integers(0, 9, (len(images), 2))
    found = np.stack(
        [image[:, i : i + 28, j : j + 28] for image, (i, j) in zip(padded, corners, strict=True)]
    )
    found[::2] = found[::2, :, :, ::-1]
    return found


from course_utils import figures

KINDS = [0, 1, 3, 5, 7, 8, 9]  # these labels of Fashion-MNIST become 0 to 6
generator = np.random.default_rng(1)
chosen = np.flatnonzero(np.isin(train.labels, KINDS))[:1400]
some_images, some_labels = (
    moved(train.images[chosen], generator),
    np.searchsorted(KINDS, train.labels[chosen]),
)
names = [train.class_names[kind] for kind in KINDS]
figure, panels = figures.panels(2, 7, width=10, height=3.4)
for place, axes in enumerate(panels):
    number = np.flatnonzero(some_labels == place % 7)[place // 7]
    figures.picture(axes, some_images[number], title=names[place % 7])
    axes.set_axis_off()
figures.show(
    figure,
    alt="Two rows of seven small grey pictures of clothes, one of each kind, most of them off the middle.",
)


# %% nbgrader={"grade": false, "grade_id": "solution_train_lenet", "locked": false, "schema_version": 3, "solution": true, "task": false}
def train_lenet(images, labels, new_images):
    """Learn to tell clothes apart, and predict the labels of new images.

    images: (980, 1, 28, 28), whole numbers from 0 to 255; labels: (980,), whole numbers from 0 to 6;
    new_images: (420, 1, 28, 28), whole numbers from 0 to 255.
    Returns the predicted labels of new_images, a NumPy array of whole numbers (420,).
    """
    ### BEGIN SOLUTION
    torch.manual_seed(0)
    mean, spread = images.mean(), images.std()
    x, new = (torch.tensor((part - mean) / spread, dtype=torch.float32) for part in (images, new_images))
    targets = torch.tensor(labels)
    net = LeNet(num_classes=7)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.0015)
    for _ in range(15):
        for batch in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            functional.cross_entropy(net(x[batch]), targets[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        return net(new).argmax(dim=1).numpy()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "train_lenet", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(train_lenet)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Six lines train a network: lecture 6, "The training loop", reads them one by one. Turn the images into a float32 tensor
# first, with a mean near 0 and a spread near 1, and the labels into an int64 tensor.
#
# <details><summary>Help 2: the next step</summary>
#
# Two loops: rounds, and in each of them batches. `torch.randperm(len(x)).split(32)` gives the batches of one round
# as tensors of numbers: take images and labels with the same ones. The new images are scaled with the mean and spread of the
# images that you trained on.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Print the loss of some batches: it begins near log 7, about 1.95, and falls below 0.4. `argmax(dim=1)` of the logits is the
# prediction, `.numpy()` makes an array of it; put that into `with torch.no_grad():`. No softmax before
# `cross_entropy`, which has it inside. For more: more rounds, and images that you move and mirror yourself, anew in each
# round.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# Your training, on images whose labels you may look at: how often is it right with each kind, and what does it take for
# what?

# %%
try:
    answers = train_lenet(some_images[:980], some_labels[:980], some_images[980:])
except NotImplementedError:
    print("Write train_lenet first, then come back to this cell.")
else:
    truth, counts = some_labels[980:], np.zeros((7, 7), int)
    np.add.at(counts, (truth, answers), 1)
    right = np.mean(answers == truth)
    figure, (axes,) = figures.panels(width=7.5, height=4.6)
    figures.number_grid(
        axes, counts, title=f"Row: truth, column: answer. {right:.0%} of {truth.size} are right"
    )
    for number, name in enumerate(names):
        axes.text(7.3, number + 0.5, f"{number} {name}", va="center", fontsize=9)
    off = np.where(np.eye(7, dtype=bool), 0, counts)
    one, other = np.unravel_index(off.argmax(), off.shape)
    figures.show(
        figure,
        alt=f"A table of 7 by 7 counts, most of them on the diagonal. {right:.0%} are right. The most common mistake, "
        f"{off.max()} times, is to take {names[one]} for {names[other]}.",
    )

# %% [markdown]
# ## 7. In your own words
#
# Your network of task 3 got all of fifty images right when their labels were right, and also when they were drawn at random.
# Suppose you now give both networks 1,000 new images with their true labels. The first is right for about half
# of them, the second for about a tenth. A colleague says: "Both have learned perfectly, as their training shows. So the
# code is right and the network is good, and the rest is bad luck." Explain in four to eight sentences what 100 % on the fifty
# images proves and what it does not, why the second network gets a tenth, and name one mistake in a program that this test cannot
# find. An instructor reads this answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "by_heart_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# All fifty right shows that the parts work together: the gradient points downhill, the steps are taken, images and labels are
# paired as they were given, the learning rate is usable, and the network has enough parameters to hold these fifty
# answers. It shows nothing about other images. The random labels prove that: the same network reaches 100 % on them although there is
# nothing in the images that would tell the label, so 100 % can be had by remembering alone. What the second network
# remembered has nothing to do with the classes of new images, so it is right as often as a guess among ten, a tenth. The first found
# something that holds for other images too, but fifty are too few to find much. It is no bad luck: to know how good a
# network is one needs images that it was not trained on. A mistake that the test cannot find: new images that are scaled in another
# way, a ReLU or a layer left out or average for max pooling (the network still remembers fifty), labels that are wrong in the
# file, training images among the test images, prediction in train mode, one class missing from the fifty.
#
# Rubric: 1 point for what it proves (gradient, loop and capacity work; it can fit what it is given); 1 point for why it proves
# nothing about new images, with the random labels as the reason for the tenth (chance, since there was nothing to find); 1 point for
# a mistake that leaves the fifty images learnable. "Overfitting" as a word alone, without saying what was remembered, earns half of the second point.

# %% [markdown]
# ## What you learned
#
# - A network is its layers, called in turn. Print the shapes, and most mistakes show themselves.
# - The way back visits the layers in the opposite order. Each needs what went into it, and gives two things: the gradient of
#   its weights, and that of its input.
# - Fifty images learned by heart test the program. They say nothing about new images: random labels can be learned by heart
#   too.
# - A PyTorch module says what happens forwards. Only the first fully connected layer depends on the size of the images.
# - Carrying weights over means copies, layouts and number types. In float64, NumPy and PyTorch then agree to rounding, step
#   after step.
# - A convolutional network learns clothes that lie anywhere in the image, where a linear classifier does not.
#
# Back to [lecture 06](../../lectures/06_lenet.ipynb), or on to [lecture 07](../../lectures/07_alexnet.ipynb): the same plan,
# a thousand times larger.
