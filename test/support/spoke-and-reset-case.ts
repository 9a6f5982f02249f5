/** `spoke-and-reset-case.ts HOST BYTES`: prints what was heard as JSON. */
import { spokeAndReset } from './spoke-and-reset.ts'

const [, , host = '', bytes] = process.argv
console.log(JSON.stringify(await spokeAndReset(host, Number(bytes))))
