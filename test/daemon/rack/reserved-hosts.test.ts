// The addresses that users of the region reserved: their hosts get them by DHCP and nobody else does, and their names resolve.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { Rack } from '../../../src/daemon/rack/rack.ts';
import { LeaseTable } from '../../../src/dhcp/leases/lease-table.ts';
import { formatIpv4, type MacAddress } from '../../../src/ground/address.ts';
import type { DesiredState, ReservedHost } from '../../../src/machines/machine.ts';
import type { HostNetwork } from '../../../src/net/datagrams/datagram.ts';
import { clientBytes, MAC_A, MAC_B, settle, TestNetwork } from '../../dhcp/lab.ts';
import { memoryTree, SlowJournal } from '../../simulation/rack-parts.ts';
import { ip, RACK, rackMachine } from '../../support/lab-facts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

class HostTestNetwork extends TestNetwork implements HostNetwork {
  readonly notes = [];
  readonly received = 0;
  mayReach = (): boolean => true;
  interfacesChanged(): void {}
}

const PRINTER: ReservedHost = { address: ip('10.20.0.60'), mac: MAC_A, hostname: 'printer', domain: 'lab' };
const NAMED: ReservedHost = { address: ip('10.99.0.7'), hostname: 'far', domain: 'maas' };
const state = (version: number, more: Partial<DesiredState> = {}): DesiredState => ({
  schema: 2,
  version,
  machines: [],
  ...more,
});

function makeRack(more = '') {
  const parsed = parseConfig(`
name: rack
dns: { domains: [lab] }
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.199, management: 1${more} }
`);
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  const { config } = parsed;
  const [clock, table, host] = [new VirtualClock(), new LeaseTable(), new HostTestNetwork()];
  const parts = { clock, table, network: host, journal: new SlowJournal(clock), tree: memoryTree(new Map()) };
  const given = { ...config, http: { listen: [] }, dns: { ...config.dns, listen: [] } };
  const rack = new Rack({ ...parts, publish: () => undefined, passing: { rackSecret: 'secret' } }, given);
  const interfaces = [
    { name: 'eth1', index: 2, mac: undefined, up: true, carrier: true, addresses: [{ address: RACK, prefix: 24 }] },
  ];
  const offerTo = async (client: MacAddress): Promise<string | undefined> => {
    host.deliver('eth1', clientBytes({ type: 'discover', mac: client }));
    await settle();
    const [reply] = host.take();
    return reply === undefined ? undefined : formatIpv4(reply.message.yiaddr);
  };
  const addressesOf = (name: string): readonly string[] =>
    (rack.names.find(name)?.sets[0]?.records ?? []).map(({ rdata }) => [...rdata].join('.'));
  const addressOf = (name: string): string | undefined => addressesOf(name)[0];
  return { rack, given, interfaces, offerTo, addressOf, addressesOf };
}

test('a reserved address goes to its host alone, and its name resolves, until it is released', async () => {
  const { rack, interfaces, offerTo, addressOf } = makeRack();
  await rack.open(interfaces);
  assert.match((await offerTo(MAC_A)) ?? '', /^10\.20\.0\.1\d\d$/);
  rack.setDesiredState(state(1, { reserved: [PRINTER, NAMED] }));
  assert.equal(await offerTo(MAC_A), '10.20.0.60');
  assert.match((await offerTo(MAC_B)) ?? '', /^10\.20\.0\.1\d\d$/);
  assert.deepEqual(['printer.lab', 'far.maas'].map(addressOf), ['10.20.0.60', '10.99.0.7']);
  rack.setDesiredState(state(2));
  assert.match((await offerTo(MAC_A)) ?? '', /^10\.20\.0\.1\d\d$/);
  assert.deepEqual(['printer.lab', 'far.maas'].map(addressOf), [undefined, undefined]);
  await rack.close();
});

test('addresses of the kept state count from the start, and after a change of the configuration', async () => {
  const { rack, given, interfaces, offerTo, addressOf } = makeRack();
  rack.setDesiredState(state(1, { reserved: [PRINTER] }));
  await rack.open(interfaces);
  assert.deepEqual([await offerTo(MAC_A), addressOf('printer.lab')], ['10.20.0.60', '10.20.0.60']);
  await rack.configure({ ...given }, interfaces);
  assert.deepEqual([await offerTo(MAC_A), addressOf('printer.lab')], ['10.20.0.60', '10.20.0.60']);
  await rack.close();
});

test('a machine gets the address of its allocation first; the file reserves before the region', async () => {
  const { rack, interfaces, offerTo } = makeRack(', hosts: [{ mac: "52:54:00:00:00:0b", ip: 10.20.0.61 }]');
  await rack.open(interfaces);
  const [first, second] = [MAC_A, MAC_B];
  const machines = [rackMachine({ macs: [first], addresses: [{ mac: first, address: ip('10.20.0.70') }] })];
  const hosts = [PRINTER, { address: ip('10.20.0.62'), mac: second }];
  rack.setDesiredState(state(1, { machines, reserved: hosts }));
  assert.equal(await offerTo(first), '10.20.0.70');
  rack.setDesiredState(state(2, { machines: [rackMachine({ macs: [first] })], reserved: hosts }));
  assert.equal(await offerTo(first), '10.20.0.60', 'a machine without an allocation');
  assert.equal(await offerTo(second), '10.20.0.61');
  await rack.close();
});

test('the name of a reserved address is not that of another machine, and that of its host names both addresses', async () => {
  const { rack, interfaces, addressesOf } = makeRack();
  await rack.open(interfaces);
  const at = (address: string) => [{ mac: MAC_B, address: ip(address) }];
  const machines = [rackMachine({ macs: [MAC_B], hostname: 'far', domain: 'maas', addresses: at('10.20.0.70') })];
  const stateOf = (version: number, host?: ReservedHost): DesiredState =>
    state(version, { machines, ...(host === undefined ? {} : { reserved: [host] }) });
  rack.setDesiredState(stateOf(1));
  assert.deepEqual(addressesOf('far.maas'), ['10.20.0.70']);
  rack.setDesiredState(stateOf(2, NAMED));
  assert.deepEqual(addressesOf('far.maas'), ['10.99.0.7']);
  rack.setDesiredState(stateOf(3, { ...NAMED, mac: MAC_A }));
  assert.deepEqual(addressesOf('far.maas'), ['10.99.0.7']);
  rack.setDesiredState(stateOf(4, { ...NAMED, mac: MAC_B }));
  assert.deepEqual(addressesOf('far.maas'), ['10.20.0.70', '10.99.0.7']);
  rack.setDesiredState(stateOf(5));
  assert.deepEqual(addressesOf('far.maas'), ['10.20.0.70']);
  await rack.close();
});
