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


def test_the_only_version_is_stable_and_newer_ones_are_served_as_they_come(model_dir):
    config = write(model_dir, 1)
    assert config.name == "small" and config.base_path == "/models/small"
    assert config.model_platform == "tensorflow"
    assert dict(config.version_labels) == {"stable": 1}
    assert not config.HasField("model_version_policy")


def test_a_second_version_is_the_canary_and_both_are_served(model_dir):
    write(model_dir, 1)
    config = write(model_dir, 1, 2)
    assert dict(config.version_labels) == {"stable": 1, "canary": 2}
    assert list(config.model_version_policy.specific.versions) == [1, 2]


def test_the_canary_is_the_newest_and_stable_stays(model_dir):
    write(model_dir, 1)
    config = write(model_dir, 1, 2, 3)
    assert dict(config.version_labels) == {"stable": 1, "canary": 3}
    assert list(config.model_version_policy.specific.versions) == [1, 3]


def test_stable_moves_on_when_its_version_is_gone(model_dir):
    write(model_dir, 1)
    assert dict(write(model_dir, 2, 3).version_labels) == {"stable": 2, "canary": 3}
    assert dict(write(model_dir, 3).version_labels) == {"stable": 3}


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


def test_the_script_serves_the_folder_wherever_it_lies(model_dir, tmp_path):
    write(model_dir, 1)
    moved = model_dir.rename(tmp_path / "moved models").joinpath("serving")
    binaries = tmp_path / "bin"
    binaries.mkdir()
    server = binaries / "tensorflow_model_server"
    server.write_text(
        '#!/bin/sh\nfor flag; do echo "$flag"; done\n'
        'for flag; do case $flag in --model_config_file=*) cat "${flag#*=}";; esac; done\n'
    )
    server.chmod(0o755)
    done = subprocess.run(
        [moved / "tensorflow_model_server.sh", "--port=9000"],
        env=os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert f"--batching_parameters_file={moved}/batching.config" in lines
    assert f"--monitoring_config_file={moved}/monitoring.config" in lines
    assert lines.index("--port=9000") > lines.index("--port=8500")
    assert f'    base_path: "{moved.parent}"' in lines


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
