#!/usr/bin/env bash
# Starts a run, and starts it again from its newest checkpoint when it ends before it is done, until it is.
#
#   launch/supervise.sh [options] -- mpirun -np 16 --hostfile my-hosts build/cnn-train CONFIG.ini
#   launch/supervise.sh [options] -- launch/local.sh 4 CONFIG.ini
#   launch/supervise.sh [options] -- build/cnn-train CONFIG.ini
#
# --restarts N       give up after N restarts in a row that left no new checkpoint (5)
# --pause SECONDS    before the first of them; doubles with each, up to ten minutes (10)
# --ping COMMAND     whether a host answers; {} is its name (ssh -o BatchMode=yes -o ConnectTimeout=5 {} true)
# --power-of-two     with allreduce = tree: as many ranks as that asks for, where hosts are missing
# --on-stop WHAT     when the run was stopped by somebody else (exit code 85): `again` starts it, `leave` ends with 85. By
#                    itself: leave in a job of Slurm or PBS, which starts the job again; again elsewhere
#
# Where the command names a hostfile (--hostfile FILE), each of its hosts is asked before a start; those that do not answer
# are left out of the list that mpirun gets, and -np is what the others have slots for.
#
# Ctrl-C, SIGTERM or SIGUSR1 to this script: the run finishes its step, writes a checkpoint, and this script exits with 85,
# for which it starts nothing any more. A second one ends the run at once.
#
# Exit codes: 0 done; 85 stopped; 2, 3 and 5, which would come again, at once: command line or configuration, data,
# diverged; what the last start ended with, after too many.
set -euo pipefail

usage()
{
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
}

# Everything that is done, and why, with the time: what a log should tell after a week.
say()
{
    printf 'supervise: %s %s\n' "$(date '+%F %T')" "$*" >&2
}

fail()
{
    printf 'error: %s\n' "$*" >&2
    exit 2
}

restarts=5
pause=10
pause_max=600
ping='ssh -o BatchMode=yes -o ConnectTimeout=5 {} true'
power_of_two=no
on_stop=$([ -n "${SLURM_JOB_ID:-}${PBS_JOBID:-}" ] && echo leave || echo again)
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
    -h | --help) usage; exit 0 ;;
    --power-of-two) power_of_two=yes; shift; continue ;;
    --restarts | --pause | --ping | --on-stop) [ $# -ge 2 ] || fail "$1 wants a value" ;;
    *) fail "$1: no such option; the command stands behind --" ;;
    esac
    case $1 in
    --restarts) restarts=$2 ;;
    --pause) pause=$2 ;;
    --ping) ping=$2 ;;
    --on-stop) on_stop=$2 ;;
    esac
    shift 2
done
[ $# -ge 2 ] || { usage >&2; exit 2; }
shift
[[ $restarts =~ ^[0-9]+$ ]] || fail "--restarts $restarts: a number is wanted"
[[ $pause =~ ^[0-9]+$ ]] || fail "--pause $pause: whole seconds are wanted"
[[ $on_stop =~ ^(again|leave)$ ]] || fail "--on-stop $on_stop: again or leave"

# The command in three parts: the launcher with its options, the program, the program's options. Of these --resume is left
# to this script, which resumes wherever there is a checkpoint. --resume=FILE and --overwrite are for starts that have written
# no checkpoint yet, --init for those that do not resume, --allow-change for those that do.
# local.sh takes its NP for itself.
launcher_words=() program=() options=() first_options=() begin_options=() resume_options=() look_options=() hostfile_at='' ranks_at=''
take_option() # WORD...: sets $taken to the number of words that belong to it
{
    taken=1
    case $1 in
    --resume) ;;
    --resume=* | --overwrite) first_options+=("$1") ;;
    --init=*) begin_options+=("$1") ;;
    --init) begin_options+=("${@:1:2}"); taken=2 ;;
    --allow-change=*) resume_options+=("$1") ;;
    --allow-change) resume_options+=("${@:1:2}"); taken=2 ;;
    --steps=* | --time-limit=*) options+=("$1") ;;
    --steps | --time-limit) options+=("${@:1:2}"); taken=2 ;;
    *) options+=("$1"); look_options+=("$1") ;;
    esac
}
while [ $# -gt 0 ]; do
    if [ ${#program[@]} -gt 0 ]; then
        take_option "$@"
        shift $taken
        continue
    fi
    case $1 in
    cnn-train | */cnn-train) program=("$1") ;;
    local.sh | */local.sh) program=("$1" "${2:-}"); shift ;;
    --hostfile | -hostfile | --machinefile | -machinefile)
        launcher_words+=("$1")
        hostfile_at=${#launcher_words[@]}
        launcher_words+=("${2:-}")
        shift
        ;;
    -np | --np | -n)
        launcher_words+=("$1")
        ranks_at=${#launcher_words[@]}
        launcher_words+=("${2:-}")
        shift
        ;;
    *) launcher_words+=("$1") ;;
    esac
    [ $# -eq 0 ] || shift
done
[ ${#program[@]} -gt 0 ] || fail "the command has neither cnn-train nor launch/local.sh in it"
look=("${program[@]}")
case ${program[0]} in
*local.sh)
    look=("${CNN_TRAIN:-$(cd "$(dirname "${program[0]}")/.." && pwd)/build/cnn-train}")
    [ -x "${look[0]}" ] || look=(cnn-train)
    ;;
esac
hostfile=${hostfile_at:+${launcher_words[$hostfile_at]}}
ranks=${ranks_at:+${launcher_words[$ranks_at]}}
[ -z "$hostfile" ] || [ -r "$hostfile" ] || fail "the hostfile $hostfile cannot be read"

# Where the run's files are, as the program itself tells.
tables=$("${look[@]}" --dry-run "${look_options[@]}" </dev/null) || exit $?
folder=$(sed -n 's/^  output  *//p' <<<"$tables")
[ -n "$folder" ] || fail "${look[*]} --dry-run does not tell the output folder"

# shellcheck source=launch/stuck.sh
. "$(dirname "$0")/stuck.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Open MPI kills ranks that it has asked to leave after this many seconds: time for a last checkpoint, where a batch system
# ends everything at once. It is also how long mpirun takes, twice, to end after a rank has died.
export OMPI_MCA_odls_base_sigkill_timeout=${OMPI_MCA_odls_base_sigkill_timeout:-5}

# A host that is cut off is noticed by mpirun's daemons after 10 + 3 * 3 seconds; otherwise after many minutes, and mpirun
# then waits for it even where the ranks have ended the job.
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-10}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-3}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-3}

# What tells one newest checkpoint from another; nothing where there is none.
newest()
{
    { find "$folder" -maxdepth 1 -name 'step-*.h5' -printf '%T@ %p\n' 2>/dev/null || true; } | sort -n | sed -n '$s/^[^ ]* //p'
}

# answers HOST
answers()
{
    case $1 in
    localhost | 127.0.0.1 | "$(hostname)" | "$(hostname -s)") return 0 ;;
    esac
    timeout 30 bash -c "${ping//\{\}/$1}" </dev/null >/dev/null 2>&1
}

# The hosts that answer, with their lines of the hostfile, and the ranks that they have slots for.
choose_hosts()
{
    local line host slots=0 missing=()
    : >"$work/hosts"
    while read -r line; do
        line=${line%%#*}
        host=${line%%[[:space:]]*}
        [ -n "$host" ] || continue
        if answers "$host"; then
            echo "$line" >>"$work/hosts"
            [[ $line =~ slots[[:space:]]*=[[:space:]]*([0-9]+) ]] && slots=$((slots + BASH_REMATCH[1])) || slots=$((slots + 1))
        else
            missing+=("$host")
        fi
    done <"$hostfile"
    [ -s "$work/hosts" ] || { say "none of the hosts of $hostfile answers"; return 1; }
    launcher_words[hostfile_at]=$work/hosts
    [ -z "$ranks" ] || launcher_words[ranks_at]=$ranks
    [ ${#missing[@]} -gt 0 ] || return 0
    local np=$slots power=1
    [ -z "$ranks" ] || [ "$np" -le "$ranks" ] || np=$ranks
    if [ $power_of_two = yes ]; then
        while [ $((2 * power)) -le "$np" ]; do power=$((2 * power)); done
        np=$power
    fi
    [ -z "$ranks" ] || launcher_words[ranks_at]=$np
    say "no answer from ${missing[*]}: going on without${ranks:+, on $np of $ranks ranks}"
}

# What the dead job left in this host's shared memory and temporary folder: of this user, made while it ran, and used by no
# process. Other hosts clean theirs when their daemon ends.
clean_up()
{
    local file
    rm -rf "${TMPDIR:-/tmp}/ompi.$(hostname -s).$(id -u)/pid.$launcher"
    for file in /dev/shm/vader_segment.*."$(id -u)".* /dev/shm/osc_*."$(id -u)".*; do
        if [ ! -O "$file" ] || [ ! "$file" -nt "$work/began" ] || [ "$file" -nt "$work/ended" ]; then
            continue
        fi
        cat /proc/[0-9]*/maps 2>/dev/null | grep -qF "$file" || rm -f "$file"
    done
}

# What an exit code says.
meaning()
{
    case $1 in
    1) echo "an internal error, ranks that stood still, or mpirun was interrupted" ;;
    2) echo "command line or configuration" ;;
    3) echo "data" ;;
    4) echo "checkpoint or output folder" ;;
    5) echo "not finite" ;;
    85) echo "stopped, with a checkpoint" ;;
    134) echo "a rank aborted" ;;
    137) echo "a rank was killed, perhaps for want of memory" ;;
    139) echo "a segmentation fault" ;;
    205) echo "mpirun has lost a host" ;;
    *) [ "$1" -gt 128 ] && echo "ended by signal $(($1 - 128))" || echo "see above" ;;
    esac
}

# mpirun hands SIGUSR1 on to its ranks, and loses it before there are any.
stop()
{
    interrupted=yes
    [ -n "$launcher" ] || { asked=yes; return 0; }
    if [ $asked = no ]; then
        say "asked to stop: the run is told"
        for _ in {1..100}; do
            case ${launcher_words[0]:-} in *mpirun | *mpiexec) ;; *) break ;; esac
            pgrep -P "$launcher" >/dev/null && sleep 0.5 && break
            sleep 0.1
        done
        kill -USR1 "$launcher" 2>/dev/null || true
    else
        say "asked again: the run is ended"
        kill -TERM "$launcher" 2>/dev/null || true
    fi
    asked=yes
}

# One start, with the options given: its exit code is left in $code. In a process group of its own (set -m) the launcher does not see
# the terminal's Ctrl-C.
run()
{
    local command=("${launcher_words[@]}" "${program[@]}" "$@" "${options[@]}")
    say "start $starts: ${command[*]}"
    touch "$work/began"
    set -m
    "${command[@]}" </dev/null &
    launcher=$!
    set +m
    end_stuck "$launcher" "${STUCK_MAX:-30}" &
    local watcher=$!
    disown # bash would tell of its end
    while :; do
        code=0 interrupted=no
        wait "$launcher" || code=$?
        [ $interrupted = yes ] || break
    done
    kill "$watcher" 2>/dev/null || true
    touch "$work/ended"
    clean_up
    launcher=''
}

# Whether the folder is free of other runs, so that what is in it later is ours.
fresh=yes
rows=$(grep -c '' "$folder/metrics.csv" 2>/dev/null || true)
if [ -n "$(newest)" ] || [ "${rows:-0}" -gt 1 ]; then
    fresh=no
fi

first_newest=$(newest)
case " ${first_options[*]:-}" in
*' --resume='*) first_options+=("${resume_options[@]}") ;;
*) first_options+=("${begin_options[@]}") ;;
esac
launcher='' asked=no interrupted=no starts=0 failures=0 wait_now=$pause
trap stop INT TERM HUP USR1
while :; do
    before=$(newest)
    code=1
    if [ -z "$hostfile" ] || choose_hosts; then
        starts=$((starts + 1))
        if [ "$before" = "$first_newest" ] && [[ " ${first_options[*]:-} " =~ ' --overwrite '|' --resume=' ]]; then
            run "${first_options[@]}"
        elif [ -n "$before" ]; then
            run --resume "${resume_options[@]}"
        elif [ $starts -gt 1 ] && [ $fresh = yes ]; then
            run --overwrite "${begin_options[@]}" # of what our own start left, which came to no checkpoint
        else
            run "${begin_options[@]}"
        fi
        say "start $starts ended with exit code $code$([ "$code" = 0 ] || echo ": $(meaning "$code")")"
    fi
    if [ $asked = yes ]; then
        [ "$code" != 138 ] || code=85 # it had not begun
        exit "$code"
    fi
    case $code in
    0) say "done"; exit 0 ;;
    2 | 3 | 5) say "giving up: the next start would end in the same way"; exit "$code" ;;
    85) [ "$on_stop" = again ] || exit 85 ;;
    esac
    if [ "$(newest)" != "$before" ]; then
        failures=0 wait_now=$pause
    else
        failures=$((failures + 1))
    fi
    if [ $failures -gt "$restarts" ]; then
        say "giving up: $failures starts in a row left no new checkpoint"
        exit "$code"
    fi
    say "next start in $wait_now s, $([ $failures = 0 ] && echo "from a new checkpoint" || echo "restart $failures of $restarts without a new checkpoint")"
    sleep "$wait_now" &
    wait $! || true
    kill $! 2>/dev/null || true
    [ $asked = no ] || { say "stopped while nothing ran"; exit 85; }
    wait_now=$((2 * wait_now < pause_max ? 2 * wait_now : pause_max))
done
