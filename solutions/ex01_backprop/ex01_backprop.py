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
# # Exercise 01: backpropagation by hand
#
# You write everything that a small network needs to learn, in NumPy: the probabilities at its output, its cost and the
# cost's gradient, a pass forward, a pass backward, a check that finds errors in gradients, and the step that changes
# the weights. Then your own functions train a network on one row of a photograph.
#
# **Objectives.** After this exercise you can
#
# - turn scores into probabilities, and measure how wrong they are, without overflow;
# - carry a gradient backward through a network with the chain rule, for a whole batch at once;
# - check any gradient against differences of the function itself;
# - take a step of gradient descent, and watch a loss fall.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `softmax` | 2 | ●○○○○ | ●●●●● | 10 |
# | 2 `cross_entropy` | 4 | ●●●○○ | ●●●●● | 25 |
# | 3 `mlp_forward` | 2 | ●○○○○ | ●●●●○ | 10 |
# | 4 `mlp_backward` | 6 | ●●●●○ | ●●●●● | 35 |
# | 5 `numerical_gradient` | 4 | ●●●○○ | ●●●●● | 25 |
# | 6 `sgd_step` | 2 | ●○○○○ | ●●●●○ | 10 |
# | 7 a question to answer in words | 3 | ●●●○○ | ●●●○○ | 15 |
#
# **Time:** about 150 minutes to read and do; the tasks take 130 of them. All cells together run in about 5 seconds.
#
# You need [lecture 01](../../lectures/01_feedforward_review.ipynb). Each task has a cell that you fill in and a
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
# ## 1. From scores to probabilities
#
# A network for C classes puts out C scores for each example, the **logits** $z$. They can be any numbers. Softmax makes
# probabilities of them, positive and with the sum 1:
#
# $$p_{c} = \frac{e^{z_{c}}}{\sum_{k} e^{z_{k}}} .$$
#
# `logits` holds a row for each example, and every row is a softmax of its own. By hand: the row $(0, \ln 3)$ has the
# exponentials $1$ and $3$, so the probabilities are $\left(\tfrac14, \tfrac34\right)$.
#
# Logits may be large: `np.exp(1000)` is `inf` in float64, and `inf / inf` is not a number. Some cases are like that.
# What happens to the fraction when you subtract the same number from all logits of a row?


# %% nbgrader={"grade": false, "grade_id": "solution_softmax", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softmax(logits):
    """Turn each row of logits into probabilities.

    logits: (N, C), any finite numbers.
    Returns a float array (N, C): each row is positive, or rounds to 0, and has the sum 1.
    """
    ### BEGIN SOLUTION
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "softmax", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(softmax)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Write it as the formula has it, for a matrix: exponentials of everything, then a sum along each row. Which axis is that?
#
# <details><summary>Help 2: the next step</summary>
#
# `sum(axis=1)` has the shape (N,), and (N, C) cannot be divided by it. With `keepdims=True` it has the shape (N, 1).
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Subtract a number from each row before you take exponentials, so that the largest exponent is 0. The factor that
# this puts into the numerator is in the denominator too.
#
# </details></details></details>

# %% [markdown]
# ## 2. How wrong, and in which direction
#
# The **cross-entropy** of a batch is the mean over its N examples of minus the logarithm of the probability that the
# label got. With the label $t_n$ of example $n$, a whole number from 0 to C - 1:
#
# $$L = -\frac1N \sum_{n} \ln p_{n, t_n} .$$
#
# Its gradient with respect to the logits is as short as it could be. With $y_{nc} = 1$ where $c = t_n$ and 0 elsewhere:
#
# $$\frac{\partial L}{\partial z_{nc}} = \frac{p_{nc} - y_{nc}}{N} .$$
#
# By hand, one example with the logits $(0, \ln 3)$ and label 0: $L = -\ln \tfrac14 = 1.386$, and the gradient is
# $\left(\tfrac14 - 1,\ \tfrac34\right) = \left(-\tfrac34,\ \tfrac34\right)$. The score of the label has to go up, the other one down.
#
# Some cases are confident and wrong: the label's probability is so small that it rounds to 0, and $\ln 0$ is infinite.
# The loss is a finite number there, about as large as the logits lie apart. Put the formula of softmax into the
# logarithm, and simplify, before you compute.


# %% nbgrader={"grade": false, "grade_id": "solution_cross_entropy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cross_entropy(logits, labels):
    """Return the mean cross-entropy of softmax over a batch, and its gradient.

    logits: (N, C); labels: (N,), whole numbers from 0 to C - 1.
    Returns (loss, dlogits): a number, and its derivatives with respect to the logits, a float array (N, C).
    """
    ### BEGIN SOLUTION
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, labels])
    dlogits = softmax(logits)
    dlogits[rows, labels] -= 1
    return loss, dlogits / len(labels)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cross_entropy", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(cross_entropy)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Begin with the gradient, which needs your `softmax` and a matrix with a 1 at each label. The loss of one example needs one
# number of its row.
#
# <details><summary>Help 2: the next step</summary>
#
# An array takes two lists of indices: `a[[0, 1, 2], [5, 0, 5]]` picks one number from each of three rows. And
# $\ln \frac{e^{z_t}}{\sum_k e^{z_k}}$ is a difference of two logarithms, one of which you need not compute.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Shift the logits of each row as in task 1. The loss of a row is then the logarithm of the sum of its exponentials, minus the
# shifted logit of its label. At least one exponential is 1, so that logarithm is finite. Both results are divided by N.
#
# </details></details></details>

# %% [markdown]
# ## 3. A pass forward
#
# The network of the slides has D inputs, M hidden units with tanh, and one linear output. For each example:
#
# $$a_j = \sum_{i} x_i \, w^{(1)}_{ij}, \qquad z_j = \tanh(a_j), \qquad \hat y = \sum_{j} w^{(2)}_{j} z_j .$$
#
# There is no separate bias: whoever wants one gives $x$ a column of ones. `x` holds N examples, one in each row.
#
# By hand, one example with one input $x = (1)$, $w^{(1)} = (\ln 2,\ \ln 3)$ and $w^{(2)} = (10, 5)$:
# $\tanh(\ln 2) = \frac{2 - 1/2}{2 + 1/2} = 0.6$ and $\tanh(\ln 3) = 0.8$, so $z = (0.6,\ 0.8)$ and $\hat y = 6 + 4 = 10$.


# %% nbgrader={"grade": false, "grade_id": "solution_mlp_forward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mlp_forward(x, w1, w2):
    """Return the outputs of the tanh network for a batch, and those of its hidden units.

    x: (N, D); w1: (D, M), w1[i, j] leads from input i to hidden unit j; w2: (M,).
    Returns (y_hat, z): float arrays (N,) and (N, M).
    """
    ### BEGIN SOLUTION
    z = np.tanh(x @ w1)
    return z @ w2, z
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mlp_forward", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(mlp_forward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Write the shapes down: (N, D) and (D, M) shall become (N, M). Which product of matrices does that, without a transpose?
#
# <details><summary>Help 2: the next step</summary>
#
# NumPy has tanh, for whole arrays and for large inputs. The formula with exponentials overflows.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Two matrix products with `@` and a tanh between them. A matrix (N, M) times a vector (M,) is a vector (N,).
#
# </details></details></details>

# %% [markdown]
# ## 4. The pass backward
#
# Now the cost is the mean over the batch of half the squared error,
#
# $$L = \frac1N \sum_{n} \tfrac12 \left(y_n - \hat y_n\right)^2 ,$$
#
# and you return its derivatives with respect to both sets of weights. For one example alone, from the output backward:
#
# $$\delta = \frac{\partial L}{\partial \hat y} = \hat y - y, \qquad
# \frac{\partial L}{\partial w^{(2)}_j} = \delta \, z_j, \qquad
# \delta_j = \frac{\partial L}{\partial a_j} = \left(1 - z_j^2\right) w^{(2)}_j \, \delta, \qquad
# \frac{\partial L}{\partial w^{(1)}_{ij}} = \delta_j \, x_i .$$
#
# The slides print two of these with slips; [lecture 01](../../lectures/01_feedforward_review.ipynb#Errata) lists them. For a batch,
# each derivative is the mean of what the examples give.
#
# By hand, with the example of task 3 and $y = 9$: $\delta = 1$, so $\partial L / \partial w^{(2)} = (0.6,\ 0.8)$. The hidden
# units get $\delta_1 = (1 - 0.36) \cdot 10 \cdot 1 = 6.4$ and $\delta_2 = (1 - 0.64) \cdot 5 \cdot 1 = 1.8$, and with $x = 1$
# the derivatives with respect to $w^{(1)}$ are the same two numbers.


# %% nbgrader={"grade": false, "grade_id": "solution_mlp_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mlp_backward(x, y, w1, w2):
    """Return the gradients of the mean over the batch of (y - y_hat)**2 / 2.

    x: (N, D); y: (N,), the targets; w1: (D, M); w2: (M,).
    Returns (dw1, dw2): float arrays of the shapes of w1 and w2.
    """
    ### BEGIN SOLUTION
    y_hat, z = mlp_forward(x, w1, w2)
    delta = (y_hat - y) / len(y)
    delta_hidden = np.outer(delta, w2) * (1 - z**2)
    return x.T @ delta_hidden, z.T @ delta
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mlp_backward", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(mlp_backward)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Call your `mlp_forward`, then take the formulas from left to right, for one example first. Make two arrays of zeros for the
# results and loop over the examples; each adds its share, divided by N.
#
# <details><summary>Help 2: the next step</summary>
#
# For one example, `z[n]` and `w2` have the shape (M,), and so has the vector of all $\delta_j$. The derivatives with respect to
# `w1` are a product for every pair (i, j): `np.outer` makes such a table from two vectors.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Without a loop: let `delta` hold $(\hat y_n - y_n) / N$, shape (N,). The $\delta_j$ of all examples are a matrix (N, M), made from
# `delta[:, None]`, `w2` and `z`. A sum over the examples of products is a matrix product in which N is the axis that
# goes away: (D, N) times (N, M) for `dw1`, (M, N) times (N,) for `dw2`.
#
# </details></details></details>

# %% [markdown]
# ## 5. Check a gradient
#
# A slip in a gradient raises no error: the network learns badly, and you do not know why. So check gradients
# against the function itself. Move **one** cell of `x` by a small step $h$ to each side, all others as they are,
# and divide the difference of the two values by the distance:
#
# $$g_i = \frac{f(x + h e_i) - f(x - h e_i)}{2h} ,$$
#
# where $e_i$ is 1 in cell $i$ and 0 elsewhere. This **central difference** errs by a multiple of $h^2$; the one-sided difference
# $\left(f(x + h e_i) - f(x)\right) / h$ errs by a multiple of $h$, which the check notices.
#
# By hand: $f(x) = x^3$ at $x = 1$ with $h = 0.1$ gives $(1.331 - 0.729) / 0.2 = 3.01$. The derivative is 3, and you return 3.01:
# the central difference with the given $h$ is the right answer here, even where $h$ is large.
#
# `x` may have any number of axes, and the result has its shape. Compute in float64 whatever the type of `x`: a step of 0.00001 is lost on
# an integer, and nearly lost on a float32.


# %% nbgrader={"grade": false, "grade_id": "solution_numerical_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def numerical_gradient(f, x, h):
    """Return the central differences of a function, one for each cell of its argument.

    f: a function that takes an array of the shape of x and returns a number; x: an array of any shape;
    h: the step to each side, a positive number.
    Returns a float64 array of the shape of x.
    """
    ### BEGIN SOLUTION
    moved = np.array(x, dtype=np.float64)
    gradient = np.empty(moved.shape)
    for cell in np.ndindex(moved.shape):
        start = moved[cell]
        moved[cell] = start + h
        right = f(moved)
        moved[cell] = start - h
        left = f(moved)
        moved[cell] = start
        gradient[cell] = (right - left) / (2 * h)
    return gradient
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "numerical_gradient", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(numerical_gradient)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Make a copy of `x` in float64, and an array of its shape for the result. `np.ndindex(x.shape)` visits every cell,
# however many axes there are: each index that it gives is a tuple, and `x[index]` is one number.
#
# <details><summary>Help 2: the next step</summary>
#
# Remember the cell's number. Put the number plus h there and call `f`, then the number minus h and call `f` again.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Put the remembered number back before you go on, or the next cell is measured at the wrong place. Mind the brackets:
# `/ 2 * h` is not `/ (2 * h)`.
#
# </details></details></details>

# %% [markdown]
# ### See it
#
# Your check, turned on your own gradients. The **relative error** is the largest difference, divided by the largest value. Below
# 1e-7 the two agree. If tasks 2 and 4 pass, this shows what a right gradient looks like; if they do not, it shows
# which one is wrong.

# %%
rng = np.random.default_rng(1)
x, y, w1, w2 = (rng.normal(size=shape) for shape in ((5, 3), 5, (3, 4), 4))
logits, labels = rng.normal(size=(5, 3)), rng.integers(0, 3, 5)


def half_squared_error(w1, w2):
    return np.mean((y - mlp_forward(x, w1, w2)[0]) ** 2) / 2


try:
    dw1, dw2 = mlp_backward(x, y, w1, w2)
    pairs = {
        "dw1": (dw1, numerical_gradient(lambda w: half_squared_error(w, w2), w1, 1e-5)),
        "dw2": (dw2, numerical_gradient(lambda w: half_squared_error(w1, w), w2, 1e-5)),
        "dlogits": (
            cross_entropy(logits, labels)[1],
            numerical_gradient(lambda scores: cross_entropy(scores, labels)[0], logits, 1e-5),
        ),
    }
except NotImplementedError:
    print("Write tasks 1 to 5 first, then come back to this cell.")
else:
    for name, (yours, measured) in pairs.items():
        error = np.max(np.abs(yours - measured)) / np.max(np.abs(measured))
        print(f"{name}: relative error {error:.0e}")

# %% [markdown]
# ## 6. A step downhill
#
# Gradient descent moves every parameter against its gradient, a step whose length the **learning rate** $\eta$ sets:
#
# $$w \leftarrow w - \eta \, \frac{\partial L}{\partial w} .$$
#
# `params` and `grads` are lists with as many arrays, of the same shapes in pairs. Return a **new** list of new arrays and
# leave those that you are given as they are: whoever called may want to go back. By hand: parameters $(1, 2)$, gradient $(4, -2)$,
# $\eta = 0.5$ give $(1 - 2,\ 2 + 1) = (-1,\ 3)$.


# %% nbgrader={"grade": false, "grade_id": "solution_sgd_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sgd_step(params, grads, learning_rate):
    """Take one step of gradient descent.

    params: a list of arrays of any shapes; grads: a list of arrays of the same shapes; learning_rate: a number.
    Returns a list of new float arrays, one for each of params.
    """
    ### BEGIN SOLUTION
    return [weights - learning_rate * gradient for weights, gradient in zip(params, grads, strict=True)]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sgd_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(sgd_step)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Begin with an empty list. `zip(params, grads)` walks through both lists at once.
#
# <details><summary>Help 2: the next step</summary>
#
# Append the new array to the list. `return` comes after the loop, not inside it.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# `p -= step` changes the array that the caller holds; `p = p - step` makes a new one.
#
# </details></details></details>

# %% [markdown]
# ### Overfit it
#
# Before you trust a network with much data, let it learn a little by heart. Here are 48 brightness values, one row across
# a photograph. The network gets a column of ones and the position, and is to say how bright it is there. All that runs are
# your `mlp_forward`, `mlp_backward` and `sgd_step`. Run this cell when tasks 3, 4 and 6 pass.
#
# Then change it: what do 10 hidden units do, and what does a learning rate of 0.2? The cell shows either. It stops
# after a few seconds at the latest: loops over single numbers come less far in them than operations on whole arrays.

# %%
from time import monotonic

from course_utils import figures
from course_utils.data import load

HIDDEN_UNITS, LEARNING_RATE, STEPS, SECONDS = 100, 0.04, 5_000, 4
photograph, row = load("photographs").images[5], 128
brightness = photograph.mean(axis=0)[row].reshape(48, 8).mean(axis=1)  # of eight pixels each, 0 to 255
targets = (brightness - brightness.mean()) / brightness.std()
position = np.linspace(-1, 1, 48)
inputs = np.stack([np.ones(48), position], axis=1)

rng = np.random.default_rng(0)
slopes, centres = rng.normal(0, 80, HIDDEN_UNITS), rng.uniform(-1, 1, HIDDEN_UNITS)
weights = [np.stack([-slopes * centres, slopes]), rng.normal(0, 0.03, HIDDEN_UNITS)]
try:
    before, losses, end = mlp_forward(inputs, *weights)[0], [], monotonic() + SECONDS
    while len(losses) < STEPS and monotonic() < end:
        losses.append(np.mean((targets - mlp_forward(inputs, *weights)[0]) ** 2) / 2)
        if not losses[-1] < 1e6:
            print(f"After {len(losses)} steps the loss is beyond 1e6: a smaller learning rate, or a slip?")
            break
        weights = sgd_step(weights, mlp_backward(inputs, targets, *weights), LEARNING_RATE)
    after = mlp_forward(inputs, *weights)[0]
except NotImplementedError:
    print("Write tasks 3, 4 and 6 first, then come back to this cell.")
else:
    figure, (picture, curves, losses_axes) = figures.panels(3, 1, width=9.5, height=9.5)
    figures.picture(picture, photograph, title=f"The photograph, and its row {row}")
    picture.axhline(row, color="white", linewidth=3)
    picture.axhline(row, color="black", linewidth=1, linestyle="--")
    shown = {"photograph": targets, "before training": before, f"after {len(losses):,} steps": after}
    figures.profiles(
        curves,
        4 + 8 * np.arange(48),
        {name: brightness.mean() + brightness.std() * values for name, values in shown.items()},
        title=f"What {HIDDEN_UNITS} hidden units say before and after training",
        xlabel="column (pixels)",
        ylabel="brightness (0 to 255)",
    )
    curves.lines[0].set(color="0.75", linewidth=6)  # broad, so that a curve on top of it shows
    curves.set_ylim(0, 255)
    curves.legend(loc=(0.2, 0.69), fontsize=9)
    change = f"from {losses[0]:.2g} to {losses[-1]:.2g}"
    figures.profiles(
        losses_axes,
        np.arange(len(losses)),
        {"loss": losses},
        title=f"The loss goes {change}",
        xlabel="step",
        ylabel="loss",
    )
    losses_axes.set_yscale("log")
    figures.show(
        figure,
        alt="A photograph with one row marked; the brightness along that row with the output of your network before and "
        f"after training; and the loss, which goes {change} in {len(losses):,} steps.",
    )

# %% [markdown]
# ## 7. In your own words
#
# A colleague checks a gradient that is right, in float64, and reports: "With $h = 10^{-5}$ the numbers agree to nine digits. I wanted it
# more exact and took $h = 10^{-13}$: now they agree to two digits. With $h = 0.1$ they agree to two digits as well. And since the numerical
# gradient needs no derivation, I will train my network of 60 million parameters with it."
# Explain in four to eight sentences what happens at the small step and at the large one, and what you say to the plan. An instructor
# reads this answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "checking_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# A float64 has about 16 digits, so f(x + h) and f(x - h) each carry a rounding error near 1e-16 times their size. For a tiny h they agree in
# nearly all their digits; the subtraction removes these, and dividing what is left by 2h makes the rounding error large: about 1e-16 / h,
# which is 1e-3 for h = 1e-13. A large step has the other trouble: the central difference is exact only for functions that are
# quadratic within the step, and its own error grows with the square of h. In between, the sum of both errors is smallest, near h = 1e-5.
# The plan fails on the cost: each parameter takes two passes forward, so one gradient of 60 million parameters
# takes 120 million passes. Backpropagation gets all derivatives from one pass forward and one backward, which costs about as
# much as two or three passes forward. The numerical gradient is for checks on small networks.
#
# Rubric: 1 point for the small step (the difference of two nearly equal rounded numbers, divided by a tiny one); 1 point for the large step (the
# formula's own error, which grows with h squared, or "it is no longer the slope at the point"); 1 point for the cost
# (two passes for each parameter against one pass forward and one backward for all).

# %% [markdown]
# ## What you learned
#
# - Softmax does not change when a row of logits is shifted; shifted so that its largest is 0, it cannot overflow.
# - The gradient of softmax with cross-entropy is the probabilities minus the labels. A logarithm of a sum of exponentials never needs the
#   logarithm of a probability.
# - Backpropagation carries one error from the output to each weight: times the weight on the way, times the derivative
#   of the unit, times the input at the end.
# - A mean in the loss is a mean in the gradient.
# - Central differences check any gradient, and cost two passes forward for each parameter.
# - A step of gradient descent subtracts the learning rate times the gradient.
#
# Back to [lecture 1, a review of feedforward networks](../../lectures/01_feedforward_review.ipynb), or on to
# [lecture 2, why convolution](../../lectures/02_why_convolution.ipynb): what images want in place of a weight for every
# pixel.
