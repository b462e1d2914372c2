import { join } from 'node:path'
import { type HeldCloud, HeldCloudError, holdCloud } from '#lab/openstack/held-cloud.ts'
import { CLONE } from '#lab/uml/uml.ts'
import type { TestLine } from './report.ts'
import { type FilesOptions, runFiles, type StageResult } from './stages.ts'

/** Exit code of the bootstrap where it may not install what is missing. */
const EXIT_UNAVAILABLE = 69
const BOOTSTRAP = [process.execPath, join(CLONE, 'tools', 'bootstrap.mjs'), 'cloud-up']

export interface CloudFiles extends Pick<FilesOptions, 'timeoutMs' | 'concurrency'> {
  readonly files: readonly string[]
}

/** One without `stop` is somebody else's. */
type Cloud = Pick<HeldCloud, 'dir'> & Partial<HeldCloud>

export interface CloudStage {
  /** Starts to install and to start the cloud, while other stages run. */
  prepare(): void
  run(): Promise<StageResult>
}

/** Test files that share one cloud, set after set. A cloud that `HOLDFAST_CLOUD_DIR` names is used, and left as it is. */
export function cloudStage(sets: readonly CloudFiles[], hold: () => Promise<Cloud> = holdOrJoin): CloudStage {
  let held: Promise<Cloud> | undefined
  const start = (): Promise<Cloud> => {
    held ??= hold()
    // Whoever runs the stage hears of a failure; until then nobody listens.
    held.catch(() => {})
    return held
  }
  return {
    prepare: () => void start(),
    run: async () => {
      try {
        return await runIn(await start(), sets)
      } catch (error) {
        if (error instanceof HeldCloudError) return noCloud(error)
        throw error
      }
    },
  }
}

const holdOrJoin = (): Promise<Cloud> => {
  const dir = process.env.HOLDFAST_CLOUD_DIR
  if (dir) return Promise.resolve({ dir })
  return holdCloud({ ceph: true, command: BOOTSTRAP })
}

async function runIn(cloud: Cloud, sets: readonly CloudFiles[]): Promise<StageResult> {
  const results: StageResult[] = []
  try {
    for (const { files, ...options } of sets) {
      if (files.length === 0) continue
      results.push(await runFiles(files, { ...options, env: { HOLDFAST_CLOUD_DIR: cloud.dir } }))
    }
  } finally {
    if (cloud.stop !== undefined) results.push(await stopped(cloud.stop))
  }
  return {
    report: {
      passed: results.reduce((sum, { report }) => sum + report.passed, 0),
      failures: results.flatMap(({ report }) => report.failures),
      skips: results.flatMap(({ report }) => report.skips),
    },
    detail: results.map(({ detail }) => detail).join('\n'),
  }
}

/** That nothing of the cloud is left is a test of its own. */
async function stopped(stop: HeldCloud['stop']): Promise<StageResult> {
  const name = 'the cloud ends and leaves no process and no port'
  try {
    await stop()
    return { report: { passed: 1, failures: [], skips: [] }, detail: '' }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { report: { passed: 0, failures: [line(name, 'failed', reason)], skips: [] }, detail: '' }
  }
}

function noCloud({ exitCode, message }: HeldCloudError): StageResult {
  const outcome = exitCode === EXIT_UNAVAILABLE ? 'skipped' : 'failed'
  const lines = [line('the tests in a real cloud', outcome, message)]
  const [failures, skips] = outcome === 'failed' ? [lines, []] : [[], lines]
  return { report: { passed: 0, failures, skips }, detail: '' }
}

const line = (name: string, outcome: TestLine['outcome'], reason: string): TestLine => ({
  outcome,
  name,
  file: '',
  line: 0,
  ms: 0,
  reason,
})
