import { PROJECT } from './volumes.ts'

const DAY_MS = 86_400_000

export const identityVersion = (origin: string): object => ({
  version: {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${origin}/identity/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  },
})

export const volumeVersions = (origin: string): object => ({
  versions: [
    {
      id: 'v3.0',
      status: 'CURRENT',
      version: '3.70',
      min_version: '3.0',
      updated: '2022-08-31T00:00:00Z',
      links: [{ rel: 'self', href: `${origin}/v3/` }],
      'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' }],
    },
  ],
})

export const token = (origin: string): object => ({
  token: {
    methods: ['password'],
    user: {
      domain: { id: 'default', name: 'Default' },
      id: '0cc62c58196345f5b80fabfa9d674884',
      name: 'bench',
      password_expires_at: null,
    },
    audit_ids: ['P_ISbebyRQ2xfgg5LOkwHA'],
    issued_at: new Date().toISOString(),
    expires_at: new Date(Date.now() + DAY_MS).toISOString(),
    project: { domain: { id: 'default', name: 'Default' }, id: PROJECT, name: 'bench' },
    is_domain: false,
    roles: [{ id: 'e6113776af42425bbe8360d4ad7cbee3', name: 'member' }],
    catalog: [
      service('identity', 'keystone', `${origin}/identity/v3`),
      service('volumev3', 'cinderv3', `${origin}/v3/${PROJECT}`),
      service('block-storage', 'cinder', `${origin}/v3/${PROJECT}`),
    ],
  },
})

const service = (type: string, name: string, url: string): object => ({
  type,
  name,
  id: `${name}-service`,
  endpoints: ['public', 'internal', 'admin'].map(each => ({
    id: `${name}-${each}`,
    interface: each,
    region: 'RegionOne',
    region_id: 'RegionOne',
    url,
  })),
})
