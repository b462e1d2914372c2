import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, CannotMeasure, type Measurement } from '../bench.ts'
import { PROGRAM } from '../cli-start.ts'
import { byTurns, type Command, inScratch, median, runToEnd, timeOf } from '../measure.ts'
import { needPackage, openStub, scrubbed } from './processes.ts'
import { idOf } from './volumes.ts'

const VOLUMES = 10
const ROUNDS = 9
const OPENSTACK = '/usr/bin/openstack'

/** What a person waits for who asks what volumes there are in a cloud: login, answer, table. */
export const cliCinder: Bench = {
  names: ['cli-cinder'],
  run: async () => {
    needPackage('openstackclient', 'python3-openstackclient')
    if (!existsSync(PROGRAM)) throw new CannotMeasure(`there is no ${PROGRAM}`)
    await using stub = await openStub(VOLUMES)
    return await inScratch(async directory => [await measure(directory, stub.origin)])
  },
}

async function measure(directory: string, origin: string): Promise<Measurement> {
  const clouds = join(directory, 'clouds.yaml')
  writeFileSync(clouds, cloudsYaml(origin), { mode: 0o600 })
  const env = {
    ...scrubbed(),
    OS_CLIENT_CONFIG_FILE: clouds,
    HOLDFAST_STATE: join(directory, 'state'),
    XDG_CACHE_HOME: join(directory, 'cache'),
  }
  const ours: Command = { argv: [process.execPath, PROGRAM, 'volume', 'list', '--cloud', 'bench'], env }
  const peer: Command = { argv: [OPENSTACK, '--os-cloud', 'bench', 'volume', 'list'], env }
  for (const command of [ours, peer]) checkAll(runToEnd(command).stdout)
  const { ours: one, peer: other } = await byTurns(
    ROUNDS,
    () => timeOf(ours).wall,
    () => timeOf(peer).wall,
  )
  const note =
    `holdfast volume list --cloud of ${VOLUMES} volumes against openstack volume list, login at the same clouds.yaml included: ` +
    `wall clock of the whole process, medians of ${ROUNDS} by turns`
  return { name: 'cli-cinder', ours: median(one), peer: median(other), unit: 'ms', target: 0.25, note }
}

/** A table with every volume came out. */
function checkAll(table: string): void {
  const missing = Array.from({ length: VOLUMES }, (_, index) => index).filter(
    index => !table.includes(idOf(index)) && !table.includes(`data-${index}`),
  )
  if (missing.length > 0) throw new Error(`${missing.length} volumes are not in the list:\n${table}`)
}

const cloudsYaml = (origin: string): string => `clouds:
  bench:
    auth:
      auth_url: ${origin}/identity/v3
      username: bench
      password: bench
      project_name: bench
      user_domain_name: Default
      project_domain_name: Default
    region_name: RegionOne
`
