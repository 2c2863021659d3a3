import os
import subprocess

import pytest
from google.protobuf import text_format

from ibgan_tf.serving import server_config


@pytest.fixture
def model_dir(tmp_path):
    folder = tmp_path / "small"
    for version in (1, 2, 3):
        (folder / str(version)).mkdir(parents=True)
    return folder


def write(model_dir, *versions):
    """Writes the settings for some versions; returns models.config as its message."""
    from tensorflow_serving.config import model_server_config_pb2

    folder = server_config.write(model_dir, name="small", versions=list(versions))
    message = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((folder / "models.config").read_text(), message)
    (config,) = message.model_config_list.config
    return config


def test_the_only_version_is_stable_and_newer_ones_are_loaded_beside_it(model_dir):
    config = write(model_dir, 1)
    assert config.name == "small" and config.base_path == "/models/small"
    assert config.model_platform == "tensorflow"
    assert dict(config.version_labels) == {"stable": 1}
    assert config.model_version_policy.HasField("all")


def test_a_second_version_is_the_canary(model_dir):
    write(model_dir, 1)
    config = write(model_dir, 1, 2)
    assert dict(config.version_labels) == {"stable": 1, "canary": 2}


def test_the_canary_is_the_newest_and_stable_stays(model_dir):
    write(model_dir, 1)
    config = write(model_dir, 1, 2, 3)
    assert dict(config.version_labels) == {"stable": 1, "canary": 3}
    # A server refuses a label of a version that isn't loaded, and with it the whole file.
    assert config.model_version_policy.HasField("all")


def test_stable_moves_on_when_its_version_is_gone(model_dir):
    write(model_dir, 1)
    assert dict(write(model_dir, 2, 3).version_labels) == {"stable": 2, "canary": 3}
    assert dict(write(model_dir, 3).version_labels) == {"stable": 3}


@pytest.mark.parametrize(
    "label",
    [
        'version_labels { key: "stable" value: 2 }',
        "version_labels {\n  value: 2\n  key: 'stable'\n}",
        'version_labels: {key:"stable",value:2}',
    ],
)
def test_a_promotion_by_hand_is_kept_however_it_is_written(model_dir, label):
    write(model_dir, 1, 2)
    path = model_dir / "serving" / "models.config"
    text = path.read_text().replace('version_labels { key: "stable" value: 1 }', label)
    path.write_text(text.replace('version_labels { key: "canary" value: 2 }', ""))
    assert dict(write(model_dir, 1, 2, 3).version_labels) == {"stable": 2, "canary": 3}


def test_other_labels_stay_while_their_versions_are_there(model_dir):
    write(model_dir, 1)
    path = model_dir / "serving" / "models.config"
    more = (
        '    version_labels { key: "old" value: 1 }\n    version_labels { key: "gone" value: 9 }\n'
    )
    path.write_text(path.read_text().replace("  }\n}", more + "  }\n}"))
    assert dict(write(model_dir, 1, 2).version_labels) == {"stable": 1, "canary": 2, "old": 1}


def test_what_was_changed_in_the_other_files_stays(model_dir):
    write(model_dir, 1)
    path = model_dir / "serving" / "batching.config"
    changed = path.read_text().replace("batch_timeout_micros { value: 0 }", "# none")
    path.write_text(changed)
    write(model_dir, 1, 2)
    assert path.read_text() == changed


def test_the_batch_sizes_ascend_and_end_at_the_largest(model_dir):
    write(model_dir, 1)
    text = (model_dir / "serving" / "batching.config").read_text()
    lines = [line.split(": ") for line in text.splitlines() if line.startswith("allowed")]
    assert [int(size) for _, size in lines] == [1, 2, 4, 8, 16, 32, 64]
    assert "max_batch_size { value: 64 }" in text
    assert f"num_batch_threads {{ value: {os.cpu_count()} }}" in text


def test_the_settings_are_checked_by_their_message(model_dir):
    write(model_dir, 1, 2)
    assert server_config.check(model_dir) == "models.config read: small, canary 2, stable 1"
    (model_dir / "2").rmdir()
    with pytest.raises(ValueError, match=r"must name versions that exist. Received: \[2\]"):
        server_config.check(model_dir)
    (model_dir / "serving" / "models.config").write_text("model_config_list { confg { } }")
    with pytest.raises(ValueError, match="models.config must be a ModelServerConfig"):
        server_config.check(model_dir)


def test_a_folder_without_settings_is_told(model_dir):
    assert server_config.check(model_dir).startswith("no server settings beside it: ")


@pytest.fixture
def binaries(tmp_path):
    """A PATH on which tensorflow_model_server shows its flags and settings, then runs a script."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(script):
        server = folder / "tensorflow_model_server"
        server.write_text(
            '#!/bin/sh\nfor flag; do echo "$flag"; done\n'
            "for flag; do case $flag in --model_config_file=*) config=${flag#*=};; esac; done\n"
            f'cat "$config"\n{script}\n'
        )
        server.chmod(0o755)
        return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}

    return make


def test_the_script_serves_the_folder_wherever_it_lies(model_dir, tmp_path, binaries):
    write(model_dir, 1)
    (tmp_path / "R&D #1").mkdir()
    moved = model_dir.rename(tmp_path / "R&D #1" / "moved models").joinpath("serving")
    done = subprocess.run(
        [moved / "tensorflow_model_server.sh", "--port=9000"],
        env=binaries("exit 7"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7
    lines = done.stdout.splitlines()
    assert f"--batching_parameters_file={moved}/batching.config" in lines
    assert f"--monitoring_config_file={moved}/monitoring.config" in lines
    assert lines.index("--port=9000") > lines.index("--port=8500")
    assert f'    base_path: "{moved.parent}"' in lines


def test_the_script_passes_on_what_changes_and_ends_with_its_server(model_dir, tmp_path, binaries):
    write(model_dir, 1, 2)
    ended = tmp_path / "ended"
    environment = binaries(
        f"trap 'echo ended > \"{ended}\"; exit 0' TERM\n"
        "while ! grep -q 'value: 7' \"$config\"; do sleep 0.05; done; echo changed\n"
        "while true; do sleep 0.05; done"
    )
    with subprocess.Popen(
        [model_dir / "serving" / "tensorflow_model_server.sh"],
        env=environment | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        path = model_dir / "serving" / "models.config"
        while "base_path" not in process.stdout.readline():
            pass
        path.write_text(path.read_text().replace("value: 2", "value: 7"))
        while process.stdout.readline() != "changed\n":
            assert process.poll() is None
        process.terminate()
        assert process.wait(10) == 0
    assert ended.read_text() == "ended\n"
    assert not list(tmp_path.glob("tmp.*"))


def test_the_compose_file_mounts_the_model_and_opens_this_machine_alone(model_dir):
    write(model_dir, 1)
    text = (model_dir / "serving" / "docker-compose.yml").read_text()
    lines = [line.strip() for line in text.splitlines() if not line.startswith("#")]
    assert lines[:2] == ["services:", "small:"]
    after = {name: lines.index(name) + 1 for name in ("ports:", "volumes:", "command:")}
    assert lines[after["ports:"] :][:3] == [
        '- "127.0.0.1:8500:8500"',
        '- "127.0.0.1:8501:8501"',
        "volumes:",
    ]
    assert lines[after["volumes:"]] == '- "..:/models/small:ro"'
    assert lines[after["command:"]] == (
        '- "--model_config_file=/models/small/serving/models.config"'
    )
