/** `print-picture.ts DIR`: as a program of its own it can look from inside a mount namespace. */
import { pictureOf } from './picture.ts'

process.stdout.write(JSON.stringify(pictureOf(process.argv[2] ?? '')))
