# shellcheck shell=bash
# What Open MPI and OpenMP must be told on a test machine, which often is a container, has two cores that do other things
# too, and runs as root. Sourced by tests/run.sh and tests/system/lib.sh; nothing else sets these. A user's own runs need
# none of it.

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# More ranks than cores, and then ranks that wait must give their core away instead of spinning.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
# Copies between processes through the kernel (CMA) are forbidden in many containers, and hang in some.
export OMPI_MCA_btl_vader_single_copy_mechanism=none

# Threads of OpenMP that wait for each other must give their core away as well: where other programs want the cores, a
# training with spinning threads takes many times as long.
export OMP_WAIT_POLICY=passive
