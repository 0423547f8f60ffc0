// Probes the wire behind `wire0` for a user of 10.64.0.50, and prints the result.

import { ipv4 } from '../../../src/ground/address.ts';
import { sleep, systemClock } from '../../../src/ground/clock.ts';
import { openInterfaceWatch } from '../../../src/net/watch/interfaces.ts';

const watch = await openInterfaceWatch({ clock: systemClock });
watch.wire.serve(['wire0']);
const asked = watch.wire.findUser(ipv4(0x0a400032), 'wire0').then(
  () => 'answered',
  (error) => error.code,
);
// Neither the thread nor a question keeps a process alive.
const [refused] = await Promise.all([asked, sleep(600)]);
console.log(JSON.stringify({ can: watch.wire.canProbe('wire0'), refused, notes: watch.notes }));
await watch.close();
