#!/usr/bin/env bash
# The arrows of the design, as the #include lines have them:
#
#     tools -> train -> { dist, io, core }     io -> core     dist -> core (status, log, thread, clock)     core -> core/kernels
#
# and what else a folder must not know. The rules are tried on planted offenders first: a check that finds nothing must be
# able to find something.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# Every project include below src/, as "file header".
includes()
{
    (cd "$1" && grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' . | sed 's/^\.\///')
}

# offenders FOLDER: one line per broken rule below FOLDER, which is laid out as src/.
offenders()
{
    local root=$1
    includes "$root" | awk -F: '
        BEGIN {
            # folder -> pattern of the project headers that it may include
            may["core/kernels"] = "^core/kernels/"
            may["core"] = "^core/"
            may["io"] = "^(io|core)/"
            may["dist"] = "^(dist/|core/(status|log|thread|clock)[.]h$)"
            may["train"] = "^(train|dist|io|core)/"
            may["tools"] = "^(tools|train|dist|io|core)/"
            # folder -> pattern of the foreign headers that it may not
            not["core"] = not["core/kernels"] = "^(mpi|hwloc|hdf5.*|H5.*|png|zlib|ini|fcntl|sys/stat|dirent)[.]h$"
            not["io"] = "^(mpi|hwloc)[.]h$"
            not["dist"] = "^(hdf5.*|H5.*|png|zlib|ini|cblas)[.]h$"
            not["tools"] = not["train"] = "^(hwloc|png|zlib|ini|cblas)[.]h$"
        }
        {
            folder = $1 ~ /^core\/kernels\// ? "core/kernels" : substr($1, 1, index($1, "/") - 1)
            header = $0
            sub(/^[^"<]*["<]/, "", header)
            sub(/[">].*/, "", header)
            if (!(folder in may))
                print $1 ":" $2 ": a folder that the design does not know"
            else if ($0 ~ /include[ \t]*"/ && header ~ /\// && header !~ may[folder])
                print $1 ":" $2 ": " folder " may not include " header
            else if ($0 ~ /include[ \t]*"/ && header !~ /\// && header !~ /^build_/)
                print $1 ":" $2 ": " header " wants its folder: \"" folder "/" header "\""
            else if ($0 ~ /include[ \t]*</ && folder in not && header ~ not[folder])
                print $1 ":" $2 ": " folder " may not know " header
        }'

    # Files are src/io's. log.c prints to the streams there are.
    (cd "$root" && grep -rnE '\b(fopen|fdopen|freopen|tmpfile|fread|fwrite|fscanf|fgets|rename|unlink|remove)[[:space:]]*\(' \
        --include='*.[ch]' core 2>/dev/null | sed 's/$/   <- core knows no files/')

    # Who ends the program is main; abort() of our own faults is allowed.
    (cd "$root" && grep -rnE '(^|[^a-zA-Z_])(_?exit|_Exit|quick_exit)[[:space:]]*\(' --include='*.[ch]' . |
        grep -v '^\./tools/' | sed 's/^\.\///; s/$/   <- only tools may end the program/')
}

# planted FILE LINE: a tree with this one line must be found guilty.
planted()
{
    rm -rf planted
    mkdir -p "planted/$(dirname "$1")"
    printf '#include <stddef.h>\n%s\n' "$2" >"planted/$1"
    [ -n "$(offenders planted)" ] || fail "planted in $1 and not found: $2"
}
# innocent FILE LINE: and this one not.
innocent()
{
    rm -rf planted
    mkdir -p "planted/$(dirname "$1")"
    printf '%s\n' "$2" >"planted/$1"
    [ -z "$(offenders planted)" ] || fail "innocent, yet found: $(offenders planted)"
}

planted core/a.c '#include "io/config.h"'
planted core/a.c '#include "dist/ring.h"'
planted core/a.h '#  include <mpi.h>'
planted core/a.c '#include <hdf5.h>'
planted core/a.c '    FILE *f = fopen(path, "r");'
planted core/kernels/a.c '#include "core/layer.h"'
planted core/kernels/a.c '#include <mpi.h>'
planted io/a.c '#include "train/trainer.h"'
planted io/a.c '#include "dist/ring.h"'
planted io/a.c '#include <mpi.h>'
planted dist/a.c '#include "core/layer.h"'
planted dist/a.c '#include "io/config.h"'
planted train/a.c '#include "tools/x.h"'
planted train/a.c '#include <hwloc.h>'
planted core/a.c '#include <hwloc.h>'
planted train/a.c '    exit(1);'
planted train/a.c '#include "trainer.h"'
planted extra/a.c '#include "core/status.h"'
innocent core/a.c '#include "core/kernels/gemm.h"'
innocent core/kernels/a.c '#include "core/kernels/a.h"'
innocent dist/a.c '#include "core/log.h"'
innocent dist/a.c '#include <hwloc.h>'
innocent train/a.c '#include "io/config.h"'
innocent train/a.c '    trainer_on_exit(x);'
innocent tools/a.c '    exit(status);'

found=$(offenders "$source/src")
[ -z "$found" ] || fail "$found"
finish
