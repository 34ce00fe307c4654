# shellcheck shell=bash
# A Slurm of four nodes inside the test's namespaces, without systemd and without cgroups. Sourced after lib.sh.

need 'munge slurm-client slurmctld slurmd slurm-wlm-basic-plugins' munged slurmctld slurmd sbatch srun scontrol squeue
need_mpirun

slurm=/run/slurm
export SLURM_CONF=$slurm/slurm.conf
# Four nodes on one host have one name, under which Open MPI would put the shared memory of all of them.
export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo

# slurm_write_conf: what is not obvious in it:
#   config_overrides   nodes have more processors than the machine
#   TmpFS              PMIx keeps files of the same name there for every node
#   cred_expire        a job that was requeued waits for so long, and some seconds
#   PriorityTier       a job of partition `high` puts those of `low` back to the queue, after GraceTime
slurm_write_conf()
{
    local host
    host=$(hostname -s)
    cat >$SLURM_CONF <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool-%n
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd-%n.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdLogFile=$slurm/slurmd-%n.log
TmpFS=$slurm/tmp-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=1
SlurmdParameters=config_overrides
SlurmdTimeout=10
ReturnToService=2
KillWait=5
MpiDefault=pmix
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n[1-4] NodeHostname=$host NodeAddr=127.0.0.1 Port=[16821-16824] CPUs=4 RealMemory=500 State=UNKNOWN
PartitionName=low Nodes=n[1-4] Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=30
PartitionName=high Nodes=n[1-4] MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
}

slurm_idle()
{
    [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = "$1" ]
}

slurm_start()
{
    local i
    # The resolver knows no addresses at all where there is none but loopback's.
    ip link add e0 type veth peer name e1 && ip addr add 10.77.0.1/24 dev e0 && ip link set e0 up && ip link set e1 up
    mkdir -p $slurm/state $slurm/tmp-n{1..4}
    chmod 755 $slurm
    dd if=/dev/urandom of=$slurm/munge.key bs=1024 count=1 2>/dev/null
    chmod 600 $slurm/munge.key
    slurm_write_conf
    srun --mpi=list 2>&1 | grep -qw pmix || skip "this Slurm has no PMIx: $(srun --mpi=list 2>&1)"
    munged --force --key-file=$slurm/munge.key --socket=$slurm/munge.socket --pid-file=$slurm/munged.pid \
        --log-file=$slurm/munged.log --seed-file=$slurm/munged.seed 2>$slurm/munged.err || slurm_failed "munged does not start"
    slurmctld -f $SLURM_CONF -i 2>$slurm/slurmctld.err || slurm_failed "slurmctld does not start"
    for i in 1 2 3 4; do
        slurmd -f $SLURM_CONF -N n$i 2>>$slurm/slurmd.err || slurm_failed "slurmd of n$i does not start"
    done
    wait_for 60 slurm_idle 4 || slurm_failed "not all nodes are there: $(sinfo 2>&1)"
}

# slurm_failed TEXT: ends the test, with what the daemons say.
slurm_failed()
{
    fail "$1"
    show $slurm/*.err $slurm/slurmctld.log $slurm/slurmd-n*.log
    finish
}

# job_is JOB STATE
job_is()
{
    scontrol -o show job "$1" | grep -q " JobState=$2 "
}

# job_value JOB NAME: Restarts, ExitCode, ...
job_value()
{
    scontrol -o show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# await_job SECONDS JOB STATE: fails the test, with the log of the job, where that does not come.
await_job()
{
    wait_for "$1" job_is "$2" "$3" && return 0
    fail "job $2 is not $3 after $1 s: $(scontrol -o show job "$2")"
    show job-"$2".log $slurm/slurmctld.log
    return 1
}

# submit OPTION... -- CONFIG...: launch/slurm.sbatch as users do, one core a rank; the number of the job in $job.
submit()
{
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    # shellcheck disable=SC2154 # source: lib.sh sets it
    job=$(sbatch --parsable --nodes=4 --ntasks-per-node=1 --cpus-per-task=1 --output=job-%j.log "${options[@]}" \
        "$source/launch/slurm.sbatch" "$@") || slurm_failed "sbatch refuses: ${options[*]}"
}

# expect_log TEXT: the log of $job says it, or comes to say it within a minute.
expect_log()
{
    wait_for 60 grep -sqF -e "$1" "job-$job.log" && return 0
    fail "the log of job $job does not say: $1"
    show "job-$job.log" $slurm/slurmctld.log
    return 1
}

# await_start N FOLDER: start N of $job trains, and has written a checkpoint of its own.
await_start()
{
    local before=0
    [ ! -e "$2/latest.h5" ] || before=$(step_of "$2")
    wait_for 120 grep -sq "start $1 on" "job-$job.log" && wait_for 120 has_step "$2" $((before + 72)) && return 0
    fail "start $1 of job $job does not train: $(scontrol -o show job "$job")"
    show "job-$job.log" $slurm/slurmctld.log
    finish
}

# expect_undisturbed CONFIG FOLDER WHAT: the run has the bits of one that nobody disturbed, by one process.
expect_undisturbed()
{
    rm -rf undisturbed
    expect_exit 0 cnn-train --set run.output=undisturbed "$1"
    expect_same_arrays undisturbed/latest.h5 "$2/latest.h5" "$3"
    [ "$(step_of undisturbed)" = "$(step_of "$2")" ] || fail "$3: ended at step $(step_of "$2") instead of $(step_of undisturbed)"
}
