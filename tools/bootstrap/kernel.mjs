// A Linux kernel for the demonstration guest: the installed Debian cloud kernel, or its package unpacked into the cache.
// Unpacking takes 2 s and no root; installing the package takes 16 s, for it builds an initramfs of this machine.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { capture, findProgram, isRoot, runStep, Stop, say } from './tool.mjs'

export const KERNEL_META_PACKAGE = 'linux-image-cloud-amd64'

/** Where an unpacked kernel lies, in the clone. */
export const kernelCache = root => join(root, '.cache', 'kernel')

/** Newest cloud kernel version among the file names of a boot folder. */
export function newestCloudKernel(names) {
  const versions = names.flatMap(name => /^vmlinuz-(\d.*-cloud-amd64)$/.exec(name)?.[1] ?? [])
  return versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
}

/** The package that the meta package stands for, from the output of `apt-cache depends`. */
export function kernelPackageName(dependsOutput) {
  return /^\s*Depends:\s*(linux-image-\d\S*-cloud-amd64)\s*$/m.exec(dependsOutput)?.[1]
}

/** True if a kernel with its modules is installed or in the cache. */
export function hasKernel(root, bases = ['/', kernelCache(root)]) {
  return bases.some(base => {
    const version = newestCloudKernel(list(join(base, 'boot')))
    return version !== undefined && moduleFolders(base, version).some(existsSync)
  })
}

/** Command lines for a person, should this user be unable to run them. */
export const kernelCommands = () => [['apt-get', 'install', '-y', '--no-install-recommends', KERNEL_META_PACKAGE]]

/** Fetches and unpacks the kernel package into the cache. Needs apt's package lists; no root. */
export async function fetchKernel(root) {
  const folder = kernelCache(root)
  mkdirSync(join(root, '.cache'), { recursive: true })
  const work = mkdtempSync(join(root, '.cache', 'kernel-'))
  try {
    const seconds = await download(work)
    const deb = readdirSync(work).find(name => name.endsWith('.deb'))
    if (deb === undefined) throw new Stop('apt-get download brought no kernel package')
    await unpack(join(work, deb), join(work, 'tree'))
    rmSync(folder, { recursive: true, force: true })
    renameSync(join(work, 'tree'), folder)
    say(`unpacked ${deb} into .cache/kernel (download ${seconds.toFixed(1)} s)`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function download(work) {
  const name = kernelPackageName(capture('apt-cache', ['depends', KERNEL_META_PACKAGE]) ?? '')
  if (name === undefined) await updateLists()
  const known = name ?? kernelPackageName(capture('apt-cache', ['depends', KERNEL_META_PACKAGE]) ?? '')
  if (known === undefined) throw new Stop(`apt knows no package ${KERNEL_META_PACKAGE}: is this a Debian system?`, 69)
  const args = ['-o', `APT::Sandbox::User=${isRoot() ? 'root' : '_apt'}`, 'download', known]
  say(`fetching ${known}, the kernel of the demonstration guest`)
  try {
    return await runStep('apt-get', args, { cwd: work })
  } catch (error) {
    // Old lists name a package file that the mirror has replaced.
    if (!isRoot()) throw error
    await updateLists()
    return await runStep('apt-get', args, { cwd: work })
  }
}

async function updateLists() {
  if (isRoot()) await runStep('apt-get', ['-o', 'DPkg::Lock::Timeout=120', 'update'])
}

async function unpack(deb, tree) {
  await runStep('dpkg-deb', ['-x', deb, tree])
  const version = newestCloudKernel(list(join(tree, 'boot')))
  const modules = moduleFolders(tree, version ?? '').find(existsSync)
  if (version === undefined || modules === undefined) throw new Stop(`${deb} holds no kernel with modules`)
  const base = modules.includes(join('usr', 'lib', 'modules')) ? join(tree, 'usr') : tree
  await runStep(findProgram('depmod') ?? 'depmod', ['-b', base, version])
}

const moduleFolders = (base, version) => ['lib/modules', 'usr/lib/modules'].map(path => join(base, path, version))

function list(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
