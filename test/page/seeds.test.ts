// The seeds, walked in a real Chromium: each step that they do in MAAS's web pages is done here, from the address that they name, by the links and
// labels that a person sees. What racks and machines do between the steps is reported to the region as they would.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mac } from '../../src/ground/address.ts';
import { readImages } from '../../src/images/store/image-store.ts';
import { type Machine, machineFqdn } from '../../src/region/records/machine.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { sshKey } from '../region/api/sent/trial.ts';
import { PASSWORD } from '../region/live.ts';
import { enlist, facts, report } from '../region/place.ts';
import { acceptRack, hearRack, RACK_UUID, rackInterface } from '../region/racks/rack-place.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { LoopbackBmc } from '../support/loopback-bmc.ts';
import { missing } from '../support/needs.ts';
import { type BrowserPage, openBrowser } from './chromium.ts';
import { type ImportingRegion, startImporting } from './importing-region.ts';
import { Person } from './person.ts';

interface Place extends ImportingRegion {
  readonly person: Person;
  readonly browser: BrowserPage;
}

type Step = readonly [name: string, walk: (place: Place) => Promise<void>];

const KEY = `${sshKey(7)} ubuntu@maas`;

/** A rack registers and is accepted; its host has an address in each of these networks. */
async function addRack({ served: { region } }: Place, name: string, addresses: Readonly<Record<string, string>>) {
  await acceptRack(region, { name, interfaces: [] });
  const found = Object.entries(addresses).map(([nic, address]) => ({ interface: nic, address }));
  await hearRack(region, RACK_UUID, [], { addresses: found });
}

const interfaceOf = ({ served }: Place, name: string) =>
  served.region.settings.interfacesOf(RACK_UUID).find((one) => one.name === name);

/** What of the cluster interface has these names. */
function fieldsOf(place: Place, name: string, fields: readonly string[]) {
  const entry = interfaceOf(place, name) ?? assert.fail(`no cluster interface ${name}`);
  return Object.fromEntries(fields.map((field) => [field, entry[field]]));
}

/** A machine boots from the network and enlists. */
const addMachine = ({ served }: Place, number: number): Promise<Machine> =>
  enlist(served.region, report([0x525400000000 + number]));

const machineNow = async ({ served }: Place): Promise<Machine> =>
  (await served.region.store.listMachines({}, 0, 1))[0] ?? assert.fail('no machine');

const keysOf = async ({ served }: Place): Promise<readonly string[]> =>
  (await served.region.store.life.listSshKeys('admin')).map(({ key }) => key);

const logIn: Step = [
  'logging in at http://(hostname)/MAAS',
  async ({ person }) => {
    await person.open('/MAAS');
    await person.write('User name', 'admin');
    await person.write('Password', PASSWORD);
    await person.click('Sign in');
    await person.sees('Sign out');
  },
];

async function addKey(place: Place): Promise<void> {
  const { person } = place;
  await person.open('/MAAS/account/prefs/');
  await person.write('Public key', KEY);
  await person.click('Add key');
  await person.sees('ubuntu@maas');
  assert.deepEqual(await keysOf(place), [KEY]);
}

/** Writes a setting and saves its group. */
async function set({ person, served }: Place, label: string, value: string, key: string) {
  await person.open('/MAAS/settings/');
  await person.write(label, value);
  await person.click('Save');
  await person.sees(`Saved: ${label}.`);
  return served.region.settings.valueOf(key);
}

/** Adds the site as a source of images, and opens the list of what all sources offer. */
async function addSource({ person, browser, served, site }: Place): Promise<void> {
  const url = await site.open();
  await person.click('Images');
  await person.click('Image sources');
  await person.click('Add a source');
  await person.write('URL', url);
  await person.write('Keys', Buffer.from(site.keyring).toString('base64'));
  await person.click('Add source');
  await person.sees(`Source ${url} added.`);
  const [source] = (await served.region.bootImages.listSources()).slice(-1);
  assert.equal(source?.url, url);
  await eventuallyWithin(10_000, 'the offer of the site', async () => {
    await person.click('Images');
    await person.click('Choose images');
    return (await browser.evaluate(`document.querySelector('[aria-label="ubuntu/noble amd64"]') !== null`)) === true;
  });
}

const storedIn = ({ tree }: Place): readonly string[] =>
  readImages(tree).images.map(({ os, release }) => `${os}/${release}`);

/** Ticks a release and waits until it is imported. */
async function importRelease(place: Place): Promise<void> {
  const { person, browser } = place;
  await person.write('ubuntu/noble amd64');
  await person.click('Save and import');
  await browser.until("document.querySelector('#images .pill')?.textContent === 'Ready'", 60_000);
  assert.deepEqual(storedIn(place), ['ubuntu/noble']);
}

/** Walks through the steps of a seed, one after the other, in a region of its own. */
function walkSeed(seed: string, skip: string | false, steps: readonly Step[]): void {
  describe(`seed ${seed}`, { skip }, () => {
    let place: Place;
    before(async () => {
      const region = await startImporting();
      const browser = await openBrowser();
      await browser.resize(1280, 900);
      place = { ...region, browser, person: new Person(browser, region.origin) };
    });
    after(async () => {
      await place?.browser.close();
      await place?.close();
    });
    for (const [name, walk] of [logIn, ...steps]) {
      test(`seed ${seed}, ${name}`, async () => {
        await walk(place);
        assert.deepEqual(place.browser.complaints, []);
      });
    }
  });
}

walkSeed('000', missing('chromium', 'gpg', 'ipmitool', 'ipmi_sim'), [
  [
    'Clusters → Cluster master → eth0: DHCP and DNS, the router and the range',
    async (place) => {
      const { person } = place;
      await addRack(place, 'master', { eth0: '10.10.10.1/24' });
      await person.open('/MAAS/clusters/');
      await person.click('master');
      await person.click('Enable DHCP');
      await person.click('Enable DHCP', '10.10.10.1/24');
      await person.write('DHCP and DNS');
      await person.write('Router', '10.10.10.100');
      await person.write('Dynamic range, first address', '10.10.10.110');
      await person.write('Dynamic range, last address', '10.10.10.130');
      await person.click('Enable DHCP');
      await person.sees('DHCP is enabled in 10.10.10.0/24.');
      const names = ['interface', 'management', 'router_ip', 'ip_range_low', 'ip_range_high'];
      assert.deepEqual(fieldsOf(place, 'eth0', names), {
        interface: 'eth0',
        management: 2,
        router_ip: '10.10.10.100',
        ip_range_low: '10.10.10.110',
        ip_range_high: '10.10.10.130',
      });
    },
  ],
  [
    'Settings → Global Kernel Parameters',
    async (place) => {
      const value = 'console=ttyS4 mei.blacklist=yes mei_me.blacklist=yes';
      assert.equal(await set(place, 'Kernel parameters', value, 'boot.kernel_params'), value);
    },
  ],
  ['User Preferences → SSH keys → Add SSH key', addKey],
  [
    'Settings → Upstream DNS',
    async (place) => {
      assert.deepEqual(await set(place, 'Upstream servers', '192.0.2.53', 'dns.upstream'), ['192.0.2.53']);
    },
  ],
  [
    'the host name and the IPMI parameters of the enlisted node, then "Commission node"',
    async (place) => {
      const { person, served, scratch } = place;
      const bmc = await LoopbackBmc.start(join(scratch, 'bmc'), [
        { name: 'admin', password: 'a-password', level: 'admin' },
      ]);
      try {
        const enlisted = await addMachine(place, 1);
        await person.open('/MAAS/nodes/');
        await person.click(machineFqdn(enlisted));
        await person.click('Edit');
        await person.write('Name', 'nova-1');
        await person.click('Save');
        await person.sees('nova-1 saved.');
        await person.click('Driver');
        await person.click('IPMI');
        await person.write('Address of the BMC', `127.0.0.1:${bmc.port}`);
        await person.write('User', 'admin');
        await person.write('Password', 'a-password');
        await person.click('Save');
        await person.sees('nova-1 is now switched by IPMI.');
        const { powerType, powerParameters } = await machineNow(place);
        assert.deepEqual([powerType, powerParameters.power_user], ['ipmi', 'admin']);
        await person.click('Commission');
        await person.click('Commission');
        await person.isIn('Commissioning');
        // It is not started before the rack that boots it knows its state.
        const applied = await served.region.store.desiredVersion();
        await hearRack(served.region, RACK_UUID, [], { applied });
        await eventuallyWithin(5000, 'its power is on', () => bmc.power === 'on');
        assert.equal(bmc.boot, 'pxe');
      } finally {
        await bmc.stop();
      }
    },
  ],
]);

walkSeed('001', missing('chromium', 'gpg'), [
  [
    'the first login: DNS forwarder, Ubuntu archive and Ubuntu extra architectures',
    async ({ person, served: { region } }) => {
      await person.open('/MAAS/r/intro');
      await person.click('Continue');
      await person.click('Skip');
      await person.write('Upstream servers', '8.8.8.8');
      await person.click('Save and continue');
      await person.click('Save and continue');
      assert.equal(await person.path(), '/MAAS/first-run/proxy/');
      assert.deepEqual(region.settings.valueOf('dns.upstream'), ['8.8.8.8']);
      for (const key of ['preseeds.ubuntu_mirror', 'preseeds.ubuntu_ports_mirror'])
        assert.equal(region.settings.stored('', key), region.settings.defaultOf(key));
    },
  ],
  [
    'Releases → "Update selection", and the download is awaited in Images',
    async (place) => {
      await place.person.open('/MAAS/images/');
      await addSource(place);
      await importRelease(place);
    },
  ],
  ['Source → upload: the public key is pasted and imported', addKey],
  [
    '"Go to dashboard"',
    async ({ person }) => {
      await person.open('/MAAS/r/dashboard');
      await person.click('Overview');
      await person.sees('No machines yet');
    },
  ],
  [
    'Subnets → "Enable DHCP" in the network of the machines, with the proposed range',
    async (place) => {
      const { person } = place;
      await addRack(place, 'maas', { eth0: '192.0.2.20/32', eth1: '10.20.0.1/24' });
      await person.open('/MAAS/l/subnets?by=fabric');
      await person.click('Enable DHCP', '10.20.0.1/24');
      await person.click('Enable DHCP');
      await person.sees('DHCP is enabled in 10.20.0.0/24.');
      assert.deepEqual(fieldsOf(place, 'eth1', ['management', 'ip_range_low', 'ip_range_high']), {
        management: 2,
        ip_range_low: '10.20.0.160',
        ip_range_high: '10.20.0.254',
      });
    },
  ],
  [
    '"untagged" → "Configure DHCP" in the network of the machines',
    async (place) => {
      const { person } = place;
      await person.open('/MAAS/r/networks');
      await person.click('untagged');
      await person.click('Configure DHCP');
      await person.write('Dynamic range, last address', '10.20.0.199');
      await person.click('Save');
      await person.sees('saved');
      assert.deepEqual(fieldsOf(place, 'eth1', ['ip_range_high']), { ip_range_high: '10.20.0.199' });
    },
  ],
  [
    '"Enable DHCP" on the untagged VLAN of a subnet without it',
    async (place) => {
      const { person } = place;
      await person.open('/MAAS/r/networks');
      await person.click('untagged');
      await person.click('Switch DHCP off');
      await person.sees('No rack offers DHCP in this VLAN.');
      assert.deepEqual(fieldsOf(place, 'eth1', ['management']), { management: 0 });
      await person.click('Enable DHCP');
      await person.click('Enable DHCP');
      await person.sees('saved');
      assert.deepEqual(fieldsOf(place, 'eth1', ['management']), { management: 2 });
    },
  ],
  [
    'http://(maas IP):5240/MAAS/r/machines: the machine is chosen and renamed',
    async (place) => {
      const { person } = place;
      const enlisted = await addMachine(place, 1);
      await person.open('/MAAS/r/machines');
      await person.click(machineFqdn(enlisted));
      await person.click('Edit');
      await person.write('Name', 'target');
      await person.click('Save');
      await person.sees('target.maas');
      assert.equal((await machineNow(place)).hostname, 'target');
    },
  ],
  [
    '"Take action" → "Commission" → "Commission machine"',
    async (place) => {
      const { person } = place;
      await person.open(`/MAAS/r/machine/${(await machineNow(place)).systemId}/summary`);
      await person.click('Commission');
      await person.click('Commission');
      await person.isIn('Commissioning');
      assert.equal((await machineNow(place)).status, 'commissioning');
    },
  ],
]);

walkSeed('002', missing('chromium', 'gpg'), [
  [
    'Cluster Interface: the NIC, DHCP and DNS, the gateway, the dynamic and the static range',
    async (place) => {
      const { person } = place;
      await addRack(place, 'maas', { eth0: '192.168.10.2/24' });
      await person.open('/MAAS/clusters/');
      await person.click('maas');
      await person.click('Enable DHCP');
      await person.click('Enable DHCP', '192.168.10.2/24');
      await person.write('DHCP and DNS');
      for (const [label, last] of [
        ['Router', 254],
        ['Dynamic range, first address', 100],
        ['Dynamic range, last address', 149],
        ['Static range, first address', 150],
        ['Static range, last address', 199],
      ] as const)
        await person.write(label, `192.168.10.${last}`);
      await person.click('Enable DHCP');
      await person.sees('DHCP is enabled in 192.168.10.0/24.');
      const ranges = ['ip_range_low', 'ip_range_high', 'static_ip_range_low', 'static_ip_range_high'];
      assert.deepEqual(fieldsOf(place, 'eth0', ['interface', 'management', 'router_ip', ...ranges]), {
        interface: 'eth0',
        management: 2,
        router_ip: '192.168.10.254',
        ip_range_low: '192.168.10.100',
        ip_range_high: '192.168.10.149',
        static_ip_range_low: '192.168.10.150',
        static_ip_range_high: '192.168.10.199',
      });
    },
  ],
  [
    'Cluster Interface: it is edited from the page of its cluster',
    async (place) => {
      const { person, served } = place;
      const at = { ...rackInterface('192.168.10.0/24'), name: 'eth0', interface: 'eth0' };
      await hearRack(served.region, RACK_UUID, [at]);
      await person.open('/MAAS/clusters/');
      await person.click('maas');
      await person.click('eth0');
      await person.write('Router', '192.168.10.253');
      await person.click('Save');
      await person.sees('saved');
      assert.deepEqual(fieldsOf(place, 'eth0', ['router_ip']), { router_ip: '192.168.10.253' });
    },
  ],
  ['the SSH public key of the user', addKey],
  [
    'Upstream DNS: several servers with spaces between them',
    async (place) => {
      const servers = await set(place, 'Upstream servers', '8.8.8.8 8.8.4.4', 'dns.upstream');
      assert.deepEqual(servers, ['8.8.8.8', '8.8.4.4']);
    },
  ],
  [
    'DNSSEC: the setting is there with its only value',
    async ({ person, browser }) => {
      await person.open('/MAAS/settings/');
      const value = `[...document.querySelectorAll('.field')].find((one) => one.textContent.includes('dns.dnssec_validation')).querySelector('.value').textContent`;
      assert.equal(String(await browser.evaluate(value)).trim(), 'no');
    },
  ],
  [
    'Boot Images: the Sync URL is that of the mirror',
    async (place) => {
      await place.person.open('/MAAS/settings/');
      await addSource(place);
    },
  ],
  ['the image of Ubuntu is imported, which commissioning needs', importRelease],
  [
    'the node has the power type Virsh, a power address, a power ID and no password',
    async (place) => {
      const { person } = place;
      const enlisted = await addMachine(place, 1);
      await person.open('/MAAS/nodes/');
      await person.click(machineFqdn(enlisted));
      await person.click('Driver');
      await person.click('Virsh (virtual machines)');
      await person.write('URI of the host', 'qemu+ssh://ytooyama@192.0.2.11/system');
      await person.write('Name of the virtual machine', 'vm-1');
      await person.click('Save');
      await person.sees('is now switched by');
      const { powerType, powerParameters } = await machineNow(place);
      assert.equal(powerType, 'virsh');
      assert.deepEqual(powerParameters, {
        power_address: 'qemu+ssh://ytooyama@192.0.2.11/system',
        power_id: 'vm-1',
      });
    },
  ],
]);

walkSeed('003', missing('chromium', 'gpg'), [
  [
    'Images → the version is chosen → "Import images"',
    async (place) => {
      await addSource(place);
      await importRelease(place);
    },
  ],
  [
    'Images → the list of boot images',
    async ({ person, browser }) => {
      await person.open('/MAAS/images/');
      const rows =
        "[...document.querySelectorAll('#images tbody tr')].map((one) => one.innerText.replaceAll(/\\s+/g, ' '))";
      const [row, ...others] = Object.values(Object(await browser.evaluate(rows)));
      assert.match(String(row), /ubuntu\/noble.*amd64.*20261015/);
      assert.deepEqual(others, []);
    },
  ],
  [
    'the number of nodes, their list, and the details of one',
    async (place) => {
      const { person, browser, served } = place;
      const hardware = facts(
        { serial: 'VB-1' },
        { cpu: { count: 2, model: 'A processor' }, memory_mib: 2048, disks: [{ name: 'sda', bytes: 8e9 }] },
      );
      const power = { power_address: '192.0.2.40', power_user: 'maas', power_pass: 'a-password' };
      await addMachine(place, 3);
      await enlist(
        served.region,
        report([0x525400000001], {
          hostname: 'node1',
          facts: hardware,
          powerType: 'ipmi',
          powerParameters: power,
        }),
      );
      await person.open('/MAAS/');
      await person.sees('2 new machines');
      await person.open('/MAAS/nodes/');
      assert.equal(await browser.evaluate("document.querySelectorAll('table.machines tbody tr').length"), 2);
      await person.sees('2 × CPU');
      await person.click('node1.maas');
      await person.click('Hardware');
      for (const text of ['amd64', 'A processor', '2 GiB', 'sda', 'VB-1']) await person.sees(text);
    },
  ],
  [
    'Edit node: the IPMI parameters that the node told',
    async ({ person, browser, served }) => {
      const [node] = await served.region.store.listMachines({ macs: [mac(0x525400000001)] }, 0, 1);
      await person.open(`/MAAS/nodes/${node?.systemId}/edit/`);
      await person.click('Cancel');
      await person.click('Driver');
      assert.equal(await browser.evaluate("document.querySelector('[name=power_address]').value"), '192.0.2.40');
      assert.equal(await browser.evaluate("document.querySelector('[name=power_pass]').value"), '');
    },
  ],
  [
    'a node without a power controller: Actions → "Commission node", and it is switched on by hand',
    async ({ person, served }) => {
      const [node] = await served.region.store.listMachines({ macs: [mac(0x525400000003)] }, 0, 1);
      const path = `/MAAS/nodes/${node?.systemId}/view/`;
      await person.open(path);
      await person.click('Commission');
      await person.click('Commission');
      await person.isIn('Commissioning');
      const [now] = await served.region.store.listMachines({ macs: [mac(0x525400000003)] }, 0, 1);
      assert.deepEqual([now?.status, now?.powerTask], ['commissioning', undefined]);
    },
  ],
]);

walkSeed('004', missing('chromium', 'gpg'), [
  [
    'the proxy of machines that install',
    async (place) => {
      const proxy = 'http://10.1.2.3:8000';
      assert.match(String(await set(place, 'Proxy', proxy, 'http_proxy')), /^http:\/\/10\.1\.2\.3:8000\/?$/);
    },
  ],
  [
    'a RELEASE that the site added is offered in the page',
    async (place) => {
      const { person, browser, scratch } = place;
      const file = join(scratch, 'disk.img');
      writeFileSync(file, makeSystemDisk(4 * 2 ** 20, 9));
      await person.open('/MAAS/images/');
      await person.click('Upload');
      await browser.chooseFile('[name=content]', file);
      await person.write('Name', 'custom/precise04');
      await person.write('Title', 'Precise Pangolin with 3.11 Kernel');
      await person.fill('filetype', 'ddraw');
      await person.write('Name', 'custom/precise04');
      await person.click('Upload');
      await person.sees('custom/precise04 has arrived.');
      const enlisted = await addMachine(place, 1);
      await person.open('/MAAS/nodes/');
      await person.click(machineFqdn(enlisted));
      await person.click('Accept');
      await person.write('Skip commissioning');
      await person.click('Accept');
      await person.isIn('Ready');
      await person.click('Deploy');
      await person.sees('Precise Pangolin with 3.11 Kernel');
    },
  ],
]);
