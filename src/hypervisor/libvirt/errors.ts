import { type ErrorDetails, HoldfastError, isHoldfastError } from '#src/core/error.ts'
import { isConnectionError, isLibvirtCode, isLibvirtError, type LibvirtConnectionError } from '#src/libvirt/index.ts'

const START_HINT =
  "start it: 'systemctl start libvirtd', or 'systemctl start virtqemud.socket' where libvirt runs as separate daemons"
const ACCESS_HINT = "run as root, or as a member of the group 'libvirt'"

/**
 * What libvirt or its connection answered as an error of the port. `what` says what was tried, in the words of an
 * operator. Errors of ours, an aborted signal's reason and defects pass as they are.
 */
export function hypervisorError(what: string, error: unknown, details: ErrorDetails = {}): unknown {
  if (isHoldfastError(error)) return error.within(details)
  if (isConnectionError(error)) return unavailable(what, error, details)
  if (!isLibvirtError(error)) return error
  const cause = { cause: error, details: { ...details, command: `libvirt ${error.procedure}` } }
  if (isLibvirtCode(error, 'NO_DOMAIN')) {
    return new HoldfastError('not-found', 'domain-not-found', `${what} failed: ${error.text}`, cause)
  }
  const code = error.codeName ?? 'error'
  return new HoldfastError(
    'host-command',
    'hypervisor-error',
    `${what} failed: ${error.text} (libvirt ${code} ${error.code})`,
    cause,
  )
}

function unavailable(what: string, error: LibvirtConnectionError, details: ErrorDetails): HoldfastError {
  const left = error.sent ? 'libvirt may have carried the request out' : undefined
  if (error.reason === 'timeout') {
    return new HoldfastError('timeout', 'timeout', `${what} failed: ${error.message}`, {
      cause: error,
      details: { ...details, left },
    })
  }
  const hint = error.reason === 'unreachable' ? START_HINT : error.reason === 'refused' ? ACCESS_HINT : undefined
  return new HoldfastError(
    'unavailable',
    'hypervisor-unavailable',
    `${what} failed: libvirt does not answer: ${error.message}`,
    {
      cause: error,
      details: { ...details, left, hint },
    },
  )
}

/** What libvirt says to a request that was under way when QEMU died (`qemu_monitor.c`, `qemu_domain.c`). */
const QEMU_DIED = /(read from|write to|end of file from) (qemu )?monitor|no longer running|guest unexpectedly quit/i

/**
 * True if the answer may only mean that the run ended, or the domain went, as the request was made: a look at the domain
 * tells. libvirt may need a moment to notice a QEMU that died.
 */
export const mayHaveEnded = (error: unknown): boolean =>
  isLibvirtCode(error, 'OPERATION_INVALID', 'NO_DOMAIN') || (isLibvirtError(error) && QEMU_DIED.test(error.text))

/** Runs `work`; what it throws is translated. */
export async function translated<T>(what: string, details: ErrorDetails, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw hypervisorError(what, error, details)
  }
}

export const domainNotFound = (id: string): HoldfastError =>
  new HoldfastError('not-found', 'domain-not-found', `libvirt has no domain ${id}`, {
    details: { instance: id, layer: 'presentation' },
  })

export const domainNotRunning = (name: string, state: string): HoldfastError =>
  new HoldfastError('wrong-state', 'domain-not-running', `domain '${name}' is ${state}, not running`, {
    details: {
      layer: 'presentation',
      hint: `QEMU's own words are in libvirt's log of the domain, usually /var/log/libvirt/qemu/${name}.log`,
    },
  })

export const domainForeign = (reason: string): HoldfastError =>
  new HoldfastError('conflict', 'domain-foreign', `${reason}, and it was not made by Holdfast`, {
    details: {
      layer: 'presentation',
      hint: "look at it with 'virsh dumpxml'; rename or undefine it if it is not needed",
    },
  })
