import { chains } from './suite.ts'

/** The engine on real store, volume service, keys, connector and dm-crypt; the hypervisor is the simulated one. */
chains({
  hypervisor: 'twin',
  operations: [
    ...['attach', 'hard-reboot', 'recover', 'first-use', 'from-image'],
    ...['detach', 'extend', 'clone', 'create', 'delete'],
  ],
  kills: 27,
  chainLength: 9,
})
