/** Of the one key that all volumes share (Cinder `keymgr/conf_key_mgr.py`, Nova likewise). */
export const FIXED_KEY_ID = '00000000-0000-0000-0000-000000000000'
