#!/bin/bash
# libvirtd.sh DIR: init of a private libvirtd. Started by libvirtd.ts inside new mount and PID namespaces; the end of its
# stdin ends it, and with it everything in the namespaces. Orders come line by line on stdin, each is answered by a line.
#
# Nothing of the host is touched: its /run, /etc/libvirt and /var/{lib,cache,log}/libvirt are covered. DIR/run is
# /run/libvirt here, so that the sockets can be reached from outside.
set -u
dir=$1
fail() { echo "failed: $*"; exit 1; }

mount --make-rprivate / || fail 'mount --make-rprivate'
mkdir -p "$dir/run" "$dir/log"
etc=$(mktemp -d "$dir/etc.XXXXXX") && cp /etc/libvirt/*.conf "$etc/" || fail 'no configuration in /etc/libvirt'
# No mount namespaces of libvirt's own (they cannot move the cover over /dev/kvm) and no control groups on the host's tree.
printf '%s\n' 'namespaces = []' 'cgroup_controllers = []' >> "$etc/qemu.conf"
mount --bind "$dir" /mnt || fail 'mount /mnt'
mount -t tmpfs -o mode=755 run /run || fail 'mount /run'
mkdir -p /run/dbus /run/libvirt /run/lock
mount --bind "/mnt/run" /run/libvirt || fail 'mount /run/libvirt'
for place in lib cache; do
  mkdir -p "/var/$place/libvirt"
  mount -t tmpfs -o mode=755 "$place" "/var/$place/libvirt" || fail "mount /var/$place/libvirt"
done
mkdir -p /var/lib/libvirt/qemu /var/log/libvirt
mount --bind /mnt/log /var/log/libvirt || fail 'mount /var/log/libvirt'
mount --bind "/mnt/${etc##*/}" /etc/libvirt || fail 'mount /etc/libvirt'
umount /mnt
# libvirt probes a /dev/kvm that it can open at every start of a domain; a file of mode 000 over it stops that for guests
# that are emulated anyway. HOLDFAST_LAB_KVM=1 leaves it.
if [ -e /dev/kvm ] && [ "${HOLDFAST_LAB_KVM:-}" != 1 ]; then
  install -m 000 /dev/null /run/nokvm && mount --bind /run/nokvm /dev/kvm || fail 'cover /dev/kvm'
fi

virtlogd >"$dir/log/virtlogd.out" 2>&1 </dev/null &
daemon=
start() { libvirtd >>"$dir/log/libvirtd.out" 2>&1 </dev/null & daemon=$!; }
start
echo started
while read -r order; do
  case $order in
    start) start ;;
    kill) kill -KILL "$daemon"; wait "$daemon" 2>/dev/null ;;
    freeze) kill -STOP "$daemon" ;;
    thaw) kill -CONT "$daemon" ;;
    *) fail "unknown order $order" ;;
  esac
  echo "$order done"
done
