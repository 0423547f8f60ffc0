// Remarks on a machine's state and work.

import type { RemarkWords } from './table.ts';

/** By code. */
export const REMARKS: RemarkWords = {
  said: ({ text }) => text,
  'waits-for-hand': () => 'waiting to be switched on',
  'waits-for-restart': () => 'waiting to be restarted by hand',
  'has-started': () => 'it has started',
  'system-seen': () => 'its system was seen with its address',
  'may-be-running': () => 'it may still be running: switch it off by hand',
  'failed-without-reason': () => 'it failed without giving a reason',
  'boots-from-network': () => 'booting from the network',
  'runs-checks': () => 'running the checks',
  'writes-disk': () => 'writing the disk',
};
