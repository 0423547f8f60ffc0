// A program that has the interfaces watched and a port open, and then ends in the way its argument says: `fall` off the end,
// `exit`, `throw` or `close`.

import { createServer } from 'node:net';
import { setImmediate } from 'node:timers';
import { systemClock } from '../../../src/ground/clock.ts';
import { openInterfaceWatch } from '../../../src/net/watch/interfaces.ts';

const watch = await openInterfaceWatch({ clock: systemClock });
createServer().listen(0, '127.0.0.1').unref();
console.log('ready');
if (process.argv[2] === 'exit') process.exit(0);
if (process.argv[2] === 'close') await watch.close();
if (process.argv[2] === 'throw') {
  setImmediate(() => {
    throw new Error('on purpose');
  });
}
