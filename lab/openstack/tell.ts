import type { Lab } from './cloud.ts'

/** What a person wants to know about a cloud that is up. */
export function tellCloud(lab: Omit<Lab, 'stop'>): string {
  const users = Object.entries(lab.users).map(
    ([name, { password, project }]) => `  ${`lab-${name}`.padEnd(18)}${password.padEnd(12)}project ${project}`,
  )
  const types = Object.keys(lab.volumeTypes).filter(name => !name.startsWith('__'))
  return `
The cloud is up in ${lab.dir}
${Object.entries(lab.endpoints)
  .map(([name, url]) => `  ${name.padEnd(18)}${url}`)
  .join('\n')}

Clouds of clouds.yaml, each with its user's password and project:
${users.join('\n')}

Volume types: ${types.toSorted().join(', ')}
${lab.ceph ? `Ceph: ${lab.ceph.configFile}\n` : ''}
To use it:
  export OS_CLIENT_CONFIG_FILE=${lab.cloudsFile}
  openstack --os-cloud lab-demo volume create --size 1 --type luks mine

npm run cloud:down stops it.
`
}
