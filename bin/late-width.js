// Stands in for string-width, which yargs needs for help texts only: its regular expressions take 45 ms of a processor to compile, a fifth of a short
// command. It is loaded at the first call, from the file that the query of this module's URL names (`quick-imports.js`).
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
let stringWidth;

/** The columns of a text on a terminal. */
export default function lateWidth(text, options) {
  stringWidth ??= require(new URL(import.meta.url).searchParams.get('file')).default;
  return stringWidth(text, options);
}
