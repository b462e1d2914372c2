/** One import of a file, of whatever form: static, re-exported, dynamic, or a type's `import('…')`. */
export interface Import {
  readonly specifier: string
  /** `import type` or `export type`: gone when it runs. */
  readonly typeOnly: boolean
}

const STATIC = /^(?:import|export)(\s+type\b)?[\w\s{},*$]*?\bfrom\s*(['"])([^'"\n]+)\2/gm
const BARE = /^import\s*(['"])([^'"\n]+)\1/gm
const DYNAMIC = /\bimport\(\s*(['"`])([^'"`\n]+)\1/g
const COMPUTED = /\bimport\((?!\s*['"`])/

/** All imports of a file in the house format: statements begin their line, as the formatter leaves them. */
export function importsOf(source: string): readonly Import[] {
  const code = withoutComments(source)
  return [
    ...[...code.matchAll(STATIC)].map(([, type, , specifier = '']) => ({ specifier, typeOnly: type !== undefined })),
    ...[...code.matchAll(BARE)].map(([, , specifier = '']) => ({ specifier, typeOnly: false })),
    ...[...code.matchAll(DYNAMIC)].map(([, , specifier = '']) => ({ specifier, typeOnly: false })),
  ]
}

/** An import whose target is worked out at run time, so that nobody can check it. */
export const hasComputedImport = (source: string): boolean => COMPUTED.test(withoutComments(source))

/** Whole lines of comment only: that is where prose about imports stands. */
const withoutComments = (source: string): string =>
  source.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/^\s*\/\/.*$/gm, '')
