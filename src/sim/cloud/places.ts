/** Where the simulated cloud's services answer. */
export const IDENTITY = 'https://identity.cloud.example'
export const VOLUME = 'https://volume.cloud.example'
export const KEY_MANAGER = 'https://key-manager.cloud.example'
export const IMAGE = 'https://image.cloud.example'

export const REGION = 'RegionOne'

/** What clients log in at. */
export const AUTH_URL = `${IDENTITY}/v3`
