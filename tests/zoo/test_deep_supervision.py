"""Deep supervision: greedy learning's losses, with gradients that go on to the modules below, in numpy."""

import numpy as np
import pytest
from linear import build_linear, error, vectors, weights

WIDTHS = ([6, 5], [5, 7], [7, 4])


def head(method, k: int) -> tuple[np.ndarray, np.ndarray]:
    linear = method.auxiliaries[k].linear
    return linear.weight.detach().numpy(), linear.bias.detach().numpy()


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_a_module_learns_from_its_own_loss_and_from_all_above(weight: float) -> None:
    method, batch = build_linear("deep_supervision", *WIDTHS, options={"weight": weight}), vectors(seed=0)
    (loss,) = method.losses(batch)
    loss.backward()
    x, y = batch.x.numpy(), batch.y.numpy()
    a, b, c = weights(method)
    h, top = x @ a.T, x @ a.T @ b.T
    (v, v0), (w, w0) = head(method, 0), head(method, 1)
    of_h, of_top, out = (error(logits, y) / len(y) for logits in (h @ v.T + v0, top @ w.T + w0, top @ c.T))
    down = out @ c + weight * of_top @ w
    expected = (weight * of_h @ v + down @ b).T @ x, down.T @ h, out.T @ top
    for parameter, gradient in zip(method.modules.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(method.auxiliaries[0].linear.weight.grad.numpy(), weight * of_h.T @ h, atol=1e-14)


def test_without_the_gradient_from_above_it_is_greedy_learning() -> None:
    """The control differs from ``greedy_sl`` by the isolation alone: same heads, same values, same last gradient."""
    ours, greedy, batch = build_linear("deep_supervision", *WIDTHS), build_linear("greedy_sl", *WIDTHS), vectors(seed=1)
    (loss,) = ours.losses(batch)
    loss.backward()
    values = []
    for each in greedy.losses(batch):
        each.backward()
        values.append(each.item())
    assert loss.item() == pytest.approx(sum(values), rel=1e-12)
    for k, apart in enumerate((True, True, False)):
        own, other = (next(m.modules[k].parameters()).grad for m in (ours, greedy))
        assert np.allclose(own, other) != apart
