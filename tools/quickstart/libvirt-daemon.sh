#!/bin/sh
# Starts virtlogd and libvirtd on a machine without systemd, inside a mount namespace of their own so that no file of
# the host is changed. Called as: unshare --mount --propagation slave -- libvirt-daemon.sh RUN_DIRECTORY cover|keep
#
# "cover": /dev/kvm is there but can't run a guest. libvirt would probe it anew at each start of a domain, for many
# seconds; behind a file that nobody may open it is not probed. libvirt's own mount namespaces can't move such a
# mount, so they are switched off.
set -eu
run=$1
mkdir -p "$run" /run/libvirt
if [ "$2" = cover ] && [ -e /dev/kvm ]; then
  install -m 000 /dev/null "$run/no-kvm"
  mount --bind "$run/no-kvm" /dev/kvm
fi
{ cat /etc/libvirt/qemu.conf; echo 'namespaces = []'; } > "$run/qemu.conf"
mount --bind "$run/qemu.conf" /etc/libvirt/qemu.conf
virtlogd --daemon --pid-file "$run/virtlogd.pid"
exec libvirtd --daemon --pid-file "$run/libvirtd.pid"
