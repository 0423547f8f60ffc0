// With another DHCP server: dnsmasq gives the addresses and knows nothing of booting, the rack tells machines what to load: the datagrams
// on the wire. Real firmware does it to the end in `test/long/firmware.test.ts`.
// @host waits

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { configText, startAddressServer } from '../support/first-boot.ts';
import { missing } from '../support/needs.ts';
import { type Asked, askAsClients, type Heard } from './proxy-client.ts';

const PXE = { server: '10.77.0.1', address: '0.0.0.0', vendorClass: 'PXEClient', next: '10.77.0.1' };

/** The request of each kind of client, and the rack's answer. */
const CASES: readonly (readonly [string, Asked, Partial<Heard> | undefined])[] = [
  [
    'a BIOS is offered lpxelinux without an address',
    { type: 'discover', vendorClass: 'PXEClient:Arch:00000:UNDI:002001', architecture: 0 },
    { ...PXE, type: 2, file: 'lpxelinux.0', control: '060108ff' },
  ],
  [
    'UEFI is offered shim',
    { type: 'discover', vendorClass: 'PXEClient:Arch:00007:UNDI:003000', architecture: 7 },
    { ...PXE, type: 2, file: 'bootx64.efi', control: '060108ff' },
  ],
  [
    'UEFI by HTTP is offered a URL, and option 60',
    { type: 'discover', vendorClass: 'HTTPClient:Arch:00016:UNDI:003000', architecture: 16 },
    { ...PXE, type: 2, vendorClass: 'HTTPClient', file: 'http://10.77.0.1/bootx64.efi', control: '' },
  ],
  ['a system is offered nothing', { type: 'discover', vendorClass: 'udhcp 1.35.0' }, undefined],
  [
    'port 4011 tells UEFI its file, by unicast',
    { type: 'request', vendorClass: 'PXEClient:Arch:00007:UNDI:003000', architecture: 7, to: '10.77.0.1', port: 4011 },
    { ...PXE, type: 5, file: 'bootx64.efi', fromPort: 4011 },
  ],
  [
    'and by broadcast',
    { type: 'inform', vendorClass: 'PXEClient:Arch:00000:UNDI:002001', architecture: 0, port: 4011 },
    { ...PXE, type: 5, file: 'lpxelinux.0', fromPort: 4011 },
  ],
  [
    'a machine with a quirk is offered a boot server and no file',
    { type: 'discover', mac: '00:1b:21:00:00:01', vendorClass: 'PXEClient:Arch:00007:UNDI:003000', architecture: 7 },
    { ...PXE, type: 2, file: '', control: '' },
  ],
  [
    'a Raspberry Pi is told the word that it waits for, and no loader of x86',
    { type: 'discover', mac: 'b8:27:eb:00:00:01', vendorClass: 'PXEClient:Arch:00000:UNDI:002001', architecture: 0 },
    { ...PXE, type: 2, file: 'bootcode.bin' },
  ],
];

/** A client of the rack's network that takes the other server's offer. */
const ELSEWHERE: Asked = {
  type: 'request',
  mac: '52:54:00:77:03:07',
  vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
  architecture: 0,
  chosen: '10.77.0.2',
  wanted: '10.77.0.170',
};

describe('on a wire with another DHCP server', { skip: missing('linux', 'root', 'ip', 'dnsmasq') }, () => {
  let directory = '';
  let stateDir = '';
  let client = '';
  let namespace: LabNamespace | undefined;
  let addressServer: ReturnType<LabNamespace['spawn']> | undefined;
  let daemon: DaemonProcess | undefined;
  let heard: readonly (readonly Heard[])[] = [];
  const lines: LogLine[] = [];

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'rackboot-proxy-'));
    stateDir = join(directory, 'state');
    namespace = LabNamespace.create(`rb-proxy-${process.pid}`, '10.77.0.1', 24);
    addressServer = startAddressServer(namespace, directory);
    client = namespace.addHost('client', '52:54:00:77:03:01');
    namespace.ip('-netns', client, 'address', 'add', '10.77.0.150/24', 'dev', 'eth0');
    const config = join(directory, 'rackboot.yaml');
    const quirks = ', quirks: [{ mac: "00:1b:21", quirk: boot-server }]';
    writeFileSync(
      config,
      configText(stateDir, join(directory, 'boot'), { firmware: 'bios', loaders: '{}' }, quirks, true),
    );
    daemon = await DaemonProcess.start({ config, namespace, onLine: (line) => lines.push(line) });
    heard = await askAsClients(client, [...CASES.map(([, asked]) => asked), ELSEWHERE]);
  });
  after(async () => {
    await daemon?.stop();
    addressServer?.kill('SIGKILL');
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  CASES.forEach(([name, asked, expected], index) => {
    test(name, () => {
      const answers = heard[index] ?? [];
      const ours = answers.filter(({ server }) => server === '10.77.0.1');
      if (expected === undefined) assert.deepEqual(ours, []);
      else assert.partialDeepStrictEqual(ours[0], expected);
      if (asked.type !== 'discover') return;
      const others = answers.filter(({ server }) => server === '10.77.0.2').map(({ address }) => address);
      assert.match(others[0] ?? '', /^10\.77\.0\.1\d\d$/, 'the address is the other server’s to give');
    });
  });

  test('a client is known by the address that the other server gave it, and gets no NAK', async () => {
    const mac = '52:54:00:77:03:07';
    assert.deepEqual(
      heard.at(-1)?.filter(({ server }) => server === '10.77.0.1'),
      [],
    );
    const line = await eventuallyWithin(5000, 'the address in the log', () =>
      lines.find(({ event }) => event === 'dhcp.elsewhere'),
    );
    assert.deepEqual([line.mac, line.address, line.server], [mac, '10.77.0.170', '10.77.0.2']);
    const trace = JSON.stringify(await askDaemon(stateDir, '/trace?machine=10.77.0.170'));
    assert.match(trace, /"mac":"52:54:00:77:03:07","address":"10\.77\.0\.170"/);
  });

  test('status shows both ports, and nothing waits', async () => {
    const status = await askDaemon(stateDir, '/status');
    for (const socket of ['br0","port":67', '10.77.0.1","port":67', 'br0","port":4011', '10.77.0.1","port":4011']) {
      assert.ok(JSON.stringify(status).includes(`"name":"${socket}`), socket);
    }
    assert.match(JSON.stringify(status), /"problems":\[\]/);
  });
});
