#!/usr/bin/env bash
# The linter (shellcheck) has nothing to say about the scripts.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

command -v shellcheck >/dev/null || skip "there is no shellcheck on this machine"
cd "$source" || exit 1

mapfile -t scripts < <(find launch tests -name '*.sh' -o -name '*.sbatch'; ls .ci/run)
[ ${#scripts[@]} -ge 5 ] || fail "only ${#scripts[@]} scripts found"
# Warnings and errors; the milder remarks differ from version to version.
expect_exit 0 shellcheck -x -S warning "${scripts[@]}"

# It can fail.
# shellcheck disable=SC2016
printf '#!/bin/bash\nrm -rf $undefined/*\ncd /x\n' >"$tmp/bad.sh"
expect_exit 1 shellcheck -S warning "$tmp/bad.sh"
finish
