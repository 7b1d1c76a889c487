#!/bin/sh
# Runs after the package was installed or upgraded (deb, rpm, apk).
set -e
if ! getent passwd hookyard >/dev/null 2>&1; then
	if command -v useradd >/dev/null 2>&1; then
		useradd --system --user-group --home-dir /var/lib/hookyard --no-create-home --shell /usr/sbin/nologin hookyard
	else # Alpine
		addgroup -S hookyard
		adduser -S -D -H -h /var/lib/hookyard -s /sbin/nologin -G hookyard hookyard
	fi
fi
chown root:hookyard /etc/hookyard/hookyard.env
chmod 640 /etc/hookyard/hookyard.env
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	if systemctl is-active --quiet hookyard; then
		systemctl restart hookyard
	else
		echo "hookyard is installed. To start it:  systemctl enable --now hookyard"
		echo "Then open the link that   journalctl -u hookyard   shows, to choose the administrator's password."
	fi
fi
