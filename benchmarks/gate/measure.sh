#!/usr/bin/env bash
# What action.yml runs: benchgate with BASE, CONFIRM and the words of ARGUMENTS. Its exit status becomes the output
# "status", and that of this script but for a regression that a later job confirms (REGRESSION=pass).
set -euo pipefail

words=(--output "$OUTPUT")
if [ -n "${BASE:-}" ]; then words+=(--base "$BASE"); fi
if [ -n "${CONFIRM:-}" ]; then words+=(--confirm "$CONFIRM"); fi
if [ -n "${ARGUMENTS:-}" ]; then
    split=$(mktemp)
    trap 'rm "$split"' EXIT
    # xargs splits as a shell does, and expands nothing
    if ! printf '%s' "$ARGUMENTS" | xargs -r printf '%s\0' > "$split"; then
        echo "::error title=benchgate::the arguments are no words of a shell: is a quote open?"
        echo "status=2" >> "$GITHUB_OUTPUT"
        exit 2
    fi
    while IFS= read -r -d '' word; do words+=("$word"); done < "$split"
fi

status=0
benchgate "${words[@]}" || status=$?
echo "status=$status" >> "$GITHUB_OUTPUT"
if [ "$status" = 1 ] && [ "${REGRESSION:-fail}" = pass ]; then
    echo "::notice title=benchgate::something looks regressed: to be confirmed on another machine"
    exit 0
fi
exit "$status"
