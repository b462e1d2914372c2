import { allowedText, type Field } from './field.ts'
import { FIELDS } from './fields.ts'
import type { FileSchema } from './yaml-file.ts'

/** JSON Schema of the configuration file, made from the table of fields. */
export function configFileSchema(): FileSchema {
  const properties: Record<string, FileSchema> = {}
  for (const field of FIELDS) {
    const [section, inner] = field.key.split('.')
    if (section === undefined) continue
    if (inner === undefined) properties[section] = leaf(field)
    else properties[section] = withInner(properties[section], inner, leaf(field))
  }
  return { type: 'object', description: 'a mapping of fields', properties, additionalProperties: false }
}

function withInner(section: FileSchema | undefined, name: string, schema: FileSchema): FileSchema {
  const properties = { ...section?.properties, [name]: schema }
  const description = `a mapping of ${Object.keys(properties).join(', ')}`
  return { type: 'object', description, properties, additionalProperties: false }
}

function leaf({ kind }: Field): FileSchema {
  const description = allowedText(kind)
  switch (kind.type) {
    case 'path':
      return { description, type: 'string', pattern: '^/[^\\u0000]*$' }
    case 'text':
      return { description, type: 'string', minLength: 1, maxLength: kind.maxLength }
    case 'boolean':
      return { description, type: 'boolean' }
    case 'integer':
      return { description, type: 'integer', minimum: kind.minimum, maximum: kind.maximum }
    case 'choice':
      return { description, type: 'string', enum: kind.choices }
  }
}
