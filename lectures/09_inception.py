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
# # 9. Inception: GoogLeNet and what came of it
#
# **When you have worked through this lecture, you can**
#
# - say what an Inception module does with its input, and compute the size of what it puts out;
# - show why naive modules cannot be stacked, and how much a 1×1 convolution saves where;
# - hold a published table against counts, row by row, and find the rows that cannot be right;
# - say what auxiliary heads do to the gradient, and for which weights they hardly matter;
# - derive batch normalisation and its gradient, and tell training from evaluation;
# - take large kernels apart, shrink a grid without a bottleneck, and say what is meant by Inception v2.
#
# **Time:** about 45 minutes to read and try. All cells together run in about 15 seconds.
#
# **Slides:** *GoogLeNet: ILSVRC 2014 winner* (all six: the module, naive and with dimension reductions, the
# net, its table) and *Inception v2, v3* (both).
#
# **You need:** lecture 3 (padding, counting parameters), lecture 5 (the gradient from above), and
# [lecture 8](08_deeper_and_smaller.ipynb) (1×1 convolutions, global average pooling, what depth does to
# activations).
#
# The nets come from `course_utils.zoo`. Open `zoo/googlenet.py` beside this page: it begins with the paper's
# table. Where only shapes matter, the cells build nets on the device `meta`, which computes nothing.

# %%
from collections import Counter
from functools import partial

import numpy as np
import torch
from IPython.display import display
from torch import nn
from torch.nn import functional

from course_utils import figures, training, zoo
from course_utils.data import load
from course_utils.widgets import question
from course_utils.zoo import inception
from course_utils.zoo.googlenet import TABLE, GoogLeNet, Inception, NaiveInception, convolution
from course_utils.zoo.parts import start

torch.set_num_threads(1)
rng = np.random.default_rng(9)
photographs = load("photographs")
coffee = photographs.images[photographs.class_names.index("coffee cup")]
patches = load("photo_patches", "train")
clothes, new_clothes = load("fashion_mnist", "train"), load("fashion_mnist", "test")


def count(build, *arguments, shape=None, training=False, **options):
    """Build a net or a module on the device meta, where it takes no memory, and count it."""
    with torch.device("meta"):
        return zoo.count(build(*arguments, **options), shape, training=training)


# %% [markdown]
# ## The Inception module
#
# Which kernel size should a layer have? A face may fill an image or be a spot in it. LeNet took 5×5, AlexNet
# began with 11×11, VGG took 3×3, and each had to decide once for all maps of a layer.
#
# GoogLeNet, the winner of 2014, does not decide. Its **Inception module** sends the input down four paths at
# once: a 1×1, a 3×3 and a 5×5 convolution, and a max pool of 3×3 with stride 1. All are padded so that the
# maps keep their size, and the outputs are laid behind one another along the channels. (The name is that of
# a film. The slide's picture is a line from it, *we need to go deeper*, which the paper cites.)
#
# The zoo has the module as first drawn, `NaiveInception`. Give it a photograph.

# %%
torch.manual_seed(9)
photo = torch.from_numpy(coffee / 255).float()[None]
module = NaiveInception(3, one=4, three=6, five=2)
with torch.no_grad():
    parts = {name: path(photo) for name, path in module.named_children()}
    joined = module(photo)
for name, maps in parts.items():
    print(f"path {name:6} puts out {tuple(maps.shape)}")
pooled = torch.equal(joined[:, -3:], parts["pool"])
print(f"the module      {tuple(joined.shape)}; its last three channels are the pooled photograph: {pooled}")
figure, (axes,) = figures.panels(width=6.5, height=2.7)
boxes = [["1×1 convolution"], ["3×3 convolution"], ["5×5 convolution"], ["3×3 max pool"]]
figures.paths(axes, boxes, title="The naive module: four looks at the same maps")
figures.show(figure, alt="Side by side from input to concatenation: 1×1, 3×3, 5×5 convolution, 3×3 max pool.")

# %% [markdown]
# The slide says that the paths are "meant to capture sparse patterns of correlations in the stack of feature
# maps". What does that mean? Two maps are **correlated** if one tends to be strong where the other is. A unit
# of the next layer should read such maps together. The paper's guess: few pairs of maps are strongly
# correlated (the pattern is *sparse*), most of these at the same place, some at neighbouring places, hardly
# any far apart. So many units should read 1×1, fewer 3×3, and few 5×5.
#
# You can look. Run 16 random 3×3 filters and a ReLU over the seven photographs. Count the pairs of different
# maps whose correlation is above 0.3, at the same place and some pixels apart.

# %%
grey = torch.from_numpy(photographs.images).double().mean(dim=1, keepdim=True) / 255
bank = torch.from_numpy(rng.normal(size=(16, 1, 3, 3)))
bank -= bank.mean(dim=(2, 3), keepdim=True)
maps = functional.relu(functional.conv2d(grey, bank)).numpy()[:, :, ::2]  # every second row will do
different, strong = ~np.eye(16, dtype=bool), []
for apart in range(6):
    here, there = maps[..., : maps.shape[-1] - apart], maps[..., apart:]
    pairs = zip(here.reshape(7, 16, -1), there.reshape(7, 16, -1), strict=True)
    strong.append(100 * np.mean([np.corrcoef(a, b)[:16, 16:][different] > 0.3 for a, b in pairs]))
figure, (axes,) = figures.panels(width=8, height=3)
title = f"Correlated pairs of maps: {strong[0]:.0f} % at one place, {strong[-1]:.1f} % five pixels apart"
names = [f"{apart}\n({2 * apart + 1}×{2 * apart + 1})" for apart in range(6)]
figures.bars(axes, names, {"": strong}, title=title, ylabel="pairs above 0.3 (%)", form="{:.1f}")
axes.set_xlabel("pixels apart (and the window that reaches so far)")
told = ", ".join(f"{share:.1f} %" for share in strong)
figures.show(figure, alt=f"Bars: correlated pairs of maps, 0 to 5 pixels apart: {told}.")

# %% [markdown]
# Sparse, and local: as the paper guessed. (Part of it is built in, since windows of 3×3 overlap up to two
# pixels apart. And these are maps of a first layer; deeper ones may differ.)

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
out = count(NaiveInception, 480, one=192, three=208, five=48, shape=(480, 14, 14)).output_shape[0]
question(
    "480 maps enter a naive module with 192 filters of 1×1, 208 of 3×3 and 48 of 5×5. How many come out?",
    [
        ("448", out == 448, "You added up the filters. The pool has none, and hands on all of its input."),
        ("480", out == 480, "Padding keeps rows and columns. Channels are another matter."),
        ("928", out == 928, "192 + 208 + 48, and the pool's 480."),
        ("208", out == 208, "The outputs are laid behind one another, not added up."),
    ],
)

# %% [markdown]
# ## The naive module
#
# Count the first module of GoogLeNet, called 3a, as if it were naive: 192 maps of 28×28 come in, and there
# are 64, 128 and 32 filters. `by_module(1)` adds up the counts of each path.

# %%
first = {"naive": count(NaiveInception, 192, 64, 128, 32, shape=(192, 28, 28))}
first["reduced"] = count(Inception, 192, *TABLE["3a"], shape=(192, 28, 28))
paths = {kind: {row.name: row for row in c.by_module(1) if row.name} for kind, c in first.items()}
print("path    maps out  parameters   multiply-adds")
for name, row in paths["naive"].items():
    print(f"{name:7} {row.output_shape[0]:8} {row.parameters:11,} {row.macs:15,}")
whole, five = first["naive"], paths["naive"]["five"]
print(f"all     {whole.output_shape[0]:8} {whole.parameters:11,} {whole.macs:15,}")
print(f"the 5×5 path: {32 / (64 + 128 + 32):.0%} of the filters, {five.macs / whole.macs:.0%} of the work")

# %% [markdown]
# One such module is dear. A stack of them is hopeless, because of the pool: it hands on *every* channel. So
# each module puts out more maps than it got, and the next one pays for all of them, with each of its filters.
# Stack nine naive modules with the filters of GoogLeNet's table, and lay the real modules, which come in the
# next section, beside them.

# %%
grown, work, weights = ({"naive": [], "reduced": []} for _ in range(3))
for name, row in TABLE.items():
    side = {"3": 28, "4": 14, "5": 7}[name[0]]
    for kind, build, filters in (("naive", NaiveInception, row[:5:2]), ("reduced", Inception, row)):
        before = grown[kind][-1] if grown[kind] else 192
        c = count(build, before, *filters, shape=(before, side, side))
        grown[kind].append(c.output_shape[0])
        work[kind].append(c.macs / 1e6)
        weights[kind].append(c.parameters)
for kind in grown:
    total = f"{sum(weights[kind]):,} parameters, {sum(work[kind]) / 1000:.2f} G multiply-adds"
    print(f"nine {kind:8} modules: {grown[kind][-1]:5,} channels at the end, {total}")
figure, panels = figures.panels(1, 2, width=10.5, height=3.3)
titles = [f"Naive modules end with {grown['naive'][-1]:,} channels"]
titles.append(f"At 5b a naive module does {work['naive'][-1] / work['reduced'][-1]:.0f} times the work")
ylabels = "channels out", "multiply-adds (millions, log scale)"
for axes, amounts, title, ylabel in zip(panels, (grown, work), titles, ylabels, strict=True):
    figures.profiles(axes, np.arange(9), amounts, title=title, xlabel="module", ylabel=ylabel)
    axes.set_xticks(range(9), TABLE)
panels[1].set_yscale("log")
ends = [f"{kind} {grown[kind][-1]} channels, {work[kind][-1]:.0f} million multiply-adds" for kind in grown]
figures.show(figure, alt="Channels out and work of nine modules. At 5b " + "; ".join(ends))

# %% [markdown]
# ## Dimension reductions
#
# The remedy is a tool from lecture 8. A 1×1 convolution makes $R$ maps out of $C$, at each pixel by itself.
# Put one *before* each expensive convolution, with $R$ far below $C$. Put one *after* the pool, so that it
# hands on only as many maps as you want. Each has a ReLU behind it, so the module also gets deeper.
#
# With $F$ filters of $K \times K$, the weights of a path change from $C F K^2$ to $C R + R F K^2$. The
# numbers in the drawing are those of 3a.

# %%
figure, (axes,) = figures.panels(width=8.5, height=2.9)
one, three_reduce, three, five_reduce, five, projection = TABLE["3a"]
boxes = [[f"1×1, {one}"], [f"1×1, {three_reduce}", f"3×3, {three}"], [f"1×1, {five_reduce}", f"5×5, {five}"]]
boxes.append(["3×3 max pool", f"1×1, {projection}"])
ends = {"source": "192 maps", "target": f"{first['reduced'].output_shape[0]} maps"}
figures.paths(axes, boxes, title="With reductions: narrow before wide windows (module 3a)", **ends)
figures.show(figure, alt="Four paths: " + "; ".join(" then ".join(path) for path in boxes) + ".")
print("path      parameters: naive  reduced    multiply-adds: naive      reduced   saved")
for name in paths["naive"]:
    a, b = (paths[kind][name] for kind in ("naive", "reduced"))
    saved = f"{1 - b.macs / a.macs:7.0%}" if a.macs else "  (new)"
    print(f"{name:10} {a.parameters:16,} {b.parameters:8,} {a.macs:23,} {b.macs:12,} {saved}")
a, b = first["naive"], first["reduced"]
saved = f"{1 - b.macs / a.macs:7.0%}; parameters ÷ {a.parameters / b.parameters:.1f}"
print(f"{'all':10} {a.parameters:16,} {b.parameters:8,} {a.macs:23,} {b.macs:12,} {saved}")

# %% [markdown]
# Most is saved where the window is widest. And the comparison is kind to the naive module: further up, it
# would also get more maps to read.
#
# When does a reduction pay? When $CR + RFK^2 < CFK^2$. And what does it cost in what a path can *say*? All
# the 5×5 filters now read the same $R$ maps, mixtures of the 192. Leave the ReLU out for a moment, and the
# two layers are one 5×5 convolution. Write its weights as a matrix with a row for each filter and place of
# the window, and a column for each of the 192 maps. Its **rank**, the number of independent rows, is at most
# $R$.

# %%
for K, F, R in ((1, one, "none"), (3, three, three_reduce), (5, five, five_reduce)):
    even = 192 * F * K**2 / (192 + F * K**2)
    print(f"{F:3} filters of {K}×{K} on 192 maps: a reduction pays below R = {even:3.0f}; 3a takes {R}")
reduce, wide = rng.normal(size=(five_reduce, 192)), rng.normal(size=(five, 5, 5, five_reduce))
composed = (wide @ reduce).reshape(-1, 192)
ranks = [np.linalg.matrix_rank(matrix) for matrix in (composed, rng.normal(size=composed.shape))]
print(f"5×5 path, a matrix of {composed.shape}: rank {ranks[0]} with the reduction, {ranks[1]} without")

# %% [markdown]
# The first line is why the 1×1 path has no reduction: it would have to be below its own number of filters.
# And a reduction is a bet: that 192 maps have no more than 16 things to say to the 5×5 path. If maps are
# correlated as you measured above, much of what they say is said twice.

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
times = round(512 * 64 * 25 / (512 * 32 + 32 * 64 * 25))
question(
    "512 maps enter a path with 64 filters of 5×5, behind a 1×1 to 32 maps. How many times fewer weights?",
    [
        ("16 times", times == 16, "512 / 32 is what the 5×5 saves. The 1×1 has weights, too."),
        ("12 times", times == 12, "512·64·25 against 512·32 + 32·64·25."),
        ("25 times", times == 25, "That would be a 1×1 convolution instead of the 5×5."),
        ("2 times", times == 2, "64 / 32 is not what counts: the 5×5 gets 32 maps in place of 512."),
    ],
)

# %% [markdown]
# ## Receptive fields in one module
#
# The four paths see windows of different sizes. So does the next module, with each of the sizes that came in.
# How much of the *image* does a unit of 3a see? `zoo.count` follows the windows through the net.

# %%
net = count(zoo.build, "googlenet", aux=False)
rows = {row.name: row for depth in (3, 2) for row in net.by_module(depth)}
kinds = {"1×1": "one", "3×3": "three", "5×5": "five", "pool": "pool"}
kinds = {kind: rows[f"features.3a.{name}"].receptive_field[0] for kind, name in kinds.items()}
print("a unit of 3a sees, by path:", kinds, " pixels between neighbours:", rows["features.3a"].stride[0])
fields = {name: ((224 - side) // 2, (224 - side) // 2, side) for name, side in kinds.items()}
del fields["pool"]  # sees what 3×3 sees
figure, (axes,) = figures.panels(width=6.4, height=4)
figures.receptive_fields(axes, coffee[:, 16:240, 80:304], fields, title="One module, three sizes of window")
figures.show(figure, alt=f"A coffee cup of 224×224 pixels with three nested square frames: {kinds} pixels.")

# %% [markdown]
# Through nine modules there are as many ways as there are choices of a path in each. A step in a module adds
# $K-1$ times the stride so far, and a max pool between stages adds to all. Follow all ways at once: keep how
# many of them see how much.

# %%
spread, stride, after = Counter({rows["features.stem"].receptive_field[0]: 1}), 8, {}
for name in TABLE:
    if name in ("4a", "5a"):
        spread, stride = Counter({size + 2 * stride: ways for size, ways in spread.items()}), 2 * stride
    wider = Counter()
    for K in (1, 3, 5, 3):
        for size, ways in spread.items():
            wider[size + (K - 1) * stride] += ways
    spread = after[name] = wider
print(f"{spread.total():,} ways through nine modules; they see {min(spread)} to {max(spread)} pixels")
print("the widest, as the zoo counts it:", rows["features.5b"].receptive_field[0])
pixels, curves = np.arange(1, 750), {}
for name in ("3b", "4e", "5b"):
    sizes, ways = np.array(sorted(after[name].items())).T
    curves[f"behind {name}"] = [100 * ways[sizes <= most].sum() / ways.sum() for most in pixels]
within = curves["behind 5b"][223]
figure, (axes,) = figures.panels(width=9, height=3)
title = f"Each module mixes many sizes; behind 5b only {within:.0f} % stay within the image's 224 pixels"
labels = {"xlabel": "receptive field (pixels of the image)", "ylabel": "ways that see at most so much (%)"}
figures.profiles(axes, pixels, curves, title=title, **labels)
axes.axvline(224, color="#575d6d", linewidth=1)
figures.show(figure, alt=f"Three rising curves. At 224 pixels the one behind 5b has reached {within:.0f} %.")

# %% [markdown]
# ## GoogLeNet
#
# The net is a stem of ordinary layers, nine modules in three stages with a max pool between them, an average
# over each map, and one linear layer. The stem leaves an eighth of the rows and columns to the first module;
# the paper gives memory as the reason to begin with ordinary layers. In the drawing the modules are the
# striped blocks.

# %%
shown = [row for row in net.by_module(3) if row.name.startswith("features.stem") and "norm" not in row.kind]
shown += [row for row in net.by_module(2) if row.kind != "dropout" and not row.name.endswith("stem")]
blocks = [(row.name.removeprefix("features."), row.kind, row.output_shape) for row in shown]
figure, (axes,) = figures.panels(width=11, height=4)
figures.volumes(axes, blocks, title="GoogLeNet: a stem, then nine modules; maps shrink where a pool stands")
shapes = "; ".join(f"{name} {'×'.join(map(str, shape))}" for name, _, shape in blocks)
figures.show(figure, alt=f"Blocks to scale: {shapes}.")
layers = [row for row in net.layers if row.kind in ("convolution", "fully connected")]
print(f"layers with weights: {len(layers)}; on the longest way through the net: {net.depth}")

# %% [markdown]
# "22 layers", says the slide *ImageNet*: that is the longest way, as the cell counts it.
#
# ## The table, row by row
#
# The slide calls the paper's table "an alternative view". The next cell holds it against the zoo's net, whose
# numbers of filters are the table's. "K" is 1,024, as the last row shows: 1024·1000 weights are printed as
# 1000K. A count within 1 of the printed number agrees, so rounding and biases do not matter.
#
# The last column needs no net at all. A convolution uses each weight once at each place of its map. So a
# row's operations, divided by its places, are its weights. The column gives the parameters that the slide's
# own *operations* imply.

# %%
SLIDE = {  # params in K, ops in M
    **{"conv1": (2.7, 34), "conv2": (112, 360), "3a": (159, 128), "3b": (380, 304), "4a": (364, 73)},
    **{"4b": (437, 88), "4c": (463, 100), "4d": (580, 119), "4e": (840, 170), "5a": (1072, 54)},
    **{"5b": (1388, 71), "linear": (1000, 1)},
}
parts = {"conv1": ["features.stem.0"], "conv2": ["features.stem.3", "features.stem.4"]}
parts |= {name: [f"features.{name}"] for name in TABLE} | {"linear": ["classifier.3"]}
counted, wrong = {}, []
print("           params (K)             ops (M)")
print("row        slide  counted        slide  counted        params that the slide's ops imply (K)")
for name, said in SLIDE.items():
    found = [rows[part] for part in parts[name]]
    counted[name] = sum(row.parameters for row in found) / 1024, sum(row.macs for row in found) / 1e6
    off = ["✗" if abs(here - there) >= 1 else " " for here, there in zip(counted[name], said, strict=True)]
    wrong += [name] if "✗" in off else []
    (params, ops), implied = counted[name], said[1] * 1e6 / np.prod(found[-1].output_shape[1:]) / 1024
    columns = f"{said[0]:8} {params:8.1f} {off[0]:3}  {said[1]:8} {ops:8.1f} {off[1]:3}"
    print(f"{name:8} {columns} {implied:10.0f}")
print(f"{len(wrong)} of {len(SLIDE)} rows differ: {', '.join(wrong)}")

# %% [markdown]
# Read it from the top.
#
# - **conv1** prints far too little of both, and the two fit each other. Is there a layer that has them? A
#   *separable* 7×7: first 8 filters for each colour alone, then a 1×1. The cell below counts it. The row
#   itself says 7×7/2, and the paper's text knows of nothing else.
# - **4c** and **4d** print fewer parameters than the table's own columns give, while the operations agree.
#   One of the two must be wrong, and it is the parameters: see the last column.
# - **4a**, **4b**, **4e** and **5b** are a little short in the same way.
# - **5a** has the columns of 4e to the letter. Its operations fit a 5×5 reduction to 48 maps, like 5b's, and
#   not the printed 32. Its parameters fit neither exactly, but 48 is nearer.

# %%
colours = nn.Conv2d(3, 24, 7, stride=2, padding=3, groups=3, bias=False, device="meta")
mixed = nn.Conv2d(24, 64, 1, bias=False, device="meta")
separable = zoo.count(nn.Sequential(colours, mixed), (3, 224, 224))
print(f"conv1, separable: {separable.parameters:,} weights, {separable.macs / 1e6:.1f} M")
print(f"conv1, plain:     {64 * 3 * 49:,} weights, {counted['conv1'][1]:.1f} M; slide {SLIDE['conv1']}")
c = count(Inception, 832, 256, 160, 320, 48, 128, 128, shape=(832, 7, 7))
print(f"5a with a reduction to 48: {c.parameters / 1024:,.0f}K, {c.macs / 1e6:.1f} M; slide {SLIDE['5a']}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
implied = round(463 * 1024 * 14 * 14 / 1e6)
question(
    "Row 4c prints 463K parameters and 100 M operations on maps of 14×14. Why can both not be right?",
    [
        ("100 M is more than 463K", False, "It has to be: each weight is used at 196 places."),
        ("463K weights at 196 places make 93 M", implied == 93, "And biases would only make it less."),
        ("A module of 4 paths needs a multiple of 4", False, "Paths may have any number of filters."),
        ("They can: pooling has operations, too", False, "Not multiply-adds; other rows do without."),
    ],
)

# %% [markdown]
# ## Five million parameters
#
# The slide adds: "Has 5 Million or 12X fewer parameters than AlexNet". Sum up.

# %%
alexnet, both = count(zoo.build, "alexnet").parameters, count(zoo.build, "googlenet", training=True)
linear = rows["classifier.3"].parameters
totals = {"GoogLeNet": net.parameters, "with both auxiliary heads": both.parameters}
totals |= {"without its linear layer": net.parameters - linear, "the slide says": 5_000_000}
totals["the slide's column, added up"] = round(1024 * sum(params for params, _ in SLIDE.values()))
for what, parameters in totals.items():
    print(f"{what:29} {parameters:11,}   AlexNet has {alexnet / parameters:4.1f} times as many")
print(f"AlexNet has {alexnet:,}; a twelfth of it is {alexnet / 12:,.0f}")

# %% [markdown]
# It is neither. A twelfth of AlexNet *is* about 5 million, so the two claims are one. But the table on the
# same slide adds up to nearly 7 million. The paper's introduction makes the claim of 12 times, and no way to
# count its net comes near. What remains is remarkable enough: nearly nine times fewer parameters than
# AlexNet, and a far lower error.
#
# ## An average in place of fully connected layers
#
# The slide says that GoogLeNet "gets rid of fully connected layers". As in Network in Network (lecture 8),
# each of the 1,024 last maps is averaged. One fully connected layer is left, though: the linear one, which
# the paper kept to make the net easy to adapt to other classes. What would a head like AlexNet's cost?

# %%
large = sum((before + 1) * after for before, after in ((1024 * 49, 4096), (4096, 4096), (4096, 1000)))
print(f"an average and a linear layer {linear:11,} parameters, {linear / net.parameters:.0%} of the net")
print(
    f"4096, 4096 and 1000 units     {large:11,} parameters, {large / net.parameters:.0f} times the whole net"
)

# %% [markdown]
# ## Auxiliary heads
#
# 22 layers was deep in 2014, and there was no batch normalisation. Would the gradient reach the stem? The
# paper adds two **auxiliary heads**: small classifiers on the maps of 4a and 4d. In training each has a loss
# of its own, which is added to the net's with a factor of 0.3. So the lower half of the net gets a gradient
# by a shorter way.

# %%
for name in ("4a", "4d"):
    own = [row for row in both.layers if row.name.startswith(f"heads.{name}")]
    size = sum(row.parameters for row in own)
    full = sum(row.parameters for row in own if row.kind == "fully connected")
    print(f"head behind {name}: {size:,} parameters, {full / size:.0%} of them in fully connected layers")

# %% [markdown]
# Does it work? Measure it. Take the zoo's GoogLeNet an eighth as wide, on patches of photographs enlarged to
# 96×96, with fresh weights. For the first convolution, and for a 1×1 in each module, compute the size of the
# gradient: from the net's own loss alone, and with the heads' losses. Do it for three nets:
#
# - **weights after He**, variance $2/n$, as in lecture 8: they keep the signal's size through ReLU;
# - **weights with variance $1/n$**, where the signal shrinks a little in each layer, as it did in many nets
#   of 2014;
# - **with batch normalisation**, the subject of the next sections.

# %%
NARROW = {name: [max(4, number // 8) for number in row] for name, row in TABLE.items()}
small = torch.from_numpy(patches.images[::120] / 255).float()
images = functional.interpolate((small - small.mean()) / small.std(), size=(96, 96), mode="bilinear")
labels = torch.from_numpy(patches.labels[::120])
NETS = {"He, variance 2/n": (False, 1.0), "variance 1/n": (False, 0.5**0.5), "batch norm": (True, 1.0)}


def gradients(seed, batch_norm, factor):
    """Return gradient sizes (2, 10) by layer: of the net's own loss, and of all three losses."""
    torch.manual_seed(seed)
    options = {"image_size": 96, "stem": (8, 8, 24), "head": (16, 128), "batch_norm": batch_norm}
    net = GoogLeNet(NARROW, 7, **options)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.weight.data *= factor
        elif isinstance(module, nn.Dropout):
            module.p = 0.0
    own, *others = (functional.cross_entropy(logits, labels) for logits in net(images))
    chosen = [net.features["stem"][0][0].weight, *(net.features[name].three[0][0].weight for name in NARROW)]
    losses = own, own + 0.3 * sum(others)
    return [[g.norm() for g in torch.autograd.grad(loss, chosen, retain_graph=True)] for loss in losses]


sizes = {}
for name, options in NETS.items():
    logs = torch.tensor([gradients(seed, *options) for seed in range(3)]).log()
    sizes[name] = logs.mean(dim=0).exp().numpy()
    own, helped = sizes[name][:, 0]
    print(f"{name:17} gradient in the stem {own:.1e}, with heads {helped:.1e}: × {helped / own:.1f}")
figure, panels = figures.panels(1, 3, width=11, height=3.4)
for axes, (name, (own, helped)) in zip(panels, sizes.items(), strict=True):
    curves, title = {"own loss": own, "with both heads": helped}, f"{name}: stem × {helped[0] / own[0]:.1f}"
    ylabel = "size of the gradient (log scale)"
    figures.profiles(axes, np.arange(10), curves, title=title, xlabel="module", ylabel=ylabel)
    axes.set_yscale("log")
    axes.set_xticks(range(10), ["stem", *NARROW], fontsize=8, rotation=90)
told = "; ".join(f"{name}: × {helped[0] / own[0]:.1f}" for name, (own, helped) in sizes.items())
figures.show(figure, alt=f"Gradient by module for three nets, without and with heads. In the stem {told}.")

# %% [markdown]
# The answer depends on the weights. Where they let the signal shrink, the heads help most: from 4a down the
# gradient is several times larger. Behind 4d, where no head reaches, nothing changes. With He's weights the
# net's own gradient arrives in good size, and the heads add less. With batch normalisation they add next to
# nothing. (There the gradient even grows towards the image; lecture 10 comes back to that.)
#
# The slide *Inception v2, v3* says that batch normalisation reduces the "importance of auxiliary
# classifiers". Here you see it, at least at the start of training. The paper on v3 reports that heads do not
# speed up the beginning and help a little near the end. It takes them for regularisers.
#
# ## What evaluation leaves out
#
# The heads' answers are not the net's. In evaluation mode they do not run: the logits are those of a net that
# never had heads. You pay for them in training only.

# %%
torch.manual_seed(9)
with_heads = GoogLeNet(NARROW, 7, image_size=96).eval()
without = GoogLeNet(NARROW, 7, image_size=96, aux=False).eval()
shared = {name: value for name, value in with_heads.state_dict().items() if not name.startswith("heads")}
without.load_state_dict(shared)
with torch.no_grad():
    print("logits equal without the heads:", torch.equal(with_heads(images), without(images)))
for when, c in (("in training", both), ("afterwards", net)):
    print(f"{when:11} {c.macs / 1e9:.3f} G multiply-adds, {c.parameters:10,} parameters")

# %% [markdown]
# ## Batch normalisation
#
# He's weights keep the size of a signal at the start. After a few steps of training nothing guarantees it any
# longer. **Batch normalisation** (Ioffe and Szegedy, 2015) guarantees it at every step: it measures each
# channel on the batch, and puts it right. Let $x_1 \dots x_m$ be *all* values of one channel, at all places
# of all images of the batch, so $m = N \cdot H \cdot W$. Then
#
# $$\mu = \frac1m\sum_i x_i \qquad \sigma^2 = \frac1m\sum_i (x_i-\mu)^2 \qquad
# \hat x_i = \frac{x_i-\mu}{\sqrt{\sigma^2+\epsilon}} \qquad y_i = \gamma\,\hat x_i + \beta$$
#
# $\hat x$ has mean 0 and spread 1. $\gamma$ and $\beta$ are learned, one pair for each channel: they let the
# net choose another mean and spread if that is better. $\epsilon$ guards against dividing by 0.

# %%
pictures = torch.from_numpy(clothes.images[:8] / 255)
x = functional.conv2d(pictures, torch.from_numpy(rng.normal(size=(1, 1, 3, 3))))
gamma, beta, epsilon = 1.5, -0.5, 1e-5
s = (x.var(correction=0) + epsilon).sqrt()
hat = (x - x.mean()) / s
y = gamma * hat + beta
layer = nn.BatchNorm2d(1, eps=epsilon).double()
layer.load_state_dict({"weight": torch.tensor([gamma]), "bias": torch.tensor([beta])}, strict=False)
print(f"one channel of {tuple(x.shape)}: m = {x.numel():,} values, mean {x.mean():.2f}, spread {x.std():.2f}")
print(f"afterwards: mean {y.mean():.2f}, spread {y.std():.2f}; as in torch: {torch.allclose(y, layer(x))}")

# %% [markdown]
# Two consequences. A bias before it is useless: $\mu$ takes it away again, so the zoo's layers leave it out.
# And the *size* of the weights before it does not matter: twice the weights, twice $x$ and $\sigma$, the same
# $\hat x$.
#
# ## The gradient of batch normalisation
#
# Every $\hat x_j$ depends on every $x_i$: directly, through $\mu$ and through $\sigma$. Write $g_j$ for the
# gradient from above times $\gamma$, and $s = \sqrt{\sigma^2+\epsilon}$. With $\partial\mu/\partial x_i =
# 1/m$ and $\partial s/\partial x_i = (x_i-\mu)/(m s) = \hat x_i/m$, the quotient rule gives
#
# $$\frac{\partial \hat x_j}{\partial x_i} = \frac1s\Big([i=j] - \frac1m - \frac{\hat x_i\hat x_j}{m}\Big)
# \quad\Rightarrow\quad
# \frac{\partial L}{\partial x_i} = \frac1s\Big(g_i - \frac1m\sum_j g_j
# - \hat x_i\,\frac1m\sum_j g_j\hat x_j\Big)$$
#
# Read it: the gradient loses its mean, and its component along $\hat x$. Shifting a channel or stretching it
# has no effect behind the layer, so the loss sends nothing back for it. And it is divided by $s$: the larger
# the signal, the smaller the step.

# %%
above = torch.from_numpy(rng.normal(size=x.shape))
g = gamma * above
dx = (g - g.mean() - hat * (g * hat).mean()) / s
free = x.clone().requires_grad_()
layer(free).backward(above)
print("as autograd finds it:", torch.allclose(dx, free.grad))
print(f"sum of the gradient: {dx.sum():.0e}; its component along x̂: {(dx * hat).sum():.0e}")
edge = torch.tensor([[[[-1.0, 0.0, 1.0]] * 3]]).double()
for factor in (1, 10):
    kernel = (factor * edge).requires_grad_()
    out = layer(functional.conv2d(pictures, kernel))
    out.backward(above)
    print(f"weights × {factor:2}: an output {out[0, 0, 9, 9]:.4f}, gradient {kernel.grad.norm():.4f}")

# %% [markdown]
# Ten times the weights, a tenth of the gradient. This is a brake. A step that is too long makes the weights
# larger, and larger weights make the next step a smaller part of them. Without it, larger weights make larger
# activations and larger gradients.
#
# ## Activations through a deep net
#
# Send 64 pictures through 30 convolutions of 16 channels with ReLU and fresh weights, and look before each
# ReLU. On the left: the spread, for weights of three sizes without batch normalisation, and with it. On the
# right: how alike two *different* pictures have become, as the cosine of the angle between their activations.

# %%
standard = torch.from_numpy(clothes.images[:64]).float()
standard = (standard - standard.mean()) / standard.std()


def through(factor, batch_norm):
    """Send the pictures through fresh layers; return by layer the spread, the likeness and the maps."""
    torch.manual_seed(9)
    x, spreads, alike, kept = standard, [], [], []
    for number in range(30):
        kernel = factor * torch.randn(16, x.shape[1], 3, 3) * (2 / (9 * x.shape[1])) ** 0.5
        x = functional.conv2d(x, kernel, padding=1, stride=1 if number else 2)
        x = functional.batch_norm(x, None, None, training=True) if batch_norm else x
        unit = functional.normalize(x.flatten(1), dim=1)
        alike.append(((unit @ unit.T).sum().item() - 64) / (64 * 63))
        spreads.append(x.std().item())
        kept.append(x)
        x = functional.relu(x)
    return spreads, alike, kept


starts = {"0.7 × He": (0.7, False), "He": (1, False), "1.5 × He": (1.5, False), "batch norm": (1.5, True)}
passed = {name: through(*options) for name, options in starts.items()}
told = [f"{name}: spread {s[-1]:.1e}, cosine {a[-1]:.2f}" for name, (s, a, _) in passed.items()]
print("behind the last layer", *told, sep="\n  ")
figure, (left, right) = figures.panels(1, 2, width=10.5, height=3.4)
curves, title = {name: run[0] for name, run in passed.items()}, "Batch norm holds the spread at 1"
figures.profiles(left, range(1, 31), curves, title=title, xlabel="layer", ylabel="spread (log scale)")
left.set_yscale("log")
curves = {"without, weights of any size": passed["He"][1], "batch norm": passed["batch norm"][1]}
title = "Without it, different pictures become alike"
figures.profiles(right, range(1, 31), curves, title=title, xlabel="layer", ylabel="cosine of two pictures")
figures.show(figure, alt="Spread and likeness over 30 layers. At the end " + "; ".join(told))

# %% [markdown]
# The right start alone holds the spread, too (He's curve). The right panel shows what no size of the weights
# gives. Without batch normalisation a signal that all pictures have in common grows, because ReLU makes
# everything positive. Subtracting $\mu$ removes it. Look at the distribution itself: four channels of layer
# 20, over all pictures and places.

# %%
figure, panels = figures.panels(1, 2, width=10.5, height=3)
edges, fixed = np.linspace(-4, 4, 81), {}
for axes, name in zip(panels, ("He", "batch norm"), strict=True):
    maps = passed[name][2][19]
    values = (maps[:, :4] / maps.std()).transpose(0, 1).flatten(1).numpy()
    curves = {f"channel {c}": np.histogram(row, edges, density=True)[0] for c, row in enumerate(values)}
    fixed[name] = ((maps > 0).all(dim=0) | (maps <= 0).all(dim=0)).float().mean().item()
    title = f"{name}, layer 20: {fixed[name]:.0%} of the units never switch"
    figures.profiles(axes, edges[:-1] + 0.05, curves, title=title, xlabel="value / spread", ylabel="density")
told = ", ".join(f"{name} {share:.0%}" for name, share in fixed.items())
words = "Without batch norm four channels lie apart and mostly above 0, with it all are centred near 0"
figures.show(figure, alt=f"{words}. Units on one side of 0 for all 64 pictures: {told}.")

# %% [markdown]
# A unit that is on for all pictures, or off for all, does nothing that a linear layer could not do. Batch
# normalisation keeps channels at the bend of the ReLU, where it tells pictures apart.
#
# (Why does it help training? The paper named *internal covariate shift*, inputs that keep moving while a
# layer learns. Later measurements found little of that, and the question is still argued. What you can do is
# measure.)
#
# ## Training is not evaluation
#
# In training, an image's output depends on who else is in its batch. That is a kind of noise, and some of the
# regularisation that the slide speaks of. In evaluation nobody wants that. So the layer keeps a **running
# mean** of $\mu$ and $\sigma^2$ over the training steps, and uses these in evaluation mode.
#
# With $\mu$ and $\sigma$ fixed, the layer multiplies each channel and adds to it. The convolution before it
# can do both: multiply its weights by $\gamma/s$, and give it the bias $\beta - \gamma\mu/s$. So after
# training, batch normalisation costs nothing.

# %%
torch.manual_seed(9)
conv, layer = nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4)
with torch.no_grad():
    maps = conv(standard)
    company = maps[:8], maps[[0, *range(20, 27)]]  # picture 0 in two batches
    one, other = (layer(batch)[0] for batch in company)
    print(f"training: one picture in two batches, outputs {(one - other).abs().mean():.3f} apart on average")
    for _ in range(60):
        layer(maps[torch.randperm(64)[:32]])
    layer.eval()
    print("evaluation: equal in every batch:", torch.equal(*(layer(batch)[0] for batch in company)))
    s = (layer.running_var + layer.eps).sqrt()
    folded = conv.weight * (layer.weight / s)[:, None, None, None]
    alone = functional.conv2d(standard, folded, layer.bias - layer.weight * layer.running_mean / s)
    print("one convolution does the work of both:", torch.allclose(alone, layer(maps), atol=1e-5))

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
with torch.no_grad():
    moved = (nn.BatchNorm2d(4)(maps + 7.0) - nn.BatchNorm2d(4)(maps)).abs().max().item()
question(
    "You add 7 to every channel before a batch normalisation in training mode. What happens to its output?",
    [
        ("It grows by 7", moved > 6.9, "The layer measures the mean after the 7 was added."),
        ("Nothing", moved < 1e-4, "The mean grows by 7, and is subtracted."),
        ("It grows by 7γ/s", 1e-4 < moved < 6.9, "True in evaluation mode, where the mean is an old one."),
        ("It depends on the batch", False, "On every batch the mean grows by exactly 7."),
    ],
)

# %% [markdown]
# ## Batch normalisation, trained
#
# Does it help to train? Ten convolutions of 16 channels on Fashion-MNIST, an average over the map and a
# linear layer, with He's weights; with and without batch normalisation, each at a small and at a large
# learning rate. Everything else is equal: start, order of the images, six epochs. Five seeds. A net whose
# loss is no longer a number counts as guessing.
#
# The cell replays a record; `COURSE_RUN=run` runs the trainings again.

# %%
mean, scale = float(clothes.images.mean()), float(clothes.images.std())
train, test = (training.as_tensors(data, mean, scale) for data in (clothes, new_clothes))
settings = {"epochs": 6, "convolutions": 10, "channels": 16, "rates": {"small": 0.01, "large": 0.1}}


def ten_layers(batch_norm):
    """Return ten 3×3 convolutions, two of them with stride 2, and a linear layer on the averaged maps."""
    layers = []
    for number in range(settings["convolutions"]):
        sizes = {"stride": 2 if number in (0, 5) else 1, "padding": 1, "bias": not batch_norm}
        layers.append(nn.Conv2d(16 if number else 1, 16, 3, **sizes))
        layers += [nn.BatchNorm2d(16), nn.ReLU()] if batch_norm else [nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    start(net)
    return net


def with_or_without(variant, seed):
    """Train the ten layers; return accuracies by epoch, and for how many pictures all units are off."""
    kind, rate = variant.split(", ")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = ten_layers(kind == "batch norm")
    recipe = training.Recipe(settings["epochs"], learning_rate=settings["rates"][rate.split()[0]])
    try:
        history = training.fit(net, train, test, recipe, seed=seed)
    except FloatingPointError:
        return {"test": [10.0] * recipe.epochs, "final": 10.0, "train": 10.0, "off": 100.0}
    with torch.no_grad():
        off = (net[:-3](test[0]) == 0).flatten(1).all(dim=1).float().mean().item()
    accuracies = [100 * epoch.test_accuracy for epoch in history]
    seen = 100 * history[-1].train_accuracy
    return {"test": accuracies, "final": accuracies[-1], "train": seen, "off": 100 * off}


def compared(record, one, other):
    """Print the difference of two variants, seed by seed, and by how much their intervals overlap."""
    middle, half = record.difference(one, other, "final")
    common = sum(record.interval(name, "final") for name in (one, other)) - abs(middle)
    apart = f"intervals {f'overlap by {common:.1f}' if common > 0 else f'are {-common:.1f} apart'}"
    where = "outside" if abs(middle) > half else "inside"
    print(f"{one} − {other}: {middle:+.1f} ± {half:.1f} points, 0 is {where}; {apart}")


variants = [f"{kind}, {rate} rate" for rate in settings["rates"] for kind in ("plain", "batch norm")]
norm = training.experiment("09_batch_norm", with_or_without, variants, settings=settings, seeds=range(5))
print(norm)
for name in variants:
    end, half = norm.mean(name, "final"), norm.interval(name, "final")
    gap, off = norm.mean(name, "train") - end, norm.mean(name, "off")
    line = f"training − test {gap:+.1f}; all last units off for {off:.0f} % of the pictures"
    print(f"{name:22} {end:5.1f} ± {half:4.1f} %   {line}")
for one, other in ((1, 0), (3, 2), (3, 0)):
    compared(norm, variants[one], variants[other])

# %%
figure, panels = figures.panels(1, 2, width=10.5, height=3.4)
for axes, (rate, value) in zip(panels, settings["rates"].items(), strict=True):
    runs = {name: (norm.mean(name, "test"), norm.interval(name, "test")) for name in variants if rate in name}
    plain, normal = (norm.mean(name, "final") for name in runs)
    title = f"Rate {value:g}: plain {plain:.0f} %, batch norm {normal:.0f} %"
    epochs, ylabel = np.arange(1, len(runs[f"plain, {rate} rate"][0]) + 1), "test accuracy (%), 95 % interval"
    figures.bands(axes, epochs, runs, title=title, xlabel="epoch", ylabel=ylabel)
    axes.set_ylim(0, 100)
told = "; ".join(f"{name} {norm.mean(name, 'final'):.0f} %" for name in variants)
figures.show(figure, alt=f"Test accuracy over epochs, with bands, two panels. At the end: {told}.")

# %% [markdown]
# At the small rate the plain net is a little *ahead*. At the large one it learns nothing: its answer is the
# same for every picture, and in most of these trainings no unit of the last layer is ever on. A ReLU that is
# off for all pictures gets no gradient, and stays off. With batch normalisation the large rate works, and it
# beats the best of the plain net. So the gain is not in the step itself. You may take larger steps.
#
# Two warnings. Rates between the two might suit the plain net better (single trials found none). And the
# regularisation that the slide names does not show here: the gap between training and test, in the last
# columns, is no smaller with batch normalisation.
#
# ## Inception v2 and v3
#
# The next nets of the family, in *Rethinking the Inception architecture* (2015), have batch normalisation
# behind every convolution, and spend their work better.
#
# ## Kernels taken apart
#
# The slides name the idea: "aggressive factorization of filters". A **factorisation** takes a large kernel
# apart into small ones in a row.
#
# ### Two 3×3 for a 5×5
#
# You know one from VGG (lecture 8): two 3×3 convolutions see as far as one 5×5, for less. Another goes
# further: a 1×7 convolution followed by a 7×1 sees 7×7. Count weights for each pair of maps, and let the zoo
# find the receptive field. "Saves" compares with the one kernel that sees as much.


# %%
def in_a_row(kernels):
    """Return convolutions of 8 maps in a row, without biases."""
    return nn.Sequential(*(nn.Conv2d(8, 8, kernel, bias=False) for kernel in kernels))


KERNELS = {"5×5": [5], "3×3 3×3": [3, 3], "7×7": [7], "3×3 3×3 3×3": [3, 3, 3], "1×7 7×1": [(1, 7), (7, 1)]}
KERNELS |= {"3×3": [3], "1×3 3×1": [(1, 3), (3, 1)], "2×2 2×2": [2, 2]}
per_pair = {}
for name, kernels in KERNELS.items():
    c = count(in_a_row, kernels, shape=(8, 20, 20))
    seen = "{}×{}".format(*c.layers[-1].receptive_field)
    per_pair[name] = each = c.parameters // 64
    print(f"{name:12} {each:2} weights, sees {seen}, saves {1 - each / per_pair[seen]:3.0%}")

# %% [markdown]
# ### 1×7 and 7×1 for a 7×7
#
# The larger $n$, the more $1 \times n$ and $n \times 1$ save: $2n$ weights in place of $n^2$. On the other
# hand they can say less. A row of 7 numbers times a column of 7 is a 7×7 kernel of rank 1, called
# **separable**. Most kernels are not. The squares of a kernel's **singular values** tell how much of it one
# row times one column can be.

# %%
sobel, t = np.outer([1.0, 2, 1], [-1.0, 0, 1]), np.arange(-3, 4)
bell = np.outer(np.exp(-(t**2) / 4), np.exp(-(t**2) / 4))
examples = {"Sobel, 3×3": sobel, "bell, 7×7": bell, "edge at 45°, 7×7": np.sign(np.add.outer(t, t)) * bell}
for name, kernel in examples.items():
    squares = np.linalg.svd(kernel, compute_uv=False) ** 2
    rank, kept = np.linalg.matrix_rank(kernel), squares[0] / squares.sum()
    print(f"{name:17} rank {rank}; one row times one column keeps {kept:.0%}")

# %% [markdown]
# With many maps in between, a net can add several such products up, but all its windows share them. The paper
# found that $1 \times n$ does not work well in early layers, and very well on maps of 12 to 20 pixels. So it
# has three kinds of modules, each for maps of one size.

# %%
MODULES = {
    "35×35, figure 5: two 3×3 for a 5×5": "1×1 | 1×1 3×3 | 1×1 3×3 3×3 | pool 1×1",
    "17×17, figure 6: 1×7 and 7×1 for a 7×7": "1×1 | 1×1 1×7 7×1 | 1×1 7×1 1×7 7×1 1×7 | pool 1×1",
    "8×8, figure 7: 1×3 and 3×1 side by side": "1×1 | 1×1 1×3/3×1 | 1×1 3×3 1×3/3×1 | pool 1×1",
}
figure, panels = figures.panels(3, 1, width=9, height=8)
for axes, (title, text) in zip(panels, MODULES.items(), strict=True):
    boxes = [[tuple(b.split("/")) if "/" in b else b for b in path.split()] for path in text.split("|")]
    figures.paths(axes, boxes, title=title)
figures.show(figure, alt="Paths of three modules. " + "; ".join(map(": ".join, MODULES.items())))
v3 = count(zoo.build, "inception_v3", aux=False)
c8 = next(row for row in v3.by_module(2) if row.name == "lower.C8")
whole = c8.parameters + 3 * 192 * 192 * (per_pair["7×7"] - per_pair["1×7 7×1"])
print(f"v3's module C8: {c8.parameters:,} parameters; with three 7×7 in place of its pairs {whole:,}")

# %% jupyter={"source_hidden": true} tags=["question", "hide-input"]
# A question: choose an answer below.
share = count(in_a_row, [(1, 5), (5, 1)], shape=(8, 20, 20)).parameters / 64 / 25
question(
    "What is left of a 5×5 convolution's weights if 1×5 and 5×1 take its place, with as many maps between?",
    [
        ("20 %", share == 0.2, "That is one of the two. There are 5 + 5 weights."),
        ("40 %", share == 0.4, "10 of 25. Two 3×3 leave 18 of 25."),
        ("72 %", share == 0.72, "That is what two 3×3 leave."),
        ("100 %", share == 1, "Then nobody would do it."),
    ],
)

# %% [markdown]
# ## Shrinking the grid
#
# The last point of the slides: more feature maps while the resolution falls. Say 320 maps of 35×35 are to
# become 640 maps of 17×17. There are two obvious orders, and both have a fault. **Pool first**, then convolve
# to 640 maps: cheap, but everything has to pass 320 small maps, a **bottleneck**. **Convolve first**, then
# pool: nothing is lost early, but the convolution works on the large maps. The paper's way: 320 filters with
# stride 2, *beside* a max pool with stride 2, and both outputs laid behind one another.

# %%
WAYS = {
    "pool, then convolve": lambda: nn.Sequential(nn.MaxPool2d(3, 2), nn.Conv2d(320, 640, 3, padding=1)),
    "convolve, then pool": lambda: nn.Sequential(nn.Conv2d(320, 640, 3, padding=1), nn.MaxPool2d(3, 2)),
    "side by side": lambda: inception.Paths(nn.Conv2d(320, 320, 3, 2), nn.MaxPool2d(3, 2), out_channels=640),
}
costs = {}
for name, build in WAYS.items():
    c = count(build, shape=(320, 35, 35))
    costs[name] = c.macs / 1e6
    narrow = c.layers[-1].values if name == "side by side" else min(layer.values for layer in c.layers)
    size = "×".join(map(str, c.output_shape))
    print(f"{name:19} → {size}: {c.parameters:9,} parameters, at its narrowest {narrow:,} values")
pool_first, convolve_first, side = costs.values()
figure, (axes,) = figures.panels(width=8.5, height=2.4)
title = (
    f"Side by side needs {side / pool_first:.0%} of the first way, {side / convolve_first:.0%} of the second"
)
labels = {"xlabel": "multiply-adds (millions, log scale)", "form": "{:,.0f}"}
figures.log_bars(axes, list(costs), list(costs.values()), title=title, **labels)
figures.show(figure, alt=f"Bars of multiply-adds in millions: {costs}.")

# %% [markdown]
# It is the cheapest of the three, and it has no bottleneck: half of its maps are the pool's, for nothing.
#
# ## Inception-v3, counted
#
# Now the whole net: a stem, three modules on 35×35, four on 17×17, two on 8×8, with a reduction between the
# stages, and one auxiliary head. Its image has 299×299 pixels.

# %%
v3_both = count(zoo.build, "inception_v3", training=True)
display(zoo.table(v3, depth=2))
print(f"{v3.parameters:,} parameters, with the auxiliary head {v3_both.parameters:,}; depth {v3.depth}")
same = count(zoo.build, "googlenet", aux=False, shape=(3, 299, 299))
ratio = f"{v3.macs / net.macs:.1f} times GoogLeNet's at 224, {v3.macs / same.macs:.1f} times at 299"
print(f"{v3.macs / 1e9:.3f} G multiply-adds: {ratio}")

# %% [markdown]
# The paper's abstract says *less than 25 million parameters* and *5 billion multiply-adds*. The first holds
# without the head. The second is rounded down.
#
# ## What v2 means
#
# "Inception v2" is used for different nets, and the slide does not say which. Three readings are common.
#
# 1. **BN-Inception** of the paper on batch normalisation. Some libraries call it v2. It is GoogLeNet with
#    batch normalisation, two 3×3 for each 5×5, and other changes.
# 2. **Table 1** of *Rethinking the Inception architecture*, which its section 6 calls Inception-v2.
# 3. The lines above the last in that paper's table 3. There v3 is v2 with better training, label smoothing,
#    the first 7×7 taken apart, and a normalised head.
#
# Readings 2 and 3 do not fit each other: in table 1 the first 7×7 *is* apart already. Table 1 does not print
# each path's number of filters, either. And one of its rows contradicts its sizes: a 3×3 convolution without
# a mark for padding keeps 35×35. The zoo's `inception_v2` is table 1, padded where it has to be, with v3's
# numbers of filters where the paper is silent. The published v3, which libraries have, departs from table 1.

# %%
v2 = count(zoo.build, "inception_v2", aux=False)
print(f"35×35 through a 3×3 without padding: {len(range(35 - 3 + 1))}×{len(range(35 - 3 + 1))}")
for name, c in (("v2, as the zoo reads table 1", v2), ("v3, as published", v3)):
    parts = [(row.name.split("."), row) for row in c.by_module(2)]
    kinds = Counter(path[1][0] for path, _ in parts if path[0] in ("lower", "upper"))
    stem = [row.output_shape for path, row in parts if path[0] == "stem"][-1]
    words = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    print(f"{name:28} {c.parameters:11,} parameters, {c.macs / 1e9:.3f} G; stem to {stem}; modules {words}")

# %% [markdown]
# ## Do parallel paths help?
#
# At equal parameters, are four paths better than one? If the reason for them is that things come in several
# sizes, test it where they do. Draw each picture of Fashion-MNIST once at a random size, 8 to 28 pixels, and
# at a random place.


# %%
def resized(images, seed):
    """Draw every picture (N, 1, 28, 28) smaller, 8 to 28 pixels, at a random place; return sizes too."""
    generator, canvas = torch.Generator().manual_seed(seed), torch.zeros_like(images)
    sizes = torch.randint(8, 29, (len(images),), generator=generator)
    for number, side in enumerate(sizes.tolist()):
        top, left = torch.randint(28 - side + 1, (2,), generator=generator).tolist()
        shrunk = functional.interpolate(images[number : number + 1], size=side, mode="area")[0]
        canvas[number, :, top : top + side, left : left + side] = shrunk
    return canvas, sizes


drawn, _ = resized(torch.from_numpy(clothes.images).float() / 255, seed=1)
new_drawn, sides = resized(torch.from_numpy(new_clothes.images).float() / 255, seed=2)
many_sizes, new_sizes = ((x - drawn.mean()) / drawn.std() for x in (drawn, new_drawn))
figure, (axes,) = figures.panels(width=9.5, height=1.2)
figures.gallery(axes, drawn[:12].numpy(), title="The same kind of picture, at every size")
figures.show(figure, alt="Twelve pictures of clothes on black, from a third of the height to all of it.")

# %% [markdown]
# The net: a convolution with stride 2, two blocks with a max pool between them, an average and a linear
# layer; batch normalisation everywhere. The blocks are Inception modules, or one path: 3×3, 5×5, or a 1×1
# before a 3×3, which makes it as deep as the module. Widths are chosen so that all have nearly equal
# parameters. Each would have its own learning rate, the best of 0.03, 0.1 and 0.3 on 1,000 training pictures
# kept aside, with another seed. For all, 0.3 was the best, or 0.1 % behind it. Five seeds.


# %%
conv, inception_module = (partial(build, batch_norm=True) for build in (convolution, Inception))


def then(maps, reduced, filters):
    """Return a 1×1 and a 3×3 convolution."""
    return nn.Sequential(conv(maps, reduced, 1), conv(reduced, filters, 3))


rows_of_two = (16, 16, 16, 24, 6, 12, 12), (64, 24, 24, 32, 8, 16, 16)
BLOCKS = {
    "four paths": lambda: (*(inception_module(*row) for row in rows_of_two), 88),
    "3×3": lambda: (conv(16, 36, 3), conv(36, 50, 3), 50),
    "5×5": lambda: (conv(16, 18, 5), conv(18, 32, 5), 32),
    "1×1 and 3×3": lambda: (then(16, 24, 40), then(40, 32, 38), 38),
}


def two_blocks(variant):
    """Return a net with one variant's blocks for pictures (N, 1, 28, 28)."""
    one, two, out = BLOCKS[variant]()
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(out, 10)
    return nn.Sequential(conv(1, 16, 3, 2), one, nn.MaxPool2d(3, 2, padding=1), two, *head)


settings = {"epochs": 5, "rate": 0.3, "sides": [8, 28], "seeds of the sizes": [1, 2]}


def with_blocks(variant, seed):
    """Train one variant on clothes of many sizes; measure all new ones, and thirds of them by size."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = two_blocks(variant)
    start(net)
    recipe = training.Recipe(settings["epochs"], learning_rate=settings["rate"])
    history = training.fit(net, (many_sizes, train[1]), (new_sizes, test[1]), recipe, seed=seed)
    with torch.no_grad():
        right = (net(new_sizes).argmax(dim=1) == test[1]).float()
    thirds = [100 * right[(sides >= low) & (sides < low + 7)].mean().item() for low in (8, 15, 22)]
    return {"final": 100 * history[-1].test_accuracy, "thirds": thirds}


variants = list(BLOCKS)
several = training.experiment("09_paths", with_blocks, variants, settings=settings, seeds=range(5))
print(several)
print(f"{'blocks':12} parameters  multiply-adds   new pictures, % right   8-14 pixels  15-21  22-28")
for name in variants:
    c, thirds = count(two_blocks, name, shape=(1, 28, 28)), several.mean(name, "thirds")
    end, half = several.mean(name, "final"), several.interval(name, "final")
    columns = f"{'':9}" + " ".join(f"{third:6.1f}" for third in thirds)
    print(f"{name:12} {c.parameters:10,} {c.macs:14,} {end:15.1f} ± {half:.1f} {columns}")
for name in variants[1:]:
    compared(several, "four paths", name)

# %%
figure, (axes,) = figures.panels(width=9, height=2.8)
runs = {name: (several.values(name, "final"), several.interval(name, "final")) for name in variants}
ahead = max(variants, key=lambda name: several.mean(name, "final"))
title, xlabel = (
    f"Clothes of all sizes, equal parameters: {ahead} on top",
    "test accuracy (%), mean and 95 % interval",
)
figures.intervals(axes, runs, title=title, xlabel=xlabel)
told = "; ".join(f"{name} {values.mean():.1f} ± {half:.1f} %" for name, (values, half) in runs.items())
figures.show(figure, alt=f"Test accuracies of five seeds: {told}.")

# %% [markdown]
# At equal parameters, four paths are ahead of one path of 3×3 or of 5×5; seed by seed the difference excludes
# 0, though the intervals of the first pair overlap a little. The gain is largest where the prediction said:
# on the small pictures. But look at the last line. One path with 1×1 convolutions, as deep as the module,
# comes so close that these seeds show no difference. Much of what the module gains may come from the cheap
# layers in it rather than from its being parallel. It does need fewer multiply-adds than that path.
#
# ## Errata
#
# > **Where the slides need a correction or a word more.**
# >
# > 1. *GoogLeNet* has neither 5 million parameters nor 12 times fewer than AlexNet: see *Five million
# >    parameters*.
# > 2. Its table, row conv1: parameters and operations are those of another layer, a separable one.
# > 3. Rows 4c and 4d print too few parameters, and 4a, 4b, 4e and 5b a little too few. Their operations are
# >    right.
# > 4. Row 5a: the operations belong to a reduction to 48 maps; the row prints 32. The parameters fit neither.
# > 5. "K" is 1,024 and "ops" are multiply-adds, without those of pooling. The slide says neither.
# > 6. It does not get rid of all fully connected layers: one is left, and each auxiliary head has two.
# > 7. *Inception v2, v3* names no net for v2; see *What v2 means*. Batch normalisation is from another paper.
# >    The cited one calls the *auxiliary classifiers* regularisers.
# > 8. The same slides have the resolution fall by "pooling". Beside the pool, convolutions have stride 2.

# %%
print(f"1. counted {net.parameters:,} parameters; AlexNet has {alexnet / net.parameters:.1f} times as many")
for number, names in ((2, ["conv1"]), (3, ["4c", "4d", "4a", "4b", "4e", "5b"]), (4, ["5a"])):
    print(f"{number}.", *(f"{name} {SLIDE[name][0]}K, counted {counted[name][0]:.1f}K;" for name in names))
full = Counter(row.name.split(".")[0] for row in both.layers if row.kind == "fully connected")
print("6. fully connected layers:", dict(full))
shrinking = [row.kind for row in v3.layers if row.name.startswith("lower.B4") and row.stride == (16, 16)]
print("8. what has stride 2 in v3's B4:", {kind for kind in shrinking if kind in ("convolution", "max pool")})

# %% [markdown]
# ## What you learned
#
# - An Inception module looks at its input with several window sizes at once, and lays the outputs behind one
#   another. The naive one hands on all of its input through the pool, so stacks of it grow without end.
# - A 1×1 convolution in front makes wide windows cheap. It is a bet that many maps say few things.
# - A weight is used once at each place of its map: operations divided by places are weights. A table can be
#   checked that way. GoogLeNet has 7 million parameters.
# - Auxiliary heads help the gradient where weights let it shrink, and next to nothing with batch
#   normalisation. Evaluation leaves them out.
# - Batch normalisation gives each channel mean 0 and spread 1 over the batch, then a learned mean and spread.
#   Its gradient loses its mean and its part along $\hat x$. The size of the weights no longer matters, so
#   larger steps are safe. In evaluation it uses running means, and can be folded into the convolution.
# - Two 3×3 for a 5×5, $1 \times n$ and $n \times 1$ for an $n \times n$: fewer weights, the same receptive
#   field, less to say. Convolution and pool side by side shrink a grid without a bottleneck.
# - Compare at equal parameters, with several seeds, and with the control that differs in one thing only.
#
# **Now you:** [exercise 8, VGG, Network in Network and
# Inception](../exercises/ex08_vgg_nin_inception/ex08_vgg_nin_inception.ipynb). You build the modules
# yourself, and count what they cost. After that comes [lecture 10, ResNet and
# DenseNet](10_resnet_densenet.ipynb).
