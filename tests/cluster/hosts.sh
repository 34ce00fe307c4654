# shellcheck shell=bash
# Four hosts, node1 to node4: network namespaces with a name and an address each, joined by a bridge in the namespace of the test.
# Sourced after lib.sh.

need iproute2 ip nsenter
need_mpirun # before mpirun is told of hosts

# hosts_start: the hosts, hostfile, and agent, which is to mpirun what ssh is: it hands no environment on.
hosts_start()
{
    local i
    ip link add br0 type bridge && ip link set br0 up || skip "no bridge can be made here"
    echo '127.0.0.1 localhost' >hosts
    for i in 1 2 3 4; do
        echo "10.77.0.$i node$i" >>hosts
        echo "node$i slots=1" >>hostfile
        ip netns add node$i && ip link add port$i type veth peer name e0 netns node$i || skip "no hosts can be made here"
        ip link set port$i master br0 up
        ip -n node$i link set lo up
        ip -n node$i addr add 10.77.0.$i/24 dev e0
        ip -n node$i link set e0 up
    done
    mount --bind hosts /etc/hosts
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/sh' 'host=$1' 'shift' \
        'exec env -i HOME="$HOME" PATH="$PATH" ip netns exec "$host" unshare --uts sh -c "hostname $host; cd; $*"' >agent
    chmod +x agent
}

# on HOST COMMAND...
on()
{
    local host=$1
    shift
    # shellcheck disable=SC2016
    ip netns exec "$host" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$host" "$@"
}

# What mpirun must be told of this network. It asks the other hosts for a sign of life every second, and gives one up after
# three; where it first comes to tell a host something that does not answer, its own waiting takes a quarter of an hour.
# shellcheck disable=SC2154 # tmp: lib.sh sets it
export OMPI_MCA_plm_rsh_agent=$tmp/agent OMPI_MCA_btl=self,tcp OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_btl_tcp_if_include=10.77.0.0/24 OMPI_MCA_oob_tcp_if_include=10.77.0.0/24
export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3

# Bytes that a host has received.
received()
{
    ip -n "$1" -s -o link show e0 | sed -E 's/.*RX: [^0-9]*([0-9]+).*/\1/'
}

# hosts_without REGEX: on none of the hosts is a process whose command line matches.
hosts_without()
{
    local process
    for process in $(for i in 1 2 3 4; do ip netns pids node$i; done); do
        ! tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null | grep -qE "$1" || return 1
    done
}

hosts_empty()
{
    hosts_without .
}
