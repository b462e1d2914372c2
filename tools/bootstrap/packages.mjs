// The Debian packages that each command needs: which are missing, and how they come.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { findProgram, isRoot, runStep, say } from './tool.mjs'

const HOST = [
  'qemu-system-x86',
  'qemu-utils',
  'libvirt-daemon-system',
  'libvirt-clients',
  'cryptsetup-bin',
  'dmsetup',
  'busybox-static',
  'cpio',
  'kmod',
  'iproute2',
  'xz-utils',
]
const LAB = [...HOST, 'user-mode-linux', 'udev']
/** What the benches measure against. */
const PEERS = ['python3-os-brick', 'python3-cinderclient', 'python3-openstackclient']
/** For `systemd-analyze verify`, for file systems on disks of the lab, and for QEMU's way to Ceph. */
const TEST = [...LAB, 'systemd', 'e2fsprogs', 'qemu-block-extra']
/** A real cloud: the services as libraries where there is a choice, for they are started by the lab alone. */
const CLOUD = [
  'python3-keystone',
  'python3-cinder',
  'python3-barbican',
  'barbican-common',
  'python3-waitress',
  'python3-pymysql',
  'rabbitmq-server',
  'mariadb-server-core',
  'python3-openstackclient',
  'python3-barbicanclient',
  'ceph-mon',
  'ceph-mgr',
  'ceph-osd',
  'ceph-common',
  'python3-rados',
  'python3-rbd',
  'qemu-utils',
  'qemu-block-extra',
]

/**
 * What each verb of the bootstrap needs beside npm packages. `kernel`: a kernel for the demonstration guest. `idle`: no
 * service of these packages runs, today or after a boot. The tests bring the cloud's packages while others run: see
 * tools/testing/cloud-stage.ts.
 */
export const NEEDS = {
  quickstart: { packages: HOST, kernel: true },
  test: { packages: TEST, kernel: true },
  bench: { packages: [...LAB, ...PEERS], kernel: true },
  lab: { packages: LAB, kernel: true },
  'cloud-up': { packages: CLOUD, kernel: false, idle: true },
  'cloud-down': { packages: [], kernel: false },
  unit: { packages: [], kernel: false },
  crash: { packages: [], kernel: false },
  sim: { packages: [], kernel: false },
}

/** `dpkg-query -W` with this format prints one `name status` line per known package, and nothing for others. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: the braces are dpkg-query's own
const FORMAT = '${binary:Package} ${db:Status-Abbrev}\n'

/** Names of fully installed packages in the output of dpkg-query; `libc6:amd64` counts as `libc6`. */
export function parseInstalled(output) {
  const installed = new Set()
  for (const line of output.split('\n')) {
    const [name, status] = line.trim().split(/\s+/)
    if (name !== undefined && status === 'ii') installed.add(name.replace(/:.*$/, ''))
  }
  return installed
}

/** Those of `wanted` that are not installed; all of them where there is no dpkg. */
export function missingPackages(wanted) {
  if (wanted.length === 0) return []
  const dpkgQuery = findProgram('dpkg-query')
  if (dpkgQuery === undefined) return [...wanted]
  // It exits 1 if it does not know one of the names, and still prints the others.
  const result = spawnSync(dpkgQuery, ['-W', '-f', FORMAT, ...wanted], { encoding: 'utf8', timeout: 60_000 })
  const installed = parseInstalled(result.stdout ?? '')
  return wanted.filter(name => !installed.has(name))
}

/** Whether this process may install packages: root, with apt-get. */
export const mayInstall = () => isRoot() && findProgram('apt-get') !== undefined

/** The apt-get command lines that bring these packages. Also what a person without root is shown. */
export const installCommands = packages => [
  ['apt-get', '-o', 'DPkg::Lock::Timeout=120', 'update'],
  ['apt-get', '-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', ...packages],
]

/**
 * Installs packages as root; services are not started where there is no service manager to look after them, nor if they
 * are to stay `idle`.
 */
export async function installPackages(packages, { idle = false } = {}) {
  say(`installing ${packages.length} Debian packages: ${packages.join(' ')}`)
  const managed = existsSync('/run/systemd/system')
  const withdraw = managed && !idle ? () => {} : suppressServices()
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }
  try {
    let seconds = 0
    for (const [program, ...args] of installCommands(packages)) seconds += await runStep(program, args, { env })
    if (managed && idle) await disableServices(packages)
    say(`installed in ${seconds.toFixed(1)} s`)
  } finally {
    withdraw()
  }
}

/** Debian enables a service that it installs: it would run after the next boot. */
async function disableServices(packages) {
  const services = packages.filter(name => existsSync(`/lib/systemd/system/${name}.service`))
  if (services.length > 0) await runStep('systemctl', ['disable', ...services])
}

/** Debian's own switch for "start no services" is a policy-rc.d that exits 101. One that is there already stays. */
function suppressServices(policy = '/usr/sbin/policy-rc.d') {
  if (existsSync(policy)) return () => {}
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const withdraw = () => rmSync(policy, { force: true })
  process.once('exit', withdraw)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))
  return withdraw
}
