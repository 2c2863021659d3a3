import pytest
import tensorflow as tf

from ibgan_tf.seeds import Draw, check_seed, stateless_seed


def seed_of(seed, step, draw):
    return tuple(stateless_seed(seed, step, draw).numpy())


def test_a_seed_is_a_function_of_seed_step_and_draw():
    assert seed_of(3, 10, Draw.NOISE) == seed_of(3, 10, Draw.NOISE)


def test_seed_step_and_draw_each_change_it():
    triples = [(s, step, draw) for s in (0, 1, 2) for step in (0, 1, 2) for draw in Draw]
    assert len({seed_of(*triple) for triple in triples}) == len(triples)


def test_neighbouring_seeds_draw_numbers_that_have_nothing_in_common():
    draws = [
        tf.random.stateless_normal([4], stateless_seed(seed, step, Draw.NOISE)).numpy()
        for seed in range(3)
        for step in range(3)
    ]
    numbers = {float(number) for draw in draws for number in draw}
    assert len(numbers) == 4 * len(draws)


def test_the_step_may_be_a_python_number_or_a_tensor():
    expected = seed_of(3, 10, Draw.CODE)
    assert seed_of(3, tf.constant(10, tf.int64), Draw.CODE) == expected
    assert seed_of(3, tf.constant(10, tf.int32), Draw.CODE) == expected


def test_a_graph_makes_the_same_seeds():
    in_graph = tf.function(lambda step: stateless_seed(3, step, Draw.CODE))
    assert tuple(in_graph(tf.constant(10, tf.int64)).numpy()) == seed_of(3, 10, Draw.CODE)


def test_seeds_fit_the_stateless_functions():
    seed = stateless_seed(2**31 - 1, 2**31 - 1, Draw.EVALUATION)
    assert seed.dtype == tf.int32
    assert seed.shape == [2]


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_outside_of_int32_is_refused(seed):
    with pytest.raises(ValueError, match=rf"seed must lie in 0..2147483647. Received: seed={seed}"):
        check_seed(seed)


@pytest.mark.parametrize("seed", [1.5, True, "1"])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(TypeError, match=f"seed must be a whole number. Received: seed={seed!r}"):
        check_seed(seed)


def test_the_first_and_the_last_seed_are_taken():
    for seed in (0, 2**31 - 1):
        check_seed(seed)


def test_the_numbers_of_the_draws_are_never_changed():
    # A changed number would make every recorded run of that seed another run.
    assert {draw.name: draw.value for draw in Draw} == {
        "DATA_ORDER": 0,
        "NOISE": 1,
        "CODE": 2,
        "INSTANCE_NOISE_REAL": 3,
        "INSTANCE_NOISE_GENERATED": 4,
        "REAL_LABELS": 5,
        "EVALUATION": 6,
        "PERMUTATION": 7,
        "CATEGORY": 8,
        "IMAGE_NOISE": 9,
        "INFERRED_CODE": 10,
        "INFERRED_CATEGORY": 11,
        "RECONSTRUCTED_CODE": 12,
        "RECONSTRUCTED_CATEGORY": 13,
    }
