#!/usr/bin/env bash
# All that has to be measured on a GPU, in one call of at most 8 minutes, on a machine that may have nothing but Python and torch:
#
#   test/gpu/run.sh OUT             # OUT/rows.jsonl line by line, then OUT/gpu.json, OUT/table.txt, and OUT/log.txt
#   test/gpu/run.sh --dry-run OUT   # the same on the CPU with tiny sizes, to see that it runs: nothing of it is a result
#
#   PYTHON   which Python (python3)
#   WHEELS   a folder of wheels that the machine may lack (.wheels): put in front of what is installed, without the network
#   LIMIT    [s] for everything (480)
#
# Each stage is a process of its own: what it reserved on the GPU is free again for the next one, and its crash is its own. What is not
# there is said and left out. The table comes whatever happens.
set -uo pipefail
cd "$(dirname "$0")/../.."

dry=()
[[ "${1:-}" == --dry-run ]] && { dry=(--dry-run); shift; }
out=${1:?usage: test/gpu/run.sh [--dry-run] OUT}
mkdir -p "$out"
out=$(realpath "$out")
python=${PYTHON:-python3}
limit=${LIMIT:-480}
rows=$out/rows.jsonl log=$out/log.txt
: >"$rows"
: >"$log"
work=$(mktemp -d)

finish() {
    "$python" test/gpu/gather.py "$rows" "$out/gpu.json" | tee "$out/table.txt"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT

export PYTHONPATH=$PWD:$PWD/test/system:$PWD/test/runtime${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
wheels=(${WHEELS:-.wheels}/*.whl)
if [[ -e ${wheels[0]} ]]; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$work/site" "${wheels[@]}" >>"$log" 2>&1 \
        && export PYTHONPATH=$work/site:$PYTHONPATH || echo "the wheels could not be installed, see $log"
fi

# stage NAME SECONDS COMMAND...: at most so long, and never beyond the limit of all
stage() {
    local name=$1 most=$2 left=$((limit - SECONDS)) start=$SECONDS code=0
    shift 2
    ((most < left)) || most=$left
    if ((most < 5)); then
        code=skipped
    else
        echo "== $name (at most $most s)" | tee -a "$log"
        timeout --kill-after=5 "$most" "$@" >>"$log" 2>&1 || code=$?
    fi
    printf '{"stage": "stages", "name": "%s", "seconds": %d, "code": "%s"}\n' "$name" $((SECONDS - start)) "$code" >>"$rows"
    [[ $code == 0 ]] || echo "   $name ended with $code: $(tail -n 1 "$log" | cut -c -160)"
}

if [[ ${#dry[@]} -gt 0 ]]; then
    device=cpu heads=(--heads mlp flow --batch 1 2 --rounds 4 --threads 1)
else
    device=cuda heads=(--batch 1 16 64 --rounds 100)
fi

stage inventory 60 "$python" test/gpu/inventory.py "$rows" "${dry[@]}"
stage tests 90 "$python" test/gpu/cuda_tests.py "$rows" "${dry[@]}"
stage heads 150 "$python" -m neon_control.tools.cli bench --device $device --only-device --rows "$rows" "${heads[@]}"
stage path 60 "$python" test/gpu/whole_path.py "$rows" "${dry[@]}"
stage learning 40 "$python" test/gpu/learning.py "$rows" "${dry[@]}"
for model in vjepa2_vitl qwen2_5_vl_3b qwen3_vl_4b qwen2_5_vl_7b; do
    stage "$model" 60 "$python" test/gpu/backbones.py "$rows" $model "${dry[@]}"
done
[[ $device == cpu ]] || stage tensorrt 120 "$python" -m neon_control.tools.cli bench --device cuda --only-device --ways tensorrt --rows "$rows" "${heads[@]}"
