/** What an idempotent verb found: it made the change, or the host was already so. Both are success. */
export type Change = 'made' | 'already'

/** 'made' if any of them was. */
export const anyMade = (changes: readonly Change[]): Change => (changes.includes('made') ? 'made' : 'already')
