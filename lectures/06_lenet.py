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
# # 6. LeNet
#
# **When you have worked through this lecture, you can**
#
# - name the layers of LeNet-5, and say what each does, how large its output is and how much of the image it
#   sees;
# - count the parameters and connections of a network, layer by layer, and say which layers hold them;
# - tell the network of 1998 from the one that libraries call LeNet-5 today, in five points;
# - carry weights from one implementation to another, and prove that both compute the same;
# - explain each line of a training loop in PyTorch;
# - compare variants of a network fairly: a rate for each, several seeds, intervals.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 20 seconds.
#
# **Slides:** *Major Architectures* (the opening of this part) and *LeNet-5* (both).
#
# **You need:** lecture 3 (convolution, counting parameters), lecture 4 (pooling; a fully connected layer is a
# convolution) and lecture 5 (the gradients of all layers, and a first LeNet in numpy).
#
# The networks come from `course_utils.zoo`, where every architecture of the course is built, a file a family.
# Open `zoo/lenet.py` beside this page: it begins with the paper's tables.

# %%
import copy

import numpy as np
import torch
from IPython.display import display
from torch import nn
from torch.nn import functional

from course_utils import figures, training, zoo
from course_utils.data import load
from course_utils.widgets import question
from course_utils.zoo.lenet import C3, Squash

torch.set_num_threads(1)  # all that runs here is small: more threads would wait for each other
rng = np.random.default_rng(6)
clothes, new_clothes = load("fashion_mnist", "train"), load("fashion_mnist", "test")
print("training", clothes.images.shape, " test", new_clothes.images.shape, clothes.class_names)

# %% [markdown]
# ## Major architectures
#
# You know all the parts now. This part of the course is about what people built from them, from 1998 on. The
# cell builds nine networks of the coming lectures and counts two things. **Parameters** are the numbers that
# training sets. **Multiply-adds** (MACs) are the products that the convolutions and fully connected layers
# compute and add up for one image. Nothing is computed for it: the nets are built on torch's *meta device*,
# where arrays have a shape and no numbers.

# %%
FAMOUS = {"1998 LeNet-5": "lenet5", "2012 AlexNet": "alexnet", "2013 Clarifai": "zfnet", "2014 NIN": "nin"}
FAMOUS |= {"2014 VGG-D": "vgg_d", "2014 GoogLeNet": "googlenet", "2015 Inception-v3": "inception_v3"}
FAMOUS |= {"2015 ResNet-152": "resnet152", "2016 DenseNet-121": "densenet121"}
counts = {}
for name, net in FAMOUS.items():
    without = {"aux": False} if "eption" in net or "goog" in net else {}  # helpers in training, lecture 9
    with torch.device("meta"):
        counts[name] = count = zoo.count(zoo.build(net, **without))
    print(f"{name:18} {count.parameters:12,} parameters {count.macs:16,} multiply-adds")
million = {name: count.parameters / 1e6 for name, count in counts.items()}
billion = {name: count.macs / 1e9 for name, count in counts.items()}
figure, (left, right) = figures.panels(1, 2, width=10.5, height=3.8)
title = f"Up to {max(million.values()) / million['1998 LeNet-5']:,.0f} times LeNet's parameters ..."
xlabel = "parameters (millions, log scale)"
figures.log_bars(left, list(million), list(million.values()), title=title, xlabel=xlabel, form="{:.3g}")
title = f"... and {max(billion.values()) / billion['1998 LeNet-5']:,.0f} times its work"
xlabel = "multiply-adds for an image (billions, log)"
figures.log_bars(right, list(billion), list(billion.values()), title=title, xlabel=xlabel, form="{:.2g}")
right.set_yticklabels([])
pairs = [f"{name} {million[name]:.3g} million, {billion[name]:.2g} billion" for name in counts]
figures.show(figure, alt="Bars of parameters and multiply-adds of nine networks: " + "; ".join(pairs))

# %% [markdown]
# Two things are worth a second look. Later is not always larger: the largest net stands in the middle of the
# list. And parameters do not tell the work: NIN has far fewer of them than AlexNet, and does more. By the end
# of lecture 10 you will know why.
#
# ## LeNet-5
#
# In 1998 LeCun, Bottou, Bengio and Haffner described a network that reads handwritten digits: *Gradient-based
# learning applied to document recognition*. Until then people wrote programs that measured a picture, such as
# strokes, loops and crossings, and a classifier learned on these measurements. LeNet-5 gets pixels. All that
# stands between them and the answer is learned, by the one rule you know from lecture 5.
#
# Its plan is still the plan of most networks: convolve, shrink, convolve, shrink, then combine. The layers
# have names: **C** for convolution, **S** for *subsampling* (what is called pooling today), **F** for fully
# connected, each with its number. The zoo has the network as published. Each row of the table is one layer
# with the shape of its output; `parameters` and `multiply-adds` are those of the layer, `activations` is how
# many numbers it puts out, and `sees` is its receptive field.

# %%
old, new = zoo.build("lenet5_1998"), zoo.build("lenet5")
old_count, new_count = zoo.count(old), zoo.count(new)
display(zoo.table(old_count, depth=1))
figure, (axes,) = figures.panels(width=10, height=4)
shapes = " → ".join("×".join(map(str, layer.output_shape)) for layer in old_count.by_module(1))
zoo.draw(axes, old_count, depth=1, title="LeNet-5: maps shrink while their number grows")
figures.show(figure, alt=f"Blocks to scale, from an image of 1×32×32: {shapes}.")

# %% [markdown]
# The digits of MNIST are pictures of 28 by 28. The paper lays them into 32 by 32: without a frame, the ends
# and corners of strokes near the border would never lie in the middle of a window. Paper became −0.1 and ink
# 1.175, so that the mean comes near 0. Most people today pad by 2 zeros on each side in C1, which is the same
# size, and standardise.
#
# MNIST is not part of this course. Fashion-MNIST is, made with the same sizes as a harder replacement: 60,000
# pictures to train on and 10,000 to test, of which a tenth is embedded here.

# %%
images = torch.from_numpy(clothes.images) / 255
mean, spread = images.mean(), images.std()
train = training.as_tensors(clothes, 255 * mean, 255 * spread)
test = training.as_tensors(new_clothes, 255 * mean, 255 * spread)


def framed(data):
    """Lay images of 28 by 28 into 32 by 32, on the grey of the background."""
    return functional.pad(data[0], [2, 2, 2, 2], value=data[0].min().item()), data[1]


coded = functional.pad(images, [2, 2, 2, 2]) * 1.275 - 0.1
print(f"as the paper codes them: {tuple(coded.shape)}, mean {coded.mean():.2f}, spread {coded.std():.2f}")
print(f"standardised: {tuple(train[0].shape)}, mean {train[0].mean():.2f}, spread {train[0].std():.2f}")

# %% [markdown]
# ## C1 and connections
#
# C1 has 6 filters of 5 by 5 and stride 1. The paper counts two things. A filter has 25 weights and a bias,
# that every place uses again: **parameters**. A **connection** is one use of one of them at one place. C1 has
# 28 by 28 places, so the connections are that many times the parameters. This is what sharing weights buys:
# without it every connection would be a number to learn.

# %%
places, own = len(range(32 - 5 + 1)) ** 2, sum(p.numel() for p in old.c1.parameters())
print(f"C1: 6 · (5·5 + 1) = {6 * (5 * 5 + 1)} parameters; the zoo's net has {own}")
print(f"each used at {places} places: {own * places:,} connections; {old.connections()['c1']:,} counted")

# %% [markdown]
# ## Subsampling that learns
#
# The slides call the next layer *average pooling*. In the paper it is more. A unit adds up its 2 by 2 inputs,
# multiplies the sum by a **coefficient**, adds a **bias**, and passes the result through the activation
# function. Coefficient and bias are learned, one pair for each map. With coefficient ¼ and bias 0 this is the
# average, squashed.
#
# Why learn them? Give a unit four inputs, each either off (−1) or on (1), and see what it puts out as more
# and more of them are on. With a small coefficient the unit follows the sum: it blurs. With a large one the
# bias decides: the unit says whether *any* input is on, or whether *all* are. These are the three readings
# that the paper gives.

# %%
subsampling, squash = zoo.build("lenet5_1998").s2, Squash()
x = torch.from_numpy(rng.normal(size=(1, 6, 28, 28))).float()
average = squash(functional.avg_pool2d(x, 2))
print("¼ and 0 give the average, squashed:", torch.allclose(subsampling(x), average, atol=1e-6))
on = np.arange(5)
sums = torch.from_numpy(2.0 * on - 4)
modes = {"blur: coefficient 0.1": (0.1, 0), "any: 2, bias 6": (2, 6), "all: 2, bias −6": (2, -6)}
curves = {name: squash(weight * sums + bias).numpy() for name, (weight, bias) in modes.items()}
figure, (axes,) = figures.panels(width=8, height=3)
title = "Coefficient and bias decide what a unit of S2 tells about its four inputs"
figures.profiles(axes, on, curves, title=title, xlabel="inputs that are on, of four", ylabel="output")
axes.set(xticks=on, ylim=(-2, 3.4))  # room for the legend
said = "; ".join(f"{name}: {' '.join(f'{v:.1f}' for v in curve)}" for name, curve in curves.items())
figures.show(figure, alt=f"Output with 0 to 4 inputs on. {said}.")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
own = sum(p.numel() for p in old.s2.parameters())
question(
    "How many parameters does S2 have in the paper's network, with its 6 maps?",
    [
        ("0", own == 0, "True of pooling as you met it in lecture 4. This one learns."),
        ("12", own == 12, "A coefficient and a bias for each map. All places of a map share them."),
        ("30", own == 30, "Four inputs and a bias: these are connections. One coefficient serves all four."),
        ("2,352", own == 2352, "That would be a pair for each place of each map: no sharing."),
    ],
)

# %% [markdown]
# ## The scaled tanh
#
# *Sigmoid or tanh*, say the slides. A **sigmoid** is any S-shaped function, and the paper uses the word so.
# Today it mostly means one of them, the logistic function $\sigma(z) = 1/(1+e^{-z})$. The two differ less
# than it seems: $\tanh z = 2\,\sigma(2z) - 1$. Between them lies a shift, and that matters: tanh is centred
# on 0.
#
# The paper's function is $f(z) = 1.7159 \tanh(2z/3)$. The numbers are chosen so that $f(1) = 1$ and $f(-1) =
# -1$, the targets of the network. There the curve bends most; between them it is nearly straight, and where
# it is flat, beyond, gradients vanish. The cell looks for the bend.

# %%
z = np.linspace(-4, 4, 801)
sigma, ours = 1 / (1 + np.exp(-z)), squash(torch.from_numpy(z)).numpy()
print("tanh(z) = 2 σ(2z) − 1:", np.allclose(np.tanh(z), 2 / (1 + np.exp(-2 * z)) - 1))
bend = z[np.abs(np.gradient(np.gradient(ours, z), z)).argmax()]
fixed = squash(torch.tensor(1.0)).item()
print(f"f(1) = {fixed:.4f}; it bends most at z = ±{abs(bend):.2f}; slope at 0: {1.7159 * 2 / 3:.2f}")
figure, (axes,) = figures.panels(width=8, height=3.2)
curves = {"1.7159 tanh(2z/3), 1998": ours, "tanh": np.tanh(z), "logistic": sigma, "ReLU": np.maximum(z, 0)}
title = f"The paper's tanh passes through (1, {fixed:.2f}), where it bends most"
figures.profiles(axes, z, curves, title=title, xlabel="z", ylabel="output")
axes.set_ylim(-2, 2.5)
figures.show(figure, alt=f"Curves: 1998's from −1.7 to 1.7, bent at ±{abs(bend):.2f}; tanh; logistic; ReLU.")

# %% [markdown]
# ## Who sees whom in C3
#
# C3 has 16 maps. In the convolution layer of lecture 3 each of them sees *all* maps below. Not in 1998. The
# paper has a table of which of the 6 maps of S2 each of them sees, drawn below. Six see three neighbours, six
# see four neighbours, three see two pairs, and one sees all. (Map 0 counts as a neighbour of map 5.) Where a
# map sees another, it has 25 weights.
#
# The paper names two reasons. Fewer connections was one: every multiplication counted. The other was
# **symmetry**: maps with different inputs are forced to find different features. Nothing else would keep two
# maps apart that start out alike. (Random weights at the start do, and today they are trusted with it.)

# %%
seen = np.full((6, 16), np.nan)
for column, rows in enumerate(C3):
    seen[list(rows), column] = 25
own = [25 * len(rows) + 1 for rows in C3]
print("parameters of each map of C3:", *own)
print(f"together {sum(own):,}; all maps seeing all would have {16 * (6 * 25 + 1):,}")
counted = {name: sum(p.numel() for p in net.c3.parameters()) for name, net in (("1998", old), ("today", new))}
print("counted in the zoo's nets:", counted)
figure, (axes,) = figures.panels(width=9.5, height=4.2)
title = f"Column: map of C3, row: map of S2 that it sees. {np.isfinite(seen).sum()} of {seen.size} pairs"
figures.number_grid(axes, seen, title=title)
figures.show(figure, alt="6 rows, 16 columns, 25 where seen: " + "; ".join(" ".join(map(str, s)) for s in C3))

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
sees_four = own[6]
question(
    "A map of C3 sees 4 maps of S2, with a window of 5 by 5. How many parameters does it have?",
    [
        ("26", sees_four == 26, "That is a map of C1, which has one map below it: the image."),
        ("100", sees_four == 100, "Nearly: you forgot the bias."),
        ("101", sees_four == 101, "25 weights for each map that it sees, and one bias for all together."),
        ("104", sees_four == 104, "There is one bias for a map, not one for each map that it sees."),
    ],
)

# %% [markdown]
# ## C5 is a convolution
#
# C5 sees all 16 maps of S4, each 5 by 5, with windows of 5 by 5. So there is one place for it, and it *is*
# fully connected. The paper calls it a convolution all the same, for a reason that you know from lecture 4:
# give the layers a larger picture, and C5 has several places. It reads the picture window by window, and the
# parameters stay. F6, behind it, is a plain fully connected layer.

# %%
for side in (32, 36, 48):
    with torch.no_grad():
        maps = old.c5(old.s4(old.c3(old.s2(old.c1(torch.zeros(1, 1, side, side))))))
    print(f"image {side}×{side}: C5 puts out {tuple(maps.shape[1:])}")

# %% [markdown]
# ## The output compares drawings
#
# Why does F6 have 84 units? Because 84 is 7 times 12, and a digit can be drawn in 12 rows of 7 dots. The
# network is to draw. Each class has a fixed **code** of 84 numbers, +1 for ink and −1 for paper, that nobody
# trains. The output layer compares what F6 says with each code, by the squared distance:
#
# $$y_k = \sum_{i=1}^{84} (x_i - w_{k,i})^2$$
#
# Units like this are **Euclidean radial basis functions** (RBF): their value depends on the distance from a
# centre alone. The *smallest* output wins. Why drawings? Characters that look alike, such as a zero and the
# letter O, get codes that lie close together, so that confusing them is a small mistake and the context can
# repair it. With the usual *one unit a class*, all mistakes are equal.

# %%
codes = old.output.codes.numpy()
gaps = ((codes[:, None] - codes[None]) ** 2).sum(2)
near = np.where(np.eye(10, dtype=bool), np.inf, gaps)
one, other = np.unravel_index(near.argmin(), near.shape)
print(f"the zoo's codes: {codes.shape}, values {np.unique(codes)}, parameters trained: 0")
print(f"nearest codes: {one} and {other}, {int(near[one, other]) // 4} dots apart; distance {near.min():g}")
figure, panels = figures.panels(1, 10, width=10, height=2.2)
for digit, (axes, code) in enumerate(zip(panels, codes, strict=True)):
    figures.picture(axes, (1 - code.reshape(12, 7)) / 2, title=str(digit))
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
figure.suptitle(f"What F6 should draw for each class, 12 rows of 7 dots. Most alike: {one} and {other}")
figures.show(figure, alt="Ten drawings of the digits 0 to 9 in 12 rows of 7 dots, black on white.")

# %% [markdown]
# To train, the zoo's net puts a minus before the distances. Then the largest wins, as with logits, and
# softmax with cross-entropy on them is the paper's second loss (without its extra class for rubbish): the
# right code is pulled near, and the others are pushed away.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
exact = -old.output(torch.from_numpy(codes[3:4]))[0, 3].item()
question(
    "F6 puts out exactly the code of class 3. What is the RBF unit of class 3, as in the formula above?",
    [
        ("84", exact == 84, "That would be the dot product, as in a linear layer: 84 times 1."),
        ("1", exact == 1, "A probability would be near 1. This is a distance."),
        ("0", exact == 0, "The distance to its own code is 0, and no other is smaller. It wins."),
        ("336", exact == 336, "That is the distance to the code's negative: (1 − (−1))² = 4 for each dot."),
    ],
)

# %% [markdown]
# ## How many parameters?
#
# So asks the slide, and now you can answer, with a counter-question: which LeNet-5? What libraries and
# courses call by this name today differs from the paper in five points: C3 sees all maps, pooling is plain
# and has no parameters, the activation is ReLU, the pools take the maximum, and a linear layer puts out the
# logits.

# %%
uses = old.connections()
rows_old, rows_new = ({row.name: row for row in c.by_module(1)} for c in (old_count, new_count))
print(f"{'':8}{'1998: parameters':>20}{'connections':>14}{'today: parameters':>20}{'multiply-adds':>16}")
for name in rows_old:
    ours, theirs = rows_old[name], rows_new[name]
    numbers = f"{ours.parameters:20,}{uses[name]:14,}{theirs.parameters:20,}{theirs.macs:16,}"
    print(f"{name:8}{numbers}")
totals = old_count.parameters, sum(uses.values()), new_count.parameters, new_count.macs
print(f"{'total':8}{totals[0]:20,}{totals[1]:14,}{totals[2]:20,}{totals[3]:16,}")
paper = {"parameters": (60_000, totals[0]), "connections": (340_908, totals[1])}
for what, (printed, counted) in paper.items():
    print(f"the paper prints {printed:,} {what}; counted {counted:,}: {'equal' * (printed == counted)}")
steps = {name: rows_new[name].parameters - rows_old[name].parameters for name in rows_old}
changes = " ".join(f"{name} {step:+,}" for name, step in steps.items() if step)
print(f"from {totals[0]:,} to {totals[2]:,}: {changes}, together {sum(steps.values()):+,}")

# %% [markdown]
# Exactly 60,000: as many as MNIST has pictures to train on. Now where are they, and who does the work? Draw
# each layer's share of parameters, of multiply-adds and of *activations*, the numbers that wait for the
# backward pass.

# %%
parts = list(rows_new.values())
names = [row.name for row in parts]
amounts = {"parameters": [row.parameters for row in parts], "multiply-adds": [row.macs for row in parts]}
amounts["activations"] = [row.values for row in parts]
share = {what: max(numbers) / sum(numbers) for what, numbers in amounts.items()}
top = {what: names[int(np.argmax(numbers))] for what, numbers in amounts.items()}
figure, (axes,) = figures.panels(width=9, height=4.2)
title = f"{top['parameters'].upper()} holds {share['parameters']:.0%} of the parameters, "
title += f"{top['multiply-adds'].upper()} does {share['multiply-adds']:.0%} of the work (today's net)"
figures.costs(axes, names, amounts, title=title)
figures.show(figure, alt="; ".join(f"most {what}: {top[what]}, {share[what]:.0%}" for what in amounts))

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
with torch.device("meta"):
    double = zoo.count(zoo.build("lenet5", image_size=56)).by_module(1)
more = [row.name for row in double if row.parameters > rows_new[row.name].parameters]
question(
    "Today's LeNet-5 is built for pictures of 56 by 56, not 28 by 28. Which layers get more parameters?",
    [
        ("all of them", len(more) > 3, "A filter's weights do not depend on how many places it is used at."),
        ("C1 and C3", "c1" in more, "They do more work, at more places, with the same weights."),
        ("C5 alone", more == ["c5"], "It connects to every place of S4, and there are more."),
        ("none", not more, "True as long as there are only convolutions. C5 is tied to the size of S4."),
    ],
)

# %% [markdown]
# ## Receptive fields
#
# How much of the image does one unit see? Lecture 2 gave the rule: a window of $K$ adds $K-1$ steps, each as
# large as all strides so far together. The zoo's count follows it; the column `sees` of the first table shows
# the result.
#
# The picture shows one unit of each layer, in the middle of its map. And it lets you check a claim of the
# paper: the centres of the receptive fields of C3 fill the middle 20 by 20 of the 32 by 32. Digits were
# scaled into a box of that size.

# %%
rows = old_count.by_module(1)
starts = {row.name: (row.output_shape[1] // 2) * row.stride[0] for row in rows if row.receptive_field}
fields = {r.name.upper(): (starts[r.name],) * 2 + r.receptive_field[:1] for r in rows if r.name in starts}
c3 = rows_old["c3"]
centres = (c3.receptive_field[0] - 1) / 2 + c3.stride[0] * np.arange(c3.output_shape[1])
print(f"C3: {len(centres)} fields, {c3.stride[0]} apart: centres from {centres[0]} to {centres[-1]}")
across = c3.stride[0] * len(centres)
print(f"they stand for {across} by {across} pixels, from {centres[0] - 0.5:g} to {centres[-1] + 1.5:g} of 32")
boot = int(np.flatnonzero(new_clothes.labels == new_clothes.class_names.index("Ankle boot"))[0])
figure, (axes,) = figures.panels(width=6.4, height=4.8)
large = np.pad(new_clothes.images[boot, 0], 2)
figures.receptive_fields(axes, large, fields, title="A unit of each layer sees more than the one below")
sizes = ", ".join(f"{name} {side}" for name, (_, _, side) in fields.items())
figures.show(figure, alt=f"A boot with a square frame for a unit of each layer; sides in pixels: {sizes}.")


# %% [markdown]
# ## The layers in numpy
#
# Next, prove that you know what the network computes: build both LeNets in numpy, and hold every number
# against PyTorch. These are lecture 5's layers, with the batch innermost, $(C, H, W, N)$, written to be short
# where those were written to be fast. A convolution is a sum over the 25 weights of a window: each multiplies
# one shifted copy of the input, a *slab*. Its way back goes through the same slabs.
#
# Two tricks make it one class for C1, C3, C5, F6 and the last layer. A map that does not see another has
# weights of 0 for it, as long as their gradient is wiped out too: `sees` holds 1 where a weight is there and
# 0 where it is not. And a fully connected layer *is* a convolution, with a window as large as what comes in.


# %%
class Convolution:
    """w (F, C, K, K), stride 1, P zeros on each side: (C, H, W, N) -> (F, OH, OW, N).

    w may also be (F, C·H·W): fully connected, with OH = OW = 1.
    """

    def __init__(self, w, b, P=0, sees=1.0):
        self.w, self.b, self.P, self.sees = w, b, P, sees

    def forward(self, x):
        if self.w.ndim == 2:
            self.w = self.w.reshape(-1, *x.shape[:3])
        K, P = self.w.shape[-1], self.P
        self.x = np.pad(x, [(0, 0), (P, P), (P, P), (0, 0)])
        OH, OW = self.x.shape[1] - K + 1, self.x.shape[2] - K + 1
        self.slabs = [(i, j, np.s_[:, i : i + OH, j : j + OW]) for i in range(K) for j in range(K)]
        y = sum(np.tensordot(self.w[:, :, i, j], self.x[slab], 1) for i, j, slab in self.slabs)
        return y + self.b[:, None, None, None]

    def backward(self, dy):
        self.dw, self.db, dx = np.zeros_like(self.w), dy.sum((1, 2, 3)), np.zeros_like(self.x)
        for i, j, slab in self.slabs:
            self.dw[:, :, i, j] = np.tensordot(dy, self.x[slab], ([1, 2, 3], [1, 2, 3]))
            dx[slab] += np.tensordot(self.w[:, :, i, j].T, dy, 1)
        self.dw *= self.sees
        return dx[:, self.P : dx.shape[1] - self.P, self.P : dx.shape[2] - self.P]


# %% [markdown]
# The parts of 1998 come next. Subsampling is a sum, a product and a bias; on the way back all four inputs get
# the same, as in average pooling. The derivative of the scaled tanh is found from its own output, because
# $\tanh' = 1 - \tanh^2$. The RBF layer's gradient, $-2(x - w_k)$ for each class, pulls towards codes and away
# from them.


# %%
def quartered(x):
    """Show the 2 by 2 windows of a map: (C, H, W, N) -> (C, H/2, 2, W/2, 2, N)."""
    C, H, W, N = x.shape
    return x.reshape(C, H // 2, 2, W // 2, 2, N)


class Subsample:
    """w and b (C, 1, 1): the sum of each 2 by 2 window, times w, plus b."""

    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, x):
        self.sums = quartered(x).sum(axis=(2, 4))
        return self.w[..., None] * self.sums + self.b[..., None]

    def backward(self, dy):
        self.dw = (dy * self.sums).sum(axis=(1, 2, 3)).reshape(self.w.shape)
        self.db = dy.sum(axis=(1, 2, 3)).reshape(self.b.shape)
        return (self.w[..., None] * dy).repeat(2, axis=1).repeat(2, axis=2)


class ScaledTanh:
    """A tanh(2x/3) with A = 1.7159."""

    A = 1.7159

    def forward(self, x):
        self.y = self.A * np.tanh(2 / 3 * x)
        return self.y

    def backward(self, dy):
        return dy * 2 / 3 * (self.A - self.y**2 / self.A)


class Distances:
    """Squared distances to the codes (classes, D), with a minus sign: (D, 1, 1, N) -> (classes, 1, 1, N)."""

    def __init__(self, codes):
        self.codes = codes[..., None, None, None]

    def forward(self, x):
        self.apart = x - self.codes
        return -(self.apart**2).sum(axis=1)

    def backward(self, dy):
        return -2 * (dy[:, None] * self.apart).sum(axis=0)


# %% [markdown]
# And today's parts. Max pooling brings the four numbers of each window into a row and keeps the place of the
# largest; `argmax` takes the first in a tie, as torch does. A network is a dictionary from the layers' names
# to their parts. It keeps what each layer put out, and what came back to it.


# %%
class ReLU:
    """The larger of x and 0."""

    def forward(self, x):
        self.is_open = x > 0
        return x * self.is_open

    def backward(self, dy):
        return dy * self.is_open


class MaxPool:
    """The largest number of each 2 by 2 window."""

    def forward(self, x):
        windows = np.moveaxis(quartered(x), 2, 3)  # (C, H/2, W/2, 2, 2, N)
        self.rows = windows.reshape(*windows.shape[:3], 4, -1)
        self.winners = self.rows.argmax(axis=3)[:, :, :, None]
        return np.take_along_axis(self.rows, self.winners, axis=3)[:, :, :, 0]

    def backward(self, dy):
        drows = np.zeros_like(self.rows)
        np.put_along_axis(drows, self.winners, dy[:, :, :, None], axis=3)
        C, H, W, _, N = drows.shape
        return np.moveaxis(drows.reshape(C, H, W, 2, 2, N), 3, 2).reshape(C, 2 * H, 2 * W, N)


class Network:
    """Layers by name, in the order in which they run."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        self.outputs, self.above = {}, {}
        for name, parts in self.layers.items():
            for part in parts:
                x = part.forward(x)
            self.outputs[name] = x
        return x

    def backward(self, dy):
        for name, parts in reversed(self.layers.items()):
            self.above[name] = dy
            for part in reversed(parts):
                dy = part.backward(dy)


# %% [markdown]
# ## numpy and PyTorch agree
#
# Now the weights. `in_numpy` takes one part of a PyTorch net and returns numpy layers with copies of its
# weights. Most arrays have the same layout in both. C3 of 1998 does not: PyTorch holds 16 small convolutions,
# and their weights go to the places of the large one where its maps see.


# %%
PLAIN = {"ReLU": ReLU, "MaxPool2d": MaxPool, "Squash": ScaledTanh}
WEIGHTED = {"Conv2d": Convolution, "Linear": Convolution, "Subsampling": Subsample}


def in_numpy(module):
    """Return the numpy layers that do what a module of PyTorch does, with copies of its weights."""
    kind = type(module).__name__
    if kind == "Sequential":
        return [layer for part in module for layer in in_numpy(part)]
    if kind == "Flatten":
        return []  # the next layer takes any shape
    if kind == "RBF":
        return [Distances(module.codes.numpy().copy())]
    if kind == "PartialConvolution":
        b = np.concatenate([conv.bias.detach().numpy() for conv in module.maps])
        w = np.zeros((len(b), 6, 5, 5))
        sees = np.zeros_like(w)
        for f, (conv, maps) in enumerate(zip(module.maps, module.sources, strict=True)):
            w[f, maps], sees[f, maps] = conv.weight.detach().numpy()[0], 1
        return [Convolution(w, b, sees=sees)]
    if kind in PLAIN:
        return [PLAIN[kind]()]
    arrays = [parameter.detach().numpy().copy() for parameter in module.parameters()]
    layer = WEIGHTED[kind](*arrays)
    if kind == "Conv2d":
        layer.P = module.padding[0]
    return [layer, ScaledTanh()] if kind == "Subsampling" else [layer]


def translated(net):
    """Return a whole net in numpy."""
    return Network({name: in_numpy(part) for name, part in net.named_children()})


# %% [markdown]
# Then run both on the same 64 pictures, forwards and backwards, in `float64`. For every layer compare three
# things: its output, the gradient that arrives at this output, and the gradients of its weights. Gradients
# have the layout of weights, so the function that carries weights carries them too.


# %%
def entropy_gradient(logits, labels):
    """Gradient of the mean cross-entropy of logits (classes, 1, 1, N), as in lecture 5."""
    p = np.exp(logits - logits.max(axis=0))
    p /= p.sum(axis=0)
    p[labels, 0, 0, np.arange(len(labels))] -= 1
    return p / len(labels)


def apart(ours, theirs):
    """Return the largest difference of two arrays, divided by their largest number."""
    ours = ours.reshape(theirs.shape)
    return float(np.abs(ours - theirs).max() / max(np.abs(ours).max(), np.abs(theirs).max()))


def compared(ours, net, x, labels):
    """Return the relative differences of a numpy net from a PyTorch net: {what: one a layer, or None}."""
    outputs, y = {}, x
    for name, part in net.named_children():
        outputs[name] = y = part(y)
        y.retain_grad()
    net.zero_grad()
    functional.cross_entropy(y, labels).backward()
    gradients = copy.deepcopy(net)
    for copied, parameter in zip(gradients.parameters(), net.parameters(), strict=True):
        copied.data = parameter.grad.clone()
    gradients = translated(gradients)
    ours.backward(entropy_gradient(ours.forward(np.moveaxis(x.numpy(), 0, -1)), labels.numpy()))
    found = {"output": [], "gradient of the output": [], "gradients of the weights": []}
    for name, theirs in outputs.items():
        here, above = np.moveaxis(ours.outputs[name], -1, 0), np.moveaxis(ours.above[name], -1, 0)
        found["output"].append(apart(here, theirs.detach().numpy()))
        found["gradient of the output"].append(apart(above, theirs.grad.numpy()))
        mine, library = ours.layers[name][0], gradients.layers[name][0]
        pairs = [(mine.dw, library.w), (mine.db, library.b)] if hasattr(mine, "dw") else []
        found["gradients of the weights"].append(max((apart(*pair) for pair in pairs), default=None))
    return found


def largest(found):
    """Return the largest of all differences."""
    return max(value for column in found.values() for value in column if value is not None)


few = train[0][:64].double(), train[1][:64]
few_framed = framed(few)
nets = {"1998": (old.double(), few_framed), "today": (new.double(), few)}
results = {name: compared(translated(net), net, *data) for name, (net, data) in nets.items()}
worst = {name: largest(found) for name, found in results.items()}
print("largest relative difference:", {name: f"{value:.1e}" for name, value in worst.items()})
print("all below 1e-10:", max(worst.values()) < 1e-10)
figure, panels = figures.panels(1, 2, width=10.5, height=4.2)
xlabel = "largest difference / largest number (log scale)"
for axes, (name, found) in zip(panels, results.items(), strict=True):
    title = {"1998": "LeNet-5 of 1998", "today": "LeNet-5 today"}[name] + f": at most {worst[name]:.0e}"
    figures.differences(axes, names, found, limit=1e-10, title=title, xlabel=xlabel)
words = "; ".join(f"{name}: at most {value:.0e}" for name, value in worst.items())
figures.show(figure, alt=f"Differences of layers' outputs, their gradients, weights' gradients. {words}.")

# %% [markdown]
# Hollow marks are equal to the last digit; the hatched ground begins at $10^{-10}$. The differences are those
# of rounding: `float64` carries about 16 digits, and the two add up their sums in
# different orders. Would you have seen a mistake? Plant two, and compare. In one, a constant is rounded:
# 1.716 in place of 1.7159. In the other, rows and columns of C3's windows are exchanged on the way to numpy.
# And run the right network in `float32`, on both sides.

# %%
single = copy.deepcopy(new).float()
turned, rounded = translated(new), translated(old)
turned.layers["c3"][0].w = turned.layers["c3"][0].w.swapaxes(2, 3)
for part in (part for parts in rounded.layers.values() for part in parts):
    part.A = 1.716  # only ScaledTanh looks at it
found = {"right, in float64": largest(results["today"])}
found["right, in float32"] = largest(compared(translated(single), single, few[0].float(), few[1]))
found["a constant is rounded"] = largest(compared(rounded, old, *few_framed))
found["windows transposed"] = largest(compared(turned, new, *few))
figure, (axes,) = figures.panels(width=9, height=2.8)
above = [found["a constant is rounded"] / found[f"right, in {kind}"] for kind in ("float64", "float32")]
title = f"The small mistake is {above[0]:.0e} times the rounding of float64, {above[1]:.0f} times float32's"
xlabel = "largest relative difference of any number (log scale)"
figures.log_bars(axes, list(found), list(found.values()), title=title, xlabel=xlabel, form="{:.0e}")
figures.show(figure, alt="; ".join(f"{name}: {value:.0e}" for name, value in found.items()))

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
gap = found["a constant is rounded"] / found["right, in float64"]
question(
    "You compare two implementations in `float64`, and one layer differs by $10^{-7}$. What do you think?",
    [
        ("Rounding: anything below 0.001 is.", gap < 1e3, "The rounded constant would have passed, too."),
        ("A mistake, or one part works in `float32`.", gap > 1e3, "Rounding in `float64` is far smaller."),
        ("PyTorch is more exact than numpy.", False, "Both use the same numbers and the same processor."),
        ("The learning rate is too large.", False, "Nobody has trained yet: these are the same weights."),
    ],
)

# %% [markdown]
# So the two are one network. From here on PyTorch does the work, and you know what it does.
#
# ## The training loop
#
# A training loop needs six lines, and you have written each of them by hand by now. Read them once here. The
# **optimizer** holds the parameters and knows how to change them: SGD with momentum, as in lecture 5.
#
# 1. Take a batch, in an order that changes with every epoch.
# 2. Forwards, to the logits.
# 3. One number: the loss.
# 4. Forget the last gradients. PyTorch *adds* to what is there.
# 5. Backwards: every parameter gets its `grad`.
# 6. A step: every parameter is changed.
#
# Then measure on images that it has not seen. `eval` tells layers that behave differently in training
# (lecture 7 has some), and `no_grad` saves keeping what only the backward pass would need.
#
# The first loss is above $\log 10$: the zoo's last layer starts with larger weights than the first rung of
# lecture 5 asks for. That costs some steps here, no more.

# %%
torch.manual_seed(6)
net = zoo.build("lenet5")
optimizer = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9)
batches = torch.randperm(len(train[1])).split(64)
losses = []
for chosen in batches:
    x, labels = train[0][chosen], train[1][chosen]  # 1. a batch
    logits = net(x)  # 2. forwards
    loss = functional.cross_entropy(logits, labels)  # 3. one number
    optimizer.zero_grad()  # 4. forget
    loss.backward()  # 5. backwards
    optimizer.step()  # 6. a step
    losses.append(loss.item())
    if len(losses) % 20 == 1:
        print(f"batch {len(losses):2} of {len(batches)}: loss {losses[-1]:.2f}")
net.eval()
with torch.no_grad():
    right = (net(test[0]).argmax(dim=1) == test[1]).float().mean().item()
print(f"log 10 = {np.log(10):.2f}; after one epoch {right:.1%} of 1,000 new images are right")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
net.zero_grad()
sizes = []
for _ in range(2):
    functional.cross_entropy(net(x), labels).backward()
    sizes.append(net.output.bias.grad.norm().item())
ratio = sizes[1] / sizes[0]
question(
    "You forget line 4, and call `backward` twice on the same batch and weights. What is in `grad` then?",
    [
        ("the gradient", abs(ratio - 1) < 0.01, "That is what line 4 is for. Without it, sums stay."),
        ("twice the gradient", abs(ratio - 2) < 0.01, "Gradients are added to what is there."),
        ("half of it", abs(ratio - 0.5) < 0.01, "Nothing is averaged."),
        ("an error", False, "Nothing warns you: some people add up several batches on purpose."),
    ],
)

# %% [markdown]
# `training.fit` is the same loop with what you met in lecture 5: a learning rate that falls along a cosine,
# weight decay, and small shifts of the pictures (`random_crop`). Every lecture from here on trains with it.
# It is one page, `training/loop.py`: read it.


# %%
torch.manual_seed(6)
net = zoo.build("lenet5")
untrained = net.c1[0].weight.detach().clone()
recipe = training.Recipe(
    epochs=5, learning_rate=0.03, augment=lambda batch, generator: training.random_crop(batch, 1, generator)
)
words = "epoch {0.number}: loss {0.loss:.3f}, test accuracy {0.test_accuracy:.1%}"
history = training.fit(net, train, test, recipe, seed=6, report=lambda epoch: print(words.format(epoch)))
print(f"{len(history)} epochs in {sum(epoch.seconds for epoch in history):.0f} s")

# %% [markdown]
# ## Sigmoid, tanh or ReLU, average or maximum
#
# The slide leaves it open: *sigmoid or tanh*, *average pooling*. Today it would say ReLU and max pooling.
# Does it matter, for a net as small as this? Build all six combinations from today's net, by exchanging its
# parts: three activations times two ways to pool, everything else alike.
#
# A fair comparison needs three things. **A rate for each:** the best learning rate depends on the activation,
# so each has its own. They were chosen before, from three or four, on 1,000 training images kept aside and
# with a seed that is not used here. **Several seeds:** one training is one draw. Five seeds decide the
# weights at the start, which all six share, and the order of the images. **Intervals:** the mean over seeds
# with its 95 % confidence interval (Student's t).
#
# The cell *replays* a record of 30 trainings; with `COURSE_RUN=run` it makes its own.

# %%
ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}
POOLS = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
settings = {"epochs": 5, "rates": {"sigmoid": 0.2, "tanh": 0.1, "ReLU": 0.03}, "images": len(train[1])}


def with_parts(variant, seed):
    """Train today's LeNet-5 with another activation and another pooling."""
    activation, pool = variant.split(" + ")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = zoo.build("lenet5")
    for block in (net.c1, net.c3, net.c5, net.f6):
        block[-1] = ACTIVATIONS[activation]()
    net.s2, net.s4 = POOLS[pool](2), POOLS[pool](2)
    recipe = training.Recipe(epochs=settings["epochs"], learning_rate=settings["rates"][activation])
    history = training.fit(net, train, test, recipe, seed=seed)
    return {"loss": [e.loss for e in history], "test": [100 * e.test_accuracy for e in history]}


variants = [f"{activation} + {pool}" for pool in POOLS for activation in ACTIVATIONS]
parts = training.experiment("06_parts", with_parts, variants, settings=settings, seeds=range(5))
print(parts)
curves = {v: (parts.mean(v, "test"), parts.interval(v, "test")) for v in variants}
figure, panels = figures.panels(1, 2, width=10.5, height=3.6)
for axes, pool in zip(panels, POOLS, strict=True):
    runs = {activation: curves[f"{activation} + {pool}"] for activation in ACTIVATIONS}
    title = ", ".join(f"{name} {curve[0][-1]:.1f}" for name, curve in runs.items())
    title = f"{pool.capitalize()} pooling: {title} %"
    epochs = np.arange(1, len(runs["tanh"][0]) + 1)
    figures.bands(axes, epochs, runs, title=title, xlabel="epoch", ylabel="test accuracy (%), 95 % interval")
    axes.set(ylim=(50, 90), xticks=epochs)
last = {v: (c[0][-1], c[1][-1]) for v, c in curves.items()}
words = "; ".join(f"{variant} {middle:.1f} ± {half:.1f} %" for variant, (middle, half) in last.items())
figures.show(figure, alt=f"Test accuracy over epochs, two panels. At the end: {words}.")

# %% [markdown]
# Now the numbers. Two intervals that overlap do not prove that two variants are equal. But here all variants
# share start and order, seed by seed. So take the *difference* for each seed first, and the interval of these
# differences: what both have in common is gone, and the interval is often narrower. Where it does not contain
# 0, the difference is there.

# %%
for variant, (middle, half) in last.items():
    print(f"{variant:18} {middle:5.1f} ± {half:.1f} %")
pairs = [("ReLU + max", "tanh + average"), ("ReLU + max", "tanh + max"), ("tanh + max", "tanh + average")]
pairs += [("ReLU + max", "ReLU + average"), ("tanh + average", "sigmoid + average")]
for one, other in pairs:
    middle, half = (value[-1] for value in parts.difference(one, other, "test"))
    gap = abs(last[one][0] - last[other][0]) - last[one][1] - last[other][1]
    alone = f"intervals overlap by {-gap:.1f}" if gap < 0 else f"intervals are {gap:.1f} apart"
    verdict = "a difference" if abs(middle) > half else "none shown"
    print(f"{one:14} − {other:18} {middle:+5.1f} ± {half:.1f} points: {verdict:12} ({alone})")

# %% [markdown]
# Read the figures and the list together. *Sigmoid or tanh* is no matter of taste: after five epochs the
# logistic function is far behind, with either pooling. Its output is never negative and its slope never above
# ¼, so gradients shrink in every layer. About the rest, this experiment cannot decide. Average or maximum,
# the tanh of 1998 or today's ReLU: the intervals of the differences contain 0, and say how large a difference
# could be hiding. Lecture 7 asks again, with a deeper net. And remember what an interval covers: other seeds.
# It does not cover other test images, and there are only 1,000 of them.
#
# ## Drawings or softmax
#
# Does the output layer of 1998 train at all, on clothes whose codes are digits? Take the paper's net whole,
# with scaled tanh, subsampling that learns and the table of C3, and train it twice: with the codes, and with
# a plain linear layer and softmax in their place. Beside them stands today's LeNet-5. Rates were chosen as
# before. The codes need a small one: distances are sums of 84 squares, and so are their gradients large.

# %%
plan = {"epochs": 4, "rates": {"1998": 0.002, "1998, softmax": 0.05, "today": 0.03}, "images": len(train[1])}


def with_output(variant, seed):
    """Train LeNet-5 of 1998, the same with a linear output, or today's."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net, lay = (zoo.build("lenet5"), tuple) if variant == "today" else (zoo.build("lenet5_1998"), framed)
    if variant == "1998, softmax":
        net.output = nn.Linear(84, 10)
    recipe = training.Recipe(epochs=plan["epochs"], learning_rate=plan["rates"][variant])
    history = training.fit(net, lay(train), lay(test), recipe, seed=seed)
    return {"test": [100 * e.test_accuracy for e in history]}


outputs = training.experiment("06_outputs", with_output, list(plan["rates"]), settings=plan, seeds=range(5))
print(outputs)
runs = {v: (outputs.mean(v, "test"), outputs.interval(v, "test")) for v in plan["rates"]}
for variant, (middle, half) in runs.items():
    print(f"{variant:14} {middle[-1]:.1f} ± {half[-1]:.1f} %")
for one, other in (("1998, softmax", "1998"), ("today", "1998"), ("today", "1998, softmax")):
    middle, half = (value[-1] for value in outputs.difference(one, other, "test"))
    gap = abs(runs[one][0][-1] - runs[other][0][-1]) - runs[one][1][-1] - runs[other][1][-1]
    print(f"{one} − {other}: {middle:+.1f} ± {half:.1f} points; intervals {gap:+.1f} points apart")
figure, (axes,) = figures.panels(width=8.5, height=3.6)
title = "Codes {:.1f} %, softmax {:.1f} %, today's net {:.1f} %".format(*(r[0][-1] for r in runs.values()))
epochs = np.arange(1, len(runs["1998"][0]) + 1)
figures.bands(axes, epochs, runs, title=title, xlabel="epoch", ylabel="test accuracy (%), 95 % interval")
axes.set_xticks(epochs)
words = "; ".join(f"{v} {' '.join(f'{x:.1f}' for x in middle)}" for v, (middle, _) in runs.items())
figures.show(figure, alt=f"Test accuracy after each epoch, in percent: {words}.")

# %% [markdown]
# The codes train, and they have their price, as the differences say. A likely reason: softmax asks only that
# the right class be ahead of the others. The codes ask that 84 numbers of F6 be right, and here they draw
# digits for clothes. They were made for characters, and for readers who want to know how *far* an answer is
# from any character at all. Between the rest of 1998 and today's net, no difference is shown.
#
# ## What the filters became
#
# Back to the net that you trained above. Here are its six filters of C1, before and after, and below what
# each filter makes of a boot. White is a strong answer, black a negative one, before ReLU. The title says how
# much each filter is still like its start: a few epochs on a few thousand pictures move them, and draw no
# clean edges. Yet they did all that you measured.

# %%
filters, picture = net.c1[0].weight.detach(), test[0][boot : boot + 1]
with torch.no_grad():
    answers = net.c1[0](picture)[0]
both = torch.cat([untrained, filters])[:, 0].numpy()
turned = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(both[:6], both[6:], strict=True)]
figure, (top, bottom) = figures.panels(2, 1, width=10, height=4)
labels = [f"{when} {f}" for when in ("before", "after") for f in range(6)]
title = f"The filters of C1. Before and after correlate by {min(turned):.2f} to {max(turned):.2f}"
figures.feature_maps(top, both, title=title, labels=labels, columns=12, unit="weight")
title = "What they make of a boot: each map keeps something else"
figures.feature_maps(bottom, answers.numpy(), title=title, labels=[f"map {f}" for f in range(6)])
figures.show(figure, alt="Twelve 5 by 5 filters, six before and six after training; six maps of a boot.")

# %% [markdown]
# ## What it confuses
#
# Lecture 5 counted who is taken for whom. Now look at the pairs that are confused most, in both directions
# together, and at the pictures. The title of each gives the true class, then the answer.

# %%
with torch.no_grad():
    said = net(test[0]).argmax(dim=1).numpy()
truth, kinds = new_clothes.labels, new_clothes.class_names
confusion = np.zeros((10, 10), int)
np.add.at(confusion, (truth, said), 1)
mutual = np.triu(confusion + confusion.T, 1)
worst_pairs = [divmod(int(place), 10) for place in mutual.ravel().argsort()[::-1][:3]]
wrong = int((truth != said).sum())
figure, panels = figures.panels(3, 4, width=9, height=8)
shown = []
for row, (one, other) in enumerate(worst_pairs):
    for column, (a, b) in enumerate([(one, other), (one, other), (other, one), (other, one)]):
        found, axes = np.flatnonzero((truth == a) & (said == b)), panels[4 * row + column]
        axes.axis("off")
        if len(found) > column % 2:
            title = f"{kinds[a]},\nsaid {kinds[b]}"
            figures.picture(axes, new_clothes.images[found[column % 2]], title=title)
            shown.append(title.replace("\n", " "))
    print(f"{kinds[one]} and {kinds[other]}: {confusion[one, other]} + {confusion[other, one]} times")
counted = sum(int(mutual[pair]) for pair in worst_pairs)
figure.suptitle(f"Three of 45 pairs of classes make {counted} of the {wrong} mistakes")
figures.show(figure, alt=f"Pictures that are taken for another class: {'; '.join(shown)}.")

# %% [markdown]
# Would you have known? Some of these clothes differ in a collar, a seam or a few buttons, and 28 by 28 pixels
# hardly hold those. Others are plain mistakes. A larger net with more data gets some of them; lectures 7 to
# 10 are about such nets.
#
# ## Errata
#
# > **Where the slides need a correction or a word more.**
# >
# > 1. *LeNet-5* says *average pooling*. In the paper, subsampling learns: a coefficient and a bias for each
# >    map, and then the activation function. It is the squashed average for one choice of both.
# > 2. *Sigmoid or tanh* leaves open what the paper says: $1.7159\tanh(2z/3)$. The paper calls it a sigmoid,
# >    which there means S-shaped. With the logistic function it would be another network.
# > 3. *Fully connected layers at the end*: C5 is a convolution, fully connected only because the image has 32
# >    rows and columns. And the last layer of 1998 computes distances to fixed codes, not sums.
# > 4. *Filters are of size 5×5* gives rows and columns. How deep they are differs: in C3 of 1998 the filters
# >    see 3, 4 or 6 maps.
# > 5. *How many parameters?* has two right answers, 1998's and today's. The 60,000 that are often quoted are
# >    the paper's; the net that most libraries build has more. (The *60K* on the slide are training images.)
#
# The cell computes each.

# %%
average_only = sum(p.numel() for name in ("s2", "s4") for p in getattr(old, name).parameters())
print(f"1. parameters of S2 and S4 if they were average pooling: 0; counted: {average_only}")
unlike = max(abs(1.7159 * np.tanh(2 / 3) - f) for f in (np.tanh(1), 1 / (1 + np.exp(-1))))
print(f"2. at z = 1 the paper's function differs from tanh or the logistic function by up to {unlike:.2f}")
print(f"3. weights of C5: {tuple(old.c5[0].weight.shape)}; numbers in the output: {codes.size}, none trained")
depths = sorted({len(rows) for rows in C3})
print(f"4. depths of the filters of C3 in 1998: {depths}; today: [{new.c3[0].in_channels}]")
print(f"5. 1998: {old_count.parameters:,}; today: {new_count.parameters:,}")

# %% [markdown]
# ## What you learned
#
# - LeNet-5 convolves, shrinks, convolves, shrinks and combines. That plan is in every network to come.
# - The network of 1998 differs from today's in five points: the table of C3, subsampling that learns, the
#   scaled tanh, average for maximum, and codes for the output.
# - Sharing turns many connections into few parameters. Fully connected layers hold most of the parameters,
#   convolutions do most of the work.
# - Receptive fields grow with every window and every stride. C5 sees the whole image.
# - Two implementations are the same when every output and every gradient agrees to rounding, in `float64`. In
#   `float32` a small mistake hides nearer to the noise.
# - Six lines train a network. Forgetting `zero_grad` adds up gradients and warns nobody.
# - Compare with a rate for each variant, several seeds and intervals; seed by seed where variants share them.
#
# **Now you:** [exercise 6, LeNet](../exercises/ex06_lenet/ex06_lenet.ipynb). You assemble today's LeNet-5
# from your own layers, write it again in PyTorch, carry the weights over, and train it. After that comes
# lecture 7, AlexNet: the same plan, much larger.
