import { chains } from './suite.ts'

/**
 * The same on a real libvirt and QEMU. The guest has no system in it (a boot under emulation would take as long as all the
 * rest), so that it never lets go of a disk, and nothing is detached here.
 */
chains({
  hypervisor: 'libvirt',
  operations: ['attach', 'hard-reboot', 'recover', 'create'],
  kills: 4,
  chainLength: 4,
})
