"""A Cinder driver for a machine without device-mapper or iSCSI.

Volumes and snapshots are sparse files under [DEFAULT]state_path/lab/BACKEND.
The connection info is that of an iSCSI backend with CHAP; nothing listens there.

Metadata of a volume steers it, so that a client's error paths can be tested:
  lab_fail = comma list of create, delete, extend, snapshot, attach, detach
  lab_slow = seconds to wait in each of those, 60 at most
"""
import hashlib
import os
import shutil
import time

from oslo_config import cfg

from cinder import exception
from cinder import interface
from cinder.volume import driver

PORTAL = '127.0.0.1:3260'
CHUNK = 1 << 20
SLOWEST = 60


def steer(volume, verb):
    """Waits or fails, as the volume's metadata wants it."""
    metadata = dict(volume.metadata or {})
    time.sleep(min(float(metadata.get('lab_slow') or 0), SLOWEST))
    if verb in metadata.get('lab_fail', '').split(','):
        raise exception.VolumeBackendAPIException(
            data='lab_fail asked for a failure in %s' % verb)


def data_ranges(fd, end):
    """Where a sparse file has data: (first, last + 1) of each range."""
    position = 0
    while position < end:
        try:
            position = os.lseek(fd, position, os.SEEK_DATA)
        except OSError:
            return
        stop = os.lseek(fd, position, os.SEEK_HOLE)
        yield position, stop
        position = stop


def copy_sparse(source, target, size):
    """Copies data and keeps holes; the copy gets this size."""
    with open(source, 'rb') as reader, open(target, 'wb') as writer:
        end = os.fstat(reader.fileno()).st_size
        for position, stop in data_ranges(reader.fileno(), end):
            copy_range(reader, writer, position, stop)
        writer.truncate(size)


def copy_range(reader, writer, position, stop):
    reader.seek(position)
    writer.seek(position)
    while position < stop:
        chunk = reader.read(min(CHUNK, stop - position))
        if not chunk:
            return
        writer.write(chunk)
        position += len(chunk)


@interface.volumedriver
class SparseFileDriver(driver.VolumeDriver):
    VERSION = '1.0.0'
    CI_WIKI_NAME = 'none'

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.name = self.configuration.safe_get('volume_backend_name')
        self.dir = os.path.join(cfg.CONF.state_path, 'lab', self.name)

    @staticmethod
    def get_driver_options():
        return []

    def do_setup(self, context):
        os.makedirs(self.dir, exist_ok=True)

    def check_for_setup_error(self):
        if not os.access(self.dir, os.W_OK):
            raise exception.VolumeBackendAPIException(data='no ' + self.dir)

    def _path(self, thing):
        return os.path.join(self.dir, thing.name)

    def _remove(self, thing):
        try:
            os.unlink(self._path(thing))
        except FileNotFoundError:
            pass

    # Volumes and snapshots

    def create_volume(self, volume):
        steer(volume, 'create')
        with open(self._path(volume), 'wb') as file:
            file.truncate(volume.size << 30)

    def create_cloned_volume(self, volume, src_vref):
        steer(volume, 'create')
        copy_sparse(self._path(src_vref), self._path(volume), volume.size << 30)

    def create_volume_from_snapshot(self, volume, snapshot):
        steer(volume, 'create')
        copy_sparse(self._path(snapshot), self._path(volume), volume.size << 30)

    def delete_volume(self, volume):
        steer(volume, 'delete')
        self._remove(volume)

    def extend_volume(self, volume, new_size):
        steer(volume, 'extend')
        os.truncate(self._path(volume), new_size << 30)

    def create_snapshot(self, snapshot):
        steer(snapshot.volume, 'snapshot')
        copy_sparse(self._path(snapshot.volume), self._path(snapshot),
                    snapshot.volume_size << 30)

    def delete_snapshot(self, snapshot):
        self._remove(snapshot)

    def revert_to_snapshot(self, context, volume, snapshot):
        copy_sparse(self._path(snapshot), self._path(volume), volume.size << 30)

    def retype(self, context, volume, new_type, diff, host):
        return True, None

    def update_migrated_volume(self, ctxt, volume, new_volume,
                               original_volume_status):
        shutil.move(self._path(new_volume), self._path(volume))
        return {'_name_id': None, 'provider_location': None}

    # Files that become volumes, and the other way round

    def _reference(self, existing_ref):
        name = os.path.basename(existing_ref.get('source-name', ''))
        return os.path.join(self.dir, name)

    def manage_existing_get_size(self, volume, existing_ref):
        path = self._reference(existing_ref)
        if not os.path.isfile(path):
            raise exception.ManageExistingInvalidReference(
                existing_ref=existing_ref, reason='no such volume')
        return max(1, os.path.getsize(path) >> 30)

    def manage_existing(self, volume, existing_ref):
        os.rename(self._reference(existing_ref), self._path(volume))

    def unmanage(self, volume):
        pass

    # Exports and connections

    @staticmethod
    def _target(volume):
        """Name and CHAP credentials, always the same ones for a volume."""
        digest = hashlib.sha256(volume.id.encode()).hexdigest()
        name = 'iqn.2010-10.org.openstack:%s' % volume.name
        return name, digest[:20], digest[20:36]

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        name, user, password = self._target(volume)
        return {'provider_location': '%s,1 %s 0' % (PORTAL, name),
                'provider_auth': 'CHAP %s %s' % (user, password)}

    def remove_export(self, context, volume):
        pass

    def validate_connector(self, connector):
        if 'initiator' not in connector:
            raise exception.InvalidConnectorException(missing='initiator')

    def initialize_connection(self, volume, connector):
        steer(volume, 'attach')
        self.validate_connector(connector)
        name, user, password = self._target(volume)
        data = {
            'target_discovered': False, 'target_portal': PORTAL,
            'target_iqn': name, 'target_lun': 0, 'volume_id': volume.id,
            'discard': False, 'auth_method': 'CHAP',
            'auth_username': user, 'auth_password': password,
        }
        if connector.get('multipath'):
            data.update(target_iqns=[name], target_portals=[PORTAL],
                        target_luns=[0])
        return {'driver_volume_type': 'iscsi', 'data': data}

    def terminate_connection(self, volume, connector, **kwargs):
        steer(volume, 'detach')

    def initialize_connection_snapshot(self, snapshot, connector, **kwargs):
        return {'driver_volume_type': 'iscsi', 'data': {}}

    def terminate_connection_snapshot(self, snapshot, connector, **kwargs):
        pass

    def _update_volume_stats(self):
        self._stats = {
            'volume_backend_name': self.name,
            'vendor_name': 'Holdfast', 'driver_version': self.VERSION,
            'storage_protocol': 'iSCSI',
            'pools': [{
                'pool_name': self.name,
                'total_capacity_gb': 10000, 'free_capacity_gb': 10000,
                'provisioned_capacity_gb': 0, 'reserved_percentage': 0,
                'max_over_subscription_ratio': 20.0,
                'thin_provisioning_support': True,
                'thick_provisioning_support': False,
                'multiattach': True, 'QoS_support': False,
                'online_extend_support': True,
                'location_info': 'SparseFileDriver:%s' % self.name,
                'filter_function': None, 'goodness_function': None,
            }],
        }
