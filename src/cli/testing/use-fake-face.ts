import { registerHooks } from 'node:module'

/** Preloaded (`--import`): the program then opens `fake-face.ts` instead of the library. */
const FACE = new URL('./fake-face.ts', import.meta.url).href

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === '#src/index.ts'
      ? { url: FACE, format: 'module-typescript', shortCircuit: true }
      : next(specifier, context),
})
