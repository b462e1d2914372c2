"""The peer of resume-lab: encrypted volumes attached one after another by os-brick, as Nova does it.

    resume-os-brick.py FOLDER COUNT KEY_SIZE

Formats COUNT volumes by os-brick's own first use, then reads lines: for each, all volumes are attached from nothing, and
a JSON list of the milliseconds of each is printed; then they are taken down again. First of all it prints 'ready'.
"""
import json
import os
import subprocess
import sys
import time

from os_brick import encryptors
from oslo_concurrency import processutils

FOLDER, COUNT, KEY_SIZE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SIZE = 64 << 20
CIPHER = {'cipher': 'aes-xts-plain64', 'key_size': KEY_SIZE}
KEYS = {f'key-{n}': os.urandom(32) for n in range(COUNT)}


class Key:
    def __init__(self, key):
        self.key = key

    def get_encoded(self):
        return self.key


class KeyManager:
    def get(self, _context, key_id):
        return Key(KEYS[key_id])


def as_root(*command, **options):
    options.pop('run_as_root', None)
    options.pop('root_helper', None)
    return processutils.execute(*command, **options)


def losetup(*arguments):
    return subprocess.run(['losetup', *arguments], check=True, capture_output=True, text=True).stdout.strip()


def paths(n):
    return f'{FOLDER}/peer-{n}.img', f'{FOLDER}/peer-{n}'


def attach(n):
    """A loop device, a link to it as a connector leaves it, and what Nova calls."""
    image, link = paths(n)
    device = losetup('--find', '--show', image)
    os.symlink(device, link)
    data = {'device_path': link, 'volume_id': str(n)}
    encryptor = encryptors.get_volume_encryptor(
        root_helper='sudo', keymgr=KeyManager(), execute=as_root, control_location='front-end', provider='luks2',
        encryption_key_id=f'key-{n}', connection_info={'driver_volume_type': 'iscsi', 'serial': str(n), 'data': data},
        **CIPHER)
    encryptor.attach_volume(None, **CIPHER)
    return encryptor, device, link


def detach(encryptor, device, link):
    encryptor.detach_volume()
    losetup('--detach', device)
    os.unlink(link)


def timed(n):
    begun = time.monotonic()
    attached = attach(n)
    return attached, (time.monotonic() - begun) * 1000


def turn():
    done = [timed(n) for n in range(COUNT)]
    for attached, _ in done:
        detach(*attached)
    return [ms for _, ms in done]


for n in range(COUNT):
    with open(paths(n)[0], 'wb') as image:
        image.truncate(SIZE)
    detach(*attach(n))
print('ready', flush=True)
for _ in sys.stdin:
    print(json.dumps(turn()), flush=True)
