"""What every net of the zoo promises, checked on a narrow one; and its weights beside another's."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def keeps_its_promises(build: Callable[[], nn.Module], x: Tensor) -> None:
    """Compile in one graph, take channels-last and bfloat16, round-trip the state, learn everywhere."""
    torch.manual_seed(0)
    net = build()
    stir(net)
    net.eval()
    with torch.no_grad():
        y = net(x)
        torch._dynamo.reset()
        torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(x), y)
        last = net.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(last, y)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = net(x)
        assert rough.dtype == torch.bfloat16
        torch.testing.assert_close(rough.float(), y, rtol=0.1, atol=0.1 * float(y.abs().max()))
        twin = build().eval()
        twin.load_state_dict(net.state_dict())
        torch.testing.assert_close(twin(x), y)
    net.train()(x).square().sum().backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]


def stir(net: nn.Module) -> None:
    """Give normalisations weights, biases and statistics that are not those of a fresh net."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for values in (module.weight, module.running_var):
                    values.uniform_(0.5, 1.5)
                for values in (module.bias, module.running_mean):
                    values.normal_(std=0.2)


def copy_in_order(source: nn.Module, target: nn.Module) -> None:
    """Copy weights and statistics in the order of construction; every shape must agree."""
    values, names = list(source.state_dict().values()), list(target.state_dict())
    assert [v.shape for v in values] == [v.shape for v in target.state_dict().values()]
    target.load_state_dict(dict(zip(names, values, strict=True)))
