#!/usr/bin/env bash
# Static, stripped binaries for the four targets, in dist/ (or the directory given), with their sizes. The one for
# arm64 may have 15 MB.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-dist}
limit=$((15 * 1000 * 1000))
mkdir -p "$out"
for target in linux/arm64 linux/arm/7 linux/arm/6 linux/amd64; do
	IFS=/ read -r os arch arm <<<"$target"
	file=$out/dialtone-$os-$arch${arm:+v$arm}
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch GOARM=${arm:-} go build -trimpath -ldflags '-s -w' -o "$file" ./firmware
	size=$(stat -c %s "$file")
	printf '%-28s %9d bytes\n' "$(basename "$file")" "$size"
	if [ "$arch" = arm64 ] && [ "$size" -gt "$limit" ]; then
		echo "build.sh: the arm64 binary is larger than $limit bytes" >&2
		exit 1
	fi
done
