/** A defect that the exploration must find: texts of the source, replaced as it is loaded. */
export interface Plant {
  readonly name: string
  readonly changes: readonly { readonly file: string; readonly from: string; readonly to: string }[]
  readonly operation: string
  readonly mechanism: string
  /** What is told of it. */
  readonly told: RegExp
}

const STEP = 'src/engine/step.ts'
const PLANS = 'src/engine/plans.ts'
const EXECUTOR = 'src/engine/executor.ts'

export const PLANTS: readonly Plant[] = [
  {
    name: 'unlocking has no way back',
    changes: [{ file: STEP, from: "  unlock: 'lock',\n", to: '' }],
    operation: 'attach, live',
    mechanism: 'native',
    told: /I4 secret \S+ is left over/,
  },
  {
    name: 'nor over dm-crypt, where the loop device stays busy',
    changes: [{ file: STEP, from: "  unlock: 'lock',\n", to: '' }],
    operation: 'attach, live',
    mechanism: 'dm-crypt',
    told: /I4 attach \S+ is stuck although one thing failed once/,
  },
  {
    name: 'a mapping is used again without a look at what lies below it',
    changes: [
      {
        file: 'src/sim/encryptor.ts',
        from: "mapping.target === 'crypt' && mapping.over === source.path && mapping.dmUuid",
        to: "mapping.target === 'crypt' && mapping.dmUuid",
      },
      { file: PLANS, from: "volumes(recorded, 'lock', 'disconnect'))", to: 'seq())' },
    ],
    operation: 'hard reboot over a stale mapping',
    mechanism: 'dm-crypt',
    told: /I2 (vda of instance|instance) \S+ (is|saw) the data of/,
  },
  {
    name: 'a passphrase is written into an error, and so into the journal',
    changes: [
      {
        file: 'src/engine/executors.ts',
        from: '.unlock(request, passphrase, signal)',
        to: ".unlock(request, passphrase, signal).catch(() => { throw new HoldfastError('host-command', 'x', 'no key slot for ' + Buffer.from(passphrase.reveal())) })",
      },
    ],
    operation: 'attach, live',
    mechanism: 'dm-crypt',
    told: /I6 key \S+ is to be read in a row of the store/,
  },
  {
    name: 'the way back of an attach keeps the attachment',
    changes: [
      {
        file: PLANS,
        from: "'withdraw', 'lock', 'disconnect', 'release', 'forget-mapping'",
        to: "'withdraw', 'lock', 'disconnect', 'forget-mapping'",
      },
    ],
    operation: 'attach, live',
    mechanism: 'plain',
    told: /I4 attachment \S+ of volume \S+ is left over/,
  },
  {
    name: 'nothing is verified before a start, and the wrong device was opened',
    changes: [
      { file: PLANS, from: "    domain(recorded, 'verify'),\n", to: '' },
      { file: 'src/sim/encryptor.ts', from: '      over: source.path,\n', to: "      over: '/dev/loop0',\n" },
    ],
    operation: 'hard reboot',
    mechanism: 'dm-crypt',
    told: /I2 instance \S+ saw the data of/,
  },
  {
    name: 'the intent is written after the effect',
    changes: [
      {
        file: EXECUTOR,
        from: "    await this.#commit(this.#entry(number, step, 'started'))\n",
        to: "    this.#pending.push(this.#entry(number, step, 'started'))\n",
      },
    ],
    operation: 'attach, live',
    mechanism: 'dm-crypt',
    told: /I4 (mapping|loop device) \S+ .*is left over/,
  },
  {
    name: 'the outermost way back hides that an inner one failed',
    changes: [
      {
        file: EXECUTOR,
        from: '        errors: [...(this.undone?.errors ?? []), ...errors],\n',
        to: '        errors,\n',
      },
    ],
    operation: 'create',
    mechanism: 'dm-crypt',
    told: /I4 (mapping|loop device|domain) \S+ .*is left over/,
  },
  {
    name: 'a volume is given up although the guest may still use it',
    changes: [{ file: EXECUTOR, from: "if (undo.action === 'release' &&", to: "if (undo.action === 'disconnect' &&" }],
    operation: 'create',
    mechanism: 'plain',
    told: /I2 the guest of instance \S+ has volume \S+, which is not attached to it any more/,
  },
  {
    name: "an undo's failure hides the cause",
    changes: [
      {
        file: EXECUTOR,
        from: '      throw error\n    }\n  }\n\n  async #step',
        to: '      throw errors[0] ?? error\n    }\n  }\n\n  async #step',
      },
    ],
    operation: 'detach, live',
    mechanism: 'plain',
    told: /I9 detach \S+ '.*' is that of an undo; it hides/,
  },
  {
    name: 'operations do not wait for each other',
    changes: [{ file: 'src/core/concurrency.ts', from: '    await before\n', to: '' }],
    operation: 'stop',
    mechanism: 'plain',
    told: /I7 stop \S+ and stop \S+ are under way at once/,
  },
  {
    name: 'what the guest was asked to let go of is taken back',
    changes: [
      { file: 'src/engine/executors.ts', from: '  if (disks && !disks.some(', to: '  if (!disks && !disks.some(' },
    ],
    operation: 'detach, live',
    mechanism: 'plain',
    told: /I4 the guest of instance \S+ lacks volume/,
  },
  {
    name: 'deleting a half-made instance deletes its volumes',
    changes: [
      {
        file: PLANS,
        from: "seq(\n    ...(defined ? [domain(recorded, 'destroy'), ports(recorded, 'unplug')] : []),\n    volumes(recorded, 'lock', 'disconnect', 'release'),\n",
        to: "seq(\n    ...(defined ? [domain(recorded, 'destroy'), ports(recorded, 'unplug')] : []),\n    volumes(recorded, 'lock', 'disconnect', 'release', 'delete-volume'),\n",
      },
    ],
    operation: 'create',
    mechanism: 'plain',
    told: /I4 recorded is neither the state before nor after/,
  },
  {
    name: 'an attachment at Cinder whose id was never recorded is not looked for',
    changes: [
      {
        file: 'src/engine/attachment/attachments.ts',
        from: 'for (const { id } of left) changes',
        to: 'for (const { id } of left.slice(1)) changes',
      },
    ],
    operation: 'attach, live',
    mechanism: 'cloud',
    told: /I4 attachment \S+ of volume \S+ is left over/,
  },
  {
    name: 'connecting has no way back, and the key of a Ceph user stays',
    changes: [{ file: STEP, from: "  connect: 'disconnect',\n", to: '' }],
    operation: 'attach, live',
    mechanism: 'cloud',
    told: /I4 secret \S+ is left over/,
  },
  {
    name: 'a reservation by the older verbs is not taken back',
    changes: [
      {
        file: 'src/engine/attachment/legacy.ts',
        from: 'else await volumes.unreserveVolume(volumeId, signal)',
        to: '',
      },
    ],
    operation: 'attach, live',
    mechanism: 'cloud-legacy',
    told: /I4 volume \S+ is 'attaching', not 'available'/,
  },
  {
    name: 'a volume that is about to go is no reason to be content',
    changes: [{ file: 'src/engine/executors.ts', from: 'walk.mapping(volumeId).cloud !== undefined)', to: 'false)' }],
    operation: 'delete with a volume',
    mechanism: 'cloud',
    told: /I4 the recovery failed: volume \S+ is 'deleting'/,
  },
]
