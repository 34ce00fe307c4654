# shellcheck shell=bash
# For scripts that start mpirun, which read this file with `.`

# mpirun of Open MPI 4.1 stays behind for ever, locked up, when a rank has died while it was connecting to it: its own
# --timeout does not help then.
#
# end_stuck PROCESS SECONDS, in the background: where PROCESS is an mpirun, or has started one, and all processes of that one have
# been dead or gone for so many seconds, it is killed, and that is told. Ends when PROCESS does.
end_stuck()
{
    local launcher states dead=0 names='mpi(run|exec)' # pgrep takes 15 characters at most
    while sleep 1 >/dev/null 2>&1 && kill -0 "$1" 2>/dev/null; do
        launcher=$(pgrep -P "$1" -x "$names" | head -n 1 || true)
        launcher=${launcher:-$1}
        states=$(ps -o stat= --ppid "$launcher" || true)
        if [ -z "$states" ] && ! ps -o comm= -p "$launcher" | grep -qxE "$names"; then
            dead=0 # not a launcher at all
        elif grep -q '^[^Z]' <<<"$states"; then
            dead=0
        else
            dead=$((dead + 1))
        fi
        [ "$dead" -ge "$2" ] || continue
        echo "all ranks are dead or gone, but $(ps -o comm= -p "$launcher") (process $launcher) does not end: it is killed" >&2
        kill -KILL "$launcher"
        return
    done
}
