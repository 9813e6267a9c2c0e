#!/bin/sh
# Shows that the proofs can fail: every file in sabotage/ holds one wrong line, between (*:*) and
# (*honest: ... :*). With the wrong line coqc must fail (or run into its time limit); with the honest
# one put in its place it must succeed. Run after the development has been compiled.
set -u
cd "$(dirname "$0")" || exit 2
limit=${LIMIT:-60}
coqc=${COQC:-coqc}
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
status=0
for file in sabotage/*.v; do
    name=$(basename "$file" .v)
    tr '\n' '\001' < "$file" |
        sed 's/(\*:\*)[^:]*(\*honest: \([^:]*\(%:[^:]*\)*\) :\*)/\1/' |
        tr '\001' '\n' > "$scratch/honest_$name.v"
    cp "$file" "$scratch/wrong_$name.v"
    if cmp -s "$scratch/honest_$name.v" "$scratch/wrong_$name.v"; then
        echo "$name: no wrong line was found"; status=1; continue
    fi
    if ! timeout "$limit" "$coqc" -Q . backproof -w none "$scratch/honest_$name.v" > "$scratch/log" 2>&1; then
        echo "$name: the honest version does not compile"; cat "$scratch/log"; status=1; continue
    fi
    if timeout "$limit" "$coqc" -Q . backproof -w none "$scratch/wrong_$name.v" > "$scratch/log" 2>&1; then
        echo "$name: the sabotage was NOT noticed"; status=1
    else
        echo "$name: noticed"
    fi
done
exit $status
