// A program that serves one device as the daemon would: it follows the device when that is created again, and says so. Arguments:
// device, port, `native` or `portable`. It prints a line for each datagram and each change of the device's index.

import { systemClock } from '../../../src/clock.ts';
import { ANY, formatIpv4 } from '../../../src/net/address.ts';
import { openNetwork } from '../../../src/net/datagrams/open-network.ts';
import { openInterfaceWatch } from '../../../src/net/watch/interfaces.ts';

const [device = 'lo', port = '6767', kind = 'native'] = process.argv.slice(2);
const network = await openNetwork({ native: kind === 'native' });
const watch = await openInterfaceWatch({ clock: systemClock });
const index = (): number => watch.current().find((each) => each.name === device)?.index ?? 0;

watch.onChange((interfaces) => {
  network.interfacesChanged(interfaces);
  console.log(`index ${index()}`);
});
await network.open({
  address: ANY,
  port: Number(port),
  device,
  broadcast: true,
  shared: true,
  onDatagrams(datagrams, socket) {
    for (const { bytes, from } of datagrams) console.log(`heard ${Buffer.from(bytes)} from ${formatIpv4(from)}`);
    socket.send([{ bytes: Buffer.from('reply'), to: { kind: 'broadcast', port: Number(port) + 1 } }]);
  },
  onReceiveError: (code) => console.log(`receive error ${code}`),
});
console.log(`ready ${index()}`);
