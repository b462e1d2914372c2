import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInUml } from './uml.ts'

/** What the lab is for: a mapping that the kernel really makes, and ciphertext below it. */
const SCRIPT = `
set -e
truncate -s 32M /dev/shm/volume
device=$(losetup --find --show /dev/shm/volume)
printf passphrase > /run/key
cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /run/key "$device"
cryptsetup open --type luks2 --key-file - "$device" lab-crypt < /run/key
dmsetup table --target crypt lab-crypt | cut -d' ' -f3
printf 'a secret text' | dd of=/dev/mapper/lab-crypt bs=1M conv=fsync status=none
grep --count --text 'a secret text' /dev/mapper/lab-crypt
grep --count --text 'a secret text' "$device" || true
cryptsetup close lab-crypt
test ! -e /dev/mapper/lab-crypt
cryptsetup open --type luks2 --key-file /run/key "$device" lab-crypt
head -c 13 /dev/mapper/lab-crypt; echo
cryptsetup close lab-crypt
losetup --detach "$device"
dmsetup ls
`

for (const udev of [false, true]) {
  test(`a LUKS2 volume opens and closes on a real dm-crypt, ${udev ? 'with' : 'without'} udevd`, {
    timeout: 120_000,
  }, async () => {
    const result = await runInUml({ script: SCRIPT, modules: ['loop', 'dm-crypt'], udev })

    assert.equal(result.exitCode, 0, result.stderr)
    assert.deepEqual(result.stdout.trimEnd().split('\n'), ['crypt', '1', '0', 'a secret text', 'No devices found'])
  })
}
