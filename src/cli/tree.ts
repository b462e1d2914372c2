import type { CommandDefinition } from './define.ts'

export interface CommandNode {
  readonly name: string
  readonly summary: string
  /** Loads the command's file; nothing of it is loaded before. */
  readonly load: () => Promise<{ readonly command: CommandDefinition }>
}

export interface GroupNode {
  readonly name: string
  readonly summary: string
  readonly children: readonly (GroupNode | CommandNode)[]
}

export type TreeNode = GroupNode | CommandNode

const VOLUME: GroupNode = {
  name: 'volume',
  summary: 'block volumes and their types',
  children: [
    { name: 'create', summary: 'create a volume', load: () => import('./commands/volume-create.ts') },
    { name: 'list', summary: 'list volumes', load: () => import('./commands/volume-list.ts') },
    { name: 'show', summary: 'show a volume', load: () => import('./commands/volume-show.ts') },
    { name: 'delete', summary: 'delete a volume and its data', load: () => import('./commands/volume-delete.ts') },
    { name: 'extend', summary: 'make a volume larger', load: () => import('./commands/volume-extend.ts') },
    {
      name: 'type',
      summary: 'volume types: encryption and multiattach',
      children: [
        { name: 'create', summary: 'create a volume type', load: () => import('./commands/volume-type-create.ts') },
        { name: 'list', summary: 'list volume types', load: () => import('./commands/volume-type-list.ts') },
        { name: 'delete', summary: 'delete a volume type', load: () => import('./commands/volume-type-delete.ts') },
      ],
    },
  ],
}

const SNAPSHOT: GroupNode = {
  name: 'snapshot',
  summary: 'snapshots of volumes',
  children: [
    { name: 'create', summary: 'take a snapshot of a volume', load: () => import('./commands/snapshot-create.ts') },
    { name: 'list', summary: 'list snapshots', load: () => import('./commands/snapshot-list.ts') },
    { name: 'show', summary: 'show a snapshot', load: () => import('./commands/snapshot-show.ts') },
    { name: 'delete', summary: 'delete a snapshot', load: () => import('./commands/snapshot-delete.ts') },
  ],
}

const INSTANCE: GroupNode = {
  name: 'instance',
  summary: 'instances: virtual machines and their volumes',
  children: [
    { name: 'create', summary: 'create and start an instance', load: () => import('./commands/instance-create.ts') },
    { name: 'list', summary: 'list instances', load: () => import('./commands/instance-list.ts') },
    { name: 'show', summary: 'show an instance', load: () => import('./commands/instance-show.ts') },
    { name: 'set', summary: 'change what is recorded', load: () => import('./commands/instance-set.ts') },
    { name: 'start', summary: 'start an instance', load: () => import('./commands/instance-start.ts') },
    { name: 'stop', summary: 'stop an instance', load: () => import('./commands/instance-stop.ts') },
    { name: 'reboot', summary: 'reboot an instance', load: () => import('./commands/instance-reboot.ts') },
    { name: 'attach', summary: 'attach a volume', load: () => import('./commands/instance-attach.ts') },
    { name: 'detach', summary: 'detach a volume', load: () => import('./commands/instance-detach.ts') },
    {
      name: 'console',
      summary: "show the guest's console output",
      load: () => import('./commands/instance-console.ts'),
    },
    { name: 'delete', summary: 'delete an instance', load: () => import('./commands/instance-delete.ts') },
  ],
}

const ATTACHMENT: GroupNode = {
  name: 'attachment',
  summary: 'what the volume service has attached to whom',
  children: [
    { name: 'list', summary: 'list attachments', load: () => import('./commands/attachment-list.ts') },
    { name: 'show', summary: 'show an attachment', load: () => import('./commands/attachment-show.ts') },
    {
      name: 'delete',
      summary: 'give up an attachment that nothing uses',
      load: () => import('./commands/attachment-delete.ts'),
    },
  ],
}

const CLOUD: GroupNode = {
  name: 'cloud',
  summary: 'the cloud that owns the volumes',
  children: [
    {
      name: 'check',
      summary: 'what of the cloud can be used, and what is missing',
      load: () => import('./commands/cloud-check.ts'),
    },
  ],
}

const LIMITS: CommandNode = {
  name: 'limits',
  summary: 'quotas, and how much of them is used',
  load: () => import('./commands/limits.ts'),
}

const OPERATION: GroupNode = {
  name: 'operation',
  summary: 'what was begun, and how it ended',
  children: [
    { name: 'list', summary: 'list unfinished operations', load: () => import('./commands/operation-list.ts') },
    { name: 'show', summary: 'show an operation step by step', load: () => import('./commands/operation-show.ts') },
    {
      name: 'resume',
      summary: 'finish or undo an interrupted operation',
      load: () => import('./commands/operation-resume.ts'),
    },
  ],
}

const STATE: GroupNode = {
  name: 'state',
  summary: 'the records themselves, and their backups',
  children: [
    { name: 'check', summary: 'look through the records', load: () => import('./commands/state-check.ts') },
    { name: 'backups', summary: 'list the backups', load: () => import('./commands/state-backups.ts') },
    { name: 'restore', summary: 'go back to a backup', load: () => import('./commands/state-restore.ts') },
  ],
}

const HOST: GroupNode = {
  name: 'host',
  summary: 'this host',
  children: [
    { name: 'status', summary: 'what this host can do', load: () => import('./commands/host-status.ts') },
    {
      name: 'resume',
      summary: 'bring the instances back after a boot of the host',
      load: () => import('./commands/host-resume.ts'),
    },
    {
      name: 'check',
      summary: 'compare what is recorded with what is really there',
      load: () => import('./commands/host-check.ts'),
    },
    {
      name: 'drill',
      summary: 'try whether every instance would come back',
      load: () => import('./commands/host-drill.ts'),
    },
  ],
}

/** All nouns and verbs. A command's own file is loaded when it is run or its help is asked for. */
export const TREE: readonly TreeNode[] = [VOLUME, SNAPSHOT, ATTACHMENT, LIMITS, INSTANCE, OPERATION, CLOUD, HOST, STATE]
