#!/bin/sh
# Runs before the package is removed or upgraded. An upgrade leaves the service running; the new package restarts it.
set -e
case "$1" in
upgrade | 1 | [0-9].*) exit 0 ;; # deb: upgrade; rpm: the number of versions left; apk: the new version
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now hookyard || true
fi
