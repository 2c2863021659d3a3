"""A training step in JAX is the baseline's in PyTorch, to the rounding of float64."""

import importlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install '.[benchmark]'")
jax = pytest.importorskip("jax", reason="pip install '.[benchmark]'")

WIDTH, BATCH_SIZE, STEPS = 2, 8, 6
# Between them every setting that can be set: schedules that change and end, and one that is off.
SETTINGS = (
    {
        "beta": 0.2,
        "beta_start": 0.05,
        "beta_hold_steps": 1,
        "beta_steps": 3,
        "learning_rate_end": 0.1,
        "learning_rate_hold_steps": 1,
        "learning_rate_steps": 4,
        "instance_noise_steps": 10,
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 4e-5,
    },
    {
        "information_weight": 2.0,
        "instance_noise_start": 0.5,
        "instance_noise_end": 0.1,
        "instance_noise_steps": 4,
    },
)


@pytest.fixture(scope="module")
def search(load_benchmark):
    """Gives the benchmark's module, with small networks that compile fast; torch on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    jax.config.update("jax_disable_most_optimizations", True)
    module = load_benchmark("jax_search")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.jax_runs, "WIDTH", WIDTH)
        yield module
    jax.config.update("jax_disable_most_optimizations", False)
    torch.set_num_threads(threads)


@pytest.fixture
def double(monkeypatch):
    """Computes in float64, in both, until the test ends."""
    kind = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", lambda self: self)  # the baseline's float32
    with jax.enable_x64(True):
        yield
    torch.set_default_dtype(kind)


def channels_last(array):
    """Reorders the units of the generator's second dense layer, which become an 8x8 map."""
    units = array.reshape(-1, 4 * WIDTH, 8, 8).transpose(0, 2, 3, 1)
    return units.reshape(array.shape)


def as_product(module, kernel):
    """Returns a kernel of PyTorch as the matrix over patches that it is in JAX."""
    if isinstance(module, torch.nn.Linear):
        return kernel.T
    if isinstance(module, torch.nn.ConvTranspose2d):
        kernel = kernel[:, :, ::-1, ::-1]  # [in, out, h, w], and a transposed one runs backwards
        if module.stride == (1, 1):
            return kernel.transpose(2, 3, 0, 1).reshape(-1, kernel.shape[1])
        # Of each axis of 4: which of two inputs, and which parity of the output.
        parts = kernel.reshape(*kernel.shape[:2], 2, 2, 2, 2).transpose(2, 4, 0, 3, 5, 1)
        return parts.reshape(4 * kernel.shape[0], 4 * kernel.shape[1])
    if module.stride == (1, 1):
        return kernel.transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])
    # Of each axis of 4: which of two blocks, and which pixel of it.
    parts = kernel.reshape(*kernel.shape[:2], 2, 2, 2, 2).transpose(2, 4, 3, 5, 1, 0)
    return parts.reshape(-1, kernel.shape[0])


def layers(network, value):
    """Returns JAX's layers of a network of PyTorch, of what `value` gives for each parameter."""
    found = []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            found[-1] |= {"scale": value(module.weight), "offset": value(module.bias)}
        elif hasattr(module, "weight"):
            found.append({"weight": as_product(module, value(module.weight))})
            if module.bias is not None:
                found[-1]["bias"] = value(module.bias)
    return found


def parameters(baseline, value=lambda parameter: parameter):
    """Returns a tree as JAX's parameters, of what `value` gives for each of the baseline's."""
    networks = ("encoder", "generator", "discriminator", "reconstructor")
    tree = {
        name: layers(getattr(baseline, name), lambda one: value(one).detach().numpy().copy())
        for name in networks
    }
    tree["generator"][1] = {name: channels_last(a) for name, a in tree["generator"][1].items()}
    return tree


def squares(baseline):
    """Returns the roots of the optimizers' squares: running sizes of the gradients."""
    state = {key: one for optimizer in baseline.optimizers for key, one in optimizer.state.items()}
    return parameters(baseline, lambda one: state[one]["square_avg"].sqrt())


def assert_close(found, expected, tolerance):
    """Compares arrays by their norms; a bias before a BatchNorm has no gradient but rounding."""
    paths = jax.tree_util.tree_leaves_with_path(expected)
    for (path, one), other in zip(paths, jax.tree.leaves(found), strict=True):
        assert one.shape == other.shape
        difference = np.linalg.norm(np.asarray(other) - one)
        assert difference <= tolerance * np.linalg.norm(one) + 1e-10, jax.tree_util.keystr(path)


def draws(random, runs):
    """Returns images and noise of a step of all runs."""
    shape = (runs, BATCH_SIZE, 64, 64, 1)
    noise = {"z": (runs, BATCH_SIZE, 16), "code": (runs, BATCH_SIZE, 10)}
    noise |= {"real": shape, "generated": shape}
    images = random.integers(0, 2, shape) * 2.0 - 1.0
    return images, {name: random.normal(size=size) for name, size in noise.items()}


def as_torch(array):
    """Returns an array of PyTorch, images with their channels first."""
    return torch.from_numpy(np.moveaxis(array, -1, 1).copy() if array.ndim == 4 else array)


def codes(baseline, images):
    """Returns the baseline's two-step codes [n, r_dim]."""
    for network in baseline.networks():
        network.eval()
    with torch.no_grad():
        found = baseline.encoder(baseline.reconstructor(images)).chunk(2, dim=1)[0].numpy()
    for network in baseline.networks():
        network.train()
    return found


def assert_same(mine, baseline, tolerance=1e-8):
    """Compares a run's state with the baseline's weights, gradients and moving statistics."""
    assert_close(mine["parameters"], parameters(baseline), tolerance)
    assert_close(jax.tree.map(np.sqrt, mine["squares"]), squares(baseline), tolerance)
    norms = [one for one in baseline.reconstructor if hasattr(one, "running_mean")]
    moving = [(one.running_mean.numpy(), one.running_var.numpy()) for one in norms]
    assert_close(mine["statistics"], moving, tolerance)


def test_every_step_is_that_of_the_baseline(search, double, monkeypatch):
    pytorch_step = importlib.import_module("pytorch_ibgan.step")
    jax_step = search.jax_runs.jax_step
    form = {"generator_width": WIDTH, "discriminator_width": WIDTH, "update_order": "simultaneous"}
    baselines = [
        pytorch_step.Baseline(pytorch_step.Settings(**one, **form), pytorch_step.Form(), seed=seed)
        for seed, one in enumerate(SETTINGS)
    ]
    weights = jax.tree.map(lambda *arrays: np.stack(arrays), *map(parameters, baselines))
    with jax.enable_x64(False):  # a program that the search's tests need, too
        states = search.jax_runs._initial(np.arange(len(baselines), dtype=np.int32))
    assert jax.tree.map(np.shape, states["parameters"]) == jax.tree.map(np.shape, weights)
    states = jax.tree.map(np.float64, states) | {"parameters": weights}
    complete = [search.DEFAULTS | one for one in SETTINGS]
    settings = {name: np.array([float(one[name]) for one in complete]) for name in complete[0]}
    step = jax.jit(jax.vmap(jax_step.step, in_axes=(0, 0, None, 0, 0, None)), static_argnums=5)
    encode = jax.jit(jax.vmap(jax_step.codes))
    random = np.random.default_rng(0)
    for number in range(STEPS):
        images, noise = draws(random, len(baselines))
        states, scalars = step(states, settings, number, images, noise, np.dtype(np.float64))
        found = jax.device_get((states, scalars, encode(states, images)))
        for index, baseline in enumerate(baselines):
            state, means, code = jax.tree.map(lambda array, index=index: array[index], found)
            given = {name: as_torch(array[index]) for name, array in noise.items()}
            monkeypatch.setattr(baseline, "draw_noise", lambda _, given=given: given)
            for name, value in baseline.step(as_torch(images[index])).items():
                np.testing.assert_allclose(means[name], value, rtol=1e-8, atol=1e-12)
            assert_same(state, baseline)
            assert_close(code, codes(baseline, as_torch(images[index])), 1e-8)
