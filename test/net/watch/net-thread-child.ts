// Stops a net thread whose first list of interfaces is on its way; prints `stopped` then.

import { NetThread } from '../../../src/net/watch/interfaces.ts';

const LIST_MS = 100;

const begun = Promise.withResolvers<void>();
const thread = new NetThread({
  onMessage: ({ kind }) => {
    if (kind === 'senses') begun.resolve();
  },
  onFailure: begun.reject,
});
await begun.promise;
// The list is sent, and waits to be received.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LIST_MS);
await thread.stop();
console.log('stopped');
