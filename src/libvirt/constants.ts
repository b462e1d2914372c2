// Numbers of libvirt 9.0.0's public headers; they never change. The words are libvirt's own without their prefix.

/** States of `domain.getState`. (`virDomainState`) */
export const DomainState = {
  NOSTATE: 0,
  RUNNING: 1,
  BLOCKED: 2,
  PAUSED: 3,
  SHUTDOWN: 4,
  SHUTOFF: 5,
  CRASHED: 6,
  PMSUSPENDED: 7,
} as const

/** Why a domain is off: the reason beside `DomainState.SHUTOFF`. (`virDomainShutoffReason`) */
export const DomainShutoffReason = {
  UNKNOWN: 0,
  SHUTDOWN: 1,
  DESTROYED: 2,
  CRASHED: 3,
  MIGRATED: 4,
  SAVED: 5,
  FAILED: 6,
  FROM_SNAPSHOT: 7,
  DAEMON: 8,
} as const

/** The reason beside `DomainState.RUNNING`. (`virDomainRunningReason`) */
export const DomainRunningReason = {
  UNKNOWN: 0,
  BOOTED: 1,
  MIGRATED: 2,
  RESTORED: 3,
  FROM_SNAPSHOT: 4,
  UNPAUSED: 5,
  MIGRATION_CANCELED: 6,
  SAVE_CANCELED: 7,
  WAKEUP: 8,
  CRASHED: 9,
  POSTCOPY: 10,
  POSTCOPY_FAILED: 11,
} as const

/** The reason beside `DomainState.PAUSED`. (`virDomainPausedReason`) */
export const DomainPausedReason = {
  UNKNOWN: 0,
  USER: 1,
  MIGRATION: 2,
  SAVE: 3,
  DUMP: 4,
  IOERROR: 5,
  WATCHDOG: 6,
  FROM_SNAPSHOT: 7,
  SHUTTING_DOWN: 8,
  SNAPSHOT: 9,
  CRASHED: 10,
  STARTING_UP: 11,
  POSTCOPY: 12,
  POSTCOPY_FAILED: 13,
} as const

/** Flags of `connect.listAllDomains`; flags of one group are alternatives. (`virConnectListAllDomainsFlags`) */
export const ListDomains = {
  ACTIVE: 1 << 0,
  INACTIVE: 1 << 1,
  PERSISTENT: 1 << 2,
  TRANSIENT: 1 << 3,
  RUNNING: 1 << 4,
  PAUSED: 1 << 5,
  SHUTOFF: 1 << 6,
  OTHER: 1 << 7,
  MANAGEDSAVE: 1 << 8,
  NO_MANAGEDSAVE: 1 << 9,
  AUTOSTART: 1 << 10,
  NO_AUTOSTART: 1 << 11,
  HAS_SNAPSHOT: 1 << 12,
  NO_SNAPSHOT: 1 << 13,
  HAS_CHECKPOINT: 1 << 14,
  NO_CHECKPOINT: 1 << 15,
} as const

/** Flags of `domain.defineXMLFlags`. (`virDomainDefineFlags`) */
export const DomainDefine = {
  VALIDATE: 1 << 0,
} as const

/** Flags of `domain.createWithFlags`. (`virDomainCreateFlags`) */
export const DomainStart = {
  NONE: 0,
  PAUSED: 1 << 0,
  AUTODESTROY: 1 << 1,
  BYPASS_CACHE: 1 << 2,
  FORCE_BOOT: 1 << 3,
  VALIDATE: 1 << 4,
  RESET_NVRAM: 1 << 5,
} as const

/** Flags of `domain.destroyFlags`. (`virDomainDestroyFlagsValues`) */
export const DomainDestroy = {
  DEFAULT: 0,
  GRACEFUL: 1 << 0,
  REMOVE_LOGS: 1 << 1,
} as const

/** Flags of `domain.shutdownFlags`. (`virDomainShutdownFlagValues`) */
export const DomainShutdown = {
  DEFAULT: 0,
  ACPI_POWER_BTN: 1 << 0,
  GUEST_AGENT: 1 << 1,
  INITCTL: 1 << 2,
  SIGNAL: 1 << 3,
  PARAVIRT: 1 << 4,
} as const

/** Flags of `domain.reboot`. (`virDomainRebootFlagValues`) */
export const DomainReboot = {
  DEFAULT: 0,
  ACPI_POWER_BTN: 1 << 0,
  GUEST_AGENT: 1 << 1,
  INITCTL: 1 << 2,
  SIGNAL: 1 << 3,
  PARAVIRT: 1 << 4,
} as const

/** Flags of `domain.undefineFlags`. (`virDomainUndefineFlagsValues`) */
export const DomainUndefine = {
  MANAGED_SAVE: 1 << 0,
  SNAPSHOTS_METADATA: 1 << 1,
  NVRAM: 1 << 2,
  KEEP_NVRAM: 1 << 3,
  CHECKPOINTS_METADATA: 1 << 4,
  TPM: 1 << 5,
  KEEP_TPM: 1 << 6,
} as const

/** Flags of `domain.getXMLDesc`. (`virDomainXMLFlags`) */
export const DomainXML = {
  SECURE: 1 << 0,
  INACTIVE: 1 << 1,
  UPDATE_CPU: 1 << 2,
  MIGRATABLE: 1 << 3,
} as const

/** Which configuration a change is for: the running one, the one of the next start, or both. (`virDomainModificationImpact`) */
export const DomainAffect = {
  CURRENT: 0,
  LIVE: 1 << 0,
  CONFIG: 1 << 1,
} as const

/** Flags of `domain.blockResize`. (`virDomainBlockResizeFlags`) */
export const DomainBlockResize = {
  BYTES: 1 << 0,
} as const

/** Flags of `domain.blockCopy`. (`virDomainBlockCopyFlags`) */
export const DomainBlockCopy = {
  SHALLOW: 1 << 0,
  REUSE_EXT: 1 << 1,
  TRANSIENT_JOB: 1 << 2,
  SYNCHRONOUS_WRITES: 1 << 3,
} as const

/** Flags of `domain.blockJobAbort`. (`virDomainBlockJobAbortFlags`) */
export const DomainBlockJobAbort = {
  ASYNC: 1 << 0,
  PIVOT: 1 << 1,
} as const

/** Types of block job. (`virDomainBlockJobType`) */
export const DomainBlockJobType = {
  UNKNOWN: 0,
  PULL: 1,
  COPY: 2,
  COMMIT: 3,
  ACTIVE_COMMIT: 4,
  BACKUP: 5,
} as const

/** Flags of `domain.getBlockJobInfo`. (`virDomainBlockJobInfoFlags`) */
export const DomainBlockJobInfo = {
  BANDWIDTH_BYTES: 1 << 0,
} as const

/** How a block job ended, or that it is READY to pivot: `status` of the `blockJob2` event. (`virConnectDomainEventBlockJobStatus`) */
export const DomainBlockJobStatus = {
  COMPLETED: 0,
  FAILED: 1,
  CANCELED: 2,
  READY: 3,
} as const

/** Types of `domain.setMetadata` and `domain.getMetadata`. (`virDomainMetadataType`) */
export const DomainMetadata = {
  DESCRIPTION: 0,
  TITLE: 1,
  ELEMENT: 2,
} as const

/** `event` of the `lifecycle` event. (`virDomainEventType`) */
export const DomainEvent = {
  DEFINED: 0,
  UNDEFINED: 1,
  STARTED: 2,
  SUSPENDED: 3,
  RESUMED: 4,
  STOPPED: 5,
  SHUTDOWN: 6,
  PMSUSPENDED: 7,
  CRASHED: 8,
} as const

/** `detail` beside `DomainEvent.STOPPED`. (`virDomainEventStoppedDetailType`) */
export const DomainEventStopped = {
  SHUTDOWN: 0,
  DESTROYED: 1,
  CRASHED: 2,
  MIGRATED: 3,
  SAVED: 4,
  FAILED: 5,
  FROM_SNAPSHOT: 6,
} as const

/** `detail` beside `DomainEvent.STARTED`. (`virDomainEventStartedDetailType`) */
export const DomainEventStarted = {
  BOOTED: 0,
  MIGRATED: 1,
  RESTORED: 2,
  FROM_SNAPSHOT: 3,
  WAKEUP: 4,
} as const

/** `detail` beside `DomainEvent.SUSPENDED`. (`virDomainEventSuspendedDetailType`) */
export const DomainEventSuspended = {
  PAUSED: 0,
  MIGRATED: 1,
  IOERROR: 2,
  WATCHDOG: 3,
  RESTORED: 4,
  FROM_SNAPSHOT: 5,
  API_ERROR: 6,
  POSTCOPY: 7,
  POSTCOPY_FAILED: 8,
} as const

/** What a secret is for. (`virSecretUsageType`) */
export const SecretUsage = {
  NONE: 0,
  VOLUME: 1,
  CEPH: 2,
  ISCSI: 3,
  TLS: 4,
  VTPM: 5,
} as const

/** Flags of `connect.listAllSecrets`. (`virConnectListAllSecretsFlags`) */
export const ListSecrets = {
  EPHEMERAL: 1 << 0,
  NO_EPHEMERAL: 1 << 1,
  PRIVATE: 1 << 2,
  NO_PRIVATE: 1 << 3,
} as const

/** Flag of `domain.attachDeviceFlags`, `detachDeviceFlags` and `updateDeviceFlags` beside those of `DomainAffect`. */
export const DEVICE_MODIFY_FORCE = 1 << 2

/** Names of the typed parameters of `domain.blockCopy`. */
export const BlockCopyParameter = {
  /** ullong, bytes per second. */
  BANDWIDTH: 'bandwidth',
  /** uint, bytes. */
  GRANULARITY: 'granularity',
  /** ullong, bytes. */
  BUF_SIZE: 'buf-size',
} as const
