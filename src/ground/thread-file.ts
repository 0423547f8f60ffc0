// The files with which threads begin: `threads/NAME.ts` in a checkout, `.js` in a build.

/** The file of the thread `name`, with this file's own extension. */
export const threadFile = (name: 'images' | 'journal' | 'network' | 'region' | 'tftp' | 'uplink'): URL =>
  new URL(`../threads/${name}.${import.meta.filename.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
