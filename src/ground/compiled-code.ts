// Keeps the compiled code of a thread for the next start. Node keeps what it compiled while it
// loaded a file; of a bundle (`bin/load-bundle.cjs`), the functions that have run by now are kept,
// too.

import { flushCompileCache } from 'node:module';

/** Given to a bundle by what loads it. */
declare const keepBundleCode: (() => void) | undefined;

/** Call once, when the thread has done the work of its start. */
export function keepCompiledCode(): void {
  flushCompileCache();
  if (typeof keepBundleCode === 'function') keepBundleCode();
}
