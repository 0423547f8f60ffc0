// What a rack remembers of boot clients. A host invents thousands: they must not displace what real machines showed when they booted.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SIGNS_MAX } from '../../src/boot/shown-signs.ts';
import { parseConfig } from '../../src/config/load.ts';
import { Rack } from '../../src/daemon/rack/rack.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { type MacAddress, mac } from '../../src/ground/address.ts';
import type { RackMachine } from '../../src/machines/machine.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import type { Solicitation } from '../../src/net/watch/net-message.ts';
import type { Wire, WireListener } from '../../src/net/watch/wire.ts';
import { clientBytes, MAC_A, machine, TestNetwork } from '../dhcp/lab.ts';
import { memoryTree, SlowJournal } from '../simulation/rack-parts.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const NEW_CARD = hw('52:54:00:00:00:4e');
const INVENTED = 2 * SIGNS_MAX;
const FIRST_INVENTED = 0x0200_0000_0000;
const invented = (index: number): MacAddress => mac(FIRST_INVENTED + index);

class HostTestNetwork extends TestNetwork implements HostNetwork {
  readonly notes = [];
  readonly received = 0;
  mayReach = (): boolean => true;
  interfacesChanged(): void {}
}

/** The options of a UEFI PXE ROM; it sends no UUID if `uuid` is undefined. */
function bootClient(uuid: string | undefined) {
  const shown =
    uuid === undefined ? [] : [[97, Uint8Array.from([0, ...Buffer.from(uuid.replaceAll('-', ''), 'hex')])] as const];
  const architecture = [93, Uint8Array.of(0, 7)] as const;
  return { vendorClass: 'PXEClient:Arch:00007:UNDI:003016', options: [architecture, ...shown] };
}

const MODES = {
  served: 'ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.199',
  proxied: 'mode: proxy',
};

async function start(network: 'served' | 'proxied') {
  const text = `
name: rack
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ${MODES[network]} }
`;
  const parsed = parseConfig(text);
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  const [clock, table, host] = [new VirtualClock(), new LeaseTable(), new HostTestNetwork()];
  const advertised: Solicitation[] = [];
  let listener: WireListener | undefined;
  const wire: Wire = {
    serve: () => undefined,
    listen: (next) => {
      listener = next;
    },
    canProbe: () => false,
    wake: () => undefined,
    findUser: async () => undefined,
    advertise: (solicitation) => advertised.push(solicitation),
    noteBooting: () => undefined,
  };
  const parts = { clock, table, wire, network: host, journal: new SlowJournal(clock), tree: memoryTree(new Map()) };
  const rack = new Rack(
    { ...parts, publish: () => undefined, passing: { rackSecret: 'secret' } },
    { ...parsed.config, http: { listen: [] }, dns: { ...parsed.config.dns, listen: [] } },
  );
  await rack.open([
    { name: 'eth1', index: 2, mac: undefined, up: true, carrier: true, addresses: [{ address: RACK, prefix: 24 }] },
  ]);
  const setMachines = (...machines: readonly RackMachine[]): void =>
    rack.setDesiredState({ schema: 2, version: 1, machines });
  const discover = (client: MacAddress, uuid: string | undefined): void => {
    host.deliver('eth1', clientBytes({ type: 'discover', mac: client, ...bootClient(uuid) }));
  };
  const inform = (client: MacAddress): void => {
    host.from = ip('10.20.0.66');
    host.deliver('eth1', clientBytes({ type: 'inform', mac: client, ciaddr: host.from, ...bootClient(UUID) }));
    host.from = ip('0.0.0.0');
  };
  /** True if the machine counts as booting. */
  const hearsOfNoRouter = (client: MacAddress): boolean => {
    advertised.length = 0;
    listener?.onSolicitation({ interfaceName: 'eth1', mac: client, source: new Uint8Array(16) });
    return advertised.length > 0;
  };
  const uuidOf = (client: MacAddress): string | undefined => rack.forecastInputs().assets.signsOf?.(client)?.uuid;
  return { rack, host, setMachines, discover, inform, hearsOfNoRouter, uuidOf };
}

type Rig = Awaited<ReturnType<typeof start>>;

const FLOODS: readonly (readonly [string, 'served' | 'proxied', (rig: Rig, client: MacAddress) => void])[] = [
  ['INFORMs', 'served', (rig, client) => rig.inform(client)],
  ['DISCOVERs to a rack in proxy mode', 'proxied', (rig, client) => rig.discover(client, undefined)],
  [
    'DISCOVERs with UUIDs to a rack in proxy mode',
    'proxied',
    (rig, client) => rig.discover(client, client.toString(16).padStart(32, '0')),
  ],
];

for (const [what, network, send] of FLOODS) {
  describe(`${INVENTED} ${what} under invented hardware addresses`, () => {
    for (const [who, client, machines] of [
      ['a machine of the region', MAC_A, [machine(MAC_A, '10.20.0.10')]],
      ['a new card of a machine of the region', NEW_CARD, [machine(MAC_A, '10.20.0.10', { uuid: UUID })]],
    ] as const)
      it(`leave the record of ${who} unchanged`, async () => {
        const rig = await start(network);
        rig.setMachines(...machines);
        rig.discover(client, UUID);
        assert.equal(rig.uuidOf(client), UUID);
        for (let index = 0; index < INVENTED; index += 1) send(rig, invented(index));
        assert.equal(rig.uuidOf(client), UUID);
        assert.equal(rig.hearsOfNoRouter(client), true);
        await rig.rack.close();
      });
  });
}

describe('an INFORM of a boot client', () => {
  it('is answered with a boot file, and leaves no state', async () => {
    const rig = await start('served');
    rig.inform(MAC_A);
    assert.equal(rig.host.take()[0]?.message.file, 'bootx64.efi');
    assert.equal(rig.uuidOf(MAC_A), undefined);
    assert.equal(rig.hearsOfNoRouter(MAC_A), false);
    await rig.rack.close();
  });
});

describe('U-Boot on x86', () => {
  it('is remembered, because its configurations have the names of pxelinux', async () => {
    const rig = await start('served');
    const shown = { vendorClass: 'U-Boot', options: [[93, Uint8Array.of(0, 0)] as const] };
    const isUBoot = () => rig.rack.forecastInputs().assets.signsOf?.(MAC_A)?.isUBoot;
    rig.host.deliver('eth1', clientBytes({ type: 'discover', mac: MAC_A, ...shown }));
    assert.equal(isUBoot(), true);
    rig.discover(MAC_A, UUID);
    assert.equal(isUBoot(), false);
    await rig.rack.close();
  });
});
