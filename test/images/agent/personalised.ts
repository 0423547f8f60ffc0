// How the agent personalises an installed system, whose files are in a directory of the test.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeDisk } from '../disks.ts';
import { AgentRuns, TOKEN } from './agent-run.ts';

const MIB = 1024 * 1024;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFake owner@example.net\n';
const NETWORKD = 'etc/systemd/system/multi-user.target.wants/systemd-networkd.service';
const SYSTEM = {
  'etc/os-release': 'ID=tiny\n',
  'etc/hosts': '127.0.0.1 localhost\n127.0.1.1 image\n',
  'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  'etc/passwd': 'root:x:0:0::/root:/bin/sh\nowner:x:1000:1000::/home/owner:/bin/sh\n',
};
const STATIC = { address: '10.20.0.10/24', router: '10.20.0.1', dns: '10.20.0.1,10.20.0.2', domain: 'maas' };

/** @param rare the cases of the long suite: further tools, jobs and file systems; otherwise those of every run */
export function personalise(rare: boolean): void {
  /** The first rows of a table, or the others. */
  const some = <T>(rows: readonly T[], usual: number): readonly T[] =>
    rare ? rows.slice(usual) : rows.slice(0, usual);
  const runs = new AgentRuns();
  const image = makeDisk(MIB / 4, 'gpt', 7);
  before(async () => {
    await runs.open();
    const { files } = runs.region;
    files.set('/images/it', image);
    files.set('/MAAS/rackboot/1/ssh-keys', Buffer.from(KEY));
    files.set('/MAAS/rackboot/1/cloud-config', Buffer.from('datasource: { MAAS: { token_secret: hidden } }\n'));
    files.set('/MAAS/rackboot/1/user-data', Buffer.from('#cloud-config\n{}\n'));
  });
  after(() => runs.close());

  const base = {
    job: 'deploy',
    hostname: 'calm-ibis',
    image_url: '/images/it',
    image_sha256: createHash('sha256').update(image).digest('hex'),
    image_format: 'raw',
    image_disk_bytes: image.length,
  };
  const deploy = (more: Record<string, string>, system: Record<string, string>, functions = '') =>
    runs.run({
      job: { ...base, ...more },
      disks: { sda: Buffer.alloc(MIB / 2) },
      system: { ...SYSTEM, ...system },
      functions,
    });
  async function deployed(...how: Parameters<typeof deploy>) {
    const done = await deploy(...how);
    assert.equal(done.code, 0, done.said);
    return done;
  }
  async function refuses(message: RegExp, ...how: Parameters<typeof deploy>): Promise<void> {
    const done = await deploy(...how);
    assert.equal(done.code, 1, done.said);
    assert.match(runs.region.signals.at(-1)?.message ?? '', message);
  }

  if (!rare)
    test("gets its own name and its owner's keys, and loses the identity of the image", async () => {
      const leavings = {
        'var/lib/dbus/machine-id': 'x\n',
        'var/lib/systemd/random-seed': 'x\n',
        'var/lib/dhcp/dhclient.eth0.leases': 'x\n',
        'etc/udev/rules.d/70-persistent-net.rules': 'x\n',
        'var/lib/cloud/data/instance-id': 'x\n',
        'etc/ssh/ssh_host_rsa_key': 'x\n',
        'usr/bin/ssh-keygen': '',
      };
      const keygen = 'chmod 755 "$root/usr/bin/ssh-keygen"\n';
      const done = await deployed({ domain: 'maas', ssh_keys_url: '/MAAS/rackboot/1/ssh-keys' }, leavings, keygen);
      assert.equal(done.read('etc/hostname'), 'calm-ibis\n');
      assert.equal(done.read('etc/hosts'), '127.0.0.1 localhost\n127.0.1.1 calm-ibis.maas calm-ibis\n');
      assert.equal(done.read('etc/machine-id'), '');
      assert.equal(done.read('home/owner/.ssh/authorized_keys'), KEY);
      for (const path of Object.keys(leavings).slice(0, -1)) assert.equal(done.read(path), undefined, path);
      assert.ok(done.ends.includes('owner 1000:1000 /home/owner/.ssh'), done.said);
      assert.ok(done.ends.includes('ran /usr/bin/ssh-keygen -A'), done.said);
    });

  const networks: readonly (readonly [string, Record<string, string>, string, string])[] = [
    [
      'netplan',
      { 'etc/netplan/50-dhcp.yaml': '' },
      'etc/netplan/90-rackboot.yaml',
      `network:
  version: 2
  ethernets:
    00-rackboot:
      match: { macaddress: "52:54:00:aa:00:01" }
      addresses: [10.20.0.10/24]
      routes: [{ to: default, via: 10.20.0.1 }]
      nameservers: { addresses: [10.20.0.1, 10.20.0.2], search: [maas] }
`,
    ],
    [
      'networkd',
      { [NETWORKD]: '' },
      'etc/systemd/network/10-rackboot.network',
      `[Match]
MACAddress=52:54:00:aa:00:01

[Network]
Address=10.20.0.10/24
Gateway=10.20.0.1
DNS=10.20.0.1
DNS=10.20.0.2
Domains=maas
`,
    ],
    [
      'ifupdown',
      { 'etc/network/interfaces': 'auto eth0\niface eth0 inet dhcp\n' },
      'etc/network/interfaces',
      `auto lo
iface lo inet loopback

auto mac/52:54:00:aa:00:01=rackboot
iface rackboot inet static
  address 10.20.0.10/24
  gateway 10.20.0.1
  dns-nameservers 10.20.0.1 10.20.0.2
  dns-search maas
`,
    ],
  ];
  for (const [name, system, file, text] of some(networks, 2)) {
    test(`gets its static address through ${name}, which cloud-init leaves alone`, async () => {
      const done = await deployed(STATIC, { ...system, 'etc/cloud/cloud.cfg.d/05_logging.cfg': '' });
      assert.equal(done.read(file), text);
      assert.match(done.read('etc/cloud/cloud.cfg.d/99-rackboot-network.cfg') ?? '', /config: disabled/);
    });

    test(`keeps its own settings of ${name} when its address comes by DHCP`, async () => {
      const done = await deployed({ address: 'dhcp' }, system);
      assert.equal(done.read(file), system[file]);
    });
  }

  if (rare)
    test('is known to use networkd even by a link that is broken as seen from the environment', async () => {
      const link = `mkdir -p "$root/etc/systemd/system/multi-user.target.wants"; ln -s /nowhere "$root/${NETWORKD}"\n`;
      const done = await deployed(STATIC, { 'etc/cloud/': '' }, link);
      assert.match(done.read('etc/systemd/network/10-rackboot.network') ?? '', /Address=10\.20\.0\.10\/24/);
    });

  const seenByLease: readonly (readonly [string, Record<string, string>, string, RegExp])[] = [
    ['netplan', { 'etc/netplan/50-dhcp.yaml': '' }, 'etc/netplan/90-rackboot.yaml', /00:01" \}\n {6}dhcp4: true\n$/],
    ['networkd', { [NETWORKD]: '' }, 'etc/systemd/network/10-rackboot.network', /\[Network\]\nDHCP=ipv4\n$/],
    ['ifupdown', { 'etc/network/interfaces': '' }, 'etc/network/interfaces', /=rackboot\niface rackboot inet dhcp\n$/],
  ];
  for (const [name, system, file, text] of some(seenByLease, 1)) {
    test(`without cloud-init asks for its address by DHCP, through ${name}: nothing else would show that it is up`, async () => {
      const done = await deployed(STATIC, system);
      assert.match(done.read(file) ?? '', text);
    });
  }

  const BUNDLE: Readonly<Record<string, string>> = {
    netplan: '# file: /etc/netplan/90-rackboot.yaml\nnetwork:\n  version: 2\n',
    networkd:
      '# file: /etc/systemd/network/10-rackboot-bond0.netdev\n[NetDev]\n\n[Bond]\n' +
      '# file: /etc/systemd/network/10-rackboot-bond0.network\n[Match]\n',
    ifupdown: '# file: /etc/network/interfaces\nauto lo\n  dns-nameservers 10.20.0.1\n  dns-search maas\n',
  };
  const laid = { network_url: '/MAAS/rackboot/1/network', address: '10.20.0.10/24' };
  const TOOLS: readonly (readonly [string, Record<string, string>, Record<string, string>])[] = [
    ['netplan', { 'etc/netplan/50-dhcp.yaml': '' }, { 'etc/netplan/90-rackboot.yaml': 'network:\n  version: 2\n' }],
    [
      'networkd',
      { [NETWORKD]: '' },
      {
        'etc/systemd/network/10-rackboot-bond0.netdev': '[NetDev]\n\n[Bond]\n',
        'etc/systemd/network/10-rackboot-bond0.network': '[Match]\n',
      },
    ],
    [
      'ifupdown',
      { 'etc/network/interfaces': 'iface eth0 inet dhcp\n' },
      {
        'etc/network/interfaces': 'auto lo\n  dns-nameservers 10.20.0.1\n  dns-search maas\n',
        'etc/network/interfaces.image': 'iface eth0 inet dhcp\n',
        'etc/resolv.conf': 'search maas\nnameserver 10.20.0.1\n',
      },
    ],
  ];
  for (const [tool, system, expected] of some(TOOLS, 2)) {
    for (const [addresses, cloud] of [
      ['fixed', { 'etc/cloud/cloud.cfg.d/05_logging.cfg': '' }],
      ['leased', {}],
    ] as const) {
      test(`gets the files of a laid-out network through ${tool}, with ${addresses} addresses`, async () => {
        runs.region.files.set(`${laid.network_url}/${tool}/${addresses}`, Buffer.from(BUNDLE[tool] ?? ''));
        const done = await deployed(laid, { ...system, ...cloud });
        for (const [file, content] of Object.entries(expected)) assert.equal(done.read(file), content, file);
        const kept = done.read('etc/cloud/cloud.cfg.d/99-rackboot-network.cfg');
        assert.equal(kept === undefined, addresses === 'leased');
      });
    }
  }

  const netplan = { 'etc/netplan/a.yaml': '' };
  const unfit: readonly (readonly [string, string, Record<string, string>, RegExp])[] = [
    ['the tool cannot set it up', '# refused\n', netplan, /with netplan, which cannot set up bonds/],
    ['the tool is unknown', '', {}, /how this system configures its network is unknown, so its interfaces cannot/],
    ['there are no files', '\n', netplan, /gave no files for the network/],
    ['a file is elsewhere', '# file: /etc/passwd\nx\n', netplan, /a file that is not of the network/],
    [
      'a path leads out',
      '# file: /etc/systemd/network/10-rackboot-/../../../passwd\nx\n',
      netplan,
      /a file that is not of the network/,
    ],
  ];
  for (const [why, bundle, system, message] of some(unfit, 2)) {
    test(`is not reported written with a laid-out network if ${why}`, async () => {
      runs.region.files.set(`${laid.network_url}/netplan/leased`, Buffer.from(bundle));
      await refuses(message, laid, system);
    });
  }

  if (!rare)
    test('keeps its settings if its tool is unknown, and only static routes need the files', async () => {
      const done = await deployed({ ...laid, network: 'commissioned' }, {});
      assert.match(done.said, /network is unknown: its settings stay as they are/);
      runs.region.files.set(`${laid.network_url}/netplan/leased`, Buffer.from(BUNDLE.netplan ?? ''));
      const known = await deploy({ ...laid, network: 'commissioned' }, netplan);
      assert.equal(known.read('etc/netplan/90-rackboot.yaml'), 'network:\n  version: 2\n');
    });

  if (!rare)
    test('gets the key of its metadata readable by root only, and no other seed then', async () => {
      const urls = { cloud_config_url: '/MAAS/rackboot/1/cloud-config', user_data_url: '/MAAS/rackboot/1/user-data' };
      const done = await deployed(urls, { 'etc/cloud/': '', 'var/lib/cloud/seed/nocloud/user-data': 'of the image\n' });
      const file = 'etc/cloud/cloud.cfg.d/90_rackboot.cfg';
      assert.match(done.read(file) ?? '', /token_secret: hidden/);
      assert.equal(statSync(join(done.system, file)).mode & 0o777, 0o600);
      assert.equal(done.read('var/lib/cloud/seed/nocloud/user-data'), undefined);
      assert.deepEqual([...runs.region.tokens], [TOKEN]);
    });

  if (rare)
    test('gets its user data as a seed when no metadata is named, and neither without cloud-init', async () => {
      const user = { user_data_url: '/MAAS/rackboot/1/user-data' };
      const done = await deploy(user, { 'etc/cloud/': '' });
      assert.equal(done.read('var/lib/cloud/seed/nocloud/user-data'), '#cloud-config\n{}\n', done.said);
      const without = await deploy({ ...user, cloud_config_url: '/MAAS/rackboot/1/cloud-config' }, {});
      assert.deepEqual([without.read('etc/cloud'), without.read('var/lib/cloud')], [undefined, undefined]);
    });

  if (!rare)
    test('fetches packages through the proxy of the site', async () => {
      const done = await deploy({ proxy: 'http://10.20.0.1:8000/' }, { 'etc/apt/': '' });
      assert.match(
        done.read('etc/apt/apt.conf.d/90rackboot-proxy') ?? '',
        /^Acquire::http::Proxy "http:\/\/10.20.0.1:8000\/";$/m,
      );
    });

  const refused: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ['a proxy with a quotation mark', { proxy: 'http://a";' }, /proxy of the job is not a valid URL/],
    ['an invalid proxy', { proxy: 'socks' }, /proxy of the job is not a valid URL/],
    ['a host name that is a command', { hostname: 'a$(b)' }, /no host name/],
    ['an invalid address', { ...STATIC, address: '10.0.0.1; reboot' }, /address, router or name servers/],
    ['an invalid domain', { domain: 'a b' }, /domain of the job is not a valid name/],
  ];
  for (const [name, more, message] of some(refused, 3)) {
    test(`is not reported written when the job has ${name}`, async () => {
      await refuses(message, more, { 'etc/apt/': '' });
      assert.equal(runs.region.reported().at(-1), 'FAILED personalising');
    });
  }

  const marks: readonly (readonly [string, number, string])[] = [
    ['btrfs', 65_600, '_BHRfS_M'],
    ['LVM', 512, 'LABELONE'],
    ['LUKS', 0, 'LUKS\xba\xbe'],
  ];
  for (const [name, at, mark] of some(marks, 1)) {
    test(`is refused, with the reason, when its root is on ${name}`, async () => {
      const octal = [...Buffer.from(mark, 'latin1')].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
      const write = `rm "$dev/sda1"; printf '${octal}' | dd of="$dev/sda1" bs=1 seek=${at} 2>/dev/null\n`;
      await refuses(new RegExp(`not on ext4 or xfs: sda1 \\(${name}\\)`), {}, {}, write);
    });
  }

  if (rare)
    test('is left as it is when it is not a known Linux', async () => {
      const done = await deployed({}, {}, ': >"$dev/sda1"\n');
      assert.equal(done.read('etc/hostname'), undefined);
      assert.equal(runs.region.reported().at(-1), 'OK written');
    });
}
