// A test file's share of the host while it runs, which the file declares in a comment of its first lines:
//
//   // @host rests             it waits nearly always, and measures no time: it runs alongside any others
//   // @host waits             it mostly waits, and measures no time: five of them run at a time
//   // @host waits, 80 s       the same; it takes long, and is one of the first to begin
//   // @host computes, 300 s   it keeps a processor busy, for some 300 s: two run at a time, the longest first, and one that waits
//   // @host alone             it measures time, or changes something that the host has only once: nothing else runs meanwhile
//   // @process own            it ends its process, or changes something that a process has only once: no other file shares its process
//   // @disk                  its files are on a disk, because it is about one or they are large: other tests have theirs in memory
//   // @long more             the long suite runs it, too, with many rounds (rounds.ts), alone on the host
//
// Files of test/e2e, test/hostile, test/long and test/page declare their share. Every other file shares its process with those of its folder.

import { readFileSync } from 'node:fs';

/**
 * The host in parts. They permit these mixes:
 * - five files that wait, and one that rests;
 * - one that computes, three that wait, and one that rests;
 * - two that compute, one that waits, and one that rests;
 * - one alone.
 * Whenever the processors are idle, test/run.ts adds one that waits, unless one runs alone.
 */
export const HOST_PARTS = 16;

const PARTS = { rests: 1, waits: 3, computes: 6, alone: HOST_PARTS } as const;

export interface HostShare {
  /** The file's part of the HOST_PARTS. */
  readonly parts: number;
  /** How long it takes on two processors, in seconds, as far as it matters; 0: not said. */
  readonly seconds: number;
  readonly hasOwnProcess: boolean;
  /** The long suite runs it with many rounds. */
  readonly hasMoreRounds: boolean;
}

const isWord = (word: string): word is keyof typeof PARTS => Object.hasOwn(PARTS, word);

/** The text of a file before its first import. */
const headOf = (file: string): string => readFileSync(file, 'utf8').split(/^import /m, 1)[0] ?? '';

/** True if a file declares that its temporary directory is on a disk. Files that share its process share the directory, too. */
export const isOnDisk = (file: string): boolean => /^\/\/ @disk$/m.test(headOf(file));

/** @returns the declared share; undefined: the file declares nothing. @throws Error when the declaration has no known word */
export function declaredShare(file: string): HostShare | undefined {
  const head = headOf(file);
  const [, word, seconds = '0'] = /^\/\/ @host (\S+?)(?:, (\d+) s)?$/m.exec(head) ?? [];
  const hasOwnProcess = /^\/\/ @process own$/m.test(head);
  const hasMoreRounds = /^\/\/ @long more$/m.test(head);
  if (word === undefined)
    return hasOwnProcess || hasMoreRounds
      ? { parts: PARTS.waits, seconds: 0, hasOwnProcess, hasMoreRounds }
      : undefined;
  if (!isWord(word)) throw new Error(`${file}: @host ${word}: write ${Object.keys(PARTS).join(', ')}`);
  return { parts: PARTS[word], seconds: Number(seconds), hasOwnProcess: true, hasMoreRounds };
}
