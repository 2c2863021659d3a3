import pytest

from ibgan_tf.runs.resolve import resolve_run, resume_run
from ibgan_tf.runs.run_directory import write_record


@pytest.fixture
def resolve(models, datasets):
    return lambda **given: resolve_run(given, models=models, datasets=datasets)


def test_the_preset_of_the_data_set_is_above_the_class_defaults(resolve):
    pieces = resolve(model="toy", dataset="shapes")
    assert pieces["preset"] == "shapes"
    assert (pieces["options"].steps, pieces["options"].batch_size) == (1000, 64)
    assert pieces["model_config"].beta == 0.5
    assert pieces["model_config"].widths == (32, 32)


def test_what_is_given_is_above_the_preset(resolve):
    pieces = resolve(
        model="toy", dataset="shapes", beta=2.0, steps=7, seed=3, colored=True, trunk="shared"
    )
    assert pieces["model_config"].beta == 2.0
    assert pieces["model_config"].trunk == "shared"
    assert (pieces["options"].steps, pieces["options"].seed) == (7, 3)
    assert pieces["options"].batch_size == 64
    assert pieces["dataset_settings"].colored


def test_any_preset_goes_with_any_data_set(resolve):
    pieces = resolve(model="toy", dataset="digits", preset="shapes_fast")
    assert (pieces["preset"], pieces["options"].steps) == ("shapes_fast", 50)
    assert pieces["model_config"].beta == 0.1


def test_a_model_without_preset_of_that_name_has_its_class_defaults(resolve):
    pieces = resolve(model="bare", dataset="shapes", steps=5, batch_size=2)
    assert pieces["preset"] == "none"
    assert pieces["model_config"].beta == 1.0


def test_the_class_defaults_can_be_asked_for(resolve):
    pieces = resolve(model="toy", dataset="shapes", preset="none", steps=5, batch_size=2)
    assert (pieces["preset"], pieces["model_config"].beta) == ("none", 1.0)


def test_without_a_preset_steps_must_be_given_and_a_batch_has_64_images(resolve):
    with pytest.raises(ValueError, match="steps must be given.*Add --steps="):
        resolve(model="bare", dataset="shapes", batch_size=2)
    assert resolve(model="bare", dataset="shapes", steps=5)["options"].batch_size == 64


def test_an_unknown_preset_is_refused_with_the_nearest(resolve):
    with pytest.raises(ValueError, match=r"preset must be one of.*Did you mean 'shapes_fast'\?"):
        resolve(model="toy", dataset="shapes", preset="shape_fast")


def test_a_preset_of_another_model_is_refused_with_that_model(resolve):
    message = (
        r"one of bare's. Received: preset='shapes_fast', which is one of toy: give --model=toy"
    )
    with pytest.raises(ValueError, match=message):
        resolve(model="bare", dataset="shapes", preset="shapes_fast")


def test_an_unknown_model_is_refused_with_the_nearest(resolve):
    with pytest.raises(ValueError, match=r"Received: model='tyo'. Did you mean 'toy'\?"):
        resolve(model="tyo", dataset="shapes")


def test_the_data_set_must_be_given(resolve):
    with pytest.raises(ValueError, match="dataset must be one of: digits, shapes"):
        resolve(model="toy")


def test_an_unknown_setting_is_refused_with_the_nearest(resolve):
    with pytest.raises(ValueError, match=r"Did you mean 'colored'\?"):
        resolve(model="toy", dataset="shapes", coloured=True)


def test_a_setting_out_of_its_range_is_refused(resolve):
    with pytest.raises(ValueError, match="beta must be >= 0. Received: beta=-1.0"):
        resolve(model="toy", dataset="shapes", beta=-1.0)


def test_a_run_goes_on_with_its_record_and_what_may_change(tmp_path, record, models, datasets):
    write_record(tmp_path, record)
    resumed = resume_run(tmp_path, {"steps": 3000}, models=models, datasets=datasets)
    assert resumed.options.steps == 3000
    assert resumed.model_config == record.model_config
    with pytest.raises(ValueError, match="beta must stay"):
        resume_run(tmp_path, {"beta": 9.0}, models=models, datasets=datasets)
