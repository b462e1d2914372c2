import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeKeyManagerClient } from './testing/fake-client.ts'
import { FakeBarbican } from './testing/fake-state.ts'
import { getMicroversions, includes } from './version.ts'

describe('microversions of the key manager', () => {
  it('are told where there are any', async () => {
    const server = new FakeBarbican()
    const client = new FakeKeyManagerClient(server)
    assert.deepEqual(await getMicroversions(client), { minimum: '1.0', maximum: '1.1' })
    server.microversions = false
    assert.equal(await getMicroversions(client), undefined)
  })

  it('are refused if they are not as documented', async () => {
    const client = new FakeKeyManagerClient(new FakeBarbican())
    for (const version of [{ max_version: '1.1' }, { max_version: 'x', min_version: '1.0' }, []]) {
      client.fault = () => ({ status: 200, body: { version } })
      await assert.rejects(getMicroversions(client), /key manager's answer about its version/)
    }
  })

  it('are compared as numbers', () => {
    const versions = { minimum: '1.1', maximum: '1.10' }
    const asked = ['1.0', '1.1', '1.9', '1.10', '1.11', '2.2']
    assert.deepEqual(
      asked.filter(version => includes(versions, version)),
      ['1.1', '1.9', '1.10'],
    )
    assert.equal(includes(undefined, '1.1'), false)
  })
})
