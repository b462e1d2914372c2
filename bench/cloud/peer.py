"""The peer of the benches of Cinder: python-cinderclient, each volume translated into the view that Nova's facade gives.

    peer.py AUTH_URL

Reads lines of JSON: {"verb": "list"}, {"verb": "get", "ids": […]}; for each it prints one: what it cost (`wall` and
`cpu`, milliseconds), how many volumes there were (`count`), their `gib` together, and by how much the peak of its memory
rose (`grown`, MiB). Login and imports come before, when it prints its first line.
"""
import copy
import json
import re
import resource
import sys
import time

from cinderclient import client
from keystoneauth1 import session
from keystoneauth1.identity import v3

TRUE = {'1', 't', 'true', 'on', 'y', 'yes'}


def view(volume):
    attachments = volume.attachments
    found = {
        'id': volume.id,
        'status': volume.status,
        'size': volume.size,
        'availability_zone': volume.availability_zone,
        'created_at': volume.created_at,
        'attach_time': '',
        'mountpoint': '',
        'multiattach': getattr(volume, 'multiattach', False),
        'attach_status': 'attached' if attachments else 'detached',
        'display_name': volume.name,
        'display_description': volume.description,
        'volume_type_id': volume.volume_type,
        'snapshot_id': volume.snapshot_id,
        'bootable': volume.bootable.lower() in TRUE,
        'volume_metadata': dict(volume.metadata),
    }
    if attachments:
        found['attachments'] = {
            one['server_id']: {'attachment_id': one.get('attachment_id'), 'mountpoint': one.get('device')}
            for one in attachments
        }
    if hasattr(volume, 'volume_image_metadata'):
        found['volume_image_metadata'] = copy.deepcopy(volume.volume_image_metadata)
    if hasattr(volume, 'shared_targets'):
        found['shared_targets'] = volume.shared_targets
        found['service_uuid'] = volume.service_uuid
    if hasattr(volume, 'migration_status'):
        found['migration_status'] = volume.migration_status
    return found


def peak_mib():
    with open('/proc/self/status') as status:
        return int(re.search(r'VmHWM:\s+(\d+) kB', status.read()).group(1)) / 1024


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def do(cinder, command):
    if command['verb'] == 'list':
        return [view(volume) for volume in cinder.volumes.list(detailed=True, search_opts={})]
    return [view(cinder.volumes.get(each)) for each in command['ids']]


def measured(cinder, command):
    before, cpu_before, begun = peak_mib(), cpu(), time.perf_counter()
    volumes = do(cinder, command)
    wall, used = time.perf_counter() - begun, cpu() - cpu_before
    gib = sum(volume['size'] for volume in volumes)
    return {'wall': wall * 1000, 'cpu': used * 1000, 'count': len(volumes), 'gib': gib, 'grown': peak_mib() - before}


def main(auth_url):
    auth = v3.Password(auth_url=auth_url, username='bench', password='bench', project_name='bench',
                       user_domain_name='Default', project_domain_name='Default')
    cinder = client.Client('3.0', session=session.Session(auth=auth), service_type='volumev3', interface='public')
    # Logged in, connected, and every module imported that comes late.
    cinder.volumes.list(limit=1)
    print('ready', flush=True)
    for line in sys.stdin:
        print(json.dumps(measured(cinder, json.loads(line))), flush=True)


main(sys.argv[1])
