import { type ErrorDetails, HoldfastError, isHoldfastError } from '#src/core/error.ts'
import { isServiceError, type ServiceError } from '#src/openstack/service-client.ts'

/** What was asked, for the error. */
export interface Asked {
  /** In words, with ids: `extend volume 6a1c…` */
  readonly what: string
  readonly volume?: string | undefined
  /** What a 404 means. */
  readonly notFound?: (() => HoldfastError) | undefined
}

/** The server's own words, fit for a terminal. */
export const wordsOf = ({ reason }: ServiceError): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come through
  const plain = reason.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  return plain.length > 400 ? `${plain.slice(0, 400)}…` : plain
}

/** Nothing tells whether the server has done what was asked. */
export const isUnsure = (error: unknown, also500 = false): boolean => {
  if (isServiceError(error)) return [502, 503, 504].includes(error.status) || (also500 && error.status === 500)
  return isHoldfastError(error) && (error.code === 'reply-lost' || error.code === 'reply-too-large')
}

/**
 * A 404 in Cinder's own words. One of a proxy, or of a route that is not there, says nothing about volumes: taken for an answer it
 * would have us forget what is still attached.
 */
export const isGone = (error: unknown): error is ServiceError =>
  isServiceError(error) && error.status === 404 && /^(?!The resource\b|")[^<]*could not be found/i.test(error.reason)

export const hasStatus = (error: unknown, status: number): error is ServiceError =>
  isServiceError(error) && error.status === status

/** Failures of the transport that mean: the volume service is not to be had now. */
const AWAY = [
  'endpoint-unreachable',
  'reply-lost',
  'reply-too-large',
  'service-failed',
  'too-many-requests',
  'identity-unavailable',
]

/**
 * Any failure of a request as one of the port's: by status, with the server's own words and the request's id. What is none of the
 * server's answers (no login, an untrusted certificate, a reply that is no JSON, the caller's own abort) stays what it is.
 */
export function failureOf(error: unknown, asked: Asked): unknown {
  if (isServiceError(error)) return refusalOf(error, asked)
  if (!isHoldfastError(error) || !AWAY.includes(error.code)) return error
  return new HoldfastError(
    error.kind,
    'volume-service-unavailable',
    `${asked.what}: the volume service does not answer: ${error.message}`,
    { cause: error, details: { ...error.details, volume: asked.volume } },
  )
}

function refusalOf(error: ServiceError, asked: Asked): HoldfastError {
  const { status } = error
  if (isGone(error) && asked.notFound) return withRequest(asked.notFound(), error)
  if (status === 404 && !isGone(error)) return notCinder(error, asked)
  const [kind, code, hint] = REFUSALS[status] ?? (status >= 500 ? SERVER_FAILED : REFUSED)
  const special = SPECIAL.find(each => each.status === status && each.words.test(error.reason))
  const failed = status >= 500 ? `the volume service failed (${status})` : 'the volume service refused'
  return new HoldfastError(
    special?.kind ?? kind,
    special?.code ?? code,
    `${asked.what}: ${failed}: ${wordsOf(error)}`,
    {
      cause: error,
      details: { ...detailsOf(error), volume: asked.volume, hint: special?.hint ?? hint ?? error.details.hint },
    },
  )
}

const notCinder = (error: ServiceError, { what, volume }: Asked) =>
  new HoldfastError(
    'unavailable',
    'volume-service-unavailable',
    `${what}: what answered 404 does not speak as Cinder does: ${wordsOf(error)}`,
    {
      cause: error,
      details: { ...detailsOf(error), volume, hint: 'does a proxy or a load balancer answer in its place?' },
    },
  )

const SERVER_FAILED = ['unavailable', 'volume-service-unavailable', undefined] as const
const REFUSED = ['invalid-input', 'invalid-input', undefined] as const

type Refusal = readonly [kind: HoldfastError['kind'], code: string, hint: string | undefined]

const REFUSALS: Readonly<Record<number, Refusal>> = {
  401: ['forbidden', 'forbidden', "does the service user have the role 'service', and are its credentials right?"],
  403: ['forbidden', 'forbidden', "the cloud's policy does not allow this to the user that Holdfast logs in as"],
  404: ['not-found', 'not-found', undefined],
  406: ['unsupported', 'microversion-unsupported', undefined],
  409: ['conflict', 'conflict', undefined],
  413: ['quota', 'over-quota', "see what is used with 'holdfast limits'"],
  429: ['unavailable', 'volume-service-unavailable', 'the cloud limits the rate of requests: try later'],
  501: ['unsupported', 'unsupported', undefined],
}

interface Special {
  readonly status: number
  readonly words: RegExp
  readonly kind: HoldfastError['kind']
  readonly code: string
  readonly hint?: string
}

/** Answers that mean more than their status says. */
const SPECIAL: readonly Special[] = [
  {
    status: 409,
    words: /ConflictNovaUsingAttachment|using the Compute API/,
    kind: 'conflict',
    code: 'service-token-missing',
    hint: "Cinder lets only a service detach a volume that an instance uses: configure 'service_user' with the role 'service'",
  },
  {
    status: 400,
    words: /Key manager error/,
    kind: 'forbidden',
    code: 'key-forbidden',
    hint: "Cinder could not make the volume's key: does the user have the key manager's role 'creator' on the project?",
  },
  { status: 400, words: /^Invalid volume:/, kind: 'wrong-state', code: 'invalid-volume' },
  { status: 400, words: /^Invalid snapshot:/, kind: 'wrong-state', code: 'invalid-snapshot' },
  {
    status: 500,
    words: /Invalid input received/,
    kind: 'invalid-input',
    code: 'invalid-input',
    hint: 'see what this host tells volume services of itself: block_storage_ip, /etc/iscsi/initiatorname.iscsi',
  },
  { status: 500, words: /duplicate connectors/, kind: 'conflict', code: 'conflict' },
]

/** A 500 that is a refusal in truth: sending it again would change nothing. */
export const isRefusal = (error: unknown): boolean =>
  isServiceError(error) && SPECIAL.some(each => each.status === error.status && each.words.test(error.reason))

const detailsOf = ({ details }: ServiceError): ErrorDetails => ({
  command: details.command,
  requestId: details.requestId,
})

/** An error of the port, with what is known of the request that it follows from. */
export const withRequest = (error: HoldfastError, cause: ServiceError): HoldfastError =>
  new HoldfastError(error.kind, error.code, error.message, {
    cause,
    details: { ...error.details, ...detailsOf(cause) },
  })

/** A reply got lost, and what is there now does not tell whether the request was carried out. */
export const outcomeUnknown = (asked: Asked, look: string, cause: unknown): HoldfastError =>
  new HoldfastError(
    'unavailable',
    'outcome-unknown',
    `${asked.what}: the reply got lost, and nothing shows whether the volume service has done it`,
    {
      cause,
      details: {
        volume: asked.volume,
        requestId: isHoldfastError(cause) ? cause.details.requestId : undefined,
        left: 'it may have been done',
        hint: look,
      },
    },
  )
