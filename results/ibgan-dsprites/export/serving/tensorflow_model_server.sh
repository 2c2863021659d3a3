#!/bin/sh
# Serves the versions beside this folder by an installed tensorflow_model_server: gRPC on port 8500,
# REST and metrics on port 8501, at every address of this machine. Flags given here are passed on.
here=$(cd "$(dirname "$0")" && pwd) || exit
copies=$(mktemp -d) || exit
trap 'rm -rf "$copies"' EXIT

# A base path must be absolute, and that of models.config is the container's: so here is a copy.
copy() {
  BASE=$(dirname "$here") awk '
    BEGIN { base = ENVIRON["BASE"]; gsub(/[\\"]/, "\\\\&", base) }
    /base_path:/ { print "    base_path: \"" base "\""; next }
    { print }
  ' "$here/models.config" > "$copies/new" && mv "$copies/new" "$copies/models.config"
}

copy || exit
tensorflow_model_server --port=8500 --rest_api_port=8501 \
  "--model_config_file=$copies/models.config" \
  "--model_config_file_poll_wait_seconds=60" \
  "--allow_version_labels_for_unavailable_models=true" \
  "--enable_batching=true" \
  "--batching_parameters_file=$here/batching.config" \
  "--monitoring_config_file=$here/monitoring.config" \
  "--enable_model_warmup=true" \
  "$@" &
server=$!
trap 'kill "$server"' INT TERM
while kill -0 "$server" 2> /dev/null; do
  copy
  sleep 2 > /dev/null 2>&1 &
  wait "$!"
done
wait "$server"
