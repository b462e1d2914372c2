import { XMLBuilder, XMLParser } from 'fast-xml-parser'
import { HoldfastError } from '#src/core/error.ts'

/** An element to be written: attributes begin with `@`, text is `#text`, everything else is a child or a list of children. */
export interface XmlElement {
  readonly [name: string]: XmlElement | readonly XmlElement[] | string | number | undefined
}

/** An element as it was read: attributes and text are strings, children always lists. */
export interface XmlNode {
  readonly [name: string]: readonly XmlNode[] | string
}

// Characters that XML 1.0 cannot hold, line breaks and half surrogate pairs: none has a place in a value that we write.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]|\p{Surrogate}/u
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u

const builder = new XMLBuilder({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  suppressBooleanAttributes: false,
  suppressEmptyNode: true,
  attributeValueProcessor: checked,
  tagValueProcessor: checked,
})

/** One root element as XML, every value escaped. @throws HoldfastError `invalid-text` for control characters and line breaks */
export const writeXml = (root: string, element: XmlElement): string => builder.build({ [root]: element })

function checked(name: string, value: unknown): unknown {
  if (typeof value === 'string' && UNSAFE.test(value)) {
    const shown = JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
    throw new HoldfastError('invalid-input', 'invalid-text', `${name} ${shown} has a control character or a line break`)
  }
  return value
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** XML's own five entities and numbers; a document's own entities are refused. */
function decode(text: string): string {
  return text.replace(/&([^;\s&]*);?/g, (whole, name: string) => {
    const number = /^#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))$/i.exec(name)
    const code = number ? Number.parseInt(number[1] ?? number[2] ?? '', number[1] ? 16 : 10) : undefined
    const char = code === undefined ? NAMED[name] : code <= 0x10_ffff ? String.fromCodePoint(code) : undefined
    if (char === undefined || !whole.endsWith(';') || NOT_XML.test(char))
      throw new Error(`unknown entity '${name.slice(0, 20)}'`)
    return char
  })
}

const nothing = () => {}

const newParser = () =>
  new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    alwaysCreateTextNode: true,
    ignoreDeclaration: true,
    ignorePiTags: true,
    isArray: (_name, _path, _isLeaf, isAttribute) => !isAttribute,
    entityDecoder: {
      setExternalEntities: nothing,
      addInputEntities: nothing,
      reset: nothing,
      setXmlVersion: nothing,
      decode,
    },
  })

/**
 * Reads XML that must have exactly this root element.
 * @throws HoldfastError `corrupt` for what is not well-formed, has a document type, foreign entities or another root
 */
export function readXml(what: string, root: string, xml: string): XmlNode {
  if (xml.includes('<!DOCTYPE')) throw corrupt(what, 'it has a document type declaration')
  if (NOT_XML.test(xml)) throw corrupt(what, 'it has characters that XML does not allow')
  const document = parse(what, xml)
  const names = Object.keys(document).filter(name => name !== '#text')
  const [element, ...more] = children(document, root)
  if (element === undefined || more.length > 0 || names.length > 1) {
    throw corrupt(what, `its root is not one <${root}>, but ${names.map(name => `<${name}>`).join(' ') || 'nothing'}`)
  }
  return element
}

function parse(what: string, xml: string): XmlNode {
  try {
    return newParser().parse(xml, true) as XmlNode
  } catch (error) {
    throw corrupt(what, error instanceof Error ? error.message : String(error), error)
  }
}

export const corrupt = (what: string, reason: string, cause?: unknown): HoldfastError =>
  new HoldfastError('corrupt', 'corrupt', `${what} is not what it should be: ${reason}`, { cause })

export function children(node: XmlNode | undefined, name: string): readonly XmlNode[] {
  const found = node?.[name]
  return Array.isArray(found) ? (found as readonly XmlNode[]) : []
}

/** The first child of a path of names. */
export const child = (node: XmlNode | undefined, ...path: readonly string[]): XmlNode | undefined =>
  path.reduce<XmlNode | undefined>((at, name) => children(at, name)[0], node)

export function attribute(node: XmlNode | undefined, name: string): string | undefined {
  const value = node?.[`@${name}`]
  return typeof value === 'string' ? value : undefined
}

/** The element's own text without the white space around it; undefined without an element. */
export function textOf(node: XmlNode | undefined): string | undefined {
  const value = node?.['#text']
  return typeof value === 'string' ? value.trim() : undefined
}
