// What a person sees when something is missing that this user may not install.

/**
 * @param {{verb: string, packages: readonly string[], unfit: string | undefined, apt: boolean, commands: readonly string[][]}} facts
 */
export function missingScreen({ verb, packages, unfit, apt, commands }) {
  const lines = [`"${verb}" needs things that this machine does not have.`, '']
  if (unfit !== undefined) lines.push(`  It runs on Linux on x86-64 (Debian 12 or later); this is ${unfit}.`, '')
  else if (!apt) lines.push('  It installs Debian packages by itself, but there is no apt-get here.', '')
  else lines.push('  It installs them by itself as root; this user is not root.', '')
  if (packages.length > 0) lines.push(`Missing Debian packages: ${packages.join(', ')}`, '')
  if (unfit === undefined && apt) {
    lines.push('To install them:', '')
    for (const command of commands) lines.push(`  sudo ${command.join(' ')}`)
    lines.push('')
  }
  lines.push(`Then run again: ${againCommand(verb)}`)
  return lines.join('\n')
}

/** How a person calls a verb. */
export function againCommand(verb) {
  if (verb === 'test') return 'npm test'
  if (verb === 'unit') return 'npm run test:unit'
  if (verb.startsWith('cloud-')) return `npm run ${verb.replace('-', ':')}`
  return verb === 'lab' ? 'node tools/bootstrap.mjs lab' : `npm run ${verb}`
}
