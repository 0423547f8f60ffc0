// A daemon that must not outlive the program that started it: that program holds the daemon's
// standard input open. However that program ends, even by a signal that it cannot handle, the
// kernel closes the input.

/** The environment variable that tells a daemon to end with its input, if it is `1`. */
export const ENDS_WITH_INPUT = 'RACKBOOT_ENDS_WITH_INPUT';

/** Calls `end` once when the standard input closes. Input is discarded. */
export function whenInputCloses(end: () => void): void {
  // `close`, not `end`: a peer that is killed may reset a socket instead of closing it.
  process.stdin.once('close', end);
  process.stdin.on('error', () => undefined);
  process.stdin.resume();
}
