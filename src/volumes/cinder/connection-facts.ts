/** What is known of the volume and of who asks, beside what was handed out. */
export interface ConnectionFacts {
  readonly volumeId: string
  /** By which the backend knows the volume after a migration, where Cinder tells. */
  readonly nameId?: string | null | undefined
  readonly attachmentId?: string | undefined
  /** Of the connector that it was made for. */
  readonly host: string
  readonly encrypted: boolean
  readonly multiattach: boolean
  /** Undefined: any. */
  readonly rbdPools?: readonly string[] | undefined
}

/** Secrets by the name of their field, not yet sealed. */
export type Secrets = Readonly<Record<string, string | undefined>>
