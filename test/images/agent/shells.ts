// The shells under which tests run the scripts of machines.

import type { Need } from '../../support/needs.ts';

/** The name of each shell, and how it is called. */
export const SHELLS: readonly (readonly [string, readonly [Need, ...string[]]])[] = [
  ['busybox', ['busybox', 'sh']],
  ['dash', ['sh']],
];
