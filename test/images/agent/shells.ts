// The shells under which tests run the scripts of machines.

/** The name of each shell, and how it is called. */
export const SHELLS: readonly (readonly [string, readonly string[]])[] = [
  ['busybox', ['busybox', 'sh']],
  ['dash', ['sh']],
];
