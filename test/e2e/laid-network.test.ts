// The files of a laid-out network, read by systemd-networkd itself: a bridge gets its address and the default route, and its part none; a VLAN
// interface has its tag and its address.
// @host waits

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { ipv4, mac } from '../../src/net/address.ts';
import { interfacesOf } from '../../src/region/layout/interfaces.ts';
import { configParts } from '../../src/region/layout/network-config.ts';
import { networkdFiles } from '../../src/region/layout/networkd.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import { FIELDS } from '../contract/region-store.ts';
import { networksWith, subnetView, UNTAGGED, vlanView } from '../region/networks/laid-view.ts';
import { missing } from '../support/needs.ts';

const NETWORKD = '/lib/systemd/systemd-networkd';

/**
 * In namespaces of its own: two cables, and networkd with a /run of its own, whose files are the only ones it reads. Without udev, as its
 * read-only /sys shows.
 */
const ALONE = `set -e
mount --make-rprivate /
ip link set lo up
for index in 1 2; do
  ip link add nic$index type veth peer name far$index
  ip link set nic$index address 52:54:00:00:00:0$index
  ip link set far$index up
done
# A kernel may lack 802.1Q.
last=nic2
if ip link add link nic2 name probe type vlan id 9 2>/dev/null; then ip link delete probe; last=nic2.100; fi
echo "last $last"
mount -t tmpfs none /run
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network /run/systemd/netif
mkdir -p /run/systemd/network
cp "$1"/* /run/systemd/network/
mount -o remount,ro,bind /sys || mount -t sysfs -o ro none /sys
${NETWORKD} >/run/log 2>&1 &
daemon=$!
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 1
  ip route show default | grep -q . && ip -4 -o address show dev $last 2>/dev/null | grep -q inet && break
done
ip -4 -o address
ip route show default
ip -o link show master br0
[ $last = nic2 ] || ip -d -o link show nic2.100
kill $daemon
cat /run/log >&2
`;

const TAGGED = vlanView({ id: 5002, name: 'storage', vid: 100, mtu: 1500 });
const NETWORKS = networksWith(
  [TAGGED],
  [
    subnetView(1, UNTAGGED, '10.20.0.0/24', ipv4(0x0a140001)),
    subnetView(2, UNTAGGED, '10.30.0.0/24'),
    subnetView(3, TAGGED, '10.40.0.0/24'),
  ],
);
const nic = (id: number) => ({ id, name: `nic${id}`, mac: mac(0x525400000000 + id), source: 'vouched' }) as const;
const LAID: Machine = {
  ...{ ...FIELDS, id: 1, systemId: 'aaaaaa', createdMs: 0, tags: [], interfaces: [nic(1), nic(2)] },
  addresses: [{ mac: mac(0x525400000001), address: ipv4(0x0a140014) }],
  layout: {
    next: 3,
    network: {
      interfaces: [
        {
          ...{ id: 9, kind: 'bridge', name: 'br0', mac: mac(0x525400000001), parents: [1], tags: [] },
          params: { bridge_type: 'standard', bridge_stp: false, bridge_fd: 2 },
        },
        {
          ...{ id: 10, kind: 'vlan', name: 'nic2.100', mac: mac(0x525400000002), parents: [2], tags: [], params: {} },
          vlanId: TAGGED.vlan.id,
        },
      ],
      links: [
        { id: 1, interfaceId: 9, mode: 'auto', subnetId: 1 },
        { id: 2, interfaceId: 2, mode: 'static', subnetId: 2, address: ipv4(0x0a1e0009) },
        { id: 3, interfaceId: 10, mode: 'static', subnetId: 3, address: ipv4(0x0a280009) },
      ],
    },
  },
};

test('networkd sets up a bridge, whose part has no address, and a second interface in another subnet, with a VLAN on it', {
  skip: missing('linux', 'root', 'ip', 'unshare', 'mount', NETWORKD),
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-laid-'));
  try {
    const files = join(directory, 'files');
    mkdirSync(files);
    const parts = configParts(interfacesOf(LAID, NETWORKS), {
      ...{ gatewayLink: undefined, domain: 'maas', isByLease: false },
    });
    for (const { path, text } of networkdFiles(parts)) writeFileSync(join(files, basename(path)), text);
    const script = join(directory, 'alone');
    writeFileSync(script, ALONE);
    const run = spawnSync('unshare', ['-n', '-m', 'sh', script, files], { encoding: 'utf8', timeout: 60_000 });
    const said = `${run.stdout}\n${run.stderr}`;
    assert.match(run.stdout, /br0\s+inet 10\.20\.0\.20\/24/, said);
    assert.match(run.stdout, /nic2\s+inet 10\.30\.0\.9\/24/, said);
    assert.doesNotMatch(run.stdout, /nic1\s+inet /, said);
    assert.match(run.stdout, /default via 10\.20\.0\.1 dev br0/, said);
    assert.match(run.stdout, /nic1@\S+:.* master br0 /, said);
    const hasTags = run.stdout.includes('last nic2.100');
    if (hasTags) assert.match(run.stdout, /nic2\.100\s+inet 10\.40\.0\.9\/24/, said);
    if (hasTags) assert.match(run.stdout, /nic2\.100@nic2:.* vlan protocol 802\.1Q id 100 /, said);
    assert.doesNotMatch(run.stderr, /Unknown (?:key|section)|Failed to parse/i, said);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
