#!/bin/busybox sh
# PID 1 of the demonstration guest. It tells on its first serial port what disks it sees; pack-guest.ts has the contract.
B=/bin/busybox
$B mount -t devtmpfs devtmpfs /dev
$B mount -t proc proc /proc
$B mount -t sysfs sysfs /sys
exec >/dev/ttyS0 2>/dev/null </dev/null

# A pipe that nobody closes: waiting on it is a sleep without a process, and a line in it is an event.
$B mkfifo /events
exec 3<>/events
say() { echo "holdfast-guest: $*"; }

MARK='holdfast-marker:' # the start of sector 2048 (1 MiB) of a marked disk, followed by the text and a newline
SECTOR=2048

read_marker() { # disk -> $marker
  line=$($B dd if="/dev/$1" bs=512 skip=$SECTOR count=1 | $B tr -cd 'A-Za-z0-9:._-')
  marker=none
  case $line in "$MARK"?*.END*) marker=${line#"$MARK"} marker=${marker%%.END*} ;; esac
}

write_marker() { # disk text
  printf '%s%s.END\n' "$MARK" "$2" | $B dd of="/dev/$1" bs=512 seek=$SECTOR conv=sync,notrunc,fsync || return 1
  $B sync
  echo 3 >/proc/sys/vm/drop_caches
  read_marker "$1"
  [ "$marker" = "$2" ]
}

report() { # disk serial
  read_marker "$1"
  say "disk $1 serial=${2:-none} marker=$marker"
  [ -n "$want" ] && [ "$marker" = none ] || return 0
  if write_marker "$1" "$want"; then say "wrote marker $want to $1"; else say "could not write to $1"; fi
}

known=' ' # ' vda=serial vdb=serial ' as last reported
scan() {
  now=' '
  for path in /sys/block/vd*; do
    [ -e "$path" ] || continue
    disk=${path##*/} serial=
    [ -e "/dev/$disk" ] || continue
    read -r serial <"$path/serial"
    now="$now$disk=$serial "
  done
  for entry in $known; do
    case $now in *" $entry "*) ;; *) say "disk ${entry%%=*} gone" ;; esac
  done
  before=$known known=$now
  for entry in $now; do
    case $before in *" $entry "*) ;; *) report "${entry%%=*}" "${entry#*=}" ;; esac
  done
}

power_off() {
  say "$1, powering off"
  $B sync
  $B poweroff -f
  while :; do read -r _ <&3; done
}

watch_power_button() {
  for path in /sys/class/input/input*; do
    read -r name <"$path/name"
    [ "$name" = 'Power Button' ] || continue
    for event in "$path"/event*; do
      { $B dd if="/dev/input/${event##*/}" of=/dev/null bs=24 count=1 && echo button >&3; } &
    done
  done
}

want= once=
read -r line </proc/cmdline
for word in $line; do
  case $word in
    holdfast.write=*) want=${word#*=} ;;
    holdfast.once) once=1 ;;
  esac
done

while read -r module; do $B insmod "/modules/$module"; done </modules/order
trap 'power_off ctrl-alt-del' INT
echo 0 >/proc/sys/kernel/ctrl-alt-del
watch_power_button
say ready
scan
[ -n "$once" ] && power_off 'report is done'
while :; do
  event=
  read -r -t 1 event <&3
  [ "$event" = button ] && power_off 'power button'
  scan
done
