import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { route } from './fake-routes.ts'
import { type Call, FakeVaultState } from './fake-state.ts'

export interface FakeVault extends AsyncDisposable {
  readonly url: string
  readonly state: FakeVaultState
}

/** A Vault on loopback. */
export async function startFakeVault(): Promise<FakeVault> {
  const state = new FakeVaultState()
  const server = createServer((request, response) => void answer(state, request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${port}`, state, [Symbol.asyncDispose]: close }
}

async function answer(state: FakeVaultState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://vault')
  const body = Buffer.concat(chunks).toString()
  const { method = '', headers } = request
  const call: Call = { method, path: pathname.replace(/^\/v1\//, ''), query, headers, body }
  state.calls.push(call)
  const fault = state.fault?.(call)
  const reply = fault === undefined || fault === 'lost' ? route(state, call) : fault
  if (fault === 'lost') {
    request.socket.destroy()
    return
  }
  response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
  const text =
    reply.body instanceof Uint8Array || typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body)
  response.end(reply.body === undefined ? undefined : text)
}
