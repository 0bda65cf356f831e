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
# # Exercise 09: blocks that add, blocks that join
#
# A residual block **adds** its result to its input; a dense layer **joins** its result to its input. You build both kinds in
# PyTorch, in forms that came after the papers of lecture 10, and assemble a network of each. Then you compute by hand
# what a shortcut does to a gradient on its way through fifty layers.
#
# **Objectives.** After this exercise you can
#
# - turn a formula, a table or a figure of a paper into a module that computes exactly that;
# - say where batch normalisation, ReLU, the stride and the shortcut of a block stand, and what moves when they move;
# - keep account of channels where blocks add and where they join, and count parameters by hand;
# - build networks of any depth from a tuple of numbers;
# - explain with a product of matrices why gradients survive in deep residual networks.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `PreActBlock` | 5 | ●●●○○ | ●●●●● | 25 |
# | 2 `BottleneckD` | 5 | ●●●○○ | ●●●●○ | 20 |
# | 3 `resnet` | 5 | ●●●○○ | ●●●●● | 20 |
# | 4 `DenseLayer` | 4 | ●●○○○ | ●●●●○ | 15 |
# | 5 `Transition` | 2 | ●○○○○ | ●●●○○ | 10 |
# | 6 `densenet` | 5 | ●●●○○ | ●●●●○ | 20 |
# | 7 `chain_gradients` | 5 | ●●●●○ | ●●●●● | 25 |
# | 8 a question to answer in words | 3 | ●●●○○ | ●●●●○ | 10 |
#
# **Time:** about 175 minutes to read and do; the tasks take 145 of them. All cells together run in about 10 seconds.
#
# You need [lecture 10](../../lectures/10_resnet_densenet.ipynb), and for task 7
# [lecture 05](../../lectures/05_backprop_through_convolution.ipynb). Each task has a cell that you fill in and a check
# cell below it: run it as often as you like. It shows which cases pass, what differs, and often which mistake was made.
#
# **Rules of the house**, for tasks 1 to 6:
#
# - The answer builds an `nn.Module`. It may be a class, as in the stub, or a function; it may use `nn.Sequential`, layers, or
#   functions and parameters of its own, of the shapes that PyTorch's layers have. You may rename arguments, not reorder them.
# - Names of attributes and their order are free. The check looks at what a module computes, and gives each weight the number
#   that belongs to its place between image and output.
# - A **convolution has no bias**: a batch normalisation follows it sooner or later and shifts by itself. A **linear layer has a
#   bias**. A **batch normalisation (BN)** is `nn.BatchNorm2d(channels)` with its usual settings, one for every place.
# - Strides are 1 or 2. Convolutions of 3 x 3 are padded by 1, those of 1 x 1 are not padded.
# - Images are (N, C, H, W), of any size.
# - In each case the check runs your module once in train mode, so that BN sees a batch, and then in eval mode. The **number of
#   parameters** is worth a quarter of a case's points, the **output** in eval mode a half, the **gradients** of the weights a quarter. In
#   tasks 3 and 6 the output in train mode and that in eval mode share the half.
# - When your work is graded, `course_utils.zoo` is not there. It would not help: its blocks are others.

# %% tags=["setup"]
import numpy as np
import torch
from course_utils.check import check, progress
from torch import nn

# %%
progress()

# %% [markdown]
# ## 1. A block with pre-activation
#
# In the ResNet of lecture 10 a ReLU stands behind every addition, so a shortcut never leads through the whole network
# unbroken. He and others moved it a year later ([Identity mappings in deep residual networks](https://arxiv.org/abs/1603.05027)):
# BN and ReLU come **before** each convolution, and nothing comes behind the addition. With $a$, the input after BN and ReLU:
#
# $$a = \mathrm{ReLU}(\mathrm{BN}_1(x)) \qquad
# F = \mathrm{conv}_2\big(\mathrm{ReLU}(\mathrm{BN}_2(\mathrm{conv}_1(a)))\big) \qquad
# y = \mathrm{shortcut} + F$$
#
# Both convolutions are 3 x 3 and put out `channels` maps; $\mathrm{conv}_1$ has the `stride`, $\mathrm{conv}_2$ has stride 1.
#
# - Where the block keeps its input's shape (stride 1, and as many channels out as in), the shortcut is $x$ **itself**.
# - Everywhere else it is a **projection of** $a$: one convolution of 1 x 1 with the same stride, and no BN.
#
# By hand: one channel, a block that keeps the shape, and kernels whose only weight that is not 0 stands in the centre: 2 in
# $\mathrm{conv}_1$ and 3 in $\mathrm{conv}_2$. A BN that has seen nothing passes on what it gets. Then $x = 5$ becomes
# $5 + 3 \cdot (2 \cdot 5) = 35$, and $x = -5$ becomes $-5 + 0 = -5$. With a projection of weight 4 it would be
# $4 \cdot 5 + 30 = 50$ and $0 + 0 = 0$.
#
# Count too: `PreActBlock(2, 3, 2)` has 4 + 54 + 6 + 81 + 6 = 151 parameters, of BN 1 (two a channel), conv 1, BN 2, conv 2 and the
# projection.


# %% nbgrader={"grade": false, "grade_id": "solution_PreActBlock", "locked": false, "schema_version": 3, "solution": true, "task": false}
class PreActBlock(nn.Module):
    """A residual block of two 3 x 3 convolutions, each behind batch normalisation and ReLU.

    in_channels: channels of the input; channels: channels of the output; stride: that of the block, 1 or 2.
    """

    def __init__(self, in_channels, channels, stride):
        super().__init__()
        ### BEGIN SOLUTION
        self.norms = nn.ModuleList([nn.BatchNorm2d(in_channels), nn.BatchNorm2d(channels)])
        self.entry = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.exit = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        keeps_shape = stride == 1 and in_channels == channels
        self.projection = None if keeps_shape else nn.Conv2d(in_channels, channels, 1, stride, bias=False)
        ### END SOLUTION

    def forward(self, x):
        """Take images (N, in_channels, H, W) and return (N, channels, H / stride, W / stride), rounded up."""
        ### BEGIN SOLUTION
        activated = torch.relu(self.norms[0](x))
        residual = self.exit(torch.relu(self.norms[1](self.entry(activated))))
        return residual + (x if self.projection is None else self.projection(activated))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "PreActBlock", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(PreActBlock)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Write down how many channels come in and go out at each of the five places: BN 1, conv 1, BN 2, conv 2, projection. Make the
# layers in `__init__`, use them in `forward`. Begin with the cases that keep the shape: they need no projection.
#
# <details><summary>Help 2: the next step</summary>
#
# `nn.Conv2d(a, b, 3, stride, padding=1, bias=False)` is a 3 x 3 convolution. BN 1 sees `in_channels`, BN 2 sees `channels`.
# Keep $a$ in a variable, since two layers read it. Whether there is a projection is decided in `__init__`; both conditions, stride and
# channels, count.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# `forward` has three lines, one for each formula. The shortcut is `x` or `self.projection(a)`. Return the sum as it is. If "the
# same shape" fails and the number of parameters is right, look for a ReLU behind the addition, or for a shortcut that begins
# at $a$ instead of $x$.
#
# </details></details></details>

# %% [markdown]
# ## 2. A bottleneck whose shortcut reads every cell
#
# A shortcut of 1 x 1 with stride 2 reads one cell of four and forgets three. The "ResNet-D" of He, Tong and others
# ([Bag of tricks](https://arxiv.org/abs/1812.01187)) averages instead. Build its bottleneck block. ReLU stands where the first ResNet has it,
# behind the addition:
#
# $$F = \mathrm{BN}\big(\mathrm{conv}_{1\times1}(\mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}_{3\times3}(\mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}_{1\times1}(x)))))))\big)
# \qquad y = \mathrm{ReLU}(\mathrm{shortcut} + F)$$
#
# Channels: from `in_channels` to `channels` (1 x 1), to `channels` (3 x 3), to `4 * channels` (1 x 1). The **3 x 3** convolution has the
# `stride`.
#
# - With stride 1 and `in_channels == 4 * channels` the shortcut is $x$ itself.
# - Everywhere else it is a 1 x 1 convolution to `4 * channels`, of stride 1, with BN behind it. Where the block has stride 2, an
#   **average pooling** of 2 x 2 with stride 2 comes first; with stride 1 nothing is pooled.
#
# Where the stride is 2, images have an even number of rows and of columns.
#
# By hand, the shortcut with one channel, weight 10 and a BN that has seen nothing: the cells
# $\begin{pmatrix} 1 & 2 \\ 3 & 6 \end{pmatrix}$ have the mean 3 and give 30. The old shortcut reads the 1 and gives 10.
#
# Count too: `BottleneckD(8, 2, 2)` has 16 + 4 + 36 + 4 + 16 + 16 parameters in $F$ and 64 + 16 in the shortcut, 172 in all.


# %% nbgrader={"grade": false, "grade_id": "solution_BottleneckD", "locked": false, "schema_version": 3, "solution": true, "task": false}
class BottleneckD(nn.Module):
    """A residual block of three convolutions, 1 x 1, 3 x 3, 1 x 1, whose shortcut averages where it has to shrink.

    in_channels: channels of the input; channels: those of the 3 x 3 convolution, the output has four times as
    many; stride: that of the block, 1 or 2.
    """

    def __init__(self, in_channels, channels, stride):
        super().__init__()
        ### BEGIN SOLUTION
        wide = 4 * channels
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
        )
        self.around = nn.Sequential()
        if stride != 1 or in_channels != wide:
            if stride != 1:
                self.around.append(nn.AvgPool2d(stride))
            self.around.extend([nn.Conv2d(in_channels, wide, 1, bias=False), nn.BatchNorm2d(wide)])
        ### END SOLUTION

    def forward(self, x):
        """Take images (N, in_channels, H, W) and return (N, 4 * channels, H / stride, W / stride)."""
        ### BEGIN SOLUTION
        return torch.relu(self.around(x) + self.residual(x))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "BottleneckD", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(BottleneckD)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# $F$ is a chain: eight layers in an `nn.Sequential`. Read the formula from the inside to the outside.
#
# <details><summary>Help 2: the next step</summary>
#
# The shortcut is a chain too, of none, two or three layers. An empty `nn.Sequential()` and an `nn.Identity()` both return what they
# get. `nn.AvgPool2d(2)` has a window of 2 x 2 and moves by 2.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Three cases for the shortcut: it keeps the shape; stride 1 and other channels (convolution, BN); stride 2 (pooling, convolution,
# BN). The convolution of the shortcut never has a stride. `forward` adds and takes one ReLU of the sum.
#
# </details></details></details>

# %% [markdown]
# ## 3. A residual network
#
# Assemble a network for small images from **your** `PreActBlock`. The tuple `blocks` holds the number of blocks of each stage, and so
# decides the depth; its length is the number of stages.
#
# | part | what it is |
# | --- | --- |
# | stem | a 3 x 3 convolution from `in_channels` to `width`, stride 1, and nothing behind it |
# | stage 1 | `blocks[0]` blocks with `width` channels |
# | stage 2 | `blocks[1]` blocks with `2 * width` channels |
# | stage 3, and so on | as many blocks as the tuple says, and twice the channels of the stage before |
# | head | BN, ReLU, the mean over all rows and columns, a linear layer to `num_classes` |
#
# The **first block of each stage but stage 1** has stride 2; all others have stride 1. The head begins with BN and ReLU because the last
# block ends with an addition. It returns logits, without softmax.
#
# By hand: `resnet((1, 2), 4, 3, 1)` has three blocks. Images of 8 x 8 stay 8 x 8 in stage 1 and are 4 x 4 in stage 2.
#
# | part | built by | parameters |
# | --- | --- | --- |
# | stem | a convolution from 1 to 4 channels | 36 |
# | stage 1 | `PreActBlock(4, 4, 1)` | 8 + 144 + 8 + 144 = 304 |
# | stage 2 | `PreActBlock(4, 8, 2)` | 8 + 288 + 16 + 576 + 32 = 920 |
# | | `PreActBlock(8, 8, 1)` | 16 + 576 + 16 + 576 = 1184 |
# | head | BN of 8 channels, linear layer from 8 to 3 | 16 + 27 = 43 |
# | all | | 2487 |


# %% nbgrader={"grade": false, "grade_id": "solution_resnet", "locked": false, "schema_version": 3, "solution": true, "task": false}
def resnet(blocks, width, num_classes, in_channels):
    """Build a residual network with pre-activation for small images.

    blocks: a tuple, the number of blocks of each stage; width: channels of the first stage;
    num_classes: how many logits it returns; in_channels: channels of the images.
    Returns an nn.Module that takes images (N, in_channels, H, W) and returns logits (N, num_classes).
    """
    ### BEGIN SOLUTION
    chain = [nn.Conv2d(in_channels, width, 3, padding=1, bias=False)]
    before = width
    for stage, count in enumerate(blocks):
        after = width * 2**stage
        for number in range(count):
            chain.append(PreActBlock(before, after, 2 if stage and not number else 1))
            before = after
    chain += [nn.BatchNorm2d(before), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*chain, nn.Linear(before, num_classes))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "resnet", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(resnet)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# The stub is a function: collect the parts in a list and return `nn.Sequential(*parts)`. A class with a `forward` is as good. Task 1 has to
# pass first.
#
# <details><summary>Help 2: the next step</summary>
#
# Two loops: over stages, and over the blocks of a stage. Keep a variable with the channels that come out of the part before,
# and set it anew behind each block. Build a new block in each round: the same object twice would share its weights.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The channels of a stage are `width * 2**stage` when you count stages from 0. The stride is 2 where `stage > 0` and the block is the first one of its
# stage. `nn.AdaptiveAvgPool2d(1)` and `nn.Flatten()` take the mean and drop the axes of rows and columns, and so does
# `x.mean(dim=(2, 3))`.
#
# </details></details></details>

# %% [markdown]
# ## 4. A dense layer
#
# A dense layer makes a few maps, `growth_rate` of them, and hands on everything that it was given **together with** them:
#
# $$y = \big[\,x,\; \mathrm{conv}_{3\times3}(\mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}_{1\times1}(\mathrm{ReLU}(\mathrm{BN}(x))))))\,\big]$$
#
# The brackets join along the axis of channels: first the channels of $x$, untouched, then the new ones. So `in_channels` come in and
# `in_channels + growth_rate` go out. The 1 x 1 convolution is the bottleneck: it puts out `factor * growth_rate` maps. Both convolutions have
# stride 1.
#
# By hand: one channel, `growth_rate` 1, `factor` 1, a weight 2 in the first convolution and a 3 in the centre of the second, BN that has seen
# nothing. $x = 5$ becomes the two channels $(5,\, 30)$, and $x = -5$ becomes $(-5,\, 0)$.
#
# Count too: `DenseLayer(6, 2, 3)` has 12 + 36 + 12 + 108 = 168 parameters and puts out 8 channels.


# %% nbgrader={"grade": false, "grade_id": "solution_DenseLayer", "locked": false, "schema_version": 3, "solution": true, "task": false}
class DenseLayer(nn.Module):
    """A layer that joins new maps to those it was given.

    in_channels: channels of the input; growth_rate: how many maps it adds; factor: the 1 x 1 convolution
    puts out factor * growth_rate maps.
    """

    def __init__(self, in_channels, growth_rate, factor):
        super().__init__()
        ### BEGIN SOLUTION
        middle = factor * growth_rate
        self.grow = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(),
            nn.Conv2d(in_channels, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, growth_rate, 3, padding=1, bias=False),
        )
        ### END SOLUTION

    def forward(self, x):
        """Take images (N, in_channels, H, W) and return (N, in_channels + growth_rate, H, W)."""
        ### BEGIN SOLUTION
        return torch.cat([x, self.grow(x)], 1)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "DenseLayer", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(DenseLayer)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# The new maps come from a chain of six layers. Write down the channels between them.
#
# <details><summary>Help 2: the next step</summary>
#
# `torch.cat([a, b], dim=d)` joins two tensors along axis `d`. Axis 0 is the batch; rows are axis 2.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The first BN sees `in_channels`, the second one `factor * growth_rate`. Join `x` itself, not what BN and ReLU made of it.
#
# </details></details></details>

# %% [markdown]
# ## 5. A transition
#
# Joining only makes maps more numerous. Between two dense blocks a transition thins them out, and halves rows and columns: BN, ReLU, a 1 x 1
# convolution to `int(compression * in_channels)` maps, then an **average pooling** of 2 x 2 with stride 2. A row or column that no window
# covers any more is dropped.
#
# By hand: one channel, weight 2, BN that has seen nothing. $\begin{pmatrix} 1 & 2 \\ 3 & -6 \end{pmatrix}$ becomes
# $\begin{pmatrix} 1 & 2 \\ 3 & 0 \end{pmatrix}$, then $\begin{pmatrix} 2 & 4 \\ 6 & 0 \end{pmatrix}$, then 3. And `Transition(7, 0.5)` puts out 3 maps
# and has 14 + 21 = 35 parameters.


# %% nbgrader={"grade": false, "grade_id": "solution_Transition", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Transition(nn.Module):
    """What stands between two dense blocks: fewer maps, of half the rows and columns.

    in_channels: channels of the input; compression: between 0 and 1, the share of them that is put out.
    """

    def __init__(self, in_channels, compression):
        super().__init__()
        ### BEGIN SOLUTION
        kept = int(compression * in_channels)
        norm, mix = nn.BatchNorm2d(in_channels), nn.Conv2d(in_channels, kept, 1, bias=False)
        self.thin = nn.Sequential(norm, nn.ReLU(), mix, nn.AvgPool2d(2))
        ### END SOLUTION

    def forward(self, x):
        """Take images (N, in_channels, H, W) and return (N, int(compression * in_channels), H // 2, W // 2)."""
        ### BEGIN SOLUTION
        return self.thin(x)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "Transition", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(Transition)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Four layers, one after the other, in the order of the text.
#
# <details><summary>Help 2: the next step</summary>
#
# `int` cuts the fraction off: `int(3.5)` is 3. A number of channels has to be a whole number.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# `nn.AvgPool2d(2)` pools. Neither the convolution nor the BN changes rows and columns.
#
# </details></details></details>

# %% [markdown]
# ## 6. A dense network
#
# Assemble a network for small images from **your** `DenseLayer`, with `factor` 4, and your `Transition`.
#
# | part | what it is |
# | --- | --- |
# | stem | a 3 x 3 convolution from `in_channels` to `2 * growth_rate`, stride 1, and nothing behind it |
# | block 1 | `blocks[0]` dense layers |
# | transition | with the given `compression` |
# | block 2 | `blocks[1]` dense layers |
# | and so on | a transition between any two blocks, **none behind the last** |
# | head | BN, ReLU, the mean over all rows and columns, a linear layer to `num_classes` |
#
# By hand: `densenet((2, 1), 3, 0.5, 5, 1)`. The channels are 6 behind the stem, 9 and 12 in the first block, 6 behind the transition, 9 in
# the second block.
#
# | part | built by | parameters |
# | --- | --- | --- |
# | stem | a convolution from 1 to 6 channels | 54 |
# | block 1 | `DenseLayer(6, 3, 4)` | 12 + 72 + 24 + 324 = 432 |
# | | `DenseLayer(9, 3, 4)` | 18 + 108 + 24 + 324 = 474 |
# | transition | `Transition(12, 0.5)` | 24 + 72 = 96 |
# | block 2 | `DenseLayer(6, 3, 4)` | 432 |
# | head | BN of 9 channels, linear layer from 9 to 5 | 18 + 50 = 68 |
# | all | | 1556 |


# %% nbgrader={"grade": false, "grade_id": "solution_densenet", "locked": false, "schema_version": 3, "solution": true, "task": false}
def densenet(blocks, growth_rate, compression, num_classes, in_channels):
    """Build a dense network for small images.

    blocks: a tuple, the number of dense layers of each block; growth_rate: maps that each of them adds;
    compression: that of the transitions; num_classes: how many logits it returns; in_channels: channels of
    the images.
    Returns an nn.Module that takes images (N, in_channels, H, W) and returns logits (N, num_classes).
    """
    ### BEGIN SOLUTION
    width = 2 * growth_rate
    net = nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1, bias=False))
    for place, layers in enumerate(blocks):
        if place:
            net.append(Transition(width, compression))
            width = int(compression * width)
        for _ in range(layers):
            net.append(DenseLayer(width, growth_rate, 4))
            width += growth_rate
    head = [nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return net.extend([*head, nn.Linear(width, num_classes)])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "densenet", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(densenet)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# It goes as in task 3: a list of parts, a variable with the channels that come out of the last part. Tasks 4 and 5 have to pass first.
#
# <details><summary>Help 2: the next step</summary>
#
# Behind each dense layer the variable grows by `growth_rate`; behind a transition it becomes `int(compression * channels)`.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Put the transition **before** each block but the first: then there is none behind the last. The BN and the linear layer of the
# head see the channels behind the last block.
#
# </details></details></details>

# %% [markdown]
# ### See it: both learn by heart
#
# The first thing to ask of a new network: can it learn a few images by heart? A network that cannot has a mistake in it, or
# a gradient that does not arrive. This cell trains both of yours on 32 pictures of clothes; they have nearly as many parameters as each
# other. Then it counts two networks of the papers' size. Before you run it, guess: by which factor do **these** differ? Run it
# when tasks 3 and 6 pass; it takes a few seconds.

# %%
from course_utils import figures
from course_utils.data import load


def learn_by_heart(net, images, labels, steps=40):
    """Train on all images at once; return the loss before each step, and the share of right answers at the end."""
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    history = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(net(images), labels)
        history.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return history, (net(images).argmax(1) == labels).float().mean().item()


torch.set_num_threads(1)
torch.manual_seed(9)
clothes = load("fashion_mnist")
images = nn.functional.avg_pool2d(torch.from_numpy(clothes.images[:32]).float() / 255, 2)
labels = torch.from_numpy(clothes.labels[:32])
try:
    small = {
        "resnet((1, 1, 1), 8, 10, 1)": resnet((1, 1, 1), 8, 10, 1),
        "densenet((2, 2, 2), 8, 0.5, 10, 1)": densenet((2, 2, 2), 8, 0.5, 10, 1),
    }
    large = {
        "resnet((18, 18, 18), 16, 10, 3)": resnet((18, 18, 18), 16, 10, 3),
        "densenet((16, 16, 16), 12, 0.5, 10, 3)": densenet((16, 16, 16), 12, 0.5, 10, 3),
    }
except NotImplementedError:
    print("Write resnet and densenet first, then come back to this cell.")
else:
    sizes = {
        name: sum(p.numel() for p in net.parameters() if p.requires_grad)
        for name, net in (small | large).items()
    }
    curves, shares = {}, {}
    for name, net in small.items():
        curves[name], shares[name] = learn_by_heart(net, images, labels)
    first, second = small
    title = f"{min(shares.values()):.0%} of {len(images)} pictures are known by heart"
    figure, (axes,) = figures.panels(1, 1, width=8, height=3.6)
    steps = np.arange(len(curves[first]))
    figures.profiles(axes, steps, curves, title=title, xlabel="step", ylabel="loss (log scale)")
    axes.set_yscale("log")
    figures.show(
        figure,
        alt="Two curves of the loss on a logarithmic axis. "
        + " ".join(f"{name} falls from {c[0]:.2g} to {c[-1]:.1g}." for name, c in curves.items()),
    )
    for name, size in sizes.items():
        print(f"{name:40} {size:10,} parameters")

# %% [markdown]
# Both losses begin near $\ln 10 \approx 2.3$, that of ten classes told apart by guessing, and fall by orders of magnitude. The large
# ones: He and others have 1.7 million parameters in their ResNet-110, and DenseNet's paper writes "0.8M" for its DenseNet-BC of depth
# 100 with growth rate 12. Does yours come out so?

# %% [markdown]
# ## 7. What a shortcut does to a gradient
#
# Take away convolutions and batch normalisation, and keep the bones: vectors, matrices and ReLU. Write the batch $x_0$ with one example a
# row. There are $L$ layers, and layer $l$ makes $x_l$ from $x_{l-1}$:
#
# $$x_l = s \, x_{l-1} + \mathrm{ReLU}(x_{l-1}) \, W_l \qquad l = 1, \dots, L$$
#
# The number $s$, `skip`, is the strength of the shortcut: a plain chain has $s = 0$, a residual one has $s = 1$, and any other number is possible
# too. This is the order of task 1: ReLU first, then the weights, and nothing behind the addition.
#
# You get `dout`, the gradient of a loss with respect to the last output $x_L$. Return the gradients with respect to **every** $x_l$ in one
# array: first that of $x_0$, the chain's input, last that of $x_L$, which is `dout` itself. Each $x_{l-1}$ is used twice, on the shortcut and through
# ReLU and $W_l$, so its gradient is a sum of two terms. At exactly 0 the derivative of ReLU counts as 0. Each row belongs to an
# example of its own: do not average.
#
# By hand, one example of one number, $x_0 = 1$, two layers with $W_1 = 2$ and $W_2 = 3$, and `dout` $= 1$:
#
# | | $x_1$ | $x_2$ | gradient of $x_2$ | of $x_1$ | of $x_0$ |
# | --- | --- | --- | --- | --- | --- |
# | $s = 0$ | $2$ | $6$ | $1$ | $3$ | $2 \cdot 3 = 6$ |
# | $s = 1$ | $1 + 2 = 3$ | $3 + 9 = 12$ | $1$ | $1 + 3 = 4$ | $4 + 2 \cdot 4 = 12$ |
# | $s = 1$, and $x_0 = -1$ | $-1 + 0 = -1$ | $-1$ | $1$ | $1 + 0 = 1$ | $1$ |
#
# So for $s = 1$ the result is an array of shape (3, 1, 1) that holds 12, 4 and 1. Write it with NumPy; results within 1e-6 count as right; integer
# input is accepted and must not cut fractions off; do not change the arrays that you are given.


# %% nbgrader={"grade": false, "grade_id": "solution_chain_gradients", "locked": false, "schema_version": 3, "solution": true, "task": false}
def chain_gradients(x, weights, dout, skip):
    """Compute the gradient with respect to the input, to each layer's output between, and to the last output.

    x: (N, D), the input of the chain; weights: (L, D, D), one matrix a layer; dout: (N, D), the gradient of the
    last output; skip: the strength of the shortcut, a number.
    Returns a float array (L + 1, N, D): place l holds the gradient with respect to the output of layer l, place
    0 that of x.
    """
    ### BEGIN SOLUTION
    inputs = [x]
    for w in weights[:-1]:
        inputs.append(skip * inputs[-1] + np.maximum(inputs[-1], 0) @ w)
    grads = [np.asarray(dout, dtype=float)]
    for before, w in zip(reversed(inputs), weights[::-1], strict=True):
        grads.append(skip * grads[-1] + (before > 0) * (grads[-1] @ w.T))
    return np.stack(grads[::-1])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "chain_gradients", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(chain_gradients)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Two loops. The first one goes forward and keeps the input of each layer in a list. The second one goes backward, from the last layer
# to the first.
#
# <details><summary>Help 2: the next step</summary>
#
# Of one layer, with $G_l$ the gradient with respect to $x_l$:
#
# $$G_{l-1} = s \, G_l + (x_{l-1} > 0) \odot (G_l \, W_l^{\top})$$
#
# The mask looks at the **input** of the layer, and belongs to the second term alone.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# Begin a list with `dout` and put a new gradient behind it in each round. In the end turn the list round and stack it: `np.stack`.
# The weights of the last layer come first in the backward loop.
#
# </details></details></details>

# %% [markdown]
# ### See it: fifty layers
#
# Fifty layers with small random weights, and three strengths of the shortcut. How large is what arrives of the gradient at each layer? Guess
# before you run the cell, which you do when task 7 passes: which of the curves falls below a millionth, and which does not?

# %%
generator = np.random.default_rng(9)
depth, features = 50, 64
matrices = generator.normal(size=(depth, features, features)) * 0.3 * np.sqrt(2 / features)
batch, upstream = generator.normal(size=(2, 20, features))
try:
    sizes = {
        name: np.linalg.norm(chain_gradients(batch, matrices, upstream, strength), axis=(1, 2))
        for name, strength in (("plain, s = 0", 0), ("half, s = 0.5", 0.5), ("residual, s = 1", 1))
    }
except NotImplementedError:
    print("Write chain_gradients first, then come back to this cell.")
else:
    sizes = {name: size / size[-1] for name, size in sizes.items()}
    figure, (axes,) = figures.panels(1, 1, width=8, height=3.6)
    figures.profiles(
        axes,
        np.arange(depth + 1),
        sizes,
        title=f"Through {depth} layers, s = 1 keeps the gradient alive",
        xlabel="layer (0 is the input)",
        ylabel="size of the gradient, dout = 1 (log scale)",
    )
    axes.set_yscale("log")
    figures.show(
        figure,
        alt="Three straight lines on a logarithmic axis, from the last layer, where all are 1, to the input, where "
        + ", ".join(f"{name} has {size[0]:.1g}" for name, size in sizes.items())
        + ".",
    )

# %% [markdown]
# Multiply fifty numbers below 1, and nothing is left; that is the plain chain. A shortcut of strength 1/2 is not enough: its own way
# through the chain is worth $0.5^{50}$. With $s = 1$ there is a way on which the gradient is multiplied by 1 fifty times. Try $s = 1.1$ and
# $s = -1$, and larger weights: a plain chain explodes as easily as it vanishes. Batch normalisation changes the numbers; what it does with and
# without shortcuts is in [lecture 10](../../lectures/10_resnet_densenet.ipynb#Through-a-hundred-blocks).

# %% [markdown]
# ## 8. In your own words
#
# A colleague has trained two plain networks, without shortcuts. The one with 20 layers is wrong on 8 % of the training images and 9 % of the test
# images, the one with 56 layers on 12 % and 13 %. She says: "The deep one overfits. I will add dropout. Or I put a ReLU behind the sum of each of your
# pre-activation blocks and multiply each shortcut by 0.5, that gives the best of both." Explain in four to seven sentences what is wrong with
# "overfits", why a network with 56 layers *can* be at least as good as the one with 20, and what her two changes of the block do to signal or
# gradient. An instructor reads this answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "degradation_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# Overfitting means that the training error falls while the test error stays or rises. Here the deep network is worse on the training images too,
# so it is an optimisation problem (degradation), and dropout, which makes fitting harder, does not help. The deep one can be as good: give its first 20
# layers the weights of the shallow network and let the other 36 return their input. That solution exists, gradient descent does not find
# it, since a stack of weights, normalisation and ReLU does not easily become the identity; in a residual block it needs F = 0 only. A ReLU behind
# the sum cuts negative values off in every block, so the shortcut is no longer an identity, and where it cuts, the gradient on
# the shortcut is 0. Multiplying by 0.5 multiplies the part of the gradient that travels on shortcuts alone by 0.5 in each block, $0.5^{27}$ in 27 blocks: about
# $10^{-8}$. The way on which it arrives undiminished is gone.
#
# Rubric: 1 point for "training error is higher too, so it is not overfitting" (half a point without saying why dropout does not help); 1 point for the
# construction: copied layers and identities; 1 point for the two changes, half a point each: the ReLU breaks the identity (cuts signal and
# gradient), the factor shrinks the gradient exponentially with the number of blocks.

# %% [markdown]
# ## What you learned
#
# - A block is a formula: where BN, ReLU and stride stand decides what it computes, and a module in any style can compute it.
# - Blocks that add need equal shapes: a projection, with the same stride, makes them so. Blocks that join need equal rows and columns, and channels
#   pile up.
# - A tuple of numbers and one variable for the channels are enough to build a network of any depth.
# - Counting parameters by hand finds a missing or superfluous layer at once.
# - Behind fifty layers there is a gradient where a way of strength 1 leads through all of them.
#
# Back to [lecture 10](../../lectures/10_resnet_densenet.ipynb). Next comes training at scale.
