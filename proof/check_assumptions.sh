#!/bin/sh
# Reads what assumptions.v prints: the theorems may rest on the three classical axioms of MathComp
# Analysis and on nothing else, those about counting on none. Also looks for admitted proofs and
# axioms in the sources. Run after the development has been compiled.
set -u
cd "$(dirname "$0")" || exit 2
coqc=${COQC:-coqc}
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
cp assumptions.v "$scratch/printed.v"
timeout "${LIMIT:-120}" "$coqc" -Q . backproof -w none "$scratch/printed.v" > "$scratch/out" || exit 1
cat "$scratch/out"
allowed='^(boolp\.)?(propositional_extensionality|functional_extensionality_dep|constructive_indefinite_description)$'
names=$(sed -n 's/^\([A-Za-z_][A-Za-z0-9_.'"'"']*\)\( :.*\)\{0,1\}$/\1/p' "$scratch/out")
foreign=$(printf '%s\n' "$names" | grep -Ev "$allowed")
status=0
[ "$(grep -c '^Axioms:' "$scratch/out")" = 1 ] || { echo "expected one list of axioms"; status=1; }
[ "$(grep -c '^Closed under the global context' "$scratch/out")" = 1 ] ||
    { echo "the theorems about counting should need no axiom"; status=1; }
[ -z "$foreign" ] || { echo "not among the three allowed axioms: $foreign"; status=1; }
if grep -nE '^ *(Admitted|Axiom|Axioms|Parameter|Parameters|Conjecture|admit)\b|\badmit\.' ./*.v; then
    echo "an admitted proof or an axiom in the sources"; status=1
fi
exit $status
