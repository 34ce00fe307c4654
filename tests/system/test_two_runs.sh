#!/usr/bin/env bash
# One run at a time in one output folder: a second one is refused, a killed one leaves nothing in the way, and one that was
# started elsewhere takes the folder over for good.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"
write_config a.ini run
long=(--set train.epochs=100000 --set checkpoint.keep=2)

# in_background LOG COMMAND...: its pid in $pid.
in_background()
{
    local log=$1
    shift
    "$@" >"$log.out" 2>"$log.err" </dev/null &
    pid=$!
}

ended() { [ ! -e "/proc/$1" ] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

# hold PID FOLDER: stops it, though not while it has a temporary file there, which it removes itself when it goes on.
hold()
{
    while kill -STOP "$1" && sleep 0.02 && compgen -G "$2/.*.tmp" >/dev/null; do
        kill -CONT "$1" && sleep 0.01
    done
}

# expect_end PID CODE LOG
expect_end()
{
    local code=0
    wait_for 60 ended "$1" || { fail "$3 goes on and on"; kill -9 "$1"; }
    wait "$1" || code=$?
    [ $code = "$2" ] || fail "$3 ended with exit code $code instead of $2: $(cat "$3.err")"
}

in_background live cnn-train "${long[@]}" a.ini
live=$pid
wait_for 120 test -e run/latest.h5 || { fail "the run made no checkpoint: $(cat live.err)"; kill -9 "$live"; finish; }
kill -STOP "$live" # so that only the others could change the folder
wait_for 20 grep -q 'T (stopped)' "/proc/$live/status"
before=$(fingerprint run)
for how in "" --resume --overwrite '--resume --overwrite' --resume=run/latest.h5; do
    # shellcheck disable=SC2086
    expect_exit 4 cnn-train $how "${long[@]}" a.ini && expect_message "run: another run is writing to this folder, pid $live on $(uname -n) since 2"
    [ "$(wc -l <err)" = 1 ] || fail "not one message: $(cat err)"
done
[ "$(fingerprint run)" = "$before" ] || fail "a run that was refused changed the folder"
# What only reads is not in the way, nor is a run of another folder.
expect_exit 0 cnn-train --evaluate run/latest.h5 a.ini
expect_exit 0 cnn-train --dry-run a.ini
expect_exit 0 cnn-predict run/latest.h5 "$source/data/digits.h5" out.h5
expect_exit 0 cnn-train --resume=run/latest.h5 --set run.output=fork --set train.epochs=1 a.ini
[ "$(fingerprint run)" = "$before" ] || fail "what only reads changed the folder"
# What it held goes with it, however it ends.
kill -9 "$live"
wait "$live" 2>/dev/null
in_background second cnn-train --resume "${long[@]}" a.ini
second=$pid
wait_for 120 grep -q '^resuming from' second.out || fail "a killed run is in the way: $(cat second.err)"
kill -TERM "$second"
expect_end "$second" 85 second
[ ! -e run/.lock ] || fail "a run that ended left its lock"

# Of fresh starts in the same moment one trains.
pids=()
for i in 1 2 3 4; do
    in_background "fresh-$i" cnn-train "${long[@]}" --set run.output=fresh a.ini
    pids+=("$pid")
done
refused() { [ "$(cat fresh-?.err | grep -c '^error: fresh: another run is writing')" = 3 ]; }
wait_for 120 refused || fail "not three of four were refused: $(cat fresh-?.err)"
wait_for 120 test -e fresh/latest.h5 || fail "none of four fresh starts trained"
for pid in "${pids[@]}"; do
    kill -TERM "$pid" 2>/dev/null
    wait "$pid"
    echo $? >>codes
done
[ "$(sort codes | tr '\n' ' ')" = '4 4 4 85 ' ] || fail "exit codes of four starts: $(tr '\n' ' ' <codes)"

# A start that fails leaves no folder behind.
expect_exit 3 cnn-train --set data.file=missing.h5 --set run.output=new/run a.ini
expect_exit 4 cnn-train --resume --set run.output=new/run a.ini
[ ! -e new ] || fail "a start that failed left $(find new)"

# The node of a run is cut off and the run started again elsewhere: no lock holds it there. The first one comes back.
in_background stray cnn-train "${long[@]}" --set run.output=over a.ini
stray=$pid
wait_for 120 test -e over/latest.h5 || fail "the run made no checkpoint: $(cat stray.err)"
hold "$stray" over
rm over/.lock
expect_exit 0 cnn-train --overwrite --set train.epochs=1 --set run.output=over a.ini
before=$(fingerprint over)
kill -CONT "$stray"
expect_end "$stray" 4 stray
expect_match '^error: .*the output folder over was taken over by another start, pid [0-9]+ on .* since 2' stray.err
[ "$(grep -c '^error' stray.err)" = 1 ] || fail "not one message: $(cat stray.err)"
[ "$(fingerprint over)" = "$before" ] || fail "a stray run changed the folder: $(ls -lA over)"

# The same of several ranks: together.
if command -v mpirun >/dev/null && mpirun -np 1 true 2>/dev/null </dev/null; then
    in_background ranks mpirun --timeout 200 --bind-to none -np 3 cnn-train "${long[@]}" --set run.output=ranks a.ini
    many=$pid
    wait_for 120 test -e ranks/latest.h5 || fail "the ranks made no checkpoint: $(cat ranks.err)"
    expect_exit 4 ranks 2 cnn-train --resume --set run.output=ranks a.ini && expect_message 'another run is writing to this folder'
    [ "$(grep -c '^error' err)" = 1 ] || fail "not one message: $(cat err)"
    writer=$(process_of "$many" 0)
    hold "$writer" ranks
    rm ranks/.lock
    expect_exit 0 cnn-train --resume "${long[@]}" --steps 1 --set run.output=ranks a.ini # nothing to do, but it takes the folder
    kill -CONT "$writer"
    expect_end "$many" 4 ranks
    expect_match '^error: .*taken over by another start' ranks.err
    [ "$(grep -c '^error' ranks.err)" = 1 ] || fail "not one message: $(cat ranks.err)"
fi
finish
