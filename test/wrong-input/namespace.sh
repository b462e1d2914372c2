#!/bin/bash
# namespace.sh ORDER... -- COMMAND...: runs COMMAND in a mount namespace of its own, in which
#   cover PATH           an empty file that nobody can run lies over the program PATH
#   read-only PATH       the folder PATH cannot be written
#   show FROM TO         the folder FROM is also at TO
#   record PATH DIR      whoever runs the program PATH leaves its argument list and environment in a file DIR/seen.*
#   file-system IMAGE AT the file IMAGE, with a file system in it, is mounted at AT
# Nothing of it is seen outside, and it ends with the command.
set -eu
if [ "${HOLDFAST_IN_NAMESPACE:-}" != 1 ]; then
  HOLDFAST_IN_NAMESPACE=1 exec unshare --mount --propagation private -- "$0" "$@"
fi
while [ "$1" != -- ]; do
  case $1 in
    cover)
      file=$(mktemp) && chmod 644 "$file"
      mount --bind "$file" "$2" && rm "$file"
      shift 2 ;;
    read-only) mount --bind "$2" "$2" && mount -o remount,bind,ro "$2"; shift 2 ;;
    show) mount --bind "$2" "$3"; shift 3 ;;
    record)
      name=${2##*/} real=$3/real.${2##*/} wrapper=$3/wrapper.${2##*/}
      touch "$real"
      printf '#!/bin/bash\ncat /proc/$$/cmdline /proc/$$/environ >"$(mktemp %q/seen.%s.XXXXXX)"\nexec %q "$@"\n' "$3" "$name" "$real" >"$wrapper"
      chmod 755 "$wrapper"
      mount --bind "$2" "$real" && mount --bind "$wrapper" "$2"
      shift 3 ;;
    file-system) mount -o loop "$2" "$3"; shift 3 ;;
    *) echo "unknown order $1" >&2; exit 64 ;;
  esac
done
shift
unset HOLDFAST_IN_NAMESPACE
exec "$@"
