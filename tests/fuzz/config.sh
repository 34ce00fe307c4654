#!/usr/bin/env bash
# Fuzzes what reads configurations, with libFuzzer, AddressSanitizer and UBSan. Usage: config.sh BUILD-FOLDER SECONDS
#
# The configurations of configs/ and the words of dictionary.txt are what it starts from; what it finds to be new stays in
# the build folder, for the next time. Exit code 77, with a word why: there is no clang with libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -eq 2 ] || { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
folder=$1 seconds=$2

probe='int LLVMFuzzerTestOneInput(const unsigned char *b, unsigned long n) { return (int)n * !b; }'
if ! clang -fopenmp -fsanitize=fuzzer,address,undefined -x c - -o /dev/null <<<"$probe" 2>/dev/null; then
    echo "not checked: there is no clang with libFuzzer and OpenMP on this machine"
    exit 77
fi
mkdir -p "$folder/corpus" "$folder/seeds"
cmake -S . -B "$folder" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCNN_FUZZ=ON >"$folder/configure.log" 2>&1 ||
    { tail -n 40 "$folder/configure.log"; exit 1; }
cmake --build "$folder" --target fuzz_config -j "$(nproc)" >"$folder/build.log" 2>&1 ||
    { tail -n 40 "$folder/build.log"; exit 1; }
while read -r seed; do cp "$seed" "$folder/seeds/${seed//\//-}"; done < <(find configs -name '*.ini')
if ! "$folder/tests/fuzz_config" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
    -dict=tests/fuzz/dictionary.txt -artifact_prefix="$folder/" "$folder/corpus" "$folder/seeds" >"$folder/fuzz.log" 2>&1; then
    tail -n 40 "$folder/fuzz.log"
    exit 1
fi
grep '^Done' "$folder/fuzz.log"
