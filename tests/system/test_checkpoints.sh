#!/usr/bin/env bash
# When checkpoints are written, how long training stands still for one, and what it does when the disk refuses them.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
write_config a.ini a

# steps_of FOLDER: those of its checkpoints, in order: 30,60,72
steps_of()
{
    find "$1" -name 'step-*.h5' -printf '%f\n' | sed 's/step-0*//; s/\.h5//' | sort -n | paste -sd,
}

# --- steps: a function of the step's number. At learning rate 0 the first epoch, of 72 steps, is the best ------------
expect_exit 0 cnn-train --set train.lr=0 --set checkpoint.every='30 steps' --set run.output=steps a.ini
[ "$(steps_of steps)" = 30,60,72,90,120,144 ] || fail "every 30 steps: those of steps $(steps_of steps)"
expect_match '^checkpoints: 6 written; training paused for [0-9.]+ ms at most'
expect_exit 0 cnn-train --set train.lr=0 --set checkpoint.every=72steps --set checkpoint.keep=1 --set run.output=kept a.ini
[ "$(steps_of kept)" = 72,144 ] || fail "every 72 steps, keep 1 and the best: those of steps $(steps_of kept)"
expect_exit 2 cnn-train --set checkpoint.every='10 minuts' a.ini && expect_message 'minutes'
printf '\n[checkpoint]\nevery = 1.5 steps\n' | cat a.ini - >bad.ini
expect_exit 2 cnn-train bad.ini && expect_message "bad.ini:35: every = 1.5 steps: expected N epochs, N steps or N minutes"

# Going on from the middle of an epoch, where nobody stopped, gives the bits of the run that was not interrupted.
expect_exit 0 cnn-train --set checkpoint.every='50 steps' --set run.output=whole a.ini
mkdir half && cp whole/step-00000050.h5 whole/metrics.csv half
expect_exit 0 cnn-train --resume --set run.output=half a.ini
expect_same_arrays half/latest.h5 whole/latest.h5 "resumed from step 50"
diff <(cut -d, -f1-8 half/metrics.csv) <(cut -d, -f1-8 whole/metrics.csv) >diff.txt || fail "metrics.csv: $(cat diff.txt)"

# --- minutes, and SIGUSR2 -----------------------------------------------------------------------------------------------
# At learning rate 0, so that no better epochs have checkpoints of their own; long enough for a fast machine.
expect_exit 0 cnn-train --set checkpoint.every='0.0005 minutes' --set train.lr=0 --set run.output=minutes --set train.epochs=60 a.ini
within=$(steps_of minutes | tr , '\n' | awk '$1 % 72' | wc -l)
[ "$within" -gt 0 ] || fail "every 30 ms: no checkpoint within an epoch, but those of steps $(steps_of minutes)"

# asks_for_checkpoint SIGNALLED-PROCESS: after SIGUSR2 there is a checkpoint in "asked", and the run has not ended.
# shellcheck disable=SC2317 # called by wait_for
has_checkpoint() { compgen -G 'asked/step-*.h5' >/dev/null; }
asks_for_checkpoint()
{
    kill -USR2 "$1" || fail "the run ended too early: $(cat asked.err)"
    wait_for 60 has_checkpoint || fail "SIGUSR2: no checkpoint after a minute"
    kill -0 "$1" 2>/dev/null || fail "SIGUSR2 ended the run: $(cat asked.err)"
}
long=(cnn-train --set checkpoint.every=0 --set run.output=asked --set train.epochs=100000 --set train.lr=0)
sed 's/^file = .*/&\nshuffle = no/' a.ini >long.ini
# The best is written after the first epoch; behind that nothing is, unless it is asked for.
rank_pid() { pgrep -P "$1" -x cnn-train | tail -n 1; }
# shellcheck disable=SC2317 # called by wait_for
first_is_there() { [ -e asked/latest.h5 ]; }
try_signal()
{
    wait_for 60 first_is_there || fail "the first epoch's checkpoint is missing: $(cat asked.err)"
    rm asked/step-*.h5
    asks_for_checkpoint "$1"
    rm asked/step-*.h5
    asks_for_checkpoint "$1"
}
"${long[@]}" long.ini >asked.out 2>asked.err &
run=$!
try_signal $run
kill -USR1 $run
wait $run
code=$?
[ $code = 85 ] || fail "exit code $code after SIGUSR2 and SIGUSR1: $(cat asked.err)"
if command -v mpirun >/dev/null && mpirun -np 1 true 2>/dev/null; then
    for whom in all last; do
        rm -rf asked
        mpirun --bind-to none -np 3 "${long[@]}" long.ini >asked.out 2>asked.err &
        run=$!
        wait_for 60 first_is_there || fail "on three ranks: $(cat asked.err)"
        if [ $whom = all ]; then try_signal $run; else try_signal "$(rank_pid $run)"; fi
        kill -USR1 $run
        wait $run
        code=$?
        [ $code = 85 ] || fail "exit code $code of three ranks after SIGUSR2 to $whom: $(cat asked.err)"
    done
else
    echo "not tried: SIGUSR2 to ranks of mpirun"
fi

# --- the pause: 11.7 million weights with momentum, 94 MB ------------------------------------------------------------
sed '/^conv1/,/^fc2/d' a.ini >large.ini
sed -i 's/^\[network\]/&\nflat = flatten\nfc1 = dense units=3390\nrelu1 = relu\nfc2 = dense units=3390\nrelu2 = relu\nfc3 = dense units=10/' large.ini
# What other processes take of the cores is not meant: they come later, where that is allowed.
before_others=(chrt -r 1)
"${before_others[@]}" true 2>/dev/null || before_others=()
for try in 1 2 3; do
    expect_exit 0 "${before_others[@]}" cnn-train --overwrite --steps 5 --set checkpoint.every=0 --set run.output=large large.ini || break
    pause=$(sed -n 's/^checkpoints: 1 written; training paused for \([0-9.]*\) ms at most.*/\1/p' out)
    echo "a checkpoint of $(stat -L -c %s large/latest.h5) bytes: training paused for $pause ms"
    awk -v p="${pause:-1e9}" 'BEGIN { exit !(p < 50) }' && break
    [ $try -lt 3 ] || fail "training waited $pause ms for a checkpoint, and 50 ms or more before"
done
rm -rf large

# --- the disk refuses: training goes on, and only the last checkpoint's failure is the run's ---------------------------
if ! unshare -m true 2>/dev/null; then
    echo "not tried: full, read-only and vanished folders, which take the right to mount"
    finish
fi

# on_disk BYTES SCRIPT: runs it in a mount namespace of its own, with a disk of that size at "disk".
mkdir -p disk
# shellcheck disable=SC2016,SC2317 # expanded by the inner shell; called by expect_exit
on_disk()
{
    unshare -m bash -c 'mount -t tmpfs -o size="$1" tmpfs disk && eval "$2"' on_disk "$1" "$2"
}

# Harm is done after the first checkpoint, and mended some epochs later.
cat >hold.sh <<'BASH'
cnn-train "$@" >disk.out & run=$!
shown() { [ "$(grep -c '^ *[0-9]*/' disk.out)" -ge "$1" ]; }
# A file system that has a file open for writing, the run's lock, cannot be made read-only from outside as the kernel does it
# itself: a read-only copy is put in its place, at a moment when no file is half written.
freeze()
{
    mkdir -p frozen && mount -t tmpfs tmpfs frozen
    while kill -STOP $run && sleep 0.02 && compgen -G 'disk/run/.*.tmp' >/dev/null; do kill -CONT $run && sleep 0.01; done
    cp -a disk/. frozen && mount -o remount,ro frozen && mount --bind frozen disk
    kill -CONT $run
}
thaw() { umount -l disk && umount -l frozen; }
until shown 1 && [ -e disk/run/latest.h5 ]; do kill -0 $run 2>/dev/null || exit 1; sleep 0.01; done
eval "$harm"
seen=$(grep -c '^ *[0-9]*/' disk.out)
until shown $((seen + 3)) || ! kill -0 $run 2>/dev/null; do sleep 0.01; done
eval "$mend"
wait $run
code=$?
cat disk.out
h5ls disk/run/latest.h5 >/dev/null && sed -n '$=' disk/run/metrics.csv >rows && cp disk/run/latest.h5 disk.h5
find disk -name '.*.tmp' >left
exit $code
BASH
# Whether the checkpoint that is not written was the best one so far depends on when the harm is done.
stays='stays(, and best\.h5 is of an earlier step)?'
# harmed WHAT HARM MEND: the run goes on over the harm and ends well once it is mended, with the bits of the one that had none.
export harm mend
epochs=600
quiet=(--set train.lr=0.001 --set checkpoint.keep=2 --set train.epochs="$epochs")
write_config quick.ini quick
sed -i '/^conv1/,/^relu2/d; s/^\[network\]/&\nflat = flatten/; s/^batch = .*/batch = 300/' quick.ini
expect_exit 0 cnn-train "${quiet[@]}" --set run.output=unharmed quick.ini
harmed()
{
    harm=$2 mend=$3
    expect_exit 0 on_disk 2000000 "bash hold.sh ${quiet[*]} --set run.output=disk/run quick.ini" || return
    grep -Eq "^warning: step [0-9]+: checkpoint not written: .*; training goes on, .*$stays, and the next" err || fail "$1: $(head -n 3 err)"
    expect_message "$4"
    [ ! -s left ] || fail "$1: left behind: $(cat left)"
    expect_same_arrays disk.h5 unharmed/latest.h5 "$1"
    [ "$(cat rows)" = $((epochs + 1)) ] || fail "$1: $(cat rows) lines in metrics.csv, not $((epochs + 1))"
    expect_match '^checkpoints: [0-9]+ written, [0-9]+ not; '
}
harmed "a full disk" 'cat /dev/zero >disk/fill 2>/dev/null' 'rm disk/fill' 'is full: free space there'
harmed "a read-only disk" freeze thaw 'mounted read-only'

# Never mended: exit code 4, the last good one is named, stays, and verifies.
mend=:
for harm in 'cat /dev/zero >disk/fill 2>/dev/null' freeze; do
    expect_exit 4 on_disk 2000000 "bash hold.sh ${quiet[*]} --set run.output=disk/run quick.ini"
    expect_match "^error: checkpoint not written: .*; the last good checkpoint disk/run/step-[0-9]+\.h5 $stays\$" err
    expect_message 'lines that could not be written'
    expect_exit 0 cnn-train --evaluate disk.h5 quick.ini
done
# Asked to stop, and no checkpoint of it: not 85, which would say that there is one.
# shellcheck disable=SC2016 # expanded by the inner shell
mend='kill -USR1 $run'
expect_exit 4 on_disk 2000000 "bash hold.sh ${quiet[*]} --set train.epochs=100000 --set run.output=disk/run quick.ini"
expect_match '^error: checkpoint not written' err

# A folder that is gone is made again; a run ends well with what is written then.
mend=: harm='rm -r disk/run'
expect_exit 0 on_disk 2000000 "bash hold.sh ${quiet[*]} --set run.output=disk/run quick.ini"
expect_message 'the output folder disk/run is gone, with all checkpoints in it: it is made again'
expect_same_arrays disk.h5 unharmed/latest.h5 "a folder that vanished"

# On ranks: the others do not wait for rank 0's disk, nor fail with it.
if command -v mpirun >/dev/null && mpirun -np 1 true 2>/dev/null; then
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_exit 4 on_disk 16384 'mpirun --timeout 120 --bind-to none -np 3 cnn-train --set train.epochs=9 --set run.output=disk/run quick.ini'
    [ "$(grep -c '^error: checkpoint not written' err)" = 1 ] || fail "on three ranks: $(cat err)"
fi
finish
