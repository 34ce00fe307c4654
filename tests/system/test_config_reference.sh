#!/bin/sh
# docs/configuration.md is what the program says of itself; no line of --help-config is wider than 100 columns.
# Usage: test_config_reference.sh BUILD_DIR SOURCE_DIR
set -eu
program=$1/cnn-train
page=$2/docs/configuration.md

if ! "$program" --help-config=markdown | diff -u "$page" -; then
    echo "docs/configuration.md is out of date (-: the page, +: the program). To renew it:" >&2
    echo "    $program --help-config=markdown > $page" >&2
    exit 1
fi

wide=$("$program" --help-config | awk 'length($0) > 100')
if [ -n "$wide" ]; then
    echo "wider than 100 columns: $wide" >&2
    exit 1
fi

# Its examples, one behind the other, are a configuration that trains.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n '/^```ini/,/^```/{/^```/!p}' "$page" >"$work/all.ini"
[ "$(grep -c '^\[' "$work/all.ini")" -ge 9 ] || { echo "examples are missing from $page" >&2; exit 1; }
"$program" --set data.file="$2/data/digits.h5" --set run.output="$work/run" --steps 3 "$work/all.ini"
