import pytest

from ibgan_tf import registry

TABLE = {"ibgan": 1, "gan": 2, "beta_vae": 3}


def test_lookup_returns_the_entry():
    assert registry.lookup(TABLE, "gan", kind="model") == 2


def test_an_unknown_name_lists_the_names_and_suggests_the_nearest():
    with pytest.raises(ValueError) as error:
        registry.lookup(TABLE, "ibgna", kind="model")
    assert str(error.value) == (
        "model must be one of: beta_vae, gan, ibgan. Received: model='ibgna'. Did you mean 'ibgan'?"
    )


def test_a_name_unlike_any_other_gets_no_suggestion():
    with pytest.raises(ValueError, match=r"Received: model='xxxxxxxx'\.$"):
        registry.lookup(TABLE, "xxxxxxxx", kind="model")


def test_an_empty_table_says_so():
    with pytest.raises(ValueError, match=r"must be one of: \(none\)"):
        registry.lookup({}, "gan", kind="model")


def test_the_nearest_name_is_found_whatever_the_case():
    assert registry.nearest("BETA-VAE", TABLE) == "beta_vae"


def test_a_part_of_one_name_alone_stands_for_it():
    assert registry.nearest("fast", ["dsprites", "dsprites_fast", "celeba"]) == "dsprites_fast"
    assert registry.nearest("fast", ["dsprites_fast", "color_dsprites_fast"]) is None
    assert registry.nearest("a", ["dsprites", "celeba"]) is None


def test_no_name_is_nearest_to_one_unlike_all():
    assert registry.nearest("quantum", TABLE) is None


@pytest.mark.parametrize("name", ["step-100", "a", "20260131-120000", "v1.2_rc"])
def test_a_plain_name_may_become_part_of_a_path(name):
    assert registry.check_file_name(name, kind="version") == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", ".hidden", "-x", "a\n", "a b", "a\0b"]
)
def test_a_name_that_could_leave_its_folder_is_refused(name):
    with pytest.raises(ValueError, match="version must be made of letters") as error:
        registry.check_file_name(name, kind="version")
    assert repr(name) in str(error.value)
