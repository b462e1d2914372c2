import type { Instances, OperationResult, PlanRequest } from '#src/engine/api.ts'
import type { CliContext } from './context.ts'
import { findInstance } from './lookup.ts'
import { printPlan, printResult } from './report.ts'
import { instanceJson } from './views.ts'

export interface InstanceVerb {
  readonly dryRun: boolean | undefined
  /** The name must be whole. */
  readonly strict?: boolean
  /** The instance is there no more afterwards. */
  readonly gone?: boolean
  readonly plan: (id: string) => PlanRequest
  readonly run: (instances: Instances, id: string) => Promise<OperationResult>
  readonly made: (name: string) => string
  readonly already: (name: string) => string
}

/** What all verbs on one instance have in common: find it, plan or run, tell. */
export async function runOnInstance(context: CliContext, text: string, verb: InstanceVerb): Promise<void> {
  const holdfast = await context.open(verb.dryRun ? 'read' : 'write')
  const { instances } = holdfast
  const { record } = await findInstance(holdfast, text, { strict: verb.strict })
  if (verb.dryRun) return printPlan(context, await instances.plan(verb.plan(record.id)))
  const result = await verb.run(instances, record.id)
  const after = verb.gone || !context.global.json ? undefined : await instances.show(record.id)
  const json = after === undefined ? { id: record.id, name: record.name } : instanceJson(after)
  printResult(context, result, { json, made: verb.made(record.name), already: verb.already(record.name) })
}
