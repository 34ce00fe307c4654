#!/usr/bin/env bash
# Passes the tests, from a machine that has nothing of what they need. Usage: tests/run.sh [options]
#
#   --quick           without the builds under sanitizers and with clang
#   --long            with the tests that take long (label long): for soaks
#   -R REGEX          only the tests whose name matches, handed on to ctest
#   --no-install      never calls apt-get; what is missing shows up as it does
#   --build FOLDER    builds under FOLDER/build-... instead of the project's folder
#   --help
#
# Steps: packages, format, clang (compiles only), fuzzed configurations, threads under ThreadSanitizer, sanitizers (unit tests), tests. One that
# fails does not keep the others from running; the exit code is 0 where all passed. Logs stay in the build folders.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/environment.sh

quick=no long=no install=yes build_root=$PWD
ctest_options=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --long) long=yes ;;
    --no-install) install=no ;;
    -R | --build)
        [ $# -ge 2 ] || { echo "error: $1 wants a value" >&2; exit 2; }
        if [ "$1" = -R ]; then ctest_options+=(-R "$2"); else build_root=$2; fi
        shift
        ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "error: unknown option $1; try --help" >&2; exit 2 ;;
    esac
    shift
done
[ $long = yes ] || ctest_options+=(-LE long)

failed=()
closing=()

# step NAME FUNCTION: runs it, tells how it went and how long it took.
step()
{
    local start=$SECONDS
    printf '\n== %s\n' "$1"
    if "$2"; then
        printf -- '-- %s: passed (%d s)\n' "$1" $((SECONDS - start))
    else
        printf -- '-- %s: FAILED (%d s)\n' "$1" $((SECONDS - start))
        failed+=("$1")
        return 1
    fi
}

# The last lines of a log that went wrong, on the way to `false`.
show()
{
    echo "... the end of $1:"
    tail -n 60 "$1"
    return 1
}

packages()
{
    [ $install = no ] || launch/packages.sh test
}

# Another version of clang-format formats otherwise, so that only the named one is asked.
format()
{
    local tool=clang-format-14 sources
    if ! command -v $tool >/dev/null; then
        echo "not checked: there is no $tool on this machine"
        return 0
    fi
    mapfile -t sources < <(git ls-files -co --exclude-standard "*.[ch]" 2>/dev/null || find src tests -name '*.[ch]')
    $tool --dry-run -Werror "${sources[@]}" || { echo "$tool -i FILE mends it"; return 1; }
}

# build FOLDER OPTION...: configures and builds all, or the targets in build_targets; every warning is an error.
build()
{
    local folder=$build_root/$1
    shift
    mkdir -p "$folder" || return 1
    cmake -S . -B "$folder" -DCNN_WERROR=ON "$@" >"$folder/configure.log" 2>&1 || show "$folder/configure.log" || return 1
    cmake --build "$folder" -j "$(nproc)" ${build_targets[@]+--target "${build_targets[@]}"} >"$folder/build.log" 2>&1 || show "$folder/build.log"
}

# tests FOLDER OPTION...: ctest there. What it prints goes to ctest.log; shown is its table of tests, and what failed.
tests()
{
    local folder=$build_root/$1 status=0
    shift
    (cd "$folder" && ctest --output-on-failure "${ctest_options[@]}" "$@") </dev/null 2>&1 |
        tee "$folder/ctest.log" || status=1
    closing+=("$(sed -n '/^[0-9]*% tests passed/,$p' "$folder/ctest.log")")
    return $status
}

release_build()
{
    build build-tests -DCMAKE_BUILD_TYPE=Release -DCNN_BENCH=ON
}
# Unit tests side by side; the programs one after the other, because they are held to times and use all cores.
release_tests()
{
    tests build-tests --no-tests=error -j "$(nproc)"
}

sanitizer_build()
{
    build build-sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCNN_SANITIZE=ON
}
sanitizer_tests()
{
    ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
        tests build-sanitize -L unit -j "$(nproc)"
}

# Threads of our own that share memory, watched for races. What OpenMP's threads do is out of ThreadSanitizer's sight.
race_tests()
{
    local names=(test_reader test_feed) name
    if ! echo 'int main(void) { return 0; }' | clang -fopenmp -fsanitize=thread -x c - -o /dev/null 2>/dev/null; then
        echo "not checked: there is no clang with OpenMP and ThreadSanitizer on this machine"
        return 0
    fi
    (build_targets=("${names[@]}")
        build build-threads -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang -DCNN_SANITIZE_THREADS=ON) || return 1
    for name in "${names[@]}"; do
        TSAN_OPTIONS=halt_on_error=1 "$build_root/build-threads/tests/$name" >"$build_root/build-threads/$name.log" 2>&1 ||
            show "$build_root/build-threads/$name.log" || return 1
    done
}

# A second compiler sees other mistakes. Compiles only.
clang_build()
{
    if ! echo 'int main(void) { return 0; }' | clang -fopenmp -x c - -o /dev/null 2>/dev/null; then
        echo "not checked: there is no clang with OpenMP on this machine"
        return 0
    fi
    build build-clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang -DCNN_BENCH=ON
}

# Exit code 77: there is no libFuzzer here, which it has told.
fuzz_config()
{
    local status=0 seconds=15
    [ $long = no ] || seconds=600
    tests/fuzz/config.sh "$build_root/build-fuzz" $seconds || status=$?
    [ $status = 0 ] || [ $status = 77 ]
}

step packages packages || exit 1
step format format
if [ $quick = no ]; then
    step 'build with clang' clang_build
    step 'fuzz the configuration' fuzz_config
    step 'threads under ThreadSanitizer' race_tests
    step 'build with AddressSanitizer and UBSan' sanitizer_build && step 'unit tests under them' sanitizer_tests
fi
step build release_build && step tests release_tests

printf '\n'
[ ${#failed[@]} -eq 0 ] || printf 'FAILED: %s\n' "${failed[@]}"
printf '%s\n' "${closing[@]}"
[ ${#failed[@]} -eq 0 ]
