import pytest

from ibgan_tf.serving import client, double, opening


def test_an_export_is_opened_by_its_card(published):
    for path in (published.path, published.path.parent):
        opened = opening.open_export(path)
        with opened.generator as generator:
            assert opened.title == "ibgan on dsprites, step 7"
            assert [part["name"] for part in opened.latent] == ["z", "r"]
            assert generator.run("sample", {"seed": [5]})["images"].shape == (1, 64, 64, 1)


def test_a_server_is_opened_alike(published, request):
    server = double.ServingDouble(published.path.parent, model="small-ibgan").start()
    request.addfinalizer(server.stop)
    opened = opening.open_server(server.address, model="small-ibgan")
    with opened.generator as generator:
        assert opened.latent is None
        assert opened.title == f"small-ibgan on {server.address}"
        assert generator.run("sample", {"seed": [5]})["images"].shape == (1, 64, 64, 1)


def test_a_server_that_does_not_answer_is_told_at_once():
    patience = client.Patience(attempts=1)
    with pytest.raises(client.ServingError, match="must be running"):
        opening.open_server("127.0.0.1:9", model="m", patience=patience)


def test_the_newest_version_is_taken_by_its_number(tmp_path):
    for name in ("9", "10", "serving", ".tmp-11"):
        (tmp_path / name).mkdir()
    assert opening.newest_version(tmp_path) == tmp_path / "10"


@pytest.mark.parametrize("make", ["nothing", "an empty folder", "a file"])
def test_what_holds_no_version_is_refused_with_the_command_that_makes_one(tmp_path, make):
    path = tmp_path / "models"
    if make == "an empty folder":
        path.mkdir()
    elif make == "a file":
        path.write_text("")
    with pytest.raises(FileNotFoundError, match="must hold an exported version.*export_model.py"):
        opening.open_export(path)
