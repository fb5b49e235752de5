#!/usr/bin/env bash
# The receive path beside NetEQ of WebRTC and the jitter buffer of speexdsp (with spandsp's concealment) on the same
# traces, pulled at the same local times and judged by the same matcher (jbsim -match). Prints a table; fails when another
# engine has the better R anywhere.
#
#   scripts/bench-voice.sh [-s SEEDS] [-k KINDS] [-p PHASES] [-r REF] [-m PROGRAM] [-i] [DIR…]
#
#   -s "1 2 3"    seeds of the made traces (1); "" leaves them out
#   -k "lan …"    kinds of made traces (all nine)
#   -p "3 13"     local times of the first pull, in ms
#   -r REF        what is said: 8 kHz, 16 bit, mono, raw or raw under gzip (made speech)
#   -m PROGRAM    PROGRAM REF.raw OUT.raw prints MOS-LQO as its last word: R by it is added
#   -i            install what is missing (Debian, root)
#   DIR…          folders of traces (*.trace.gz) that are measured too
#
# Needs Debian's libtgowt-dev, libspeexdsp-dev, libspandsp-dev, g++ and pkg-config. A cell is: delay above the best of the
# network in ms (p95) / percent altered / changes of the delay / R of G.107.
set -euo pipefail

packages=(libtgowt-dev libabsl-dev libspeexdsp-dev libspandsp-dev g++ pkg-config)
seeds=1 kinds="lan wifi_ok wifi_busy dsl_bulk loss5 burst10 route step35 clump40" phases="3 13" ref="" judge="" install=""
while getopts s:k:p:r:m:i option; do
	case $option in
	s) seeds=$OPTARG ;;
	k) kinds=$OPTARG ;;
	p) phases=$OPTARG ;;
	r) ref=$(realpath "$OPTARG") ;;
	m) judge=$(command -v "$OPTARG") || { echo "bench-voice.sh: there is no program $OPTARG" >&2; exit 2; } ;;
	i) install=yes ;;
	*) sed -n '/^#   scripts/,/^# Needs/p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
folders=()
for folder in "$@"; do
	compgen -G "$folder/*.trace.gz" >/dev/null || { echo "bench-voice.sh: no traces (*.trace.gz) in $folder" >&2; exit 2; }
	folders+=("$(realpath "$folder")")
done
cd "$(dirname "$0")/.."

for program in go zcat dpkg-query; do
	command -v "$program" >/dev/null || { echo "bench-voice.sh: there is no $program in PATH; this runs on Debian, with Go" >&2; exit 2; }
done
missing=()
for package in "${packages[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
	if [ -z "$install" ]; then
		echo "bench-voice.sh: missing: ${missing[*]}. Call it with -i, or: apt-get install --no-install-recommends ${missing[*]}" >&2
		exit 2
	fi
	apt-get update -q >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
peers=media/jbsim/peers
go build -o "$work/jbsim" ./media/jbsim
g++ -std=c++20 -O2 -Wall -DWEBRTC_POSIX -DWEBRTC_LINUX -isystem /usr/include/tg_owt -o "$work/neteq" "$peers/neteq.cc" \
	-ltg_owt $(pkg-config --libs absl_strings absl_throw_delegate absl_bad_optional_access) -lpthread
gcc -O2 -Wall -Wextra -o "$work/speexdsp" "$peers/speexdsp.c" -lspeexdsp -lspandsp

# cell turns what jbsim says of a sound into one cell, and its R.
cell() { sed -nE 's/^.*: delay ([-0-9.]+) ms, p95 ([-0-9.]+), altered ([0-9.]+) %, ([0-9]+) changes, R ([-0-9.]+)(, by MOS .*)?$/\1 (\2) \/ \3 \/ \4 \/ \5\6/p'; }

rows=0 worse=()
measure() { # name trace reference
	local name=$1 trace=$2 reference=$3 phase engine best=ours
	for phase in $phases; do
		local row="| $name | $phase |" highest="" ours=""
		for engine in ours neteq speexdsp; do
			local out=$work/$engine.raw mos=()
			if [ $engine = ours ]; then
				"$work/jbsim" -trace "$trace" -ref "$reference" -out "$out" -phase "$phase" >/dev/null
			else
				zcat "$trace" | "$work/$engine" "$reference" "$out" "$phase" 2>"$work/$engine.log" || { cat "$work/$engine.log" >&2; exit 1; }
			fi
			[ -z "$judge" ] || mos=(-mos "$("$judge" "$reference" "$out" | awk 'NF { last = $NF } END { print last }')")
			local said
			said=$("$work/jbsim" -trace "$trace" -ref "$reference" -match "$out" -phase "$phase" "${mos[@]}" | cell)
			[ -n "$said" ] || { echo "bench-voice.sh: $engine on $name at $phase ms: no measure" >&2; exit 1; }
			row+=" $said |"
			local r=${said##*/ }
			r=${r%%,*}
			if [ $engine = ours ]; then
				ours=$r
			elif [ -z "$highest" ] || awk "BEGIN { exit !($r > $highest) }"; then
				highest=$r best=$engine
			fi
		done
		rows=$((rows + 1))
		awk "BEGIN { exit !($ours < $highest) }" && worse+=("$name at $phase ms: $best has $highest, ours $ours")
		echo "$row"
	done
}

spoken() { # seed: the reference to be used
	if [ -z "$ref" ]; then
		[ -e "$work/speech$1.raw" ] || "$work/jbsim" -speech 180 -seed "$1" -out "$work/speech$1.raw"
		echo "$work/speech$1.raw"
	else
		[ -e "$work/ref.raw" ] || case $ref in *.gz) zcat "$ref" ;; *) cat "$ref" ;; esac >"$work/ref.raw"
		echo "$work/ref.raw"
	fi
}

echo "| trace | phase | ours | NetEQ | speexdsp + spandsp |"
echo "|---|---|---|---|---|"
for folder in "${folders[@]}"; do
	for trace in "$folder"/*.trace.gz; do
		name=$(basename "$trace" .trace.gz)
		measure "$name" "$trace" "$(spoken 1)"
	done
done
for kind in $kinds; do
	for seed in $seeds; do
		"$work/jbsim" -generate "$kind" -seed "$seed" -out "$work/made.trace.gz"
		measure "$kind, seed $seed" "$work/made.trace.gz" "$(spoken "$seed")"
	done
done
echo
echo "ours has the best R in $((rows - ${#worse[@]})) of $rows"
if [ ${#worse[@]} -gt 0 ]; then
	printf 'worse: %s\n' "${worse[@]}" >&2
	exit 1
fi
