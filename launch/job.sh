#!/usr/bin/env bash
# Submits a run to a Ray cluster, follows its log, and ends as the run does.
#
# Prerequisites: a cluster that runs (README.md beside this file), whose nodes have what pyproject.toml lists; here
#   ray[default], the cluster's token in ~/.ray/auth_token (or RAY_AUTH_TOKEN_PATH), and a way to its dashboard, which
#   listens on its own machine only: ssh -L 8265:127.0.0.1:8265 HEAD
# Usage: launch/job.sh --boxes 8 --task rows --storage /shared/runs [any option of python -m dni_actors.launch]
#   RAY_API_SERVER_ADDRESS   the dashboard; default http://127.0.0.1:8265
#   JOB_OPTIONS              options of `ray job submit`, such as "--no-wait --submission-id first"
#   Without --storage, runs go to ~/dni-runs on the cluster's head.
set -euo pipefail
cd "$(dirname "$0")/.."
export RAY_API_SERVER_ADDRESS="${RAY_API_SERVER_ADDRESS:-http://127.0.0.1:8265}"
export RAY_AUTH_MODE="${RAY_AUTH_MODE:-token}"
unset RAY_ADDRESS # the cluster's own address, which is none of a dashboard
token="${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}"
if [ -f "$token" ]; then chmod 600 "$token"; fi
storage=(--storage '~/dni-runs') # for the shell over there
for word in "$@"; do
  case "$word" in --storage | --storage=* | --resume | --resume=*) storage=() ;; esac
done
# shellcheck disable=SC2086  # JOB_OPTIONS are words
exec "${RAY:-ray}" job submit --working-dir . --runtime-env launch/runtime-env.yaml ${JOB_OPTIONS:-} \
  -- python -m dni_actors.launch "$@" "${storage[@]}"
