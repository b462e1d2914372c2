/**
 * What nothing can list volumes without: the download by the same HTTP client, and JSON.parse.
 *
 *     bare.ts ORIGIN
 */
import { Agent, request } from 'undici'
import { PROJECT } from './volumes.ts'
import { type Seen, serve, sumOf } from './worker.ts'

interface Page {
  readonly volumes: readonly { readonly id: string; readonly size: number }[]
  readonly volumes_links?: unknown
}

const FIRST = `${process.argv[2]}/v3/${PROJECT}/volumes/detail?limit=1000`
const dispatcher = new Agent()
await serve(all)

async function all(): Promise<Seen> {
  const volumes: Page['volumes'][number][] = []
  for (let url = FIRST; ; url = `${FIRST}&marker=${volumes.at(-1)?.id}`) {
    const { body } = await request(url, { dispatcher })
    const page = JSON.parse(await body.text()) as Page
    volumes.push(...page.volumes)
    if (page.volumes_links === undefined) return sumOf(volumes)
  }
}
