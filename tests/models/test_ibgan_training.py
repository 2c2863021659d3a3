"""One training step of IB-GAN, against the formulas of the paper and the official code."""

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models.ibgan import IBGAN
from ibgan_tf.seeds import Draw, stateless_seed

ORDERS = ("alternating", "simultaneous")
TRUNKS = ("separate", "shared")
every_form = pytest.mark.parametrize(
    ("trunk", "order"), [(trunk, order) for trunk in TRUNKS for order in ORDERS]
)


def changed_paths(model, before, state):
    trainable = {variable.path for variable in model.trainable_variables}
    after = state(model)
    return {path for path in trainable if (after[path] != before[path]).any()}


def paths(variables):
    return {variable.path for variable in variables}


def record_inputs(monkeypatch, network):
    """Returns the list of what a network will be given."""
    given = []
    call = network.call

    def recording(inputs, **arguments):
        given.append(np.array(inputs))
        return call(inputs, **arguments)

    monkeypatch.setattr(network, "call", recording)
    return given


# Which variables each phase updates


@every_form
def test_the_discriminators_phase_changes_its_own_variables_only(
    ibgan, batch, state, sent_gradients, trunk, order
):
    model = ibgan(trunk=trunk, update_order=order)
    before = state(model)
    sent_gradients(model, frozen=["generator"])
    model.train_step(batch)
    # With a shared trunk its front is among them.
    assert changed_paths(model, before, state) == paths(model.discriminator_variables)


@every_form
def test_the_generators_phase_changes_encoder_generator_and_reconstructor_only(
    ibgan, batch, state, sent_gradients, trunk, order
):
    model = ibgan(trunk=trunk, update_order=order)
    before = state(model)
    sent_gradients(model, frozen=["discriminator"])
    model.train_step(batch)
    networks = (model.encoder, model.generator, model.reconstructor)
    expected = {path for network in networks for path in paths(network.trainable_variables)}
    changed = changed_paths(model, before, state)
    # Biases before a batch normalisation have no gradient but rounding, which may be zero.
    assert changed <= expected
    assert {path for path in expected - changed if not path.endswith("bias")} == set()


def test_a_step_counts_itself_and_updates_once(ibgan, batch):
    model = ibgan()
    model.train_step(batch)
    counters = (model.generator_optimizer.iterations, model.discriminator_optimizer.iterations)
    assert [int(counter.value) for counter in (model.step, *counters)] == [1, 1, 1]


# Gradients


def objective_gradients(step, model, *, information_weight=1.0):
    """Returns the gradients of eq. (11) for G, e and q, from a step worked out by hand."""
    return step.tape.gradient(
        [step.adversarial_loss, step.reconstruction_error, step.kl],
        model.generator_variables,
        output_gradients=[1.0, information_weight, model.config.beta],
    )


@pytest.mark.parametrize("trunk", TRUNKS)
def test_simultaneous_updates_take_all_gradients_from_one_forward_pass(
    ibgan, batch, sent_gradients, step_by_hand, assert_gradients_close, trunk
):
    model = ibgan(trunk=trunk, update_order="simultaneous", beta=0.3)
    model.discriminator_optimizer.learning_rate.assign(0.1)  # an update before would show
    step = step_by_hand(model, batch["images"])
    expected = step.tape.gradient(step.discriminator_loss, model.discriminator_variables)
    sent = sent_gradients(model)
    model.train_step(batch)
    assert_gradients_close(sent["discriminator"], expected, variables=model.discriminator_variables)
    assert_gradients_close(
        sent["generator"], objective_gradients(step, model), variables=model.generator_variables
    )


@pytest.mark.parametrize("trunk", TRUNKS)
def test_alternating_updates_take_the_generators_gradient_from_the_updated_discriminator(
    ibgan, batch, sent_gradients, step_by_hand, assert_gradients_close, trunk
):
    settings = {"trunk": trunk, "update_order": "alternating", "beta": 0.3}
    model = ibgan(**settings)
    sent = sent_gradients(model)
    model.discriminator_optimizer.learning_rate.assign(0.1)
    model.train_step(batch)
    updated = [np.array(variable) for variable in model.discriminator_variables]

    model = ibgan(**settings)
    step = step_by_hand(model, batch["images"])
    expected = step.tape.gradient(step.discriminator_loss, model.discriminator_variables)
    assert_gradients_close(sent["discriminator"], expected, variables=model.discriminator_variables)
    before = objective_gradients(step, model)
    for variable, value in zip(model.discriminator_variables, updated, strict=True):
        variable.assign(value)
    after = objective_gradients(step_by_hand(model, batch["images"]), model)
    assert_gradients_close(sent["generator"], after, variables=model.generator_variables)
    with pytest.raises(AssertionError):
        assert_gradients_close(sent["generator"], before, variables=model.generator_variables)


def test_beta_zero_is_the_objective_of_infogan(
    ibgan, batch, sent_gradients, step_by_hand, assert_gradients_close
):
    model = ibgan(update_order="simultaneous", beta=0.0)
    output_bias = model.encoder.layers[-1].bias
    output_bias.assign([9.0, 9.0, 0.0, 0.0])  # KL >= 20, where the official code has a penalty
    step = step_by_hand(model, batch["images"])
    assert step.kl > 20
    expected = step.tape.gradient(
        [step.adversarial_loss, step.reconstruction_error], model.generator_variables
    )
    sent = sent_gradients(model)
    model.train_step(batch)
    assert_gradients_close(sent["generator"], expected, variables=model.generator_variables)


def test_without_the_lower_bound_and_with_r_from_the_prior_it_is_a_gan(
    ibgan, batch, sent_gradients, assert_gradients_close
):
    model = ibgan(update_order="simultaneous", information_weight=0.0, instance_noise_start=0.0)
    model.encoder.layers[-1].kernel.assign(tf.zeros([32, 4]))  # e(r|z) = N(0, I) = m(r)
    r = tf.random.stateless_normal([4, 2], stateless_seed(model.seed, 0, Draw.CODE))
    with tf.GradientTape(persistent=True) as tape:
        generated = model.discriminator(model.generator(r, training=True), training=True)
        real = model.discriminator(batch["images"], training=True)
        generator_loss = -tf.reduce_mean(tf.math.log_sigmoid(generated))
        discriminator_loss = -tf.reduce_mean(
            tf.math.log_sigmoid(real) + tf.math.log_sigmoid(-generated)
        )
    sent = sent_gradients(model)
    scalars = model.train_step(batch)

    assert_gradients_close(
        sent["discriminator"],
        tape.gradient(discriminator_loss, model.discriminator_variables),
        variables=model.discriminator_variables,
    )
    of = {v.path: g for v, g in zip(model.generator_variables, sent["generator"], strict=True)}
    variables = model.generator.trainable_variables
    assert_gradients_close(
        [of[variable.path] for variable in variables],
        tape.gradient(generator_loss, variables),
        variables=variables,
    )
    assert not any(of[v.path].any() for v in model.reconstructor.trainable_variables)
    assert scalars["information_upper_bound"] == 0.0


# The schedule of beta


@pytest.mark.parametrize(
    ("step", "beta"), [(0, 0.02), (10, 0.02), (15, 0.05), (30, 0.14), (31, 0.14), (10_000, 0.14)]
)
def test_beta_is_held_changes_linearly_and_then_stays(ibgan, step, beta):
    model = ibgan(beta=0.14, beta_start=0.02, beta_hold_steps=10, beta_steps=20)
    model.step.assign(step)
    np.testing.assert_allclose(model.upper_bound_weight(), beta, rtol=1e-6)


def test_without_a_schedule_beta_is_constant(ibgan):
    assert ibgan(beta=0.14).upper_bound_weight() == 0.14


def test_the_step_weighs_the_upper_bound_by_the_schedule(
    ibgan, batch, sent_gradients, assert_gradients_close
):
    schedule = {"beta": 0.14, "beta_start": 0.02, "beta_hold_steps": 5, "beta_steps": 20}
    gradients = []
    for settings in ({"beta": 0.08}, schedule):
        model = ibgan(update_order="simultaneous", **settings)
        model.step.assign(15)
        sent = sent_gradients(model)
        scalars = model.train_step(batch)
        gradients.append(sent["generator"])
    np.testing.assert_allclose(scalars["beta"], 0.08, rtol=1e-6)
    assert_gradients_close(*gradients, variables=model.generator_variables)


# The schedule of the learning rates


@pytest.mark.parametrize(
    ("step", "part"), [(0, 1.0), (10, 1.0), (15, 0.775), (30, 0.1), (31, 0.1), (10_000, 0.1)]
)
def test_the_learning_rates_are_held_change_linearly_and_then_stay(ibgan, step, part):
    model = ibgan(
        generator_learning_rate=2e-4,
        discriminator_learning_rate=4e-6,
        learning_rate_end=0.1,
        learning_rate_hold_steps=10,
        learning_rate_steps=20,
    )
    model.step.assign(step)
    np.testing.assert_allclose(model.generator_optimizer.learning_rate, part * 2e-4, rtol=1e-5)
    np.testing.assert_allclose(model.discriminator_optimizer.learning_rate, part * 4e-6, rtol=1e-5)


@pytest.mark.parametrize("update_order", ["simultaneous", "alternating"])
def test_a_scheduled_step_is_one_of_the_rate_at_its_place(ibgan, batch, update_order):
    schedule = {"learning_rate_end": 0.0, "learning_rate_hold_steps": 4, "learning_rate_steps": 8}
    rates = {"generator_learning_rate": 0.01, "discriminator_learning_rate": 0.02}
    halves = {name: rate / 2 for name, rate in rates.items()}
    weights = []
    for settings in (halves, rates | schedule):
        model = ibgan(update_order=update_order, **settings)
        model.step.assign(8)
        scalars = model.train_step(batch)
        weights.append(model.get_weights())
    for constant, scheduled in zip(*weights, strict=True):
        np.testing.assert_allclose(scheduled, constant, rtol=1e-5, atol=1e-7)
    assert scalars["learning_rate_part"] == 0.5


# Instance noise and labels


def test_what_the_networks_see_is_noisy_and_clipped(ibgan, batch, step_by_hand, monkeypatch):
    model = ibgan(update_order="simultaneous")
    expected = step_by_hand(model, batch["images"])
    to_discriminator = record_inputs(monkeypatch, model.discriminator)
    to_reconstructor = record_inputs(monkeypatch, model.reconstructor)
    model.train_step(batch)
    real, generated = expected.real.numpy(), expected.generated.numpy()
    # Real and generated images pass the networks one after the other, never in one batch.
    np.testing.assert_allclose(to_discriminator, [generated, real], atol=1e-5)
    np.testing.assert_allclose(to_reconstructor, [generated, real], atol=1e-5)
    assert np.abs(real).max() == np.abs(generated).max() == 1.0
    assert np.abs(real - batch["images"]).mean() > 0.1


def test_both_phases_see_the_same_generated_images(ibgan, batch, monkeypatch):
    model = ibgan(update_order="alternating")
    given = record_inputs(monkeypatch, model.discriminator)
    model.train_step(batch)
    first, real, second = given
    np.testing.assert_array_equal(first, second)
    assert (real != first).any()


def test_labels_are_smoothed_for_the_discriminator_only(
    ibgan, batch, sent_gradients, step_by_hand, assert_gradients_close
):
    settings = {"trunk": "shared", "update_order": "simultaneous"}
    model = ibgan(**settings)
    hard = sent_gradients(model)
    model.train_step(batch)

    model = ibgan(real_label_low=0.7, real_label_high=1.2, **settings)
    seed = stateless_seed(model.seed, 0, Draw.REAL_LABELS)
    labels = 0.7 + 0.5 * tf.random.stateless_uniform([4], seed)
    step = step_by_hand(model, batch["images"], real_labels=labels)
    expected = step.tape.gradient(step.discriminator_loss, model.discriminator_variables)
    soft = sent_gradients(model)
    model.train_step(batch)
    assert_gradients_close(soft["discriminator"], expected, variables=model.discriminator_variables)
    for gradient, other in zip(soft["generator"], hard["generator"], strict=True):
        np.testing.assert_array_equal(gradient, other)


# Statistics, scalars, repeatability


@pytest.mark.parametrize("trunk", TRUNKS)
def test_real_images_in_the_reconstructor_change_its_statistics_only(ibgan, batch, state, trunk):
    after, scalars = [], []
    for setting in (True, False):
        model = ibgan(trunk=trunk, reconstruct_real_images=setting)
        scalars.append(model.train_step(batch))
        after.append(state(model))
    assert scalars[0] == scalars[1]
    changed = {path for path, value in after[0].items() if (value != after[1][path]).any()}
    # A shared front sees the real images in any case, once, for the discriminator.
    statistics = set(paths(model.reconstructor.non_trainable_variables))
    assert changed == statistics


@every_form
def test_the_scalars_are_the_parts_of_the_objective(ibgan, batch, step_by_hand, trunk, order):
    model = ibgan(trunk=trunk, update_order=order)
    step = step_by_hand(model, batch["images"])
    model.discriminator_optimizer.learning_rate.assign(0.0)  # both orders see one discriminator
    scalars = {name: float(value) for name, value in model.train_step(batch).items()}
    expected = {
        "discriminator_loss": step.discriminator_loss,
        "generator_loss": step.adversarial_loss,
        "probability_real": step.probability_real,
        "probability_generated": step.probability_generated,
        "information_lower_bound": step.noise_energy - step.reconstruction_error,
        "information_upper_bound": step.kl,
        "kl/r00": step.dimension_kl[0],
        "kl/r01": step.dimension_kl[1],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(scalars.pop(name), value, rtol=1e-4, err_msg=name)
    # Of the variance that fits best: half the log of what it leaves of each z's mean square.
    left = tf.reduce_mean((step.z - step.z_hat) ** 2, axis=0)
    fitted = -tf.reduce_sum(tf.math.log(left / tf.reduce_mean(step.z**2, axis=0))) / 2
    assert scalars.keys() == {"information_lower_bound_fitted"}
    np.testing.assert_allclose(scalars["information_lower_bound_fitted"], fitted, rtol=1e-3)


def test_a_step_is_a_function_of_seed_step_and_weights(ibgan, batch, state):
    after = []
    for _ in range(2):
        model = ibgan()
        model.train_step(batch)
        after.append(state(model))
    for path, value in after[0].items():
        np.testing.assert_array_equal(value, after[1][path], err_msg=path)


def test_another_step_draws_other_numbers(ibgan, batch, monkeypatch):
    given = []
    for step in (0, 1):
        model = ibgan(instance_noise_start=0.0)
        model.step.assign(step)
        with monkeypatch.context() as patch:
            inputs = [record_inputs(patch, n) for n in (model.encoder, model.generator)]
            model.train_step(batch)
        given.append(np.concatenate([values.ravel() for [values] in inputs]))
    assert (given[0] != given[1]).all()


# The ways to train


def test_keras_fit_trains(ibgan, batch, state):
    model = ibgan()
    before = state(model)
    dataset = tf.data.Dataset.from_tensors(batch).repeat()
    history = model.fit(dataset, epochs=2, steps_per_epoch=2, shuffle=False, verbose=0).history
    assert int(model.step.value) == 4
    assert changed_paths(model, before, state)
    assert all(np.isfinite(values).all() and len(values) == 2 for values in history.values())
    assert "information_lower_bound" in history


def test_bfloat16_trains_float32_weights_and_stays_finite(tiny_config, image_shape, batch, state):
    model = IBGAN(tiny_config(), image_shape, precision="bfloat16")
    before = state(model)
    for order in ORDERS:
        model.config = tiny_config(update_order=order)
        scalars = model.train_step(batch)
    after = state(model)
    assert {scalar.dtype for scalar in scalars.values()} == {tf.float32}
    assert np.isfinite([float(scalar) for scalar in scalars.values()]).all()
    assert all(np.isfinite(value).all() for value in after.values())
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert changed_paths(model, before, state)
    assert model.generate(tf.zeros([2, 3])).dtype == tf.float32
