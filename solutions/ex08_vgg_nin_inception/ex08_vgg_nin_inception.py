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
# # Exercise 08: deeper, smaller, side by side
#
# Three answers to "how do you build a better network than AlexNet?" came within two years: stack small kernels (VGG), put a small network
# at every pixel (network in network), and let several kernels look side by side (Inception). You build all three in PyTorch, VGG from a
# line of text. Then you compute from the same line what a network costs and how far it sees, without building it.
#
# **Objectives.** After this exercise you can
#
# - build a network of any depth from a short description;
# - write a network at every pixel as convolutions of 1 x 1;
# - join paths along the channels, and say why a reduction comes before a large kernel;
# - count parameters, multiply-adds and receptive fields by hand;
# - tell where in a network memory, parameters and work are.
#
# | task | points | difficulty | importance | minutes |
# | --- | --- | --- | --- | --- |
# | 1 `vgg` | 5 | ●●●○○ | ●●●●● | 20 |
# | 2 `MLPConv` | 3 | ●●○○○ | ●●●○○ | 10 |
# | 3 `NaiveInception` | 4 | ●●●○○ | ●●●●○ | 20 |
# | 4 `Inception` | 5 | ●●●○○ | ●●●●● | 15 |
# | 5 `count_layers` | 5 | ●●●○○ | ●●●●● | 20 |
# | 6 `receptive_field` | 3 | ●●●○○ | ●●●●○ | 15 |
# | 7 a question to answer in words | 3 | ●●●○○ | ●●●●○ | 10 |
#
# **Time:** about 135 minutes to read and do; the tasks take 110 of them. All cells together run in about 10 seconds.
#
# You need [lecture 08](../../lectures/08_deeper_and_smaller.ipynb), and for tasks 3 and 4
# [lecture 09](../../lectures/09_inception.ipynb). Each task has a cell that you fill in and a check cell below it: run it as often as you
# like. It shows which cases pass, what differs, and often which mistake was made.
#
# **Rules of the house**, for tasks 1 to 4:
#
# - The answer builds an `nn.Module`. It may be a class or a function, whichever you like better; it may use `nn.Sequential`, layers, or
#   functions and parameters of its own, of the shapes that PyTorch's layers have. You may rename arguments, not reorder them.
# - Names of attributes and their order are free. The check looks at what a module computes, and gives each weight the number that belongs to
#   its place between image and output. So each convolution of the text is a layer with weights of its own: do not join two into one.
# - **Every convolution and every linear layer has a bias.** There is no batch normalisation and no dropout.
# - A ReLU stands where the text says so: behind **every** convolution, and nowhere else.
# - Convolutions have stride 1 unless the text says otherwise. Those of 3 x 3 are padded by 1, those of 1 x 1 are not padded.
# - Images are (N, C, H, W), of any size.
# - In small cases the **number of parameters** is worth a quarter of the points, the **output** a half, the **gradients** of the weights a
#   quarter. For a network of the papers' size, number of parameters and shape of the output are compared.
# - When your work is graded, `course_utils.zoo` is not there. It would not help: its networks are others.

# %% tags=["setup"]
import numpy as np
import torch
from course_utils.check import check, progress
from torch import nn

# %%
progress()

# %% [markdown]
# ## 1. A network from a line of text
#
# A column of VGG's table is nearly a program. Write it as one: entries from left to right, with a space between them.
#
# | entry | what it is |
# | --- | --- |
# | a number, for instance `64` | a **3 x 3 convolution** with that many filters, padding 1, and a **ReLU** |
# | `1x` and a number, for instance `1x64` | a **1 x 1 convolution** with that many filters, no padding, and a **ReLU** |
# | `M` | a **max pool** of 2 x 2 with stride 2; a last row or column without a partner is dropped |
#
# Behind the last entry stand the **mean** over all rows and columns of each map and **one linear layer** to `num_classes`. (VGG's own end
# is another: three fully connected layers, which hold most of its parameters.) The network returns logits, without softmax. A text holds at
# least one convolution; it may begin with `M`, and two `M` may follow each other.
#
# By hand: `vgg("4 M 1x2", 3, 1)`, with images of 6 x 6.
#
# | part | shape behind it | parameters |
# | --- | --- | --- |
# | image | 1 x 6 x 6 | |
# | `4`: a 3 x 3 convolution and ReLU | 4 x 6 x 6 | 4 · 9 + 4 = 40 |
# | `M`: a max pool | 4 x 3 x 3 | 0 |
# | `1x2`: a 1 x 1 convolution and ReLU | 2 x 3 x 3 | 2 · 4 + 2 = 10 |
# | the mean of each map | 2 | 0 |
# | a linear layer from 2 to 3 | 3 | 3 · 2 + 3 = 9 |
# | all | | 59 |


# %% nbgrader={"grade": false, "grade_id": "solution_vgg", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vgg(configuration, num_classes, in_channels):
    """Build a network from a line of text.

    configuration: a text such as "8 8 M 16 1x16 M 32"; num_classes: how many logits the network returns;
    in_channels: channels of the images.
    Returns an nn.Module that takes images (N, in_channels, H, W) and returns logits (N, num_classes).
    """
    ### BEGIN SOLUTION
    net, channels = nn.Sequential(), in_channels
    for entry in configuration.split():
        if entry == "M":
            net.append(nn.MaxPool2d(2))
            continue
        small = entry.startswith("1x")
        filters = int(entry.removeprefix("1x"))
        kernel_size = 1 if small else 3
        net.extend([nn.Conv2d(channels, filters, kernel_size, padding=kernel_size // 2), nn.ReLU()])
        channels = filters
    return net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "vgg", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(vgg)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# `configuration.split()` gives a list of entries. Go through it, put layers into a list, and keep in a variable how many channels the
# last layer has put out.
#
# <details><summary>Help 2: the next step</summary>
#
# Three kinds of entries: `entry == "M"`, `entry.startswith("1x")`, and all others. `entry[2:]` is what stands behind the `1x`, and `int`
# makes a number of it. `nn.MaxPool2d(2)` has stride 2.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# A convolution entry adds `nn.Conv2d(channels, filters, 3, padding=1)`, or `nn.Conv2d(channels, filters, 1)`, and `nn.ReLU()`; then
# `channels = filters`. Behind the loop come `nn.AdaptiveAvgPool2d(1)`, `nn.Flatten()` and the linear layer from `channels` to
# `num_classes`. `nn.Sequential(*layers)` makes a network of a list.
#
# </details></details></details>

# %% [markdown]
# ## 2. A network at every pixel
#
# An **mlpconv** layer slides a network of three layers over the image. The first one looks at a window, the two others at what the
# layer before made of it, at this one place:
#
# | convolution | from | to | moves by |
# | --- | --- | --- | --- |
# | `kernel_size` x `kernel_size`, padding `kernel_size // 2` | `in_channels` | `hidden` | `stride` |
# | 1 x 1 | `hidden` | `hidden` | 1 |
# | 1 x 1 | `hidden` | `filters` | 1 |
#
# A ReLU stands behind each of the three. `kernel_size` is odd.
#
# By hand, one channel everywhere, a kernel of 1 x 1, the weights 2, -1 and 3, and the biases 0, 5 and 1: the pixel 1 becomes
# ReLU(2) = 2, then ReLU(-2 + 5) = 3, then ReLU(9 + 1) = 10. The pixel 4 becomes 8, then ReLU(-8 + 5) = 0, then 1.
#
# Count too: `MLPConv(2, 3, 4, 5, 2)` has 4 · 50 + 4 = 204, then 16 + 4 = 20, then 12 + 3 = 15 parameters, 239 in all. Images
# of 7 x 6 become maps of 4 x 3: rows and columns divided by the stride, rounded up.


# %% nbgrader={"grade": false, "grade_id": "solution_MLPConv", "locked": false, "schema_version": 3, "solution": true, "task": false}
class MLPConv(nn.Module):
    """A network of three layers at every place of an image.

    in_channels: channels of the input; filters: channels of the output; hidden: channels of the two layers
    between; kernel_size: rows and columns of the first kernel, odd; stride: that of the first convolution.
    """

    def __init__(self, in_channels, filters, hidden, kernel_size, stride):
        super().__init__()
        ### BEGIN SOLUTION
        self.look = nn.Conv2d(in_channels, hidden, kernel_size, stride, padding=kernel_size // 2)
        self.mix = nn.Conv2d(hidden, hidden, 1)
        self.tell = nn.Conv2d(hidden, filters, 1)
        ### END SOLUTION

    def forward(self, x):
        """Take images (N, in_channels, H, W) and return (N, filters, H / stride, W / stride), rounded up."""
        ### BEGIN SOLUTION
        for layer in (self.look, self.mix, self.tell):
            x = torch.relu(layer(x))
        return x
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "MLPConv", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(MLPConv)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Three convolutions and three ReLUs in a row. Write down the channels before and behind each.
#
# <details><summary>Help 2: the next step</summary>
#
# `nn.Conv2d(a, b, k, s, padding=k // 2)` has a kernel of k x k and moves by s. The two others are `nn.Conv2d(a, b, 1)`.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# In `__init__`: from `in_channels` to `hidden`, from `hidden` to `hidden`, from `hidden` to `filters`. In `forward`: `torch.relu` of each
# convolution, one after the other, also behind the last.
#
# </details></details></details>

# %% [markdown]
# ## 3. Paths side by side
#
# Build a naive Inception module with two changes that came after the paper: the pool averages, and two 3 x 3 convolutions take the place
# of one of 5 x 5. Four paths read the **same** input. Their results are joined along the channels **in this order**:
#
# | place | path | maps |
# | --- | --- | --- |
# | 1 | an average pool (below); no convolution, no ReLU | `in_channels` |
# | 2 | a 1 x 1 convolution, ReLU | `one` |
# | 3 | a 3 x 3 convolution, ReLU | `three` |
# | 4 | a 3 x 3 convolution, ReLU, another 3 x 3 convolution, ReLU; both make `five` maps | `five` |
#
# The **average pool** has windows of 3 x 3 and moves by 1, so rows and columns stay as they are. At the border it takes the mean of those cells
# of the window that lie **inside** the map: 4 in a corner, 6 at an edge. PyTorch's pool divides by 9 there unless you tell it
# not to.
#
# By hand, the pool: $\begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{pmatrix}$ becomes
# $\begin{pmatrix} 3 & 3.5 & 4 \\ 3 & 3.5 & 4 \end{pmatrix}$. The first is the mean of 1, 2, 4 and 5.
#
# Count too: `NaiveInception(2, 3, 4, 5)` puts out 2 + 3 + 4 + 5 = 14 maps and has 9 + 76 + 95 + 230 = 410 parameters.


# %% nbgrader={"grade": false, "grade_id": "solution_NaiveInception", "locked": false, "schema_version": 3, "solution": true, "task": false}
class NaiveInception(nn.Module):
    """Four paths side by side, joined along the channels: average pool, 1 x 1, 3 x 3, twice 3 x 3.

    in_channels: channels of the input; one, three, five: channels that the last three paths put out.
    """

    def __init__(self, in_channels, one, three, five):
        super().__init__()
        ### BEGIN SOLUTION
        self.means = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.single = nn.Conv2d(in_channels, one, 1)
        self.window = nn.Conv2d(in_channels, three, 3, padding=1)
        self.wide = nn.ModuleList([nn.Conv2d(c, five, 3, padding=1) for c in (in_channels, five)])
        ### END SOLUTION

    def forward(self, x):
        """Take images (N, in_channels, H, W) and return (N, in_channels + one + three + five, H, W)."""
        ### BEGIN SOLUTION
        far = torch.relu(self.wide[1](torch.relu(self.wide[0](x))))
        near = [torch.relu(layer(x)) for layer in (self.single, self.window)]
        return torch.cat([self.means(x), *near, far], dim=1)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "NaiveInception", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(NaiveInception)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Write each path as an `nn.Sequential`. `forward` gives x to all four, and joins what they return.
#
# <details><summary>Help 2: the next step</summary>
#
# `torch.cat([a, b, c, d], dim=1)` joins along the channels. All four must have the same rows and columns: look at padding and stride of
# each layer. `nn.AvgPool2d(3)` alone moves by 3, so give it a stride, a padding, and the option that its documentation names
# for the zeros of the padding.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The pool is `nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)`. The last path is a convolution from `in_channels` to `five`, ReLU, a
# convolution from `five` to `five`, ReLU. The order of the join: pool, 1 x 1, 3 x 3, twice 3 x 3.
#
# </details></details></details>

# %% [markdown]
# ## 4. Reduce first
#
# The naive module grows: its output has all the channels of its input, and more. The module with reductions puts a 1 x 1 convolution before
# the 3 x 3 convolutions, and one behind the pool. As before, the four paths read the same input and are joined in this order:
#
# | place | path | maps |
# | --- | --- | --- |
# | 1 | the average pool of task 3, a 1 x 1 convolution, ReLU | `pool_proj` |
# | 2 | a 1 x 1 convolution, ReLU | `one` |
# | 3 | a 1 x 1 convolution to `three_reduce` maps, ReLU, a 3 x 3 convolution, ReLU | `three` |
# | 4 | a 1 x 1 convolution to `five_reduce` maps, ReLU, then two 3 x 3 convolutions that make `five` maps each, with a ReLU behind each | `five` |
#
# By hand, the first path with one channel, weight -2 and bias 9 on the map of task 3: the mean 3 becomes ReLU(-6 + 9) = 3, the mean
# 3.5 becomes 2, the mean 4 becomes 1.
#
# Count too: `Inception(10, 3, 2, 4, 1, 3, 2)` has 22 parameters on the first path, 33 on the second, 22 + 76 on the third, 11 + 30 + 84 on the
# last, 278 in all, and puts out 2 + 3 + 4 + 3 = 12 maps. Without reductions the paths with 3 x 3 alone would have 364 + 357.


# %% nbgrader={"grade": false, "grade_id": "solution_Inception", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Inception(nn.Module):
    """Four paths side by side, with reductions: pool and 1 x 1; 1 x 1; 1 x 1 and 3 x 3; 1 x 1 and twice 3 x 3.

    in_channels: channels of the input; one, three, five, pool_proj: channels that the paths put out;
    three_reduce, five_reduce: channels behind the reductions.
    """

    def __init__(self, in_channels, one, three_reduce, three, five_reduce, five, pool_proj):
        super().__init__()

        ### BEGIN SOLUTION
        def path(*filters):
            layers, before, side = nn.Sequential(), in_channels, 1
            for after in filters:
                layers.extend([nn.Conv2d(before, after, side, padding=side // 2), nn.ReLU()])
                before, side = after, 3
            return layers

        means = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.branches = nn.ModuleList(
            [
                nn.Sequential(means, path(pool_proj)),
                path(one),
                path(three_reduce, three),
                path(five_reduce, five, five),
            ]
        )
        ### END SOLUTION

    def forward(self, x):
        """Take images (N, in_channels, H, W) and return (N, pool_proj + one + three + five, H, W)."""
        ### BEGIN SOLUTION
        return torch.cat([branch(x) for branch in self.branches], dim=1)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "Inception", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(Inception)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Begin with your answer to task 3. Three of the four paths get one convolution of 1 x 1 more.
#
# <details><summary>Help 2: the next step</summary>
#
# Follow the channels on each path: from `in_channels` to the reduced number, from there to the number that the path puts out. Seven convolutions, a
# ReLU behind each.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# The last path is `nn.Conv2d(in_channels, five_reduce, 1)`, ReLU, `nn.Conv2d(five_reduce, five, 3, padding=1)`, ReLU,
# `nn.Conv2d(five, five, 3, padding=1)`, ReLU. The others are shorter. If the number of parameters is right and the output is not, look at the order
# of the join, at the pool's options, and for a missing ReLU.
#
# </details></details></details>

# %% [markdown]
# ### See it: three networks learn by heart
#
# The first thing to ask of a new network: can it learn a few images by heart? This cell trains three of yours on 64 pictures of clothes. It
# takes a few seconds. Guess before you run it: which one has the fewest parameters?

# %%
from course_utils import figures
from course_utils.data import load


def learn_by_heart(net, images, labels, steps=120):
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
torch.manual_seed(8)
clothes = load("fashion_mnist")
images = nn.functional.avg_pool2d(torch.from_numpy(clothes.images[:64]).float() / 255, 2)
images = (images - images.mean()) / images.std()
labels = torch.from_numpy(clothes.labels[:64])
try:
    nets = {
        "small kernels": vgg("16 M 32 M 32", 10, 1),
        "a network at every pixel": nn.Sequential(MLPConv(1, 24, 24, 3, 2), vgg("M 24 1x24", 10, 24)),
        "side by side": nn.Sequential(Inception(1, 8, 4, 8, 4, 8, 4), vgg("M 16 M 24", 10, 28)),
    }
except NotImplementedError:
    print("Write tasks 1, 2 and 4 first, then come back to this cell.")
else:
    sizes = {name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}
    results = {name: learn_by_heart(net, images, labels) for name, net in nets.items()}
    curves = {name: history for name, (history, _) in results.items()}
    known = {name: share for name, (_, share) in results.items()}
    title = f"{min(known.values()):.0%} or more of {len(images)} pictures are known by heart"
    figure, (axes,) = figures.panels(1, 1, width=8, height=3.6)
    steps = np.arange(len(curves["side by side"]))
    figures.profiles(axes, steps, curves, title=title, xlabel="step", ylabel="loss (log scale)")
    axes.set_yscale("log")
    figures.show(
        figure,
        alt="Three curves of the loss on a logarithmic axis. "
        + " ".join(f"{name} goes from {c[0]:.2g} to {c[-1]:.1g}." for name, c in curves.items()),
    )
    for name, size in sizes.items():
        print(f"{name:26} {size:7,} parameters   {known[name]:.0%} known")

# %% [markdown]
# All begin near $\ln 10 \approx 2.3$, that of ten classes told apart by guessing, and fall. A few thousand parameters are enough for 64 pictures.

# %% [markdown]
# ## 5. What a network costs
#
# Nobody has to build a network to know what it costs. Compute from the line of text how many **parameters** `vgg` of task 1 has and how many
# **multiply-adds** (MACs) it takes for one image of `size` x `size` pixels. Both are whole numbers.
#
# - Parameters: weights and biases of all convolutions and of the linear layer.
# - MACs: each value that a convolution or the linear layer puts out is a sum of products, and each product is one MAC. A bias multiplies
#   nothing and does not count. ReLU, pools and the mean do not count either.
#
# For a convolution with $C$ channels in, $F$ filters, a kernel of $K \times K$ and maps of $H' \times W'$ behind it:
#
# $$\text{parameters} = F \, (C K^2 + 1) \qquad \text{MACs} = F \, C \, K^2 \, H' W'$$
#
# By hand, `count_layers("4 M 1x2", 1, 6, 3)`, the network of task 1:
#
# | entry | parameters | MACs |
# | --- | --- | --- |
# | `4` | 40 | 4 · 1 · 9 · 36 = 1296 |
# | `M` | 0 | 0, and 3 x 3 pixels are left |
# | `1x2` | 10 | 2 · 4 · 1 · 9 = 72 |
# | linear layer | 9 | 3 · 2 = 6 |
# | all | 59 | 1374 |
#
# As before, a pool drops the last row and column where they have no partner: 7 x 7 becomes 3 x 3. All sizes in the check stay at least 1. Each of
# the two numbers is worth half of the points.


# %% nbgrader={"grade": false, "grade_id": "solution_count_layers", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_layers(configuration, in_channels, size, num_classes):
    """Count what the network of a line of text costs.

    configuration: a text as for vgg; in_channels: channels of the images; size: their rows, and as many
    columns; num_classes: how many logits the network returns.
    Returns two whole numbers: parameters, and multiply-adds for one image.
    """
    ### BEGIN SOLUTION
    parameters = macs = 0
    channels, side = in_channels, size
    for entry in configuration.split():
        if entry == "M":
            side //= 2
        else:
            cells = 1 if "x" in entry else 9
            filters = int(entry.split("x")[-1])
            kernel = channels * cells
            parameters += filters * (kernel + 1)
            macs += filters * kernel * side**2
            channels = filters
    return parameters + num_classes * (channels + 1), macs + num_classes * channels
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "count_layers", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(count_layers)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# The same loop as in task 1, with two sums in place of the list of layers, and one more variable: the rows of the maps.
#
# <details><summary>Help 2: the next step</summary>
#
# An `M` changes the rows alone: `size = size // 2`. A convolution changes the two sums and the channels; thanks to the padding it keeps the rows.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# A filter has `channels * 9` weights, or `channels` if it is 1 x 1. With one bias each, that makes its parameters; times the pixels of the map,
# without bias, its MACs. Behind the loop add `num_classes * (channels + 1)` parameters and `num_classes * channels` MACs.
#
# </details></details></details>

# %% [markdown]
# ## 6. How far it sees
#
# How many rows of the image does **one value behind the last entry** of a line of text depend on? (Mean and linear layer, which see everything,
# do not count here.) Take the image to be large, so that no border is in the way. This number is the **receptive field**.
#
# Two numbers travel through the layers: how many rows one value sees, and how many rows of the image lie between two neighbours, the **step**.
# A pixel of the image sees 1 row, and the step is 1. A window of $K$ values sees $K - 1$ steps more than one value. A layer with stride 2 then makes
# the step twice as large.
#
# By hand:
#
# | | `8` | `8` | `M` | `8` | `1x8` | `M` |
# | --- | --- | --- | --- | --- | --- | --- |
# | rows seen behind it | 3 | 5 | 6 | 10 | 10 | 12 |
# | step behind it | 1 | 1 | 2 | 2 | 2 | 4 |
#
# So `receptive_field("8 8 M 8 1x8 M")` is 12. Return a whole number.


# %% nbgrader={"grade": false, "grade_id": "solution_receptive_field", "locked": false, "schema_version": 3, "solution": true, "task": false}
def receptive_field(configuration):
    """Return how many rows of the image one value behind the last layer depends on, a whole number.

    configuration: a text as for vgg.
    """
    ### BEGIN SOLUTION
    rows = 1
    for entry in reversed(configuration.split()):
        if entry == "M":
            rows *= 2
        elif "x" not in entry:
            rows += 2
    return rows
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "receptive_field", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(receptive_field)

# %% [markdown]
# <details><summary>Help 1: where to start</summary>
#
# Two variables, rows and step, both 1 at the beginning. Go through the entries and change them.
#
# <details><summary>Help 2: the next step</summary>
#
# The windows are 3, 1 and 2 values wide: they add 2, 0 and 1 steps. The numbers of filters do not matter.
#
# <details><summary>Help 3: nearly all of it</summary>
#
# At a 3 x 3: `rows += 2 * step`. At an `M`: `rows += step`, then `step *= 2`. At a 1 x 1: nothing. (There is a way with one variable too:
# begin at the last entry.)
#
# </details></details></details>

# %% [markdown]
# ### See it: where the costs of a VGG are
#
# With `num_classes` 0 your `count_layers` counts what lies before the linear layer. So the costs of an entry are the difference between two lines of
# text, one with it and one without. This cell does that for the convolutions of VGG-D at 224 x 224. Guess before you run it: are the parameters at the
# beginning or at the end, and where are the values that a training program has to keep?

# %%
configuration = "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M"
entries = configuration.split()
try:
    totals = [
        count_layers(" ".join(entries[:number]), 3, 224, 0) if number else (0, 0)
        for number in range(len(entries) + 1)
    ]
    fields = [receptive_field(" ".join(entries[: number + 1])) for number in range(len(entries))]
except NotImplementedError:
    print("Write count_layers and receptive_field first, then come back to this cell.")
else:
    weights, work = np.diff(np.array(totals, dtype=float), axis=0).T
    values, side, filters = [], 224, 3
    for entry in entries:
        side, filters = (side // 2, filters) if entry == "M" else (side, int(entry))
        values.append(filters * side**2)
    names = [f"{entry} (sees {field})" for entry, field in zip(entries, fields, strict=True)]
    amounts = {"values put out": values, "multiply-adds": work, "parameters": weights}
    early = [sum(numbers[:6]) / sum(numbers) for numbers in (values, weights)]
    title = f"Up to the second pool: {early[0]:.0%} of the values, {early[1]:.0%} of the parameters"
    figure, (axes,) = figures.panels(1, 1, width=8.5, height=7.5)
    figures.costs(axes, names, amounts, title=title)
    words = "Values shrink from the first layers to the last, parameters grow, multiply-adds are spread."
    figures.show(figure, alt=f"Three bars for each of 18 entries. {words}")
    parameters, macs = count_layers(configuration, 3, 224, 1000)
    print(f"{parameters:,} parameters (the paper's net, with three fully connected layers, has 138 million)")
    print(f"{macs:,} multiply-adds for one image; a value behind the last pool sees {fields[-1]} rows")

# %% [markdown]
# Shorten the line, put `1x` entries between, or take images of 112 x 112: which of the three kinds of bars change?

# %% [markdown]
# ## 7. In your own words
#
# A colleague has the net `"64 64 64 M 128 128 M 256 256 256"` for images of 224 x 224 and runs out of memory in training, with 32 images in a batch. She
# says: "Three 3 x 3 layers with 64 filters see 7 x 7 pixels, and so does one 7 x 7 layer. I will put one such layer, from 64 to 64 maps, in the place
# of three wherever I can. It computes the same, with fewer layers, so it has fewer parameters. And I will halve the filters of the last three layers:
# most of the parameters are there, so that saves most of the memory." Explain in four to seven sentences what is right and what is wrong about "computes
# the same", about "fewer parameters" (with numbers, for $C$ maps in and out and without biases), and about where the memory of training is. An instructor reads this
# answer.

# %% [markdown] nbgrader={"grade": true, "grade_id": "kernels_question", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# It does not compute the same. Three layers have two more ReLUs between them, so they can tell things apart that one layer cannot; without ReLUs they would be
# one 7 x 7 convolution, and only some of those. Only the receptive field is the same. One 7 x 7 has $49 C^2$ weights, three 3 x 3 have $27 C^2$, so
# her layer has 81 % more, and the multiply-adds grow by the same factor. In one thing she is right: one layer puts out one set of maps where three
# put out three, so it saves activations. And these are what fills the memory: a batch of 32 keeps the outputs of all layers for the backward pass, and the first layers
# have by far the largest, $64 \cdot 224 \cdot 224$ values an image each, against $256 \cdot 56 \cdot 56$ in the last ones. Most parameters are in the last three layers
# indeed, but all together they are about 1.5 million, fewer than the values that a single early layer puts out for one image; halving them saves next to nothing.
#
# Rubric: 1 point for "not the same": ReLUs between, or that a stack is restricted (half a point for "only the receptive field agrees" without a reason); 1 point for
# $49 C^2$ against $27 C^2$; 1 point for the memory, half a point each: activations of the early layers, kept for each image, fill it; parameters lie in the late layers and
# are few here. That one layer saves activations is a bonus that makes up for another half point.

# %% [markdown]
# ## What you learned
#
# - A line of text and one variable for the channels are enough to build a network of any depth.
# - A 1 x 1 convolution is a layer at every pixel. It makes a network in the network, and it makes large kernels affordable.
# - Paths that are joined need equal rows and columns; their channels pile up, in the order of the join.
# - Parameters do not depend on the image; multiply-adds and values do. So early layers take memory, late ones take parameters.
# - A layer widens the receptive field by its window, in steps that every pool doubles.
#
# Next comes [lecture 10, ResNet and DenseNet](../../lectures/10_resnet_densenet.ipynb).
