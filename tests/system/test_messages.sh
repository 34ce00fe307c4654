#!/usr/bin/env bash
# The messages that docs/distributed.md quotes are those of the program: every part of them that does not vary is in src/.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# All string literals of the sources, those that are continued joined; a format's varying parts, and in the documentation
# `...`, numbers, names of hosts and some words, are cut out.
find "$source/src" -name '*.c' -exec cat {} + | tr '\n' ' ' | sed -E 's/" +"//g' >literals
sed -n '/^## What it says/,$p' "$source/docs/distributed.md" | sed -nE 's/^\| `([^`]*)` \|.*/\1/p' >messages
[ "$(wc -l <messages)" -ge 5 ] || fail "messages were not found: $(cat messages)"

# expect_quoted MESSAGE: every part of it between what varies.
expect_quoted()
{
    local part
    while read -r part; do
        part=$(sed -E 's/^[ ,;:.]+//; s/[ ,;:.]+$//' <<<"$part")
        [ ${#part} -lt 4 ] || grep -qF -e "$part" literals || return 1
    done < <(sed -E 's/\.\.\.|[0-9]+( s)?|\bnode[0-9]+|\b(in|reduce|loss)\b/\n/g' <<<"$1")
}
while read -r message; do
    expect_quoted "$message" || fail "docs/distributed.md quotes what nothing in src/ says: $message"
done <messages

# It can fail.
expect_quoted 'weights after step 900 are not the same on all ranks: ...' && fail "it finds what is not there"
finish
