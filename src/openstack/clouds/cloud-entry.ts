/**
 * One cloud as `clouds.yaml` writes it (openstacksdk, `config/loader.py`): plain words under the names of that file. The `OS_*`
 * variables and Holdfast's own configuration are brought into this form too.
 */
export interface CloudEntry {
  /** Where it is from, for complaints: `cloud 'prod' of /etc/openstack/clouds.yaml`. */
  readonly where: string
  /** Keys of `auth:` with `_` between words. */
  readonly auth: Readonly<Record<string, string>>
  /** The other keys. */
  readonly settings: Readonly<Record<string, string>>
}
