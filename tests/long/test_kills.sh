#!/usr/bin/env bash
# Nothing is lost: runs on 4 ranks that are killed at random moments, the writing of checkpoints included, and resumed until
# they are done, end with the bits of the undisturbed run; those that are asked to stop leave with 85 and do so too. KILLS and
# STOPS in the environment: how many runs of each (50 and 20).
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
need_mpirun
write_config plain.ini plain
export OMP_NUM_THREADS=1
# A checkpoint after every third step: a good part of the time, one is being written.
options=(--set distributed.shards=4 --set "checkpoint.every=3 steps" --set checkpoint.keep=4)
expect_exit 0 ranks 4 cnn-train "${options[@]}" --set run.output=calm plain.ini || finish

# begin FOLDER OPTION...: on 4 ranks in the background, $launcher; with --resume where there is something to go on from.
begin()
{
    local folder=$1 resume=()
    shift
    compgen -G "$folder/step-*.h5" >/dev/null && resume=(--resume)
    # Killed before its first checkpoint a run leaves at most the head of its metrics.csv.
    mpirun --timeout 120 --bind-to none -np 4 cnn-train "${resume[@]}" "${options[@]}" --set run.output="$folder" plain.ini \
        >"$folder.out" 2>"$folder.err" </dev/null &
    launcher=$!
    end_stuck $launcher 10 &
}

# A moment within a run, start-up and end included, in seconds.
moment()
{
    printf '%d.%02d' $((RANDOM % 3)) $((RANDOM % 100))
}

# Every checkpoint of the folder can be read.
all_sound()
{
    local files
    mapfile -t files < <(compgen -G "$1/step-*.h5")
    [ ${#files[@]} -eq 0 ] || cnn-checkpoint verify "${files[@]}" >"$1.verify" 2>&1 || fail "$1: $(cat "$1.verify")"
}

# until_done FOLDER WHAT: starts and disturbs, with WHAT, until a start ends with 0; at most 40 of them.
until_done()
{
    local folder=$1 disturb=$2 starts code
    for ((starts = 1; starts <= 40; starts++)); do
        begin "$folder"
        [ "$starts" -gt 6 ] || "$disturb"
        wait $launcher
        code=$?
        all_sound "$folder"
        [ $code != 0 ] || break
        "${disturb}_code" $code "$folder"
    done
    [ $code = 0 ] || fail "$folder: not done after $starts starts: $(tail -n 3 "$folder.err")"
    expect_same_arrays "$folder/latest.h5" calm/latest.h5 "$folder, $starts starts"
    total=$((total + starts))
    rm -rf "$folder" "$folder".*
}

# shellcheck disable=SC2317 # called by until_done
kill_some()
{
    local processes
    sleep "$(moment)"
    mapfile -t processes < <(pgrep -P $launcher -x cnn-train)
    [ ${#processes[@]} -gt 0 ] || return
    case $((RANDOM % 3)) in
    0) kill -KILL "${processes[@]}" ;;
    *) kill -KILL "${processes[RANDOM % ${#processes[@]}]}" ;;
    esac 2>/dev/null
}
# shellcheck disable=SC2317
kill_some_code()
{
    [ "$1" != 2 ] && [ "$1" != 3 ] || fail "$2: exit code $1 after a kill: $(tail -n 3 "$2.err")"
}

# SIGUSR1 to mpirun or SIGTERM to a rank, once training has begun: a request that comes before mpirun has started its ranks
# is mpirun's to lose.
# shellcheck disable=SC2317
ask_to_stop()
{
    local processes
    wait_for 30 grep -q 'output ' "$folder.out"
    sleep "$(moment)"
    mapfile -t processes < <(pgrep -P $launcher -x cnn-train)
    [ ${#processes[@]} -gt 0 ] || return
    if [ $((RANDOM % 2)) = 0 ]; then
        kill -USR1 $launcher
    else
        kill -TERM "${processes[RANDOM % ${#processes[@]}]}"
    fi 2>/dev/null
}
# shellcheck disable=SC2317
ask_to_stop_code()
{
    [ "$1" = 85 ] || fail "$2: exit code $1 instead of 85: $(tail -n 3 "$2.err")"
}

total=0
for ((i = 1; i <= ${KILLS:-50}; i++)); do until_done kill$i kill_some; done
echo "$((i - 1)) runs that were killed took $total starts"
total=0
for ((i = 1; i <= ${STOPS:-20}; i++)); do until_done stop$i ask_to_stop; done
echo "$((i - 1)) runs that were asked to stop took $total starts"
finish
