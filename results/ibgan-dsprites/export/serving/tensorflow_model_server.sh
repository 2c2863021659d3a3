#!/bin/sh
# Serves the versions beside this folder by an installed tensorflow_model_server: gRPC on port 8500,
# REST and metrics on port 8501. Flags given here are passed on.
set -e
here=$(cd "$(dirname "$0")" && pwd)
config=$(mktemp)
trap 'rm -f "$config"' EXIT
# A base path must be absolute; that of models.config is the container's.
sed "s#base_path: .*#base_path: \"$(dirname "$here")\"#" "$here/models.config" > "$config"
tensorflow_model_server --port=8500 --rest_api_port=8501 \
  --model_config_file="$config" \
  --allow_version_labels_for_unavailable_models=true \
  --enable_batching=true \
  --batching_parameters_file="$here/batching.config" \
  --monitoring_config_file="$here/monitoring.config" \
  --enable_model_warmup=true "$@"
