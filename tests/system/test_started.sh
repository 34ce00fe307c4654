#!/usr/bin/env bash
# Started in ways that would go wrong silently: many processes that do not know of each other, ranks that were not given
# the same, ranks bound to few of many cores.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

write_config plain.ini plain
unset OMP_NUM_THREADS
slurm=(SLURM_JOB_ID=7 SLURM_NTASKS=4 SLURM_NPROCS=4 SLURM_PROCID=0)

# srun without PMI: the first process tells why, the others that they leave, and nobody writes.
step=(env "${slurm[@]}" SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4)
expect_exit 2 "${step[@]}" cnn-train plain.ini
expect_message "one of 4 processes"
# shellcheck disable=SC2016 # backquotes of the message
expect_message '`srun --mpi=pmix`'
expect_match '^error: ' err
expect_exit 2 "${step[@]}" SLURM_PROCID=3 cnn-train plain.ini
expect_match '^error \(rank 3 on .*\): not started: process 3 of 4, of which the first one tells why$' err
[ ! -e plain ] || fail "a process of many has made a folder"

# A command of a batch script, a step of one process, and what the message advises.
expect_exit 0 env "${slurm[@]}" cnn-train --dry-run plain.ini
expect_exit 0 "${step[@]}" SLURM_STEP_NUM_TASKS=1 cnn-train --dry-run plain.ini
expect_exit 0 "${step[@]}" env -u SLURM_STEP_NUM_TASKS cnn-train --dry-run plain.ini

need_mpirun

# The launcher of another MPI.
expect_exit 2 env PMI_RANK=0 PMI_SIZE=4 cnn-train plain.ini
expect_message "the mpirun of the MPI that this program was built with"
expect_exit 0 env PMI_RANK=0 PMI_SIZE=1 cnn-train --dry-run plain.ini

# refused CODE TEXT... -- MPIRUN-ARGUMENTS: one message, on one line, with these texts, and no rank left behind.
refused()
{
    local code=$1 texts=()
    shift
    while [ "$1" != -- ]; do
        texts+=("$1")
        shift
    done
    shift
    expect_exit "$code" mpirun --timeout 60 --bind-to none "$@"
    [ "$(grep -c '^error' err)" = 1 ] || fail "not one message: $(cat err)"
    for text in "${texts[@]}"; do
        expect_message "$text"
    done
}
host=$(hostname)
dry=(cnn-train --dry-run plain.ini)
refused 2 "same command line: rank 1 on $host differs from rank 0 on $host" -- \
    -np 1 "${dry[@]}" : -np 1 cnn-train --check-gradients plain.ini
refused 2 "same command line: ranks 0-1 on $host differ from rank 2" -- -np 2 cnn-train --no-such plain.ini : -np 3 "${dry[@]}"
refused 2 "same command line: rank 1" -- -np 1 cnn-train --help : -np 1 "${dry[@]}"
refused 2 "same configuration: rank 2 on $host differs" -- -np 2 "${dry[@]}" : -np 1 "${dry[@]}" --set train.lr=0.3
refused 2 "rank 1 on $host" "no_such" -- -np 1 "${dry[@]}" : -np 1 "${dry[@]}" --set train.no_such=0.3
cp "$build/cnn-train" other-train
echo >>other-train
refused 2 "same program: rank 2 on $host differs" -- -np 2 "${dry[@]}" : -np 1 ./other-train "${dry[@]:1}"

# Files of two hosts, as far as one host can have them: each rank with its own copy.
own=(--set data.share=no --set "data.file=$tmp/own.h5")
cp "$source/data/digits.h5" own.h5
expect_exit 0 mpirun --timeout 60 --bind-to none -np 1 "${dry[@]}" --set data.share=no : -np 1 "${dry[@]}" "${own[@]}"
python=$(find_python) && {
    # Not sealed, so that nothing but a comparison tells.
    "$python" - "$source/data/digits.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as a, h5py.File("own.h5", "w") as b:
    for name in "train", "test":
        a.copy(name, b)
    b["test/labels"][7] = 9 - b["test/labels"][7]
PY
    refused 3 "same data: rank 1 on $host differs" -- -np 1 "${dry[@]}" --set data.share=no : -np 1 "${dry[@]}" "${own[@]}"
}

# Refused before the tables, also where nothing is trained; and ranks that would have nothing to do.
refused 2 "wants a power of two" -- -np 3 "${dry[@]}" --set distributed.allreduce=tree
[ ! -s out ] || fail "tables of a run that is refused: $(cat out)"
expect_exit 0 ranks 3 "${dry[@]}" --set distributed.shards=2
expect_message "1 of 3 ranks have nothing to do, since a batch of 20 is cut into 2 shards: start fewer, or raise distributed.shards"
expect_exit 0 ranks 3 "${dry[@]}" --set train.batch=2
expect_message "1 of 3 ranks have nothing to do, since a batch of 2 is cut into 3 shards: start fewer, or raise train.batch"
expect_exit 0 ranks 3 "${dry[@]}"
grep -q "nothing to do" err && fail "all have something to do, yet: $(cat err)"

# Threads by cores: all, shared, bound to one; and the user's number, which wins.
cores=$(lscpu -p=core,socket 2>/dev/null | grep -v '^#' | sort -u | wc -l)
if [ "$cores" -lt 2 ] || [ "$(nproc)" -lt "$cores" ]; then
    echo "threads and binding: not tested on this machine"
    finish
fi
expect_exit 0 ranks 1 "${dry[@]}"
expect_message "on 1 rank with $cores threads" out
[ ! -s err ] || fail "placed well, yet: $(cat err)"
expect_exit 0 ranks 2 "${dry[@]}"
expect_message "on 2 ranks with $((cores / 2)) thread" out
[ ! -s err ] || fail "placed well, yet: $(cat err)"
expect_exit 0 mpirun --timeout 60 --bind-to core -np 1 "${dry[@]}"
expect_message "on 1 rank with 1 thread" out
expect_message "mpirun --bind-to none"
expect_exit 0 ranks $((cores + 1)) "${dry[@]}"
[ "$(grep -c 'wait for each other' err)" = 1 ] || fail "more ranks than cores: $(cat err)"
OMP_PROC_BIND=true expect_exit 0 ranks 2 "${dry[@]}"
expect_message "2 ranks to the same cores: OMP_PROC_BIND=false"
OMP_PROC_BIND=true expect_exit 0 "${dry[@]}"
expect_message "on 1 rank with $(nproc) threads" out
export OMP_NUM_THREADS=$((cores + 3))
expect_exit 0 ranks 2 "${dry[@]}"
expect_message "on 2 ranks with $OMP_NUM_THREADS threads" out
expect_message "OMP_NUM_THREADS=$((cores / 2))"
expect_exit 0 "${dry[@]}"
[ ! -s err ] || fail "alone, it says: $(cat err)"
finish
