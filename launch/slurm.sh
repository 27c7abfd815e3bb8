#!/usr/bin/env bash
#SBATCH --job-name=dni
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=2
#SBATCH --time=01:00:00
# A run on a SLURM cluster: Ray starts on the nodes of the allocation, runs it, and stops.
#
# Prerequisites: SLURM, a home directory that all nodes share, and in it a Python environment with dni_actors, whose bin
#   comes first in PATH.
# Usage: sbatch launch/slurm.sh --boxes 8 --task rows --name first [any option of python -m dni_actors.launch]
#   A run whose time is over goes on with the same command (and --name).
#   DNI_STORAGE   where runs go; default ~/dni-runs
set -euo pipefail
port=6379
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# A token of this job's own, in a file that only its user can read.
umask 077
mkdir -p "$HOME/.ray"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$HOME/.ray/slurm-$SLURM_JOB_ID"
trap 'rm -f "$RAY_AUTH_TOKEN_PATH"' EXIT
python -c 'import secrets; print(secrets.token_hex(32), end="")' > "$RAY_AUTH_TOKEN_PATH"
export RAY_USAGE_STATS_ENABLED=0
srun --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 \
  ray symmetric-run --address "$head:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \
  --num-cpus="${SLURM_CPUS_PER_TASK:-1}" \
  -- python -m dni_actors.launch --address "$head:$port" --storage "${DNI_STORAGE:-$HOME/dni-runs}" "$@"
