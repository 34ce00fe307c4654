#!/usr/bin/env bash
# Four hosts with a network between them: the same bits as on one, and what comes of a host that is cut off in the middle of a run.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cluster/hosts.sh
. "$source/tests/cluster/hosts.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
hosts_start
stall_abort=8

# across HOSTFILE RANKS: in $command what starts so many ranks from node1, up to the program.
across()
{
    command=(mpirun --hostfile "$tmp/$1" -np "$2" -x OMP_NUM_THREADS=1 -x OMP_WAIT_POLICY=passive)
}

# Between hosts, over TCP.
write_config plain.ini plain
printf '[distributed]\nshards = 4\nallreduce = tree\n' >>plain.ini
across hostfile 4
expect_exit 0 on node1 "${command[@]}" "$build/cnn-train" plain.ini
expect_match 'on 4 ranks .* on 4 hosts'
[ "$(received node2)" -gt 1000000 ] || fail "only $(received node2) bytes came to node2"
expect_exit 0 cnn-train --set run.output=alone plain.ini
expect_same_arrays alone/latest.h5 plain/latest.h5 'four hosts and one process'

# start_and_cut COMMAND...: an endless run, of which node3 loses its network after two epochs; when it is started again it comes to
# an end, at step $last. $launcher is its process.
start_and_cut()
{
    rm -rf endless
    write_endless endless.ini endless
    sed -i 's/^allreduce = .*/allreduce = ring/' endless.ini
    printf '[distributed]\nstall_warn = 1.5\nstall_abort = %d\n' $stall_abort >>endless.ini
    "$@" >out 2>err </dev/null &
    launcher=$!
    if ! wait_for 120 has_step endless 144; then
        fail "the ranks do not start"
        show out err
        finish
    fi
    ip link set port3 down
    start=$SECONDS
    sleep 1
    end_soon endless.ini endless
    last=$(awk -F' = ' '/^epochs/ { print 72 * $2 }' endless.ini)
}

gone()
{
    ! kill -0 "$1" 2>/dev/null
}

# heal: node3 is back; what was left there without a network ends by itself.
heal()
{
    ip link set port3 up
    wait_for 90 hosts_empty && return
    fail "processes are left: $(for i in 1 2 3 4; do ip netns pids node$i; done | xargs -r ps -o pid,args -p)"
}

# Its name is told, and the job ends with a code of its own accord; the seconds on top are for a machine with other things to do.
across hostfile 4
start_and_cut on node1 "${command[@]}" "$build/cnn-train" endless.ini
if ! wait_for 60 gone $launcher; then
    fail "the job does not end"
    show err
    kill -KILL $launcher
fi
took=$((SECONDS - start))
wait $launcher
code=$?
echo "a host cut off: exit code $code after $took s"
[ $code != 0 ] || fail "exit code 0 of a job that lost a host"
[ $took -le $((stall_abort + 4)) ] || fail "the job ended after $took s, stall_abort is $stall_abort"
expect_match 'rank 2 on node3 has not arrived' err
wait_for 30 hosts_without cnn-train || fail "ranks are left: $(pgrep -af cnn-train)"

# It goes on without that host.
grep -v node3 hostfile >three
across three 3
expect_exit 0 on node1 "${command[@]}" "$build/cnn-train" --resume endless.ini
expect_match 'on 3 ranks .* on 3 hosts'
[ "$(step_of endless)" = "$last" ] || fail "three hosts ended at step $(step_of endless) instead of $last"
heal

# supervise.sh does all of that by itself. There is no sshd on these hosts: one that refuses to be connected to answers.
supervise=$source/launch/supervise.sh
if [ -x "$supervise" ]; then
    across hostfile 4
    ping="timeout 3 bash -c ': </dev/tcp/{}/9' 2>&1 | grep -q refused"
    start_and_cut on node1 "$supervise" --pause 1 --ping "$ping" -- "${command[@]}" "$build/cnn-train" endless.ini
    if ! wait_for 180 gone $launcher; then
        fail "supervise.sh does not end"
        kill -KILL $launcher
    fi
    wait $launcher
    code=$?
    [ $code = 0 ] || fail "supervise.sh: exit code $code"
    [ "$(step_of endless)" = "$last" ] || fail "supervise.sh ended at step $(step_of endless) instead of $last"
    expect_match 'on 3 ranks .* on 3 hosts'
    expect_message 'no answer from node3'
    [ $failures -eq 0 ] || show out err
    heal
else
    echo "not tested: there is no launch/supervise.sh"
fi
finish
