import { access, constants } from 'node:fs/promises'
import { HoldfastError } from '#src/core/error.ts'
import type { Tool } from './host.ts'

/** Where tools are looked for: system folders only, whatever `$PATH` says. */
export const TOOL_FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'] as const

/** The Debian package that has each tool. */
const PACKAGES: Readonly<Record<Tool, string>> = {
  blockdev: 'util-linux',
  cryptsetup: 'cryptsetup-bin',
  dmsetup: 'dmsetup',
  ip: 'iproute2',
  losetup: 'mount',
  'qemu-img': 'qemu-utils',
  'qemu-system-x86_64': 'qemu-system-x86',
}

/** Finds each tool once, when it is first wanted; one that was missing is looked for again the next time. */
export class ToolPaths {
  readonly #found = new Map<Tool, string>()
  readonly #folders: readonly string[]

  constructor(folders: readonly string[] = TOOL_FOLDERS) {
    this.#folders = folders
  }

  /** @throws HoldfastError `command-missing`, naming the package to install */
  async find(tool: Tool): Promise<string> {
    const known = this.#found.get(tool)
    if (known !== undefined) return known
    for (const folder of this.#folders) {
      const path = `${folder}/${tool}`
      if (!(await executable(path))) continue
      this.#found.set(tool, path)
      return path
    }
    throw new HoldfastError(
      'unsupported',
      'command-missing',
      `${tool} is not installed (looked in ${this.#folders.join(', ')})`,
      { details: { command: tool, hint: `install it: apt-get install ${PACKAGES[tool]}` } },
    )
  }
}

const executable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
