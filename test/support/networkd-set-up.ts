// systemd-networkd reads the files of a laid-out network, and sets up two cables by them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ipv4, mac } from '../../src/ground/address.ts';
import { buildNetInterfaces } from '../../src/region/layout/interfaces.ts';
import { configParts } from '../../src/region/layout/network-config.ts';
import { networkdFiles } from '../../src/region/layout/networkd.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import type { LaidInterface, NetworkLayout } from '../../src/region/records/machine-layout.ts';
import { FIELDS } from '../contract/machines.ts';
import { networksWith, subnetView, UNTAGGED, vlanView } from '../region/networks/laid-view.ts';
import { missing } from './needs.ts';

const NETWORKD = '/lib/systemd/systemd-networkd';

/**
 * In namespaces of its own: two cables, and networkd with a /run of its own, whose files are the only ones it reads. Without udev, as its
 * read-only /sys shows. The words after the directory of the files are the interfaces that must get an address.
 */
const ALONE = `set -e
mount --make-rprivate /
ip link set lo up
for index in 1 2; do
  ip link add nic$index type veth peer name far$index
  ip link set nic$index address 52:54:00:00:00:0$index
  ip link set far$index up
done
mount -t tmpfs none /run
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network /run/systemd/netif
mkdir -p /run/systemd/network
cp "$1"/* /run/systemd/network/
shift
mount -o remount,ro,bind /sys || mount -t sysfs -o ro none /sys
${NETWORKD} >/run/log 2>&1 &
daemon=$!
are_ready() {
  for name in "$@"; do ip -4 -o address show dev $name 2>/dev/null | grep -q inet || return 1; done
  for to in $(sed -n 's/^Destination=//p' /run/systemd/network/*.network); do
    ip route show $to | grep -q . || return 1
  done
  ip route show default | grep -q .
}
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 1
  ! are_ready "$@" || break
done
ip -4 -o address
ip route show
ip -d -o link show
kill $daemon
cat /run/log >&2
`;

/** Why networkd cannot be tried here, for `skip`. */
export const lacksNetworkd = (): string | false => missing('linux', 'root', 'ip', 'unshare', 'mount', NETWORKD);

/** Why interfaces of a kind cannot be tried here, for `skip`. */
export function kernelLacks(kind: 'vlan' | 'bond'): string | false {
  const lacking = lacksNetworkd();
  if (lacking !== false) return lacking;
  const probe = { bond: 'type bond', vlan: 'link cable type vlan id 9' };
  const tried = `ip link add name cable type veth peer name far && ip link add name probe ${probe[kind]}`;
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', tried]);
  return status === 0 ? false : `needs a kernel with interfaces of the type ${kind}`;
}

export const TAGGED = vlanView({ id: 5002, name: 'storage', vid: 100, mtu: 1500 });
/** 10.99.0.0/16 by a router of the second network. */
const ROUTE = {
  destinationId: 4,
  destination: { address: ipv4(0x0a630000), prefix: 16 },
  gateway: ipv4(0x0a1e0007),
  metric: 7,
};
const NETWORKS = networksWith(
  [TAGGED],
  [
    subnetView(1, UNTAGGED, '10.20.0.0/24', ipv4(0x0a140001)),
    { ...subnetView(2, UNTAGGED, '10.30.0.0/24'), routes: [ROUTE] },
    subnetView(3, TAGGED, '10.40.0.0/24'),
  ],
);
/** A card. */
export const nic = (id: number) =>
  ({ id, name: `nic${id}`, mac: mac(0x525400000000 + id), source: 'vouched' }) as const;
export const made = (
  kind: LaidInterface['kind'],
  name: string,
  parents: number[],
  more: Partial<LaidInterface> = {},
) => ({
  id: 9,
  kind,
  name,
  mac: mac(0x525400000000 + (parents[0] ?? 0)),
  parents,
  tags: [],
  params: {},
  ...more,
});
export const disconnected = (id: number): LaidInterface => ({
  ...made('physical', `nic${id}`, []),
  ...nic(id),
  vlanId: null,
});
export const machineWith = (
  interfaces: LaidInterface[],
  links: NetworkLayout['links'],
  gatewayLink?: number,
): Machine => ({
  ...FIELDS,
  id: 1,
  systemId: 'aaaaaa',
  createdMs: 0,
  tags: [],
  interfaces: [nic(1), nic(2)],
  addresses: [{ mac: mac(0x525400000001), address: ipv4(0x0a140014) }],
  layout: { next: 3, network: { interfaces, links, gatewayLink } },
});

/** Lets networkd set up a machine. @returns the addresses, the routes and the interfaces that it then has */
export function setUp(machine: Machine, ...addressed: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-laid-'));
  try {
    const files = join(directory, 'files');
    mkdirSync(files);
    const parts = configParts(buildNetInterfaces(machine, NETWORKS), {
      gatewayLink: machine.layout?.network?.gatewayLink,
      domain: 'maas',
      isByLease: false,
    });
    for (const { path, text } of networkdFiles(parts)) {
      // These cables have no permanent address.
      writeFileSync(join(files, basename(path)), text.replace('PermanentMACAddress=', 'MACAddress='));
    }
    const script = join(directory, 'alone');
    writeFileSync(script, ALONE);
    const words = ['-n', '-m', 'sh', script, files, ...addressed];
    const run = spawnSync('unshare', words, { encoding: 'utf8', timeout: 60_000 });
    assert.doesNotMatch(run.stderr, /Unknown (?:key|section)|Failed to parse/i);
    return `${run.stdout}\n${run.stderr}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
