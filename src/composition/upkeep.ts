import { asHoldfastError } from '#src/core/error.ts'

/**
 * Work that a process does when it closes a state that it has changed, such as a backup. What fails of it is told as a note,
 * for what the command was asked to do is done.
 */
export async function upkeep(
  failure: string,
  note: ((text: string) => void) | undefined,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    note?.(`${failure}: ${asHoldfastError(error).message}`)
  }
}
