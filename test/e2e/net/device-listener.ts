// A program that serves one device as the daemon would: it follows the device when that is created again, and says so. Arguments:
// device, port. It answers each datagram from 10.20.0.1, to a machine without an address, and prints a line for it and for each change of
// the device's index.

import { ANY, formatIpv4, ipv4, mac } from '../../../src/ground/address.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { openNetwork } from '../../../src/net/datagrams/udp-linux.ts';
import { openInterfaceWatch } from '../../../src/net/watch/interfaces.ts';

const CLIENT = ipv4(0x0a140064);
const [device = 'lo', port = '6767'] = process.argv.slice(2);
const network = await openNetwork();
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
  source: ipv4(0x0a140001),
  broadcast: true,
  shared: true,
  onDatagrams(datagrams, socket) {
    for (const { bytes, from } of datagrams) console.log(`heard ${Buffer.from(bytes)} from ${formatIpv4(from)}`);
    const to = { kind: 'hardware', address: CLIENT, mac: mac(0x525400000001), port: Number(port) + 1 } as const;
    socket.send([{ bytes: Buffer.from('reply'), to }]);
  },
  onReceiveError: (code) => console.log(`receive error ${code}`),
});
console.log(`ready ${index()}`);
