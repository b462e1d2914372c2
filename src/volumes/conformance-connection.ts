import assert from 'node:assert/strict'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import { isSealed } from '#src/core/sealer.ts'
import type { Bench } from './conformance-fixture.ts'

/** What is handed out for a new volume of 1 GiB that is not encrypted. */
export function checkConnection(
  { hostName }: Bench,
  info: ConnectionInfo | undefined,
  { volumeId, attachmentId }: { readonly volumeId: string; readonly attachmentId: string | undefined },
): void {
  assert.ok(info)
  const { volume_id, attachment_id, host, data } = info
  assert.deepEqual([volume_id, attachment_id, host], [volumeId, attachmentId, hostName])
  assert.deepEqual(
    [data.access_mode, data.encrypted, data.multiattach, data.luks_uuid],
    ['rw', false, false, undefined],
  )
  assert.equal(typeof data.discard, 'boolean')
  checkKind(info)
}

function checkKind(info: ConnectionInfo): void {
  switch (info.driver_volume_type) {
    case 'local': {
      const { device_path, inode, size_bytes, discard } = info.data
      assert.match(device_path, new RegExp(`^/.*${info.volume_id}`))
      assert.match(inode, /^\d+:\d+$/)
      assert.deepEqual([size_bytes, discard], [2 ** 30, true])
      break
    }
    case 'rbd': {
      const { name, hosts, ports, keyring } = info.data
      assert.match(name, new RegExp(`^[^/]+/volume-${info.volume_id}$`))
      assert.ok(hosts.length > 0 && hosts.length === ports.length)
      assert.ok(keyring === undefined || isSealed(keyring))
      break
    }
    case 'iscsi': {
      const { targets, auth_password: password } = info.data
      assert.ok(targets.length > 0)
      assert.ok(password === undefined || isSealed(password))
      break
    }
  }
}
