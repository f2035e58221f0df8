#!/bin/sh
# sandbox.sh FILES BOUNDING-SET UMASK WRITABLE COMMAND…
# What systemd makes of a unit: FILES/etc for /etc, FILES/bin for /usr/local/bin, a file system that is read-only but for the file
# WRITABLE and a /tmp of its own, capabilities that end at BOUNDING-SET (as setpriv has it), no new privileges. In a mount namespace of its own.
set -eu
files=$1 bounding=$2 mask=$3 writable=$4
shift 4
umask "$mask"
touch "$writable"
mount --make-rprivate /
mount --bind / /mnt
mount --bind "$files/etc" /mnt/etc
mount --bind "$files/bin" /mnt/usr/local/bin
for place in proc sys dev run; do mount --rbind "/$place" "/mnt/$place"; done
mount -t tmpfs tmp /mnt/tmp
mount --bind "$writable" "/mnt$writable"
for place in run usr/local/bin etc ""; do mount -o remount,bind,ro "/mnt/$place"; done
exec chroot /mnt setpriv --bounding-set "$bounding" --inh-caps=-all --no-new-privs "$@"
