import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type MappingFacts, parseTarget } from '#src/host/device-mapper.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { LuksEncryptor } from './luks-encryptor.ts'
import { checkOurs, isOfInterest, volumeOfMapping } from './mapping.ts'

const VOLUME = '0a0b0c0d-1111-4222-8333-444455556666'
const LUKS = '1a1b1c1d-1111-4222-8333-444455556666'
const HEX = LUKS.replaceAll('-', '')
const CRYPT = '0 98304 crypt aes-xts-plain64 :64:logon:cryptsetup:x-d0 0 7:0 32768'
const LINEAR = '0 2048 linear 7:1 0'

const mapping = (name: string, uuid: string, ...tables: readonly string[]): MappingFacts => ({
  name,
  uuid,
  device: '253:3',
  targets: (tables.length > 0 ? tables : [CRYPT]).map(parseTarget),
})

describe('whose a mapping is', () => {
  const name = `crypt-${VOLUME}`

  it('is told by name and UUID together', () => {
    for (const version of [1, 2]) {
      const ours = mapping(name, `CRYPT-LUKS${version}-${HEX}-${name}`)
      assert.deepEqual(volumeOfMapping(ours), { volumeId: VOLUME, luksUuid: LUKS })
    }
  })

  it('is told so too before it has a table', () => {
    const begun = { ...mapping(name, `CRYPT-LUKS2-${HEX}-${name}`), targets: [] }
    assert.deepEqual(volumeOfMapping(begun), { volumeId: VOLUME, luksUuid: LUKS })
    for (const luksUuid of [LUKS, undefined]) {
      checkOurs({ volumeId: VOLUME, luksUuid }, begun)
      assert.throws(() => checkOurs({ volumeId: VOLUME, luksUuid }, { ...begun, uuid: 'LVM-x' }), /UUID 'LVM-x'/)
    }
    const another = { volumeId: VOLUME, luksUuid: VOLUME }
    assert.throws(() => checkOurs(another, begun), /UUID 'CRYPT-LUKS2/)
  })

  it('is nobody we know if either is not exactly as we make it', () => {
    const uuid = `CRYPT-LUKS2-${HEX}-${name}`
    const others = {
      'another kind of mapping': mapping(name, uuid, LINEAR),
      'two lines': mapping(name, uuid, CRYPT, CRYPT),
      'another kind of mapping without a table yet': { ...mapping(name, 'LVM-x'), targets: [] },
      'no UUID': mapping(name, ''),
      'plain dm-crypt': mapping(name, `CRYPT-PLAIN-${name}`),
      'LUKS of another version': mapping(name, `CRYPT-LUKS3-${HEX}-${name}`),
      "a UUID with another mapping's name": mapping(name, `CRYPT-LUKS2-${HEX}-other`),
      'a UUID that goes on': mapping(name, `${uuid}x`),
      'a UUID after something': mapping(name, `part1-${uuid}`),
      'a longer name': mapping(`${name}x`, `${uuid}x`),
      'a name in capitals': mapping(name.toUpperCase(), `CRYPT-LUKS2-${HEX}-${name.toUpperCase()}`),
      'another name': mapping('cryptroot', `CRYPT-LUKS2-${HEX}-cryptroot`),
    }
    for (const [what, other] of Object.entries(others)) {
      assert.equal(volumeOfMapping(other).volumeId, undefined, what)
    }
  })

  it('of interest is every crypt mapping, and whatever has a name of ours', () => {
    assert.ok(isOfInterest(mapping('cryptroot', '')))
    assert.ok(isOfInterest(mapping(name, '', LINEAR)))
    assert.ok(!isOfInterest(mapping('data-home', '', LINEAR)))
    assert.ok(!isOfInterest(mapping(`${name}x`, '', LINEAR)))
  })
})

it('a kernel without device-mapper has no views, and nothing is run', async () => {
  const real = createNodeHost()
  const files = { ...real.files, stat: async () => undefined, list: async () => ['loop0', 'vda'] }
  const encryptor = new LuksEncryptor({ ...real, files, run: async () => assert.fail('ran something') })
  assert.deepEqual(await encryptor.list(), [])
})
