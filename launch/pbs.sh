#!/usr/bin/env bash
# Trains under PBS Professional or OpenPBS, through time limits and the failure of nodes, until the run is done.
#
#     qsub -v CONFIG=configs/fashion-mnist.ini launch/pbs.sh
#     qsub -l select=4:ncpus=16:mpiprocs=2:ompthreads=8 -v CONFIG=big.ini,OPTIONS='--set run.name=night' launch/pbs.sh
#
# CONFIG is the configuration, OPTIONS what else cnn-train is to be told (words without blanks in them). The lines that begin with
# #PBS are qsub's defaults: edit them for your machines; its command line wins over them. `##` in front switches a line off.
# Folders are seen from the one in which qsub was called; all nodes must see it.

#PBS -N cnn-train
#PBS -j oe
## Nodes, cores of each, ranks per node, threads per rank. One rank per NUMA domain is a good start (`lscpu | grep NUMA`); here: two
## domains of 8. One rank per core: mpiprocs=16:ompthreads=1; for large batches only, because each shard of them gets small.
#PBS -l select=2:ncpus=16:mpiprocs=2:ompthreads=8
#PBS -l place=scatter
#PBS -l walltime=08:00:00
## Started again by PBS where a node fails, or a job of higher priority takes the nodes.
#PBS -r y
##PBS -q
##PBS -A

set -uo pipefail

# PBS gives no warning before the walltime is over. So many seconds before, this script asks the ranks for a checkpoint, and hands
# in a job that goes on when this one has ended. The seconds must do for a step and a checkpoint.
margin=${MARGIN:-120}
# Starts after a failure, within one job, and the pause before the first; each further pause is twice as long.
restarts=${RESTARTS:-3}
pause=${PAUSE:-10}
# module load openmpi hdf5 openblas

say()
{
    echo "pbs.sh: $(date '+%F %T') job ${PBS_JOBID:-?}: $*"
}

[ -n "${PBS_JOBID:-}" ] || { echo "error: this is a script for PBS: qsub -v CONFIG=FILE.ini $0" >&2; exit 2; }
cd "${PBS_O_WORKDIR:-.}" || exit 2
[ -n "${CONFIG:-}" ] || { echo "error: no configuration; qsub -v CONFIG=FILE.ini launch/pbs.sh" >&2; exit 2; }
# The program; otherwise build/cnn-train of the folder in which qsub was called, or the one in PATH. PBS runs a copy of this script;
# SCRIPT is what is handed in again.
program=${CNN_TRAIN:-$PWD/build/cnn-train}
script=${SCRIPT:-$PWD/launch/pbs.sh}
[ -x "$program" ] || [ -n "${CNN_TRAIN:-}" ] || program=$(command -v cnn-train)
[ -x "$program" ] || { echo "error: there is no program ${program:-build/cnn-train}; build it, or name one in CNN_TRAIN" >&2; exit 2; }
read -ra options <<<"${OPTIONS:-}"

# PBS sets OMP_NUM_THREADS to ompthreads. A host stands in the node file once for each of its ranks. An Open MPI that was built without
# PBS's library reaches the other hosts by ssh. Name the network where it takes the wrong one:
# export OMPI_MCA_btl_tcp_if_include=10.1.0.0/16 OMPI_MCA_oob_tcp_if_include=10.1.0.0/16
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# Hosts that cannot be reached any more are noticed after 50 s; Open MPI by itself takes eight minutes.
export OMPI_MCA_oob_tcp_keepalive_time=20 OMPI_MCA_oob_tcp_keepalive_intvl=10 OMPI_MCA_oob_tcp_keepalive_probes=3
size=$(wc -l <"$PBS_NODEFILE")
start=(mpirun --hostfile "$PBS_NODEFILE" -np "$size" --map-by "slot:PE=$OMP_NUM_THREADS" --bind-to core -x OMP_NUM_THREADS)

# job_value NAME: what PBS knows of this job under it; long lines go on behind a tab.
job_value()
{
    qstat -f "$PBS_JOBID" 2>/dev/null | sed -e ':next' -e N -e '$!b next' -e 's/\n\t//g' | sed -n "s/^ *$1 = //p"
}

# SIGUSR1 (this script's own clock; or qsig -s SIGUSR1) is handed on to all ranks by mpirun. SIGTERM (qdel, preemption, the end of the
# walltime) comes to mpirun as well, and is the end: whether the job is started again is PBS's affair then.
asked=no ended=no ranks=
stop()
{
    interrupted=yes
    [ "$1" = USR1 ] || ended=yes
    [ $asked = no ] || return 0
    asked=yes
    say "asked to stop by SIG$1"
    [ "$1" = TERM ] || [ -z "$ranks" ] || kill -USR1 "$ranks" 2>/dev/null
}
trap 'stop USR1' USR1
trap 'stop TERM' TERM

# await PROCESS: its exit code in $code; `wait` alone returns when a signal comes, too.
await()
{
    interrupted=yes
    while [ $interrupted = yes ]; do
        code=0 interrupted=no
        wait "$1" || code=$?
    done
}

train()
{
    "${start[@]}" "$program" "$@" "$CONFIG" </dev/null &
    ranks=$!
    await $ranks
    ranks=
}

# A job that goes on when this one has ended, with the same resources. START counts them.
hand_in()
{
    local resources again
    [ $ended = no ] || { say "ended by SIGTERM: not handed in again"; exit "$code"; }
    resources=$(job_value Resource_List.select)
    again=(qsub -W "depend=afterany:$PBS_JOBID" -N "${PBS_JOBNAME:-cnn-train}" -q "${PBS_QUEUE:-workq}"
        ${resources:+-l "select=$resources"} ${walltime:+-l "walltime=$walltime"}
        -v "CONFIG=$CONFIG,OPTIONS='${OPTIONS:-}',START=$((${START:-0} + 1)),MARGIN=$margin,RESTARTS=$restarts,CNN_TRAIN=$program" "$script")
    say "handing in: ${again[*]}"
    "${again[@]}" || { say "it cannot be handed in from here; go on with that command"; exit "$code"; }
    exit "$code"
}

# The clock. Walltime is HOURS:MINUTES:SECONDS, MINUTES:SECONDS or SECONDS.
walltime=$(job_value Resource_List.walltime)
clock=
if [ -n "$walltime" ]; then
    seconds=$(awk -F: '{ for (i = 1; i <= NF; i++) s = 60 * s + $i; print s }' <<<"$walltime")
    [ "$seconds" -gt "$margin" ] || { say "a walltime of $walltime leaves nothing before the last $margin s (MARGIN)"; exit 2; }
    { sleep $((seconds - margin)) && kill -USR1 $$; } &
    clock=$!
    trap 'pkill -P $clock; kill $clock 2>/dev/null' EXIT
else
    say "the walltime is not known (qstat -f): nothing is saved before its end but by [checkpoint] every"
fi

# Starts after the first go on from what this run has written: without the words about its beginning. Where that is nothing yet, it
# begins once more, but clears nothing.
later=() again=() previous=
for word in "${options[@]}"; do
    case $previous$word in
    --init* | --allow-change*) ;;
    *) [[ $word = --overwrite || $word = --resume || $word = --resume=* ]] || { later+=("$word"); again+=("$word"); } ;;
    esac
    case $previous$word in
    --init*) again+=("$word") ;;
    --allow-change*) later+=("$word") ;;
    esac
    previous=
    [[ $word != --init && $word != --allow-change ]] || previous=$word
done

# The first start is a new run: an output folder that holds one already is refused, unless --resume is among the options.
resume=()
runs=$(job_value run_count)
[ "${START:-0}" -eq 0 ] && [ "${runs:-1}" -le 1 ] || resume=(--resume)
say "start ${START:-0} on $(sort -u "$PBS_NODEFILE" | xargs), $size ranks of $OMP_NUM_THREADS threads"

failures=0
while :; do
    [ $asked = no ] || { code=85; hand_in; }
    if [ ${#resume[@]} -gt 0 ]; then train --resume "${later[@]}"; else train "${options[@]}"; fi
    # There may be no checkpoint yet. Without --resume and --overwrite a folder that holds a run is refused, so that nothing is lost by trying.
    if [ "$code" = 4 ] && [ ${#resume[@]} -gt 0 ]; then
        say "no checkpoint to go on from: from the start"
        train "${again[@]}"
    fi
    say "exit code $code"
    case $code in
    0 | 2 | 3 | 5) exit "$code" ;; # done; or wrong configuration or data, or diverged, and so the next time again
    4) [ ${#resume[@]} -gt 0 ] || exit 4 ;; # the folder holds another run, or cannot be written to: not ours to go on with
    85) hand_in ;;
    esac
    failures=$((failures + 1))
    if [ $asked = yes ] || [ $failures -gt "$restarts" ]; then
        say "giving up after $failures failures"
        exit "$code"
    fi
    say "failure $failures of at most $restarts; going on from the newest checkpoint in $pause s"
    sleep "$pause" &
    await $!
    pause=$((2 * pause))
    resume=(--resume)
done
