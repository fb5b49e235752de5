#!/usr/bin/env bash
# The demonstration in a real browser: Debian's Chromium driven by playwright-core from npm (installed when missing, as
# root or with sudo). The microphone hears a tone of 1000 Hz, and what comes back is measured.
#   BROWSER_PICTURES=DIR   keep the screenshots there
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
	echo "browser.sh: installing ${missing[*]}"
	root=()
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || { echo "browser.sh: root or sudo is needed once, to install ${missing[*]}" >&2; exit 1; }
		root=(sudo)
	fi
	"${root[@]}" apt-get update -q
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

work=$(mktemp -d -t dialtone-browser.XXXXXX)
trap 'rm -rf "$work"' EXIT
cp e2e/browser/package.json e2e/browser/demo.mjs "$work"
(cd "$work" && npm install --no-audit --no-fund --no-package-lock --loglevel=error)
go build -o "$work/dialtone" ./firmware
# Ten seconds of 1000 Hz, 48 kHz, 16 bits, one channel.
node -e '
const n = 480000, b = Buffer.alloc(44 + 2 * n);
b.write("RIFF", 0); b.writeUInt32LE(36 + 2 * n, 4); b.write("WAVEfmt ", 8); b.writeUInt32LE(16, 16); b.writeUInt16LE(1, 20); b.writeUInt16LE(1, 22);
b.writeUInt32LE(48000, 24); b.writeUInt32LE(96000, 28); b.writeUInt16LE(2, 32); b.writeUInt16LE(16, 34); b.write("data", 36); b.writeUInt32LE(2 * n, 40);
for (let i = 0; i < n; i++) b.writeInt16LE(Math.round(8000 * Math.sin(2 * Math.PI * 1000 * i / 48000)), 44 + 2 * i);
require("fs").writeFileSync(process.argv[1], b);' "$work/tone.wav"
TMPDIR=$work timeout 300 node "$work/demo.mjs" "$work/dialtone" "$work/tone.wav" "${BROWSER_PICTURES:-$work/pictures}"
