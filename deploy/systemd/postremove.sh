#!/bin/sh
# Runs after the package was removed. Data and key stay in /var/lib/hookyard; `apt purge` deletes them.
set -e
if [ "$1" = purge ]; then
	rm -rf /var/lib/hookyard /etc/hookyard
	userdel hookyard >/dev/null 2>&1 || true
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
