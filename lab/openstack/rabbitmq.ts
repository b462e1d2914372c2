import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from './context.ts'
import { renderTo, writeConfiguration } from './templates.ts'

const EPMD = '/usr/bin/epmd'
const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
/** On loopback, two schedulers, and none of them spinning while there is nothing to do. */
const ERLANG = '-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none'

/** A broker with a name service (epmd) of its own. */
export async function startRabbitmq(context: Context): Promise<void> {
  const { daemons, settings } = context
  const { dir, ports } = settings
  const configuration = await configure(context)
  const names = { ERL_EPMD_ADDRESS: '127.0.0.1', ERL_EPMD_PORT: String(ports.erlangNames) }
  await daemons.start({ name: 'epmd', argv: [EPMD], env: names })
  await daemons.listens('epmd', ports.erlangNames)
  const env = {
    ...names,
    HOME: join(dir, 'rabbitmq'),
    RABBITMQ_NODENAME: 'lab@localhost',
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(ports.rabbit),
    RABBITMQ_DIST_PORT: String(ports.rabbitPeers),
    RABBITMQ_CONF_ENV_FILE: join(dir, 'etc', 'rabbitmq-env'),
    RABBITMQ_CONFIG_FILE: join(dir, 'etc', 'rabbitmq'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'etc', 'rabbitmq-plugins'),
    RABBITMQ_MNESIA_BASE: join(dir, 'rabbitmq', 'mnesia'),
    RABBITMQ_LOG_BASE: join(dir, 'log', 'rabbitmq'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: ERLANG,
  }
  await daemons.start({ name: 'rabbitmq', argv: [SERVER], env, configuration })
  await daemons.listens('rabbitmq', ports.rabbit)
  context.say('RabbitMQ')
}

async function configure({ settings: { dir, ports } }: Context): Promise<string> {
  const etc = join(dir, 'etc')
  const text = await renderTo(join(etc, 'rabbitmq.conf'), 'rabbitmq.conf', { rabbitPort: ports.rabbit })
  await mkdir(join(dir, 'rabbitmq'), { recursive: true })
  await writeConfiguration(join(etc, 'rabbitmq-plugins'), '[].\n')
  await writeConfiguration(join(etc, 'rabbitmq-env'), '')
  return text
}
