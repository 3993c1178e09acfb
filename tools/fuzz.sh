#!/bin/sh
# Runs every Fuzz function of the module, one after the other, each for FUZZTIME (5m). It goes on after a finding, so that
# one does not hide another, and ends red. What was found lies in the package's testdata/fuzz: commit it with the cure.
# FUZZ names packages, where not all are wanted: FUZZ='./sip ./sip/digest' make fuzz
set -eu
go=${GO:-go}
time=${FUZZTIME:-5m}
red=
packages=$($go list ${FUZZ:-./...})
for package in $packages; do
	# A package that does not build is a failure, not one without targets.
	targets=$($go test -list '^Fuzz' "$package") || { red="$red $package"; continue; }
	for target in $(echo "$targets" | grep '^Fuzz' || true); do
		echo "== $package $target"
		$go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" || red="$red $package.$target"
	done
done
if [ -n "$red" ]; then
	echo "found something:$red" >&2
	exit 1
fi
