#!/bin/busybox sh
# PID 1 of a lab guest. uml.ts puts it beside `settings`, `fstab`, `fstab.late` and `command` into the control folder, whose
# path on the host comes as $LAB_CONTROL. A new process costs 20 to 100 ms in here, so there are few of them.
B=/bin/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
. "$LAB_CONTROL/settings"

die() {
  echo "lab-init: $*"
  $B halt -f
}

if [ "${1:-}" != over ]; then
  # The host's root is mounted read-only; what the guest writes goes to memory.
  $B insmod "/usr/lib/uml/modules/$($B uname -r)/kernel/fs/overlayfs/overlay.ko" || die 'no overlay module'
  $B mount -t tmpfs -o mode=755,size=90% upper /mnt || die 'no memory file system'
  $B mkdir /mnt/upper /mnt/upper/.host /mnt/work /mnt/root
  $B mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work,xino=off,index=off root /mnt/root || die 'no overlay'
  cd /mnt/root && $B pivot_root . .host || die 'no new root'
  exec $B chroot . $B sh "$0" over
fi

$B mkdir -p /run /results /tmp
$B mount -t proc proc /proc
read -r version </proc/sys/kernel/osrelease
$B mount -a -T "$LAB_CONTROL/fstab"
$B mkdir -p /dev/pts /dev/shm /run/lab /run/lock /run/cryptsetup "/lib/modules/$version"
$B mount -a -T "$LAB_CONTROL/fstab.late"
$B mount --bind "/usr/lib/uml/modules/$version" "/lib/modules/$version"
$B ln -s /proc/self/fd /dev/
$B ln -s /proc/self/fd/0 /dev/stdin
$B ln -s /proc/self/fd/1 /dev/stdout
$B ln -s /proc/self/fd/2 /dev/stderr
[ -e /run/lab/command ] || die 'no control folder'
$B umount -l /.host
$B ip link set lo up
echo lab >/proc/sys/kernel/hostname

[ -z "$LAB_MODULES" ] || modprobe -a $LAB_MODULES || die "could not load: $LAB_MODULES"
if [ "$LAB_UDEV" = 1 ]; then
  $B mkdir -p /run/udev
  /lib/systemd/systemd-udevd --daemon || die 'no udevd'
  udevadm trigger --action=add --subsystem-match=block --subsystem-match=misc
  udevadm settle --timeout=30
fi

$B stty -F /dev/ttyS0 raw -echo
$B stty -F /dev/ttyS1 raw -echo
unset LAB_CONTROL LAB_MODULES LAB_UDEV mem uml_dir umid
$B sh /run/lab/command </dev/null >/dev/ttyS0 2>/dev/ttyS1
code=$?
$B sync
# Setting a line's mode waits until all that was written to it is out.
$B timeout 20 $B stty -F /dev/ttyS0 raw -echo
$B timeout 20 $B stty -F /dev/ttyS1 raw -echo
echo "$code" >/run/lab/exit-code
$B sync
$B halt -f
