"""The published names and shapes are written out here by rule, from the library's documented structure."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from pytorchcv.model_provider import get_model
from torch import nn

from course_utils.zoo.weights import PUBLISHED, load_published

Shapes = dict[str, tuple[int, ...]]


def norm(name: str, channels: int) -> Shapes:
    vectors = {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {**vectors, f"{name}.num_batches_tracked": ()}


def linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def conv(name: str, outputs: int, inputs: int, size: int, *, bias: bool = False) -> Shapes:
    weight = {f"{name}.weight": (outputs, inputs, size, size)}
    return {**weight, f"{name}.bias": (outputs,)} if bias else weight


def alexnet() -> Shapes:
    shapes: Shapes = {}
    sizes = [(0, 64, 3, 11), (3, 192, 64, 5), (6, 384, 192, 3), (8, 256, 384, 3), (10, 256, 256, 3)]
    for index, *size in sizes:
        shapes |= conv(f"features.{index}", *size, bias=True)
    for index, outputs, inputs in [(1, 4096, 9216), (4, 4096, 4096), (6, 1000, 4096)]:
        shapes |= linear(f"classifier.{index}", outputs, inputs)
    return shapes


def vgg(blocks: tuple[int, ...], batch_norm: bool) -> Shapes:
    shapes: Shapes = {}
    index, inputs = 0, 3
    for channels, number in zip((64, 128, 256, 512, 512), blocks, strict=True):
        for _ in range(number):
            shapes |= conv(f"features.{index}", channels, inputs, 3, bias=True)
            if batch_norm:
                shapes |= norm(f"features.{index + 1}", channels)
            index, inputs = index + 2 + batch_norm, channels
        index += 1
    for place, outputs, inputs in [(0, 4096, 25088), (3, 4096, 4096), (6, 1000, 4096)]:
        shapes |= linear(f"classifier.{place}", outputs, inputs)
    return shapes


def resnet(blocks: tuple[int, ...], bottleneck: bool) -> Shapes:
    shapes = {**conv("conv1", 64, 3, 7), **norm("bn1", 64)}
    inputs = 64
    for layer, number in enumerate(blocks, 1):
        width = 32 * 2**layer
        outputs = 4 * width if bottleneck else width
        for index in range(number):
            block = f"layer{layer}.{index}"
            widths = [inputs, width, width, outputs] if bottleneck else [inputs, width, width]
            sizes = (1, 3, 1) if bottleneck else (3, 3)
            for place, ((before, after), size) in enumerate(zip(pairwise(widths), sizes, strict=True), 1):
                shapes |= conv(f"{block}.conv{place}", after, before, size)
                shapes |= norm(f"{block}.bn{place}", after)
            if inputs != outputs:
                shapes |= conv(f"{block}.downsample.0", outputs, inputs, 1)
                shapes |= norm(f"{block}.downsample.1", outputs)
            inputs = outputs
    return {**shapes, **linear("fc", 1000, inputs)}


def densenet(blocks: tuple[int, ...], *, old: bool = False) -> Shapes:
    dot = "." if old else ""
    shapes = {**conv("features.conv0", 64, 3, 7), **norm("features.norm0", 64)}
    channels = 64
    for block, number in enumerate(blocks, 1):
        for layer in range(1, number + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            shapes |= norm(f"{name}.norm{dot}1", channels) | conv(f"{name}.conv{dot}1", 128, channels, 1)
            shapes |= norm(f"{name}.norm{dot}2", 128) | conv(f"{name}.conv{dot}2", 32, 128, 3)
            channels += 32
        if block < len(blocks):
            name = f"features.transition{block}"
            shapes |= norm(f"{name}.norm", channels) | conv(f"{name}.conv", channels // 2, channels, 1)
            channels //= 2
    return {**shapes, **norm("features.norm5", channels), **linear("classifier", 1000, channels)}


def googlenet() -> Shapes:
    def basic(name: str, outputs: int, inputs: int, size: int) -> Shapes:
        return conv(f"{name}.conv", outputs, inputs, size) | norm(f"{name}.bn", outputs)

    shapes = basic("conv1", 64, 3, 7) | basic("conv2", 64, 64, 1) | basic("conv3", 192, 64, 3)
    channels = 192
    for name, one, reduce3, three, reduce5, five, pool in [
        ("3a", 64, 96, 128, 16, 32, 32),
        ("3b", 128, 128, 192, 32, 96, 64),
        ("4a", 192, 96, 208, 16, 48, 64),
        ("4b", 160, 112, 224, 24, 64, 64),
        ("4c", 128, 128, 256, 24, 64, 64),
        ("4d", 112, 144, 288, 32, 64, 64),
        ("4e", 256, 160, 320, 32, 128, 128),
        ("5a", 256, 160, 320, 32, 128, 128),
        ("5b", 384, 192, 384, 48, 128, 128),
    ]:
        shapes |= basic(f"inception{name}.branch1", one, channels, 1)
        shapes |= basic(f"inception{name}.branch2.0", reduce3, channels, 1)
        shapes |= basic(f"inception{name}.branch2.1", three, reduce3, 3)
        shapes |= basic(f"inception{name}.branch3.0", reduce5, channels, 1)
        shapes |= basic(f"inception{name}.branch3.1", five, reduce5, 3)
        shapes |= basic(f"inception{name}.branch4.1", pool, channels, 1)
        channels = one + three + five + pool
    for name, inputs in (("aux1", 512), ("aux2", 528)):
        shapes |= basic(f"{name}.conv", 128, inputs, 1)
        shapes |= linear(f"{name}.fc1", 1024, 2048) | linear(f"{name}.fc2", 1000, 1024)
    return {**shapes, **linear("fc", 1000, 1024)}


SHAPES = {
    "alexnet_one_tower": alexnet(),
    "vgg_a": vgg((1, 1, 2, 2, 2), False),
    "vgg_b": vgg((2, 2, 2, 2, 2), False),
    "vgg_d": vgg((2, 2, 3, 3, 3), False),
    "vgg_e": vgg((2, 2, 4, 4, 4), False),
    "vgg_a_bn": vgg((1, 1, 2, 2, 2), True),
    "vgg_b_bn": vgg((2, 2, 2, 2, 2), True),
    "vgg_d_bn": vgg((2, 2, 3, 3, 3), True),
    "vgg_e_bn": vgg((2, 2, 4, 4, 4), True),
    "googlenet_bn": googlenet(),
    "resnet18": resnet((2, 2, 2, 2), False),
    "resnet34": resnet((3, 4, 6, 3), False),
    "resnet50": resnet((3, 4, 6, 3), True),
    "resnet101": resnet((3, 4, 23, 3), True),
    "resnet152": resnet((3, 8, 36, 3), True),
    "densenet121": densenet((6, 12, 24, 16)),
    "densenet169": densenet((6, 12, 32, 32)),
    "densenet201": densenet((6, 12, 48, 32)),
}


def numbered(shapes: Shapes) -> dict[str, torch.Tensor]:
    """Fill the tensor at place n with n; each takes the memory of one number."""
    return {
        key: torch.full((1,), float(place)).expand(shape)
        if shape
        else torch.tensor(place)  # num_batches_tracked
        for place, (key, shape) in enumerate(shapes.items())
    }


def saved(tmp_path, state, **options):
    path = tmp_path / "published.pth"
    torch.save(state, path, **options)
    return path


def number(tensor: torch.Tensor) -> float:
    """Return the number that fills a tensor: it lies in memory once."""
    assert tensor.untyped_storage().nbytes() == tensor.element_size()
    return tensor[(0,) * tensor.ndim].item()


def filled(net: nn.Module, part: str) -> float:
    """Return the number that fills a tensor of the net."""
    return number(net.state_dict()[part])


def test_names_are_written_out_for_all_that_is_published() -> None:
    assert SHAPES.keys() == PUBLISHED.keys()
    assert len({published.file for published in PUBLISHED.values()}) == len(PUBLISHED)


@pytest.mark.parametrize("name", SHAPES)
def test_each_tensor_finds_its_place(name, tmp_path) -> None:
    """Published files and our nets list their tensors in the order of the forward pass."""
    options = {"aux": True} if name == "googlenet_bn" else {}
    net = load_published(name, saved(tmp_path, numbered(SHAPES[name])), **options)
    state = net.state_dict()
    assert [number(tensor) for tensor in state.values()] == list(range(len(SHAPES[name])))
    assert [tuple(tensor.shape) for tensor in state.values()] == list(SHAPES[name].values())
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert net.training


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("alexnet_one_tower", "features.10.bias", "features.10.bias"),
        ("alexnet_one_tower", "classifier.4.weight", "classifier.4.weight"),
        ("vgg_a", "classifier.6.bias", "classifier.7.bias"),
        ("vgg_d_bn", "features.1.running_var", "features.1.running_var"),
        ("googlenet_bn", "conv2.bn.running_mean", "features.stem.3.1.running_mean"),
        ("googlenet_bn", "inception3a.branch2.0.conv.weight", "features.3a.three.0.0.weight"),
        ("googlenet_bn", "inception5b.branch4.1.bn.bias", "features.5b.pool.1.1.bias"),
        ("googlenet_bn", "fc.weight", "classifier.3.weight"),
        ("resnet18", "bn1.num_batches_tracked", "conv1.1.num_batches_tracked"),
        ("resnet18", "layer1.0.conv1.weight", "conv2_x.0.conv1.weight"),
        ("resnet34", "layer2.0.downsample.0.weight", "conv3_x.0.shortcut.0.weight"),
        ("resnet50", "layer4.2.bn3.running_mean", "conv5_x.2.bn3.running_mean"),
        ("densenet121", "features.norm0.weight", "conv.1.weight"),
        ("densenet121", "features.denseblock1.denselayer1.norm1.weight", "block1.layer1.norm1.weight"),
        ("densenet169", "features.denseblock4.denselayer32.conv2.weight", "block4.layer32.conv2.weight"),
        ("densenet201", "features.transition3.conv.weight", "transition3.conv.weight"),
    ],
)
def test_tensors_by_name(name, theirs, ours, tmp_path) -> None:
    net = load_published(name, saved(tmp_path, numbered(SHAPES[name])))
    assert filled(net, ours) == list(SHAPES[name]).index(theirs)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [("densenet121", densenet((6, 12, 24, 16), old=True)), ("resnet18", SHAPES["resnet18"])],
)
def test_old_files_have_other_names_no_counters_and_another_format(name, shapes, tmp_path) -> None:
    state = {k: v for k, v in numbered(shapes).items() if not k.endswith("num_batches_tracked")}
    state = {k: v if "running" in k else nn.Parameter(v) for k, v in state.items()}
    net = load_published(name, saved(tmp_path, state, _use_new_zipfile_serialization=False))
    found = [number(v) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")]
    assert found == [number(value) for value in state.values()]
    counters = [v for k, v in net.state_dict().items() if k.endswith("num_batches_tracked")]
    assert counters
    assert all(v.item() == 0 and v.dtype == torch.int64 for v in counters)


@pytest.mark.parametrize(("name", "other"), [("resnet50", "resnet50b"), ("densenet121", "densenet121")])
def test_logits_are_those_of_an_independent_net_with_the_same_weights(name, other, tmp_path) -> None:
    torch.manual_seed(4)
    theirs = get_model(other).eval()
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)
    path = saved(tmp_path, dict(zip(SHAPES[name], theirs.state_dict().values(), strict=True)))
    net = load_published(name, path).eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_resnets_get_the_form_that_is_published(tmp_path) -> None:
    path = saved(tmp_path, numbered(SHAPES["resnet50"]))
    block = load_published("resnet50", path).conv3_x[0]
    assert (block.conv1.stride, block.conv2.stride) == ((1, 1), (2, 2))
    with pytest.raises(ValueError, match="the published resnet50 has stride_in='3x3', not '1x1'"):
        load_published("resnet50", path, stride_in="1x1")
    with pytest.raises(ValueError, match="the published resnet50 has shortcut='B', not 'A'"):
        load_published("resnet50", path, shortcut="A")


def test_the_heads_of_googlenet_come_when_asked_for(tmp_path) -> None:
    path = saved(tmp_path, numbered(SHAPES["googlenet_bn"]))
    keys = list(SHAPES["googlenet_bn"])
    assert not load_published("googlenet_bn", path).heads
    net = load_published("googlenet_bn", path, aux=True)
    assert filled(net, "heads.4a.classifier.1.weight") == keys.index("aux1.fc1.weight")
    assert filled(net, "heads.4d.conv.0.weight") == keys.index("aux2.conv.conv.weight")
    fresh = load_published("googlenet_bn", path, aux=True, fresh_classifier=True, num_classes=9)
    assert filled(fresh, "heads.4d.classifier.1.bias") == keys.index("aux2.fc1.bias")
    for head in (fresh.classifier[3], fresh.heads["4a"].classifier[4], fresh.heads["4d"].classifier[4]):
        assert head.out_features == 9
        assert head.weight.std().item() == pytest.approx(1024**-0.5, rel=0.1)


@pytest.mark.parametrize(
    ("name", "last"),
    [("vgg_a", "classifier.7"), ("resnet18", "fc"), ("alexnet_one_tower", "classifier.6")],
)
def test_other_classes_start_a_fresh_last_layer_only_when_asked_for(name, last, tmp_path) -> None:
    path = saved(tmp_path, numbered(SHAPES[name]))
    with pytest.raises(ValueError, match=f"the published {name} tells 1000 classes apart, not 10: fresh_cl"):
        load_published(name, path, num_classes=10)
    net = load_published(name, path, num_classes=10, fresh_classifier=True)
    state = net.state_dict()
    body = [number(tensor) for key, tensor in state.items() if not key.startswith(f"{last}.")]
    assert body == list(range(len(SHAPES[name]) - 2))
    weight, bias = state[f"{last}.weight"], state[f"{last}.bias"]
    assert weight.device.type == "cpu"
    assert len(weight) == len(bias) == 10
    assert weight.std().item() == pytest.approx(weight.shape[1] ** -0.5, rel=0.1)
    assert not bias.any()


def test_a_fresh_last_layer_may_have_a_thousand_classes_too(tmp_path) -> None:
    net = load_published("resnet18", saved(tmp_path, numbered(SHAPES["resnet18"])), fresh_classifier=True)
    assert len(net.fc.weight.unique()) > 1


def test_a_loaded_net_is_a_whole_net(tmp_path) -> None:
    """Nothing stays on the meta device, and all of it learns."""
    state = {k: torch.rand(shape) if shape else torch.tensor(3) for k, shape in SHAPES["resnet18"].items()}
    net = load_published("resnet18", saved(tmp_path, state), num_classes=4, fresh_classifier=True)
    assert {tensor.device.type for tensor in net.state_dict().values()} == {"cpu"}
    net(torch.rand(2, 3, 40, 40)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_without_the_file_it_says_where_to_get_it(tmp_path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        load_published("resnet50", tmp_path / "gone.pth")
    assert str(caught.value) == (
        f"there is no file {tmp_path}/gone.pth: the weights are published as resnet50-0676ba61.pth at "
        "https://docs.pytorch.org/vision/stable/models.html"
    )


def test_a_net_that_nobody_published_is_named() -> None:
    with pytest.raises(ValueError, match="no weights are published for 'vgg_c': there are for alexnet_one"):
        load_published("vgg_c", "vgg.pth")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 half a download"])
def test_a_file_that_is_no_weights_is_said_to_be_none(content, tmp_path) -> None:
    path = tmp_path / "bad.pth"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"bad.pth holds no weights .*: get vgg16-397923af.pth once more, from https://"
    ):
        load_published("vgg_d", path)


def test_a_file_of_something_else_is_said_to_hold_it(tmp_path) -> None:
    with pytest.raises(ValueError, match="holds a list, not tensors by name"):
        load_published("vgg_d", saved(tmp_path, [torch.zeros(2)]))
    with pytest.raises(ValueError, match="holds 'epoch', a int, among its tensors"):
        load_published("vgg_d", saved(tmp_path, {"w": torch.zeros(2), "epoch": 3}))


def test_the_first_key_that_does_not_fit_is_named(tmp_path) -> None:
    right = numbered(SHAPES["resnet18"])
    with pytest.raises(
        ValueError, match=r"does not fit resnet18: the net has no place for its 'layer1.2.conv1.w"
    ):
        load_published("resnet18", saved(tmp_path, numbered(SHAPES["resnet34"])))
    with pytest.raises(
        ValueError, match=r"its 'conv1.weight' has shape \(64, 3, 7, 7\), the net needs \(64, 1, 7, 7"
    ):
        load_published("resnet18", saved(tmp_path, right), in_channels=1)
    del right["layer3.1.bn2.running_mean"]
    with pytest.raises(ValueError, match=r"lacks what the net calls 'conv4_x.1.bn2.running_mean'"):
        load_published("resnet18", saved(tmp_path, right))
    with pytest.raises(TypeError, match="size"):
        load_published("resnet18", saved(tmp_path, right), size=3)
